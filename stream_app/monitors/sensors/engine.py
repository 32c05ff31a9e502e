"""Steps of every event, whatever its source: intake, quality checks, window."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.budget import Budget
from stream_app.core.kernel import Counter, drain, kernel
from stream_app.core.quality import quality_step
from stream_app.core.signals import Signal
from stream_app.core.windows import window_push
from stream_app.monitors.sensors.intake import COUNTED, intake_step, note_refusals

__all__ = ["BUDGET", "JUDGED", "budget_options", "detector_rate", "enter", "named_signals"]

JUDGED = np.dtype(
    [
        ("code", np.int8),  # what the intake said, see `intake`
        ("newest", np.float64),  # the source's watermark before it
        ("score", np.float64),
        ("anomaly", np.bool_),
        ("changepoint", np.bool_),
        ("drift", np.bool_),
    ],
    align=True,
)
"""What became of a reading."""

BUDGET = np.dtype([(name, np.float64) for name in ("per_event", "per_second", "anomaly", "drift")])
"""False alarms that a stream may raise, by one of the first two, and what part of their half anomalies and drift may spend."""

_HALF = 0.5
_LARGEST_RATE = 0.05
"""False alarms per event that a detector may be given at most, the usual level of one test; above, thresholds mean nothing."""


def budget_options(budget: str, raised: Mapping[str, int] = MappingProxyType({})) -> npt.NDArray[Any]:
    """Return a stream's budget as a record, shape (1,).

    Parameters
    ----------
    budget : str
        As the settings have it.
    raised : mapping of str to int
        How often the part of ``anomaly`` and of ``drift`` is halved.

    Examples
    --------
    >>> budget_options("1 per 1000 events")["per_event"]
    array([0.001])
    """
    said = Budget.parse(budget)
    parts = tuple(2.0 ** -raised.get(name, 0) for name in ("anomaly", "drift"))
    if said.events is not None:
        return np.array([(said.count / said.events, 0.0, *parts)], dtype=BUDGET)
    return np.array([(0.0, said.allowed(events=0.0, seconds=1.0), *parts)], dtype=BUDGET)


@kernel
def detector_rate(budget: Any, period: float, sharers: float) -> float:
    """Return the false alarms per event of one of two detectors of a source; NaN while no period is known.

    Rates of false alarms add up, whatever the dependence between those who spend them: a budget per time is divided by
    the sources; one per events is the same for the events of each.

    Parameters
    ----------
    budget : BUDGET
        Of the stream.
    period : float
        Seconds between the events of the source; NaN while that is not known.
    sharers : float
        Sources that share the budget.
    """
    if np.isnan(period):
        return np.nan
    return float(min(_LARGEST_RATE, _HALF * (budget["per_event"] + budget["per_second"] * period / sharers)))


def named_signals(
    name: str,
    buffer: tuple[npt.NDArray[Any], Counter],
    signal: Callable[[Any, float, Sequence[str]], Signal],
    ts: FloatArray,
    channels: Sequence[str],
) -> Iterator[tuple[str, Signal]]:
    """Empty the buffer of a detector, and yield its signals with the detector's name.

    Parameters
    ----------
    name : str
        Name of the detector.
    buffer : array of SIGNAL and its counter
        Filled by the detector's kernel.
    signal : callable
        Makes a signal of a row of the buffer, the time of its event and the names of the channels.
    ts : array, shape (n,)
        Times of the delivery's events.
    channels : sequence of str
        Names of the columns.
    """
    for one in drain(buffer):
        yield name, signal(one, float(ts[one["row"]]), channels)


@kernel
def enter(
    records: Any,
    settings: Any,
    slot: int,
    ts: float,
    record_ts: float,
    mark: np.uint64,
    values: FloatArray,
    row: int,
    verdict: Any,
    signals: npt.NDArray[Any],
    count: Counter,
    cell: FloatArray,
    bits: npt.NDArray[np.uint64],
) -> int:
    """Take an event through what all kinds of sources have in common.

    Parameters
    ----------
    records : tuple of arrays
        A bank's intake, quality of sources and channels, rings, their times and values.
    settings : tuple of arrays
        Options of intake and quality, shape (1,), and the channels' limits, shape (d, 2).
    slot, row : int
        Slot of the source, and place of the event in the delivery.
    ts, record_ts, mark, values
        The event.
    verdict : JUDGED
        Takes what becomes of it.
    signals, count
        Take the signals of the quality checks.
    cell, bits : arrays, shape (1,)
        See `intake_step`.

    Returns
    -------
    int
        What the intake said.
    """
    intakes, sources, channels, rings, times, tables = records
    intake_options, quality_options, limits = settings
    intake = intakes[slot]
    newest = intake["clock"]["newest"]
    # A source whose first readings are refused has only the times of their records.
    verdict["newest"] = newest if newest > -np.inf else record_ts
    code = intake_step(intake, intake_options[0], ts, record_ts, mark, values, cell, bits)
    verdict["code"] = code
    note_refusals(intake, code, ts, verdict["newest"], row, signals, count)
    if code == COUNTED:
        quality_step(
            sources[slot], channels[slot], quality_options[0], limits, ts, values, row, signals, count
        )
        window_push(rings[slot], times[slot], tables[slot], ts, values)
    return code
