"""The kernels of a worker: loaded from disk, and what is not there compiled by a process of its own.

Compiling takes up to a minute in machine code that nothing can interrupt. A thread would hold up the end of a worker for as
long; a process can be killed. It leaves what it compiled on disk, from where the worker loads it.
"""

import asyncio
import os
import sys
import threading
from dataclasses import dataclass
from importlib import import_module

import structlog

from stream_app.core.kernel_cache import when_compiling
from stream_app.kinds import PLATFORM, PREDICTIONS, SENSORS
from stream_app.settings import Settings

__all__ = ["load_kernels"]

_log = structlog.get_logger(__name__)


class _NotOnDiskError(Exception):
    """A kernel would have to be compiled."""


@dataclass(frozen=True, slots=True)
class _Kernels:
    """A function of ours that loads or compiles the kernels of a kind of stream.

    Parameters
    ----------
    what : str
        Of which kernels, for the log.
    module, function : str
        Where the function is. Its module is imported only when it is needed.
    arguments : tuple
        For the function; written as Python code for the other process.
    """

    what: str
    module: str
    function: str
    arguments: tuple[object, ...] = ()

    def load(self, *, compile_missing: bool) -> None:
        """Load them, and compile what is not on disk, unless that is to be told by an error."""
        here = threading.get_ident()

        def missing() -> None:
            if not compile_missing and threading.get_ident() == here:
                raise _NotOnDiskError

        when_compiling(missing)
        # A name of this module's own list.
        getattr(import_module(f"stream_app.monitors.{self.module}"), self.function)(*self.arguments)

    async def compile(self) -> None:
        """Compile them in another process, which ends when this is cancelled."""
        code = (
            f"from stream_app.monitors.{self.module} import {self.function} as run; run(*{self.arguments!r})"
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", code),
            # The packages that this process found, wherever it was started.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()


def _needed(settings: Settings) -> list[_Kernels]:
    needed = []
    draws = sorted({stream.draws for stream in SENSORS.streams(settings).values()})
    if draws:
        needed.append(_Kernels("detection", "sensors.compiling", "compile_kernels", (draws,)))
    if PREDICTIONS.streams(settings):
        needed.append(_Kernels("prediction", "predictions.clocks", "compile_clocks"))
    if PLATFORM.streams(settings):
        needed.append(_Kernels("platform", "platform.compiling", "compile_platform_kernels"))
    return needed


async def load_kernels(settings: Settings) -> None:
    """Load the compiled functions that the monitors of the settings need, beside what the event loop does.

    What is not on disk is compiled first, by a process that is killed when this is cancelled.

    Parameters
    ----------
    settings : Settings
        Its streams say which functions are needed.
    """
    for kernels in _needed(settings):
        try:
            await asyncio.to_thread(kernels.load, compile_missing=False)
        except _NotOnDiskError:
            _log.info(f"compiling the {kernels.what} kernels, up to a minute, once")
            await kernels.compile()
            # Where nothing can be kept on disk, or the process failed, this compiles, or fails and says why.
            await asyncio.to_thread(kernels.load, compile_missing=True)
