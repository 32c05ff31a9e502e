"""A backtest of somebody's file, in a process of its own that can be ended: ``python -m stream_app.dashboard.trial``."""

import json
import math
import resource
import sys
from typing import Any

import numpy as np

from stream_app.backtesting.parts import SourcePart
from stream_app.backtesting.run import Backtest, sweep
from stream_app.backtesting.trace import Trace
from stream_app.backtesting.understood import understand, understood_rows
from stream_app.core.arrays import FloatArray
from stream_app.errors import StreamgaugeError
from stream_app.kinds.sensors import changed_stream
from stream_app.settings import SensorStream
from stream_app.tables import Columns, OptionNames, open_files

__all__ = ["try_file"]

_CPU_SECONDS = 120
_ADDRESS_BYTES = 6 << 30
"""Compiled kernels and pyarrow map much more than they use."""
_FIELDS = OptionNames(
    time="the field for it",
    source="streamgauge backtest --source-column",
    channels="streamgauge backtest --channels",
    period="streamgauge backtest --period",
    warmup="a warm-up of",
    reference="streamgauge backtest --reference",
    sort="streamgauge backtest --sort sorts them",
)
_SOURCES = 12
_BINS = 500
_ALERTS = 200


def try_file(path: str, name: str, *, time: str | None, budget: str, warmup: int) -> dict[str, Any]:
    """Judge the rows of a file, and return what was understood of it and what was found, as JSON has it.

    Parameters
    ----------
    path : str
        A file of a format that ``streamgauge backtest`` reads.
    name : str
        Name of the source where no column says it.
    time : str or None
        Column with the event time; None finds it out.
    budget : str
        False alarms allowed.
    warmup : int
        First rows of a source, from which its reference is learned.

    Raises
    ------
    SourceError
        If the file cannot be read.
    SettingsError
        If the budget or the warm-up makes no sense.
    """
    config = changed_stream("try", SensorStream(), {"budget": budget, "warmup": warmup}, option="{}")
    traces: dict[str, Trace] = {}

    def watch(part: SourcePart) -> None:
        if part.name in traces or len(traces) < _SOURCES:
            traces.setdefault(part.name, Trace(config.warmup)).update(part)

    run = Backtest(config, watch, None, name="try")
    (table,) = open_files([path], Columns(name=name, time=time, option_names=_FIELDS))
    for _ in sweep(run, table):
        pass
    figures, episodes, verdict = run.figures(), run.alerts(), run.verdict(_FIELDS)
    allowance = figures.allowance
    return {
        "understood": [
            ("Rows", f"{run.rows:,}, {figures.scored:,} scored"),
            *(
                (about.capitalize(), text)
                for about, text in understood_rows([understand(table)], figures.period)
            ),
        ],
        "notes": verdict.notes,
        "unjudged": verdict.problem,
        "allowed": None if allowance is None else allowance.false_alarms,
        "paging": figures.paging,
        "told": len(episodes),
        "alerts": [
            {
                "source": one.began.source,
                "kind": one.began.kind,
                "channel": one.began.channel,
                "severity": one.began.severity.value,
                "begin": one.began.started_at,
                "end": None if one.ended is None else one.ended.ended_at,
                "summary": one.began.summary,
            }
            for one in episodes[:_ALERTS]
        ],
        "courses": {source: _course(trace) for source, trace in traces.items()},
    }


def _course(trace: Trace) -> dict[str, Any]:
    bins = trace.bins()
    bins = bins.gathered(math.ceil(len(bins) / _BINS))
    learning = bins.ts[bins.learning]
    return {
        "time": bins.ts.tolist(),
        "learned": float(learning[-1]) if len(learning) else None,
        "channels": [
            {"name": name, "low": _plain(bins.low[:, i]), "high": _plain(bins.high[:, i])}
            for i, name in enumerate(trace.channels)
        ],
        "score": _plain(bins.score),
    }


def _plain(values: FloatArray) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_BYTES, _ADDRESS_BYTES))
    asked = json.load(sys.stdin)
    try:
        found = try_file(**asked)
    except StreamgaugeError as error:
        found = {"problem": str(error)}
    except MemoryError:
        found = {"problem": "it takes more memory than a trial may"}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _main()
