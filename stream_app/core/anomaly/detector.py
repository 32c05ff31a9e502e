"""The anomaly detector of one source, for users of the library, and the kernel's signals as `Signal` objects."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.anomaly.config import AnomalyConfig
from stream_app.core.anomaly.records import anomaly_layout
from stream_app.core.anomaly.step import MEAN_SHIFT, anomaly_step
from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.kernel import contributions, kernel, signal_buffer
from stream_app.core.one_source import (
    Moment,
    checked_batch,
    distinct,
    one_event,
    one_source_bank,
    one_source_state,
    restored,
)
from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.errors import SettingsError

__all__ = ["AnomalyDetector", "AnomalyResult", "AnomalyVerdict", "anomaly_signal"]

_VERSION = 1

_FIGURES = ("mean_before", "mean_after", "usual_low", "usual_high", "noise_before", "noise_after")
_END_FIGURES = (*_FIGURES[:4], "events", "adopted")


@dataclass(frozen=True, slots=True)
class AnomalyResult:
    """What `AnomalyDetector.update` says about a batch of n events.

    Parameters
    ----------
    score : FloatArray, shape (n,)
        How rare an event is, in decades: 3 is once in a thousand events. Less where the events before were as rare; 0 in the warm-up.
    marked, alarmed, changepoint : BoolArray, shape (n,)
        Whether the event lies in an anomaly; whether an alarm lasts; whether a change of level is found at it.
    signals : list of Signal
        Beginnings and ends of alarms, and changepoints, in the order of rows.
    """

    score: FloatArray
    marked: BoolArray
    alarmed: BoolArray
    changepoint: BoolArray
    signals: list[Signal]


@dataclass(frozen=True, slots=True)
class AnomalyVerdict:
    """What `AnomalyDetector.update_one` says about an event; see `AnomalyResult`."""

    score: float
    marked: bool
    alarmed: bool
    changepoint: bool
    signals: list[Signal]


@kernel
def _walk(
    records: Any,
    options: Any,
    calendar: Any,
    rate: float,
    ts: Any,
    values: Any,
    out: Any,
    signals: Any,
    count: Any,
) -> None:
    source = records[0]
    for row in range(values.shape[0]):
        anomaly_step(records, options, calendar, rate, ts[row], values[row], row, signals, count)
        out[row, 0] = source["score"]
        out[row, 1] = source["marked"]
        out[row, 2] = source["alarmed"]
        out[row, 3] = source["changepoint"]


class AnomalyDetector:
    """Score the events of one source, and say where anomalies begin and end and where levels change.

    Use it for the numeric channels of one machine, service or meter. See `docs/detection/anomaly.md` for how it works.
    Results do not depend on how events are batched. Cost and size: see there.

    Parameters
    ----------
    channels : sequence of str
        Names of the columns.
    config : AnomalyConfig, optional
        Options of the detector; by default those of a stream of sensors.
    rate : float
        False alarms allowed an event.

    Raises
    ------
    SettingsError
        If there is no channel, a name occurs twice, or the rate is not between 0 and 1.

    Examples
    --------
    Events come as arrays, or one by one:

    >>> import numpy as np
    >>> flow = np.random.default_rng(7).normal(32.0, 0.4, size=(800, 1))
    >>> flow[600:650] -= 3.0
    >>> result = AnomalyDetector(("flow",), rate=1e-4).update(np.arange(800.0), flow)
    >>> [(s.row, s.ended) for s in result.signals if s.kind == "anomaly"][0]
    (601, False)
    >>> AnomalyDetector(("flow",)).update_one(0.0, flow=32.1).marked
    False
    """

    def __init__(
        self, channels: Sequence[str], config: AnomalyConfig | None = None, rate: float = 1e-4
    ) -> None:
        if not 0.0 < rate < 1.0:
            raise SettingsError(f"anomaly rate: {rate} is out of range; expected more than 0, less than 1")
        self.channels = distinct(channels)
        self.config = config or AnomalyConfig()
        self.rate = rate
        self._calendar = self.config.calendar()
        self.bank = one_source_bank(anomaly_layout(len(self.channels), self._calendar[0]))

    def __repr__(self) -> str:
        return f"AnomalyDetector({self.channels!r}, {self.config!r}, rate={self.rate!r})"

    def update_one(self, ts: Moment, /, **values: float | None) -> AnomalyVerdict:
        """Take the next event of the source.

        Parameters
        ----------
        ts : float or datetime
            Event time in epoch seconds, or as a `datetime`, UTC where it says no zone.
        **values : float or None
            By channel; a channel that is not named is missing.

        Raises
        ------
        DataError
            If a value is of no channel, or is no number.
        """
        result = self.update(*one_event(self.channels, ts, values))
        return AnomalyVerdict(
            float(result.score[0]),
            bool(result.marked[0]),
            bool(result.alarmed[0]),
            bool(result.changepoint[0]),
            result.signals,
        )

    def update(self, ts: npt.ArrayLike, values: npt.ArrayLike) -> AnomalyResult:
        """Take the next events of the source, in their order.

        Parameters
        ----------
        ts : array_like, shape (n,)
            Event times in epoch seconds.
        values : array_like, shape (n, d)
            NaN where a channel is missing.

        Raises
        ------
        DataError
            If the shapes do not fit together or the channels.
        """
        times, rows = checked_batch(self.channels, ts, values)
        out = np.zeros((len(rows), 4))
        signals, count = signal_buffer(4 * len(rows))
        _walk(
            tuple(array[0] for array in self.bank.arrays.values()),
            self.config.options()[0],
            self._calendar,
            self.rate,
            times,
            rows,
            out,
            signals,
            count,
        )
        found = [
            anomaly_signal(signal, float(times[signal["row"]]), self.channels)
            for signal in signals[: count[0]]
        ]
        flags = out[:, 1:].astype(np.bool_)
        return AnomalyResult(out[:, 0].copy(), flags[:, 0], flags[:, 1], flags[:, 2], found)

    def state(self) -> dict[str, Any]:
        """Return all that the detector knows, as plain values."""
        return one_source_state(_VERSION, self.channels, self.config, self.bank) | {"rate": self.rate}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the detector that had this `state`; it continues to the bit.

        Raises
        ------
        StateError
            If the state is of another version or damaged.
        """
        return restored(
            state,
            _VERSION,
            "the anomaly detector",
            lambda channels, config: cls(channels, AnomalyConfig(**config), state["rate"]),
        )


def anomaly_signal(signal: Any, ts: float, channels: Sequence[str]) -> Signal:
    """Turn a row that `anomaly_step` emitted into a signal.

    Parameters
    ----------
    signal : record of SIGNAL
        Row of the signal buffer.
    ts : float
        Time of its event.
    channels : sequence of str
        Names of the columns.
    """
    ended = bool(signal["ended"])
    names = _END_FIGURES if ended else _FIGURES
    shift = int(signal["detector"]) == MEAN_SHIFT
    return Signal(
        row=int(signal["row"]),
        ts=ts,
        kind="changepoint" if shift else "anomaly",
        detector="mean_shift" if shift else "anomaly",
        channel=WHOLE_SOURCE,
        statistic=float(signal["statistic"]),
        threshold=float(signal["threshold"]),
        ended=ended,
        contributions=contributions(signal, channels),
        context=tuple(
            (name, float(figure))
            for name, figure in zip(names, signal["figures"], strict=True)
            if math.isfinite(figure)
        ),
    )
