"""Streams of data platforms: their metrics, completed queries and changes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from stream_app.errors import SettingsError, StreamgaugeError
from stream_app.events import (
    JSON,
    Format,
    MetricSample,
    PlatformDecoder,
    PlatformRow,
    Rejected,
    record_times,
)
from stream_app.kinds.kind import Kind
from stream_app.kinds.sample import ReadSample, Sample
from stream_app.settings import PlatformStream

if TYPE_CHECKING:
    from stream_app.core.calibration import Calibration
    from stream_app.core.platform.graph import CallGraph
    from stream_app.monitors.base import Monitor

__all__ = ["PLATFORM", "check_stream", "platform_rows"]

PlatformRows = Callable[[list[Any]], list[tuple[PlatformRow, ...] | Rejected]]


def check_stream(name: str, stream: PlatformStream) -> None:
    """Check the budget of a stream, its groups, and that queries can be read.

    Raises
    ------
    SettingsError
        If the budget cannot be read, or there is no such group.
    MissingExtraError
        If the extra ``platform`` is not installed.

    Examples
    --------
    >>> check_stream("trino", PlatformStream(groups={"s3_*": "buckets"}))
    Traceback (most recent call last):
    stream_app.errors.SettingsError: streams.trino.groups: s3_*: no group is named 'buckets'; there are cpu, ...
    """
    from stream_app.core.budget import Budget
    from stream_app.core.platform.online_models import make_online_models
    from stream_app.core.platform.series import Group
    from stream_app.events.sql import load_parser

    known = get_args(Group)
    for pattern, group in stream.groups.items():
        if group not in known:
            raise SettingsError(
                f"streams.{name}.groups: {pattern}: no group is named {group!r}; there are {', '.join(known)}"
            )
    load_parser()
    _read_graph(name, stream)
    try:
        Budget.parse(stream.budget)
        make_online_models(stream.models)
    except StreamgaugeError as error:
        raise SettingsError(f"streams.{name}: {error}") from error


def _make_monitor(
    name: str, stream: PlatformStream, _calibration: "Calibration | None"
) -> "Callable[[], Monitor]":
    from stream_app.monitors.platform import PlatformMonitor

    check_stream(name, stream)
    return partial(PlatformMonitor, stream, name=name, graph=_read_graph(name, stream))


def _read_graph(name: str, stream: PlatformStream) -> "CallGraph | None":
    """Read the file with the call graph, where the settings name one."""
    from stream_app.core.platform.graph import CallGraph

    if stream.graph is None:
        return None
    try:
        return CallGraph.from_csv(Path(stream.graph).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError, StreamgaugeError) as error:
        raise SettingsError(f"streams.{name}.graph: {stream.graph}: {error}") from error


def platform_rows(name: str, stream: PlatformStream) -> PlatformRows:
    """Return what decodes the records of a stream.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : PlatformStream
        Settings of the stream.
    """
    decoder = PlatformDecoder(stream.platform or name)
    return lambda records: decoder.decode([record.value for record in records])


def sample_platform(name: str, stream: PlatformStream, _wire: Format = JSON) -> ReadSample:
    """Return what decodes some records of a stream; for its parameters see `platform_rows`."""
    decode = platform_rows(name, stream)

    def read(records: list[Any]) -> Sample:
        pairs = list(zip(records, decode(records), strict=True))
        good = [(record, row) for record, rows in pairs if not isinstance(rows, Rejected) for row in rows[:1]]
        every = (row for _, rows in pairs if not isinstance(rows, Rejected) for row in rows)
        named = (row.name for row in every if isinstance(row, MetricSample))
        return Sample(
            [row.source for _, row in good],
            [row.ts for _, row in good],
            record_times([record for record, _ in good]),
            [(record, rows) for record, rows in pairs if isinstance(rows, Rejected)],
            tuple(dict.fromkeys(named)),
        )

    return read


PLATFORM = Kind(
    settings=PlatformStream,
    topic=lambda topics: topics.platform,
    check=check_stream,
    agent="stream_app.runtime.assembly:platform_agent",
    monitor=_make_monitor,
    sample=sample_platform,
    backtest="stream_app.cli.backtest.platform:prepare",
    confidential=True,
)
