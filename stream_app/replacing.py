"""Files that appear under their name when they are complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new, empty file beside `path` that takes its place when the body ends, and is removed if the body fails.

    A symbolic link under either name is not followed: what it points to stays as it is, and the link at `path` is
    replaced.

    Raises
    ------
    OSError
        If the file cannot be made or put in place.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = Path(folder, "page.html")
    ...     with replacing(page) as part:
    ...         _ = part.write_text("whole")
    ...     page.read_text(), [each.name for each in Path(folder).iterdir()]
    ('whole', ['page.html'])
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(exist_ok=False)
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
