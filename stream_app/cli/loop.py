"""Run a coroutine, on uvloop where it is installed."""

import asyncio
import importlib.util
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run"]

T = TypeVar("T")

_LAST_SECONDS = 1.0


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end and return its result.

    Tasks that it left behind are cancelled, and waited for a moment only: Kafka's clients may wait for a broker that
    is away as long as they like, but not the program's end.
    """
    factory = None
    if importlib.util.find_spec("uvloop") is not None:
        factory = importlib.import_module("uvloop").new_event_loop
    runner = asyncio.Runner(loop_factory=factory)
    try:
        return runner.run(work)
    finally:
        if runner.run(_end_the_rest()):
            runner.close()


async def _end_the_rest() -> bool:
    """Cancel what still runs; say whether all of it ended."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if not rest:
        return True
    _, pending = await asyncio.wait(rest, timeout=_LAST_SECONDS)
    for task in pending:
        task._log_destroy_pending = False  # type: ignore[attr-defined] # noqa: SLF001 as asyncio.gather does
    return not pending
