"""Detectors of a continuous process, such as a pump."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.anomaly import (
    AnomalyConfig,
    anomaly_layout,
    anomaly_signal,
    anomaly_step,
    period_options,
    warmup_figures,
)
from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.bank import Bank, Layout
from stream_app.core.drift import DriftConfig
from stream_app.core.drift.filtering import TRACKING
from stream_app.core.drift.records import drift_layout, drift_options
from stream_app.core.drift.signals import drift_signal
from stream_app.core.drift.step import drift_statistic, drift_step
from stream_app.core.kernel import Counter, kernel, signal_buffer
from stream_app.core.quality import most_signals
from stream_app.core.signals import Signal
from stream_app.monitors.sensors.engine import detector_rate, enter, named_signals
from stream_app.monitors.sensors.intake import ABSENT, COUNTED
from stream_app.settings.holidays import holiday_dates
from stream_app.settings.streams import SensorStream

__all__ = ["ProcessDetectors", "drift_statistics"]

_DRIFT_WARMUP = 1000
"""Events from which drift detection learns at least, whatever the anomaly detector needs."""

_LASTING = TRACKING
"""Events of a marked episode that drift is not shown: a drift lasts, and what is shorter is for the anomaly detector."""

_SIGNALS = 256
_MOST = 4  # signals of anomalies and changepoints that one event can give


class ProcessDetectors:
    """Anomalies and drift, which share the budget evenly.

    A fault must not become the reference: drift does not see rows in which an alarm lasts. A marked episode that raised no
    alarm was not told to anybody, so drift is shown it and may tell it, but does not learn from it.

    Parameters
    ----------
    channels : tuple of str
        Names of the columns.
    config : SensorStream
        Settings of the stream.
    """

    def __init__(self, channels: tuple[str, ...], config: SensorStream) -> None:
        self._channels = channels
        anomaly = AnomalyConfig(
            config.warmup, config.periods, config.timezone, holiday_dates(config.holidays)
        )
        self._anomaly_options = anomaly.options()
        self._calendar = anomaly.calendar()
        self._drift_options = drift_options(
            DriftConfig(warmup=max(_DRIFT_WARMUP, config.warmup), prepaid=True)
        )
        self._anomaly = signal_buffer(_SIGNALS)
        self._drift = signal_buffer(_SIGNALS)

    @property
    def layout(self) -> Layout:
        """Arrays of a bank."""
        d = len(self._channels)
        return {**anomaly_layout(d, self._calendar[0]), **drift_layout(d)}

    def advance(
        self,
        bank: Bank,
        common: tuple[Any, ...],
        settings: tuple[Any, ...],
        budget: npt.NDArray[Any],
        events: tuple[Any, ...],
        begin: int,
        quality: tuple[npt.NDArray[Any], Counter],
    ) -> int:
        """Take events; see `advance`."""
        anomaly = tuple(bank[name] for name in _ANOMALY), self._anomaly_options, self._calendar
        drift = (bank["drift.source"], bank["drift.channel"], bank["drift.pair"], self._drift_options)
        found = (self._anomaly, self._drift)
        return advance(common, settings, anomaly, drift, budget, events, begin, quality, found)

    def signals(self, ts: FloatArray) -> Iterator[tuple[str, Signal]]:
        """Take what was seen since the last call, with the name of each detector."""
        yield from named_signals("anomaly", self._anomaly, anomaly_signal, ts, self._channels)
        yield from named_signals("drift", self._drift, drift_signal, ts, self._channels)

    def features(self, bank: Bank, slots: IntArray) -> dict[str, list[float]]:
        """Figures to serve beside the window's statistics: by name, one for each of some slots."""
        drift = np.empty(len(slots))
        drift_statistics(
            bank["drift.source"], bank["drift.channel"], bank["drift.pair"], self._drift_options, slots, drift
        )
        progress = np.empty((len(slots), 2))
        warmup_figures(bank["anomaly.source"], bank["anomaly.channel"], slots, progress)
        return {
            "anomaly.score": bank["anomaly.source"]["score"][slots].tolist(),
            "anomaly.warmup_left": progress[:, 0].tolist(),
            "anomaly.effective_events": progress[:, 1].tolist(),
            "drift.statistic": drift.tolist(),
        }


_ANOMALY = tuple(anomaly_layout(1, period_options(AnomalyConfig().periods)))


@kernel
def drift_statistics(
    sources: npt.NDArray[Any],
    channels: npt.NDArray[Any],
    pairs: npt.NDArray[Any],
    options: npt.NDArray[Any],
    slots: IntArray,
    out: FloatArray,
) -> None:
    """Compute the strongest evidence of drift over its threshold, for some slots of a bank."""
    for i in range(len(slots)):
        slot = slots[i]
        out[i] = drift_statistic(sources[slot], channels[slot], pairs[slot], options[0])


@kernel
def advance(
    common: Any,
    settings: Any,
    anomaly: Any,
    drift: Any,
    budget: npt.NDArray[Any],
    events: Any,
    begin: int,
    quality: Any,
    found: Any,
) -> int:
    """Take events of processes.

    Parameters
    ----------
    common, settings : tuples of arrays
        See `enter`.
    anomaly, drift : tuples of arrays
        A bank's arrays of `anomaly_layout`, in a tuple, options of shape (1,) and a calendar; a bank's arrays of `drift_layout`
        and options of shape (1,).
    budget : array of BUDGET, shape (1,)
        Of the stream.
    events : tuple of arrays
        Slot of each event's source and its place in the delivery, shape (m,), in the order of the offsets within each source;
        values, shape (m, d); times, times of records, marks, sharers of the budget and what becomes of each event, of the whole delivery; and a cell to
        hash with, see `intake_step`.
    begin : int
        Where among the m events to begin.
    quality : tuple of array and Counter
        Take the signals of quality checks.
    found : tuple of two tuples of array and Counter
        Take those of anomalies and of drift.

    Returns
    -------
    int
        Where it stopped: at the end, before an event for whose signals there is no room, or at one by which its source starts
        cold.
    """
    slots, rows, values, ts, record_ts, marks, sharers, judged, (cell, bits) = events
    records, options, calendar = anomaly
    sources, channels, seasons, profiles, visits, correlations, inverses, weights = records
    drift_sources, drift_channels, drift_pairs, drift_options = drift
    signals, count = quality
    (anomaly_signals, anomaly_count), (drift_signals, drift_count) = found
    quality_sources = common[1]
    most = most_signals(values.shape[1])
    for i in range(begin, len(slots)):
        full = drift_count[0] == len(drift_signals) or anomaly_count[0] + _MOST > len(anomaly_signals)
        if full or count[0] + most > len(signals):
            return i
        slot, row = slots[i], rows[i]
        verdict = judged[row]
        code = enter(
            common, settings, slot, ts[row], record_ts[row], marks[row], values[i], row, verdict,
            signals, count, cell, bits,
        )  # fmt: skip
        if code == ABSENT:
            return i
        if code != COUNTED:
            continue
        rate = detector_rate(budget[0], quality_sources[slot]["period"], sharers[row])
        source = sources[slot]
        own = (
            source, channels[slot], seasons[slot], profiles[slot], visits[slot],
            correlations[slot], inverses[slot], weights[slot],
        )  # fmt: skip
        anomaly_step(
            own, options[0], calendar, rate * budget[0]["anomaly"], ts[row], values[i], row,
            anomaly_signals, anomaly_count,
        )  # fmt: skip
        verdict["score"] = source["score"]
        verdict["anomaly"] = source["marked"]
        verdict["changepoint"] = source["changepoint"]
        told = drift_count[0]
        marked = source["marked"]
        watch = not source["alarmed"] and (not marked or source["length"] > _LASTING)
        drift_step(
            drift_sources[slot], drift_channels[slot], drift_pairs[slot], drift_options[0],
            rate * budget[0]["drift"], ts[row], values[i], not marked, watch, row, drift_signals, drift_count,
        )  # fmt: skip
        verdict["drift"] = drift_count[0] > told
    return len(slots)
