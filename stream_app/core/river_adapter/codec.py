"""State of River's objects as text: attributes as JSON, nothing pickled, nothing executed.

River has no public state. A pickle would hold it, but reading a pickle calls what the pickle names (for
`PageHinkley` it even needs ``getattr``). Here an object is written as a tree of JSON: class by exact name, then
attributes. Reading creates objects of admitted classes without calling their constructors, fills the attributes,
and can do nothing else, whoever wrote the text. Admitted are exactly the River classes that the installed
detectors are seen to consist of, or those that a caller names.
"""

import base64
import json
import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from stream_app.core.river_adapter.catalogue import build, is_binary, known_detectors
from stream_app.errors import StateError

__all__ = ["admitted_classes", "decode", "encode"]

_PROBE = 200

_NOT_STATE = {"river.proba.gaussian:Gaussian": {"_rng"}}
"""Attributes that nothing depends on: a generator without a seed, for samples that no detector or model draws."""
_FACTORIES: Mapping[str, Callable[[], Any]] = {
    "int": int,
    "float": float,
    "floats": partial(defaultdict, float),
}
"""What makes the missing values of dictionaries."""


@lru_cache(maxsize=1)
def admitted_classes() -> dict[str, type[Any]]:
    """Map exact names to the classes that may occur in a state.

    Every known detector is built, fed a short stream with a change in it, and searched: its own class and the
    River classes found among its attributes are admitted.

    Examples
    --------
    >>> "river.stats.mean:Mean" in admitted_classes(), any("os" in name for name in admitted_classes())
    (True, False)
    """
    found: dict[str, type[Any]] = {}
    for name in known_detectors():
        detector = build(name, {}, seed=0)
        for i in range(_PROBE):
            detector.update(int(2 * i > _PROBE) if is_binary(name) else float(i % 7 + 9 * (2 * i > _PROBE)))
        for cls in _classes_in(detector):
            found[_name(cls)] = cls
    return found


def encode(value: Any, admitted: Mapping[str, type[Any]] | None = None) -> str:
    """Write a detector or a model as text.

    Parameters
    ----------
    value : object
        A River object.
    admitted : mapping of exact names to classes, optional
        Classes that it may consist of; those of drift detectors by default.

    Raises
    ------
    StateError
        It holds something that is neither plain nor of an admitted class.
    """
    return json.dumps(_Writer(_or_detectors(admitted)).write(value, owner=None), separators=(",", ":"))


def decode(text: str, admitted: Mapping[str, type[Any]] | None = None) -> Any:
    """Build the object that was written; for `admitted` see `encode`.

    Raises
    ------
    StateError
        The text is damaged or names a class that is not admitted.
    """
    try:
        return _Reader(_or_detectors(admitted)).read(json.loads(text), owner=None)
    except StateError:
        raise
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise StateError(
            f"the state of a River object is damaged: {type(error).__name__}: {error}"
        ) from error


def _or_detectors(admitted: Mapping[str, type[Any]] | None) -> Mapping[str, type[Any]]:
    return admitted_classes() if admitted is None else admitted


def _name(cls: type[Any]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _is_native(cls: type[Any]) -> bool:
    """Tell whether a class is compiled and hands out its state as bytes."""
    return "__setstate__" in vars(cls) and "__getnewargs__" in vars(cls)


def _classes_in(value: Any) -> Iterator[type[Any]]:
    if type(value).__module__.partition(".")[0] == "river":
        yield type(value)
        for attribute in getattr(value, "__dict__", {}).values():
            yield from _classes_in(attribute)
    elif isinstance(value, (list, tuple, deque)):
        for item in value:
            yield from _classes_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _classes_in(item)


def _slots(cls: type[Any]) -> list[str]:
    """Return the attributes that a class and its bases hold without a dictionary."""
    names: list[str] = []
    for base in cls.__mro__:
        own = vars(base).get("__slots__", ())
        names += [own] if isinstance(own, str) else own
    return [name for name in names if name not in {"__dict__", "__weakref__"}]


def _attributes(value: Any) -> dict[str, Any]:
    held = {name: getattr(value, name) for name in _slots(type(value)) if hasattr(value, name)}
    left_out = _NOT_STATE.get(_name(type(value)), ())
    return {
        name: one for name, one in (held | getattr(value, "__dict__", {})).items() if name not in left_out
    }


def _factory_name(factory: Any) -> str:
    for name, known in _FACTORIES.items():
        same = factory is known
        if isinstance(factory, partial) and isinstance(known, partial):
            same = (factory.func, factory.args, factory.keywords) == (known.func, known.args, known.keywords)
        if same:
            return name
    raise StateError(
        f"a River object holds a dictionary with missing values by {factory!r}, which cannot be stored"
    )


class _Writer:
    """Write values; an object met again is written as a reference to its first place."""

    def __init__(self, admitted: Mapping[str, type[Any]]) -> None:
        self._admitted = admitted
        self._seen: dict[int, int] = {}

    def write(self, value: Any, owner: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, MethodType) and value.__self__ is owner:
            return {"method": value.__name__}
        if isinstance(value, tuple):
            return {"tuple": self._items(value, owner)}
        if id(value) in self._seen:
            return {"again": self._seen[id(value)]}
        self._seen[id(value)] = len(self._seen)
        return self._container(value, owner) or self._object(value)

    def _items(self, items: Iterable[Any], owner: Any) -> list[Any]:
        return [self.write(item, owner) for item in items]

    def _container(self, value: Any, owner: Any) -> dict[str, Any] | None:
        if isinstance(value, deque):
            return {"deque": self._items(value, owner), "maxlen": value.maxlen}
        if isinstance(value, list):
            return {"list": self._items(value, owner)}
        if isinstance(value, set):
            return {"set": self._items(value, owner)}
        if isinstance(value, dict):
            table: dict[str, Any] = {"dict": [self._items(pair, owner) for pair in value.items()]}
            if isinstance(value, defaultdict):
                table["missing"] = _factory_name(value.default_factory)
            return table
        if type(value) is random.Random:
            version, words, normal = value.getstate()
            return {"random": [version, list(words), normal]}
        return None

    def _object(self, value: Any) -> dict[str, Any]:
        cls = type(value)
        if self._admitted.get(_name(cls)) is not cls:
            raise StateError(f"a River object holds a {_name(cls)}, which cannot be stored")
        if _is_native(cls):
            state = base64.b64encode(value.__getstate__()).decode("ascii")
            return {"native": _name(cls), "arguments": list(value.__getnewargs__()), "state": state}
        attributes = {name: self.write(one, value) for name, one in _attributes(value).items()}
        return {"object": _name(cls), "attributes": attributes}


class _Reader:
    """Read what `_Writer` wrote, in the same order, so that references find their objects."""

    def __init__(self, admitted: Mapping[str, type[Any]]) -> None:
        self._classes = admitted
        self._made: list[Any] = []
        self._ways: dict[str, Callable[[dict[str, Any], Any], Any]] = {
            "method": self._method,
            "tuple": lambda tree, owner: tuple([self.read(item, owner) for item in tree["tuple"]]),
            "again": lambda tree, _: self._made[tree["again"]],
            "deque": lambda tree, owner: self._filled(deque(maxlen=tree["maxlen"]), tree["deque"], owner),
            "list": lambda tree, owner: self._filled([], tree["list"], owner),
            "set": self._set,
            "dict": self._dict,
            "random": self._random,
            "native": self._native,
            "object": self._object,
        }

    def read(self, tree: Any, owner: Any) -> Any:
        if not isinstance(tree, dict):
            if isinstance(tree, list):
                raise StateError("the state of a River object is damaged: a bare list")
            return tree
        # The first key names the kind.
        return self._ways[next(iter(tree), "")](tree, owner)

    def _keep(self, value: Any) -> Any:
        self._made.append(value)
        return value

    def _filled(self, container: Any, items: list[Any], owner: Any) -> Any:
        self._keep(container)
        container.extend(self.read(item, owner) for item in items)
        return container

    def _set(self, tree: dict[str, Any], owner: Any) -> set[Any]:
        found: set[Any] = self._keep(set())
        found.update(self.read(item, owner) for item in tree["set"])
        return found

    def _dict(self, tree: dict[str, Any], owner: Any) -> dict[Any, Any]:
        missing = tree.get("missing")
        table: dict[Any, Any] = self._keep({} if missing is None else defaultdict(_FACTORIES[missing]))
        table.update((self.read(key, owner), self.read(item, owner)) for key, item in tree["dict"])
        return table

    def _random(self, tree: dict[str, Any], _: Any) -> random.Random:
        version, words, normal = tree["random"]
        generator: random.Random = self._keep(random.Random(0))  # noqa: S311 - samples a window, guards no secret
        generator.setstate((version, tuple(words), normal))
        return generator

    def _method(self, tree: dict[str, Any], owner: Any) -> MethodType:
        name = tree["method"]
        function = getattr(type(owner), name, None)
        if not isinstance(function, FunctionType):
            raise StateError(f"the state of a River object names a method {name!r} that does not exist")
        return MethodType(function, owner)

    def _native(self, tree: dict[str, Any], _: Any) -> Any:
        cls = self._admitted(tree["native"])
        value = self._keep(cls(*tree["arguments"]))
        try:
            value.__setstate__(base64.b64decode(tree["state"], validate=True))
        except (KeyboardInterrupt, SystemExit):
            raise
        # Compiled code panics on damaged bytes, with an exception that is no `Exception`.
        except BaseException as error:
            raise StateError(f"the state of a River object is damaged: {tree['native']}: {error}") from error
        return value

    def _object(self, tree: dict[str, Any], _: Any) -> Any:
        cls = self._admitted(tree["object"])
        value = self._keep(object.__new__(cls))
        slots = frozenset(_slots(cls))
        for key, attribute in tree["attributes"].items():
            if key in slots:
                object.__setattr__(value, key, self.read(attribute, value))
            else:
                vars(value)[key] = self.read(attribute, value)
        return value

    def _admitted(self, name: str) -> type[Any]:
        cls = self._classes.get(name)
        if cls is None:
            raise StateError(f"the state of a River object names the class {name!r}, which is not admitted")
        return cls
