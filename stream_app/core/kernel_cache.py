"""Machine code of kernels on disk: beside the modules if writable, else in the user's cache.

numba's own cache is not used as it is, for three reasons. It refuses to work where the folder of a module cannot be
written to, which is how a program is installed in a container. It takes machine code for fresh as long as the file
of its kernel is the same, though other kernels, compiled into it, may have changed. And it numbers files by an index: two
processes that compile one kernel at the same time for other types would give one number to both, and run code for the wrong
types. Here a file's name says all that its content depends on.
"""

import glob
import hashlib
import pickle
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core import caching, config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, InTreeCacheLocator
from numba.core.dispatcher import Dispatcher

__all__ = ["KernelCache", "when_compiling"]

# Half of numba is typed.
_config: Any = config
_caching: Any = caching

_SUFFIX = ".nbc"

_told: list[Callable[[], None]] = []


def when_compiling(tell: Callable[[], None]) -> None:
    """Call something once, before the first kernel is compiled that is not on disk: all of them may take a minute."""
    _told[:] = [tell]


class _BesideModule(InTreeCacheLocator):
    """Names files; whether a folder can be written to is found out by writing."""

    def ensure_cache_path(self) -> None:
        """Do nothing."""


class _Code(CompileResultCacheImpl):
    """Makes bytes of machine code."""

    _locator_classes = [_BesideModule]  # noqa: RUF012 as it is where this comes from


class KernelCache(FunctionCache):
    """Keeps the machine code of one kernel.

    It is looked for, and put, in the folder that ``NUMBA_CACHE_DIR`` names, or else in ``__pycache__`` beside the
    module or, where that cannot be written to, in the user's cache.

    Parameters
    ----------
    function : callable
        The kernel as it is written.
    """

    _impl_class = _Code

    @cached_property
    def _stamp(self) -> str:
        # Not before it is called first: it may use kernels that are written below it.
        return _stamp(self._py_func)

    def _paths(self, sig: Any, codegen: Any) -> list[Path]:
        """Return where the machine code for a signature may be."""
        key = self._index_key(sig, codegen)  # type: ignore[no-untyped-call] # numba's
        digest = hashlib.blake2b(f"{numba.__version__} {key!r}".encode(), digest_size=12).hexdigest()
        name = f"{self._impl.filename_base}.{self._stamp}.{digest}{_SUFFIX}"
        return [Path(folder) / name for folder in _folders(self._py_func)]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the machine code for a signature; None where there is none, so that it is compiled."""
        target_context.refresh()
        for path in self._paths(sig, target_context.codegen()):
            try:
                return self._impl.rebuild(target_context, pickle.loads(path.read_bytes()))  # noqa: S301 as trusted as a module
            except Exception:  # noqa: BLE001, S112 whatever is wrong with a file, the kernel can be compiled
                continue
        while _told:
            _told.pop()()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code in the first folder that takes it; where none does, each start compiles."""
        if not self._impl.check_cachable(data):
            return
        code = pickle.dumps(self._impl.reduce(data))
        for path in self._paths(sig, data.codegen):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                # Put in place whole: another process may look for it now.
                with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
                    file.write(code)
                Path(file.name).replace(path)
            except OSError:
                continue
            self._tidy(path.parent)
            return

    def _tidy(self, folder: Path) -> None:
        """Remove machine code of the same kernel from before it, or one that is compiled into it, was changed."""
        base = glob.escape(self._impl.filename_base)
        for path in folder.glob(f"{base}.*{_SUFFIX}"):
            if not path.name.startswith(f"{self._impl.filename_base}.{self._stamp}."):
                path.unlink(missing_ok=True)


def _folders(function: FunctionType) -> list[str]:
    path = function.__code__.co_filename
    if _config.CACHE_DIR:
        return [str(Path(_config.CACHE_DIR) / _caching.InTreeCacheLocator.get_suitable_cache_subpath(path))]
    locators = (_caching.InTreeCacheLocator, _caching.UserWideCacheLocator)
    return [locator(function, path).get_cache_path() for locator in locators]


def _stamp(function: FunctionType) -> str:
    """Hash all that a kernel's machine code is made of: the modules of the kernels in it, and constants from elsewhere."""
    parts = set[str]()
    for kernel in _reached(function, set()):
        parts.add(_source_hash(kernel.__code__.co_filename))
        parts |= {f"{name}={value}" for name, value in _constants(kernel)}
    return hashlib.blake2b("\n".join(sorted(parts)).encode(), digest_size=8).hexdigest()


def _reached(function: FunctionType, seen: set[FunctionType]) -> Iterator[FunctionType]:
    if function in seen:
        return
    seen.add(function)
    yield function
    for name in function.__code__.co_names:
        other = function.__globals__.get(name)
        if isinstance(other, Dispatcher):
            yield from _reached(other.py_func, seen)


def _constants(function: FunctionType) -> Iterator[tuple[str, str]]:
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, bool | int | float | str | tuple | np.generic):
            yield name, repr(value)
        elif isinstance(value, np.ndarray):
            yield name, f"{value.dtype} {value.shape} {value.tobytes().hex()}"


@lru_cache
def _source_hash(path: str) -> str:
    return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()
