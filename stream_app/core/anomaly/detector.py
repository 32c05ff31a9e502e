"""The anomaly detector of one source, for users of the library; and signals of the kernel as the rest of the program knows them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.anomaly.config import AnomalyConfig
from stream_app.core.anomaly.records import anomaly_layout
from stream_app.core.anomaly.step import MEAN_SHIFT, anomaly_step
from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.bank import Bank
from stream_app.core.kernel import contributions, kernel, signal_buffer
from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, SettingsError, StateError

__all__ = ["AnomalyDetector", "AnomalyResult", "anomaly_signal"]

_VERSION = 1
_SOURCE = "source"

_FIGURES = ("mean_before", "mean_after", "usual_low", "usual_high", "noise_before", "noise_after")
_END_FIGURES = (*_FIGURES[:4], "events", "adopted")


@dataclass(frozen=True, slots=True)
class AnomalyResult:
    """What `AnomalyDetector.update` says about a batch of n events.

    Parameters
    ----------
    score : FloatArray, shape (n,)
        Evidence in nats, falling while an anomaly lasts; larger is rarer. 0 in the warm-up.
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


@kernel
def _walk(
    source: Any,
    channels: Any,
    correlation: Any,
    inverse: Any,
    weight: Any,
    options: Any,
    rate: float,
    ts: Any,
    values: Any,
    out: Any,
    signals: Any,
    count: Any,
) -> None:
    for row in range(values.shape[0]):
        anomaly_step(
            source,
            channels,
            correlation,
            inverse,
            weight,
            options,
            rate,
            ts[row],
            values[row],
            row,
            signals,
            count,
        )
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
        Settings.
    rate : float
        False alarms allowed an event.

    Raises
    ------
    DataError
        If there is no channel or a name occurs twice.
    SettingsError
        If the rate is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> flow = np.random.default_rng(7).normal(32.0, 0.4, size=(800, 1))
    >>> flow[600:650] -= 3.0
    >>> result = AnomalyDetector(("flow",), rate=1e-4).update(np.arange(800.0), flow)
    >>> [(s.row, s.ended) for s in result.signals if s.kind == "anomaly"][0]
    (600, False)
    """

    def __init__(
        self, channels: Sequence[str], config: AnomalyConfig | None = None, rate: float = 1e-4
    ) -> None:
        if not channels or len(set(channels)) != len(channels):
            raise DataError(
                f"anomaly detector: channels {channels} are empty or not distinct; name each column once"
            )
        if not 0.0 < rate < 1.0:
            raise SettingsError(f"anomaly rate: {rate} is out of range; expected more than 0, less than 1")
        self.channels = tuple(channels)
        self.config = config or AnomalyConfig()
        self.rate = rate
        self.bank = Bank(anomaly_layout(len(self.channels)))
        self.bank.add(_SOURCE)

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
        times = np.ascontiguousarray(ts, dtype=np.float64)
        rows = np.ascontiguousarray(values, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.channels) or times.shape != (rows.shape[0],):
            raise DataError(
                f"anomaly detector: values of shape {rows.shape} at {times.shape} times "
                f"for the channels {', '.join(self.channels)}"
            )
        out = np.zeros((len(rows), 4))
        signals, count = signal_buffer(4 * len(rows))
        bank, source = self.bank, self.bank.slot(_SOURCE)
        _walk(
            bank["anomaly.source"][source],
            bank["anomaly.channel"][source],
            bank["anomaly.correlation"][source],
            bank["anomaly.inverse"][source],
            bank["anomaly.weight"][source],
            self.config.options()[0],
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
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "config": asdict(self.config),
            "rate": self.rate,
            "layout": self.bank.fingerprint,
            "record": self.bank.record(_SOURCE),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the detector that had this `state`; it continues to the bit.

        Raises
        ------
        StateError
            If the state is of another version or damaged.
        """
        expect_version(state, _VERSION, "the anomaly detector")
        try:
            detector = cls(tuple(state["channels"]), AnomalyConfig(**state["config"]), state["rate"])
            layout, record = state["layout"], state["record"]
        except (KeyError, TypeError, DataError, SettingsError) as error:
            raise StateError(f"the anomaly state is damaged ({error}); start the source anew") from error
        if layout != detector.bank.fingerprint:
            raise StateError("the anomaly state has records of another layout than this program's")
        detector.bank.restore(_SOURCE, record)
        return detector


def anomaly_signal(signal: Any, ts: float, channels: Sequence[str]) -> Signal:
    """Turn a row that `anomaly_step` emitted into a signal.

    Parameters
    ----------
    signal : record of SIGNAL
        The row.
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
