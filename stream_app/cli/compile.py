"""``streamgauge compile``."""

from time import perf_counter

import typer

__all__ = ["compile"]


def compile() -> None:  # noqa: A001 the command's name
    """Compile the kernels of detection and of reading features, once, in up to a minute.

    Workers and backtests load what is compiled in half a second, and compile what is not before their first event. The
    machine code is kept beside the program or, where that cannot be written to, in the user's cache; NUMBA_CACHE_DIR
    names another folder. It is for this kind of processor; NUMBA_CPU_NAME=generic makes it fit all of a family.
    """
    from stream_app.core.features import compile_reading  # noqa: PLC0415 - as below
    from stream_app.core.kernel_cache import when_compiling  # noqa: PLC0415 - numba takes half a second: help does not wait
    from stream_app.monitors.platform.compiling import compile_platform_kernels  # noqa: PLC0415 - as above
    from stream_app.monitors.predictions.clocks import compile_clocks  # noqa: PLC0415 - as above
    from stream_app.monitors.sensors.compiling import compile_kernels  # noqa: PLC0415 - as above

    compiled = []
    when_compiling(lambda: compiled.append(True))
    begin = perf_counter()
    compile_kernels()
    compile_clocks()
    compile_platform_kernels()
    compile_reading()
    said = "compiled" if compiled else "are compiled already, loaded"
    typer.echo(f"the kernels {said} in {perf_counter() - begin:.1f} s")
