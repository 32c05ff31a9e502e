"""Logs: lines for a person on a terminal, JSON elsewhere."""

import logging
import sys

import structlog

from stream_app.cli.printable import printable, printable_lines, unfiltered

__all__ = ["configure_logging"]

_LOUD = (
    "faust", "mode", "aiokafka", "kafka", "asyncio", "stream_app.runtime.delivery", "stream_app.runtime.faust_app"
)  # fmt: skip
"""The last two are homes of services of Faust's, which tell of each start and stop there."""


def configure_logging(*, verbose: bool = False, quiet: bool = False, json: bool | None = None) -> None:
    """Send all logs to the standard error stream in one form.

    Parameters
    ----------
    verbose : bool
        Show what Faust and aiokafka say too.
    quiet : bool
        Show warnings and errors only.
    json : bool, optional
        One JSON object a line; by default where the stream is not a terminal.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        # Its own tracebacks show local variables, and those may hold passwords and events.
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *(() if as_json else (_printable,)),
            renderer,
        ],
    )
    handler = logging.StreamHandler(unfiltered(sys.stderr))
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if quiet else logging.INFO)
    for name in _LOUD:
        # Their own errors are told by ours in one line; what they say in passing is for --verbose.
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.CRITICAL)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _printable(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Spell out what may steer a terminal; the renderer does so for all but texts, and a traceback keeps its lines."""
    return {printable(name): _spelt(name, value) for name, value in event.items()}


def _spelt(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    return printable_lines(value) if name == "exception" else printable(value)
