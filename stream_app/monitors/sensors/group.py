"""Channels that appeared together, with their window and their detectors."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.signals import Signal
from stream_app.core.windows import RollingWindow, flat_summaries
from stream_app.monitors.sensors.config import SensorConfig
from stream_app.monitors.sensors.detectors import Detector, build_detectors, restore_detectors
from stream_app.monitors.sensors.scores import EventScores
from stream_app.monitors.spacing import PERIOD_ROWS, median_spacing

__all__ = ["ChannelGroup", "summaries_of"]

_TOGETHER = 64
"""Windows that are summarised at once: more would not fit in the processor's cache, and be slower again."""


class ChannelGroup:
    """Window and detectors of the channels that a source had from one event on.

    A source whose channels are declared has one group. Where they are learned, channels that come later get a
    group of their own: they start to learn while the others go on.

    Parameters
    ----------
    channels : tuple of str
        Names.
    config : SensorConfig
        Settings.
    share : float
        Share of the source's budget.
    """

    def __init__(self, channels: tuple[str, ...], config: SensorConfig, *, share: float) -> None:
        self.channels = channels
        self._config = config
        self._share = share
        self._window = RollingWindow(channels, rows=config.window_rows, seconds=config.window_seconds)
        self._detectors: dict[str, Detector] = {}
        self._first = (np.empty(0), np.empty((0, len(channels))))

    def update(self, ts: FloatArray, values: FloatArray, scores: EventScores) -> list[tuple[str, Signal]]:
        """Take readings, shape (n,) and (n, d).

        Returns
        -------
        list of (detector, Signal)
            What the detectors saw, with the name under which the detector runs.
        """
        self._window.update(ts, values)
        if self._detectors:
            return self._detect(ts, values, scores)
        # A budget per time needs the spacing of the events, so the first ones wait until it is known.
        wanted = PERIOD_ROWS - len(self._first[0])
        self._first = (
            np.concatenate((self._first[0], ts[:wanted])),
            np.concatenate((self._first[1], values[:wanted])),
        )
        if len(self._first[0]) < PERIOD_ROWS:
            return []
        period = median_spacing(self._first[0])
        self._detectors = build_detectors(self.channels, self._config, period=period, share=self._share)
        self._detect(*self._first, EventScores.quiet(PERIOD_ROWS))
        self._first = (self._first[0][:0], self._first[1][:0])
        if len(ts) == wanted:
            return []
        later = EventScores.quiet(len(ts) - wanted)
        found = self._detect(ts[wanted:], values[wanted:], later)
        scores.merge(later, wanted)
        return [(name, signal.shifted(wanted)) for name, signal in found]

    def _detect(self, ts: FloatArray, values: FloatArray, scores: EventScores) -> list[tuple[str, Signal]]:
        return [
            (name, signal)
            for name, detector in self._detectors.items()
            for signal in detector.update(ts, values, scores)
        ]

    def rows(self) -> tuple[FloatArray, FloatArray]:
        """Return times and values in the window now."""
        return self._window.view()

    def figures(self) -> dict[str, float | None]:
        """Live figures of the detectors."""
        values: dict[str, float | None] = {}
        for detector in self._detectors.values():
            values.update(detector.features())
        return values

    def state(self) -> dict[str, Any]:
        """Plain values from which `from_state` goes on."""
        return {
            "channels": list(self.channels),
            "share": self._share,
            "window": self._window.state(),
            "first": list(self._first),
            "detectors": {name: detector.state() for name, detector in self._detectors.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], config: SensorConfig) -> Self:
        """Go on where `state` was taken.

        Raises
        ------
        StateError
            If a part of it is of another version or damaged.
        """
        group = cls(tuple(state["channels"]), config, share=state["share"])
        group._window = RollingWindow.from_state(state["window"])
        group._first = (np.asarray(state["first"][0]), np.asarray(state["first"][1]))
        if state["detectors"]:
            group._detectors = restore_detectors(state["detectors"], group.channels, config)
        return group


def summaries_of(groups: Sequence[ChannelGroup]) -> list[dict[str, float | int | None]]:
    """Return the statistics of the windows of some groups, by ``channel.statistic``; many together cost little more than one."""
    rows = [group.rows() for group in groups]
    alike: dict[tuple[tuple[str, ...], int], list[int]] = {}
    for i, (ts, _) in enumerate(rows):
        alike.setdefault((groups[i].channels, len(ts)), []).append(i)
    summaries: list[dict[str, float | int | None]] = [{}] * len(groups)
    for (channels, _), members in alike.items():
        for first in range(0, len(members), _TOGETHER):
            some = members[first : first + _TOGETHER]
            for i, summary in zip(
                some, flat_summaries([rows[i] for i in some], channels=channels), strict=True
            ):
                summaries[i] = summary
    return summaries
