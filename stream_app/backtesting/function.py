"""A backtest from Python: one call with a frame or files."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike, fspath
from typing import Any, TypeAlias, overload

import numpy as np
from narwhals.typing import IntoDataFrame, IntoDataFrameT

from stream_app.backtesting.change_window import ChangeWindow
from stream_app.backtesting.frames import PlainColumns, alert_columns, alert_frame, score_columns, score_frame
from stream_app.backtesting.page import MOST_PICTURES
from stream_app.backtesting.parts import SourcePart
from stream_app.backtesting.result import BacktestResult
from stream_app.backtesting.run import Backtest, JudgedBlock, sweep
from stream_app.backtesting.trace import Trace
from stream_app.backtesting.understood import understand
from stream_app.core.kernel_cache import when_compiling
from stream_app.core.reference import ReferenceTable
from stream_app.errors import DataError
from stream_app.kinds.sensors import changed_stream
from stream_app.monitors.sensors import EventScores
from stream_app.settings import SensorStream
from stream_app.tables import Columns, OptionNames, open_files, open_table, reference_of, sorted_by_time
from stream_app.tables.frame import frame_source, narwhals_frame

__all__ = ["FilePaths", "backtest"]

_log = logging.getLogger(__name__)

FilePaths: TypeAlias = str | PathLike[str] | Sequence[str | PathLike[str]]
"""Files, directories and globs."""

_KEYWORDS = OptionNames(
    time="time=",
    source="source=",
    channels="channels=",
    labels="label=",
    changepoint="changepoint=",
    period="period=",
    warmup="warmup=",
    reference="reference=",
    sort="sort=True sorts them",
)


@overload
def backtest(
    data: FilePaths,
    *,
    time: str | None = ...,
    source: str | None = ...,
    label: str | None = ...,
    changepoint: str | None = ...,
    changepoint_window: str | None = ...,
    channels: Sequence[str] = ...,
    name: str | None = ...,
    period: float | None = ...,
    budget: str | None = ...,
    warmup: int | None = ...,
    reference: FilePaths | IntoDataFrame | None = ...,
    sort: bool = ...,
    stream: SensorStream | None = ...,
) -> BacktestResult[PlainColumns]: ...


@overload
def backtest(
    data: IntoDataFrameT,
    *,
    time: str | None = ...,
    source: str | None = ...,
    label: str | None = ...,
    changepoint: str | None = ...,
    changepoint_window: str | None = ...,
    channels: Sequence[str] = ...,
    name: str | None = ...,
    period: float | None = ...,
    budget: str | None = ...,
    warmup: int | None = ...,
    reference: FilePaths | IntoDataFrame | None = ...,
    sort: bool = ...,
    stream: SensorStream | None = ...,
) -> BacktestResult[IntoDataFrameT]: ...


def backtest(
    data: Any,
    *,
    time: str | None = None,
    source: str | None = None,
    label: str | None = None,
    changepoint: str | None = None,
    changepoint_window: str | None = None,
    channels: Sequence[str] = (),
    name: str | None = None,
    period: float | None = None,
    budget: str | None = None,
    warmup: int | None = None,
    reference: Any = None,
    sort: bool = False,
    stream: SensorStream | None = None,
) -> BacktestResult[Any]:
    """Run the monitor of a stream over a table, as a worker would run it, and measure how it does.

    What is not said of the columns is found out, as ``streamgauge backtest`` finds it out.

    Parameters
    ----------
    data : frame, path or sequence of paths
        A frame of pandas or polars, a pyarrow table; or files, directories and globs (.csv .tsv .jsonl .parquet).
    time : str, optional
        Column with the event time: datetimes, epoch numbers or RFC 3339 texts; UTC where no zone is said.
    source : str, optional
        Column with the name of each row's source. Without one, a frame is one source, and so is each file.
    label : str, optional
        Column with the truth, 1 in an anomaly; else the one called anomaly or label. The monitor never sees it.
    changepoint : str, optional
        Column with the truth, 1 where the process changes; else the one called changepoint.
    changepoint_window : str, optional
        How long after a true changepoint a detection counts as one of it: ``"5 min"``, or ``"60 rows"``, the default, at the
        usual distance of a source's rows.
    channels : sequence of str, optional
        Columns to watch; else all numeric ones.
    name : str, optional
        Name of the source where no column says it; ``frame`` for a frame, else the file's.
    period : float, optional
        Seconds between rows, where no column has the time.
    budget : str, optional
        False alarms allowed, over everything: ``"1 per day"``, ``"3 per 100000 events"``.
    warmup : int, optional
        First rows of a source, from which the monitor learns what is normal; they are not scored.
    reference : frame, path or sequence of paths, optional
        Normal operation of one source, with the same columns: every source begins with what is learned from it.
    sort : bool
        Whether to put the rows in order of time first; alerts and scores are in that order then.
    stream : SensorStream, optional
        Settings, such as those of a stream in `load_settings`; the defaults where none are given. `channels`, `budget`
        and `warmup` win over it.

    Returns
    -------
    BacktestResult
        With frames of the kind that came in; of files with dictionaries of lists.

    Raises
    ------
    SourceError
        If the table cannot be read, has no rows, lacks a column that is named, or has a cell that makes no sense.
    SettingsError
        If a setting makes no sense.
    DataError
        If nothing or nearly nothing was judged: no row was scored, more rows were refused than accepted, or more than half
        of the sources have no scored row.

    Examples
    --------
    >>> import numpy as np
    >>> import polars as pl
    >>> flow = np.random.default_rng(7).normal(32.0, 0.4, size=1200)
    >>> flow[900:1000] -= 3.0
    >>> frame = pl.DataFrame({"ts": np.arange(1200.0), "flow": flow})
    >>> result = backtest(frame, time="ts", budget="1 per day")
    >>> result.alerts["kind"][0], 900 <= result.alerts["row"][0] < 920
    ('anomaly', True)
    """
    settings = stream or SensorStream()
    watched = (channels,) if isinstance(channels, str) else tuple(channels)
    named = {"channels": watched, "warmup": warmup, "budget": budget}
    config = changed_stream("backtest", settings, named)
    columns = Columns(
        time=time,
        source=source,
        channels=config.channel_names or (),
        name=name,
        period=period,
        option_names=_KEYWORDS,
    )
    normal = settings.reference if reference is None else reference
    learned = None if normal is None else _reference(normal, columns, settings.categories)
    traces: dict[str, Trace] = {}

    def watch(part: SourcePart) -> None:
        if part.name in traces or len(traces) < MOST_PICTURES:
            traces.setdefault(part.name, Trace(run.warmup)).update(part)

    when_compiling(lambda: _log.warning("compiling the detection kernels, up to a minute, once"))
    window = ChangeWindow.parse(changepoint_window)
    run = Backtest(config, watch, learned, name="backtest", period=period, window=window)
    if _is_path(data):
        tables = open_files(_paths(data), columns, anomaly=label, changepoint=changepoint)
        tables = sorted_by_time(tables) if sort else tables
        blocks = [block for table in tables for block in sweep(run, table)]
        sources = [source for block in blocks for source in block.sources]
        times = [cell for block in blocks for cell in block.times]
        notes = _notes(run)
        scores = score_columns(sources, times, _joined(blocks))
        return BacktestResult(alert_columns(run.alerts()), scores, run, traces, understand(tables[0]), notes)
    frame = narwhals_frame(data)
    table = open_table(frame_source(frame, columns, "frame"), anomaly=label, changepoint=changepoint)
    if sort:
        frame = frame[np.argsort(np.concatenate([rows.ts for rows, *_ in table.blocks()]), kind="stable")]
        table = open_table(frame_source(frame, columns, "frame"), anomaly=label, changepoint=changepoint)
    found = _joined(list(sweep(run, table)))
    notes = _notes(run)
    kept = [column for column in (table.time, table.source_column) if column is not None]
    alerts, scores_frame = alert_frame(run.alerts(), frame, table.time), score_frame(frame, kept, found)
    return BacktestResult(alerts, scores_frame, run, traces, understand(table), notes)


def _notes(run: Backtest) -> tuple[str, ...]:
    """Return what no figure counts.

    Raises
    ------
    DataError
        If nothing or nearly nothing was judged.
    """
    verdict = run.verdict(_KEYWORDS)
    if verdict.problem is not None:
        raise DataError(verdict.problem)
    return verdict.notes


def _joined(blocks: Sequence[JudgedBlock]) -> EventScores:
    return EventScores.joined([block.outcome.scores for block in blocks])


def _reference(data: Any, columns: Columns, categories: Sequence[str]) -> ReferenceTable:
    columns = replace(columns, source=None)
    if _is_path(data):
        return reference_of(open_files(_paths(data), columns), categories)
    return reference_of([open_table(frame_source(narwhals_frame(data), columns, "reference"))], categories)


def _is_path(data: Any) -> bool:
    return isinstance(data, str | PathLike) or (isinstance(data, list | tuple) and bool(data))


def _paths(data: FilePaths) -> list[str]:
    paths = [data] if isinstance(data, str | PathLike) else list(data)
    wrong = next((path for path in paths if not isinstance(path, str | PathLike)), None)
    if wrong is not None:
        raise DataError(f"{wrong!r} is no path; expected the path of a file, a frame or a pyarrow table")
    return [fspath(path) for path in paths]
