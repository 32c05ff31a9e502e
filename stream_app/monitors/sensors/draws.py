"""Detectors of a source whose events are independent draws, such as images."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.bank import Bank, Layout
from stream_app.core.drift import DriftConfig, MultivariateConfig
from stream_app.core.drift.multivariate import multivariate_statistic, multivariate_step
from stream_app.core.drift.multivariate_records import (
    multivariate_directions,
    multivariate_layout,
    multivariate_options,
)
from stream_app.core.drift.records import drift_layout, drift_options
from stream_app.core.drift.signals import drift_signal, multivariate_signal
from stream_app.core.drift.step import drift_step
from stream_app.core.kernel import Counter, kernel, signal_buffer
from stream_app.core.quality import most_signals
from stream_app.core.signals import Signal
from stream_app.monitors.sensors.engine import detector_rate, enter, named_signals
from stream_app.monitors.sensors.intake import ABSENT, COUNTED
from stream_app.monitors.sensors.process import drift_statistics
from stream_app.settings.streams import SensorStream

__all__ = ["DrawDetectors"]

_LEAST_DRAWS = 200
"""Draws that a reference needs at least."""

_MOST_MULTIVARIATE_WARMUP = 2000
"""A longer reference would be kept whole, and tells hardly more."""

_SIGNALS = 256


class DrawDetectors:
    """Drift of each channel, and of all together; with one channel, of that alone.

    An odd draw is no fault, and nothing wanders or sticks by itself: what lasts is told as drift. The two share the
    budget evenly.

    Parameters
    ----------
    channels : tuple of str
        Names of the columns.
    config : SensorStream
        Settings of the stream.
    """

    def __init__(self, channels: tuple[str, ...], config: SensorStream) -> None:
        self._channels = channels
        # Draws do not wander, so that nothing has to be paid in advance.
        warmup = max(config.warmup, _LEAST_DRAWS)
        self._drift_options = drift_options(DriftConfig(warmup=warmup))
        joint = MultivariateConfig(warmup=min(warmup, _MOST_MULTIVARIATE_WARMUP))
        self._warmup = joint.warmup
        self._joint_options = multivariate_options(len(channels), joint)
        self._directions = multivariate_directions(len(channels), joint)
        self._drift = signal_buffer(_SIGNALS)
        self._joint = signal_buffer(_SIGNALS)

    @property
    def layout(self) -> Layout:
        """Arrays of a bank."""
        d = len(self._channels)
        return {**drift_layout(d), **multivariate_layout(d, self._warmup)}

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
        drift = (bank["drift.source"], bank["drift.channel"], bank["drift.pair"], self._drift_options)
        joint = (*(bank[name] for name in _JOINT), self._joint_options, self._directions)
        found = (self._drift, self._joint)
        return advance(common, settings, drift, joint, budget, events, begin, quality, found)

    def signals(self, ts: FloatArray) -> Iterator[tuple[str, Signal]]:
        """Take what was seen since the last call, with the name of each detector."""
        yield from named_signals("drift", self._drift, drift_signal, ts, self._channels)
        yield from named_signals("multivariate", self._joint, multivariate_signal, ts, self._channels)

    def features(self, bank: Bank, slots: IntArray) -> dict[str, list[float]]:
        """Figures to serve beside the window's statistics: by name, one for each of some slots."""
        drift, joint = np.empty(len(slots)), np.empty(len(slots))
        drift_statistics(
            bank["drift.source"], bank["drift.channel"], bank["drift.pair"], self._drift_options, slots, drift
        )
        joint_statistics(bank["multivariate.source"], self._joint_options, slots, joint)
        return {"drift.statistic": drift.tolist(), "multivariate.statistic": joint.tolist()}


_JOINT = tuple(multivariate_layout(1, _LEAST_DRAWS))


@kernel
def joint_statistics(
    sources: npt.NDArray[Any], options: npt.NDArray[Any], slots: IntArray, out: FloatArray
) -> None:
    """Compute the strongest evidence of joint drift over its threshold, for some slots of a bank."""
    for i in range(len(slots)):
        out[i] = multivariate_statistic(sources[slots[i]], options[0])


@kernel
def advance(
    common: Any,
    settings: Any,
    drift: Any,
    joint: Any,
    budget: npt.NDArray[Any],
    events: Any,
    begin: int,
    quality: Any,
    found: Any,
) -> int:
    """Take events that are draws; for what is not said here see `advance` of a process.

    Parameters
    ----------
    joint : tuple of arrays
        A bank's arrays of `multivariate_layout`, options of shape (1,), and the directions.
    found : tuple of two tuples of array and Counter
        Take signals of drift and of joint drift.
    """
    slots, rows, values, ts, record_ts, marks, sharers, judged, (cell, bits) = events
    drift_sources, drift_channels, drift_pairs, drift_options = drift
    sources, channels, planes, sides, ranked, sample, projection, scratch, options, directions = joint
    (drift_signals, drift_count), (joint_signals, joint_count) = found
    signals, count = quality
    quality_sources = common[1]
    d = values.shape[1]
    most = most_signals(d)
    for i in range(begin, len(slots)):
        full = drift_count[0] == len(drift_signals) or joint_count[0] == len(joint_signals)
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
        rate = detector_rate(budget[0], quality_sources[slot]["period"], sharers[row]) * budget[0]["drift"]
        told = drift_count[0] + joint_count[0]
        drift_step(
            drift_sources[slot], drift_channels[slot], drift_pairs[slot], drift_options[0],
            rate if d > 1 else 2.0 * rate, ts[row], values[i], True, True, row, drift_signals, drift_count,  # noqa: FBT003 a kernel takes no keywords
        )  # fmt: skip
        if d > 1:
            multivariate_step(
                sources[slot], channels[slot], planes[slot], sides[slot], ranked[slot], sample[slot],
                projection[slot], scratch[slot], options[0], directions, rate, ts[row], values[i], row,
                joint_signals, joint_count,
            )  # fmt: skip
        verdict["drift"] = drift_count[0] + joint_count[0] > told
    return len(slots)
