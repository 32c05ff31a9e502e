"""Models of scikit-learn in skops' files: reading one runs nothing of it, and what it holds leads nowhere astray."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from stream_app.errors import MissingExtraError

__all__ = ["check_trees", "read_skops", "write_skops"]

_TRUSTED = ("sklearn.tree._tree.Tree",)
"""What skops lets in beyond numbers, texts and estimators it knows: its nodes refer to each other by number, and
scikit-learn follows them unseen, so `_check_tree` looks at each."""

_MAX_BYTES = 1 << 29
"""Of all members: a forest on 60,000 images takes 150 MB."""

_MAX_SCHEMA_BYTES = 1 << 25
_SCHEMA = "schema.json"


def _skops() -> Any:
    try:
        import_module("sklearn")
        return import_module("skops.io")
    except ImportError as error:
        library = "skops" if (error.name or "").startswith("skops") else "scikit-learn"
        raise MissingExtraError("models of scikit-learn need", library, "models") from None


def write_skops(content: Any, path: Path, trusted: Sequence[str] = ()) -> None:
    """Write plain data and estimators to a file that `read_skops` reads.

    Parameters
    ----------
    content : object
    path : Path
    trusted : sequence of str
        Full names of types that it may hold beside those that are always let in.

    Raises
    ------
    ValueError
        If it holds other types; names them.
    OSError
        If the file cannot be written.
    """
    skops = _skops()
    skops.dump(content, path)
    foreign = sorted(set(skops.get_untrusted_types(file=path)) - {*_TRUSTED, *trusted})
    if foreign:
        path.unlink()
        raise ValueError(f"it holds {', '.join(foreign[:5])}")


def read_skops(path: Path, trusted: Sequence[str] = ()) -> Any:
    """Read what `write_skops` wrote; no code of the file is run, but that of types in `trusted`.

    Raises
    ------
    OSError
        If the file cannot be read.
    Exception
        Of any kind if it is damaged, holds other types, unpacks to too much, or has a tree that leads astray.
    """
    _check_sizes(path)
    skops = _skops()
    foreign = sorted(set(skops.get_untrusted_types(file=path)) - {*_TRUSTED, *trusted})
    if foreign:
        raise ValueError(f"it holds {', '.join(foreign[:5])}")
    content = skops.load(path, trusted=[*_TRUSTED, *trusted])
    check_trees(content)
    return content


def check_trees(content: Any) -> None:
    """Refuse trees, wherever they are in what was read, that would lead scikit-learn outside of their arrays.

    Raises
    ------
    ValueError
        If there is one.
    """
    for owner, tree in _trees(content):
        _check_tree(tree, owner)


def _check_sizes(path: Path) -> None:
    """Refuse a file that unpacks to more than a model, or whose members are something else.

    A member never unpacks to more than its entry says: what follows is not read. Members that are archives themselves
    would, so there may be arrays only, beside the schema.

    Raises
    ------
    ValueError
        If so.
    OSError
        If the file cannot be read.
    """
    try:
        with ZipFile(path) as packed:
            members = packed.infolist()
    except BadZipFile as error:
        raise ValueError(str(error)) from None
    for member in members:
        if member.filename != _SCHEMA and not member.filename.endswith(".npy"):
            raise ValueError(f"it holds {member.filename[:80]!r}, which is no array")
    total = sum(member.file_size for member in members)
    if total > _MAX_BYTES:
        raise ValueError(f"it unpacks to {total:,} bytes, at most {_MAX_BYTES:,} are read")
    schema = sum(member.file_size for member in members if member.filename == _SCHEMA)
    if schema > _MAX_SCHEMA_BYTES:
        raise ValueError(f"its schema unpacks to {schema:,} bytes, at most {_MAX_SCHEMA_BYTES:,} are read")


def _trees(content: Any) -> Iterator[tuple[Any, Any]]:
    """Find all trees below what was read, each with the estimator that has it, and see that ensembles are of one width."""
    tree_type = import_module("sklearn.tree._tree").Tree
    waiting, seen = [content], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, tree_type):
            raise ValueError("a tree stands outside of an estimator")  # noqa: TRY004 the file is wrong
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple | set):
            waiting += one
        elif isinstance(one, np.ndarray) and one.dtype == object:
            waiting += one.ravel().tolist()
        elif hasattr(one, "__dict__"):
            inside = dict(vars(one))
            tree = inside.pop("tree_", None)
            if tree is not None:
                if not isinstance(tree, tree_type):
                    raise ValueError("a tree is something else")
                yield one, tree
            _check_widths(one)
            waiting += inside.values()


def _check_widths(ensemble: Any) -> None:
    """See that all trees of an ensemble take as many features: scikit-learn asks the first of them only."""
    parts = vars(ensemble).get("estimators_")
    if parts is None:
        return
    flat = np.array(parts, dtype=object).ravel().tolist() if isinstance(parts, list | np.ndarray) else []
    widths = {part.n_features_in_ for part in flat if hasattr(part, "tree_")}
    if widths and widths != {ensemble.n_features_in_}:
        raise ValueError("trees of an ensemble take other features than it does")


def _check_tree(tree: Any, owner: Any) -> None:
    """See to it that every step from the root leads down, stays inside, and asks for a feature that is there."""
    # First of all: its arrays are views of as many nodes as it says it has.
    if not 1 <= tree.node_count <= tree.capacity:
        raise ValueError("a tree has other nodes than it says")
    left, right, asked = tree.children_left, tree.children_right, tree.feature
    here = np.arange(tree.node_count)
    inner = left != -1
    if (
        tree.n_features != owner.n_features_in_
        or tree.value.shape[:2] != (tree.node_count, 1)
        or tree.value.shape[2] != getattr(owner, "n_classes_", 1)
        or not (inner == (right != -1)).all()
        or not (left[inner] > here[inner]).all()
        or not (right[inner] > here[inner]).all()
        or not (np.maximum(left, right) < tree.node_count).all()
        or not ((asked[inner] >= 0) & (asked[inner] < tree.n_features)).all()
        or not np.isfinite(tree.value).all()
    ):
        raise ValueError("a tree leads astray")
