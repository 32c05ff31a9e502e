"""Changing readings on their way, by a schedule, with the truth about it in their labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.batch import Readings
from producers.drift.effects import Track
from producers.drift.grammar import Change
from stream_app.errors import SettingsError
from stream_app.tables.cells import Label, LabelColumn, as_labels

__all__ = ["Injector"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Site:
    """One change in one source."""

    tracks: dict[str, Track] = field(default_factory=dict)
    active: bool = False
    cycle: int = -1
    began: float = 0.0


@dataclass(slots=True)
class Injector:
    """Applies a schedule to the batches of one replay, in order.

    Touched events get the labels ``drift`` (the changes as they were written) and ``anomaly`` 1; the first event
    of a change and the first after it get ``changepoint`` 1. Untouched ones get 0 unless they had these labels.

    Parameters
    ----------
    schedule : sequence of Change
    seed : int
        For noise and dropouts; each source, change and channel draws on its own.

    Raises
    ------
    SettingsError
        From `apply`: when a channel is not there, or a change in sd begins before its channel had 30 values.
    """

    schedule: Sequence[Change]
    seed: int = 0
    _first: dict[str, float] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)
    _sites: dict[tuple[str, int], _Site] = field(default_factory=dict)

    def apply(self, batch: Readings) -> Readings:
        """Return the batch, changed where the schedule says so; the given one stays as it is."""
        values = batch.values.copy()
        touched: list[list[str]] = [[] for _ in range(len(batch))]
        edges = np.zeros(len(batch), dtype=np.bool_)
        for code in np.unique(batch.source).tolist():
            rows = np.flatnonzero(batch.source == code)
            name = batch.names[code]
            seconds = batch.ts[rows] - self._first.setdefault(name, float(batch.ts[rows[0]]))
            before = self._count.get(name, 0)
            numbers = np.arange(before, before + len(rows), dtype=np.float64)
            self._count[name] = before + len(rows)
            for index, change in enumerate(self.schedule):
                if change.source not in {None, name}:
                    continue
                site = self._sites.setdefault((name, index), _Site())
                part = values[rows]
                inside = self._change(site, (name, index), part, batch.channels, seconds, numbers)
                values[rows] = part
                edges[rows] |= np.diff(inside, prepend=site.active)
                site.active = bool(inside[-1])
                for row in rows[inside].tolist():
                    touched[row].append(change.text)
        return replace(batch, values=values, labels=_truth(batch.labels, touched, edges))

    def _change(
        self,
        site: _Site,
        key: tuple[str, int],
        values: FloatArray,
        channels: tuple[str, ...],
        seconds: FloatArray,
        numbers: FloatArray,
    ) -> BoolArray:
        """Change the channels of one source in place; return which of its events are touched."""
        name, index = key
        change = self.schedule[index]
        columns = _columns(change, channels)
        cycles, since = change.locate(numbers, seconds)
        # A stretch of rows lies outside the change, or within one repetition of it.
        for rows in np.split(np.arange(len(cycles)), np.flatnonzero(np.diff(cycles)) + 1):
            cycle = int(cycles[rows[0]])
            if cycle >= 0 and cycle != site.cycle:
                site.cycle = cycle
                period = 0.0 if change.every is None else cycle * change.every.at
                site.began = float(seconds[rows[0]]) if change.begin.events else change.begin.at + period
            grown = np.clip(since[rows] / change.over.at, 0.0, 1.0) if change.over else np.ones(len(rows))
            for column in columns:
                track = self._track(site, change, (name, index), channels[column])
                if cycle < 0:
                    track.learn(values[rows, column], before=since[rows] < 0.0)
                else:
                    rise = seconds[rows] - site.began
                    values[rows, column] = track.changed(values[rows, column], grown, rise)
        return cycles >= 0

    def _track(self, site: _Site, change: Change, key: tuple[str, int], channel: str) -> Track:
        if channel not in site.tracks:
            name, index = key
            rng = np.random.default_rng([self.seed, index, *name.encode(), *channel.encode()])
            site.tracks[channel] = Track(change, channel, rng)
        return site.tracks[channel]


def _columns(change: Change, channels: tuple[str, ...]) -> Sequence[int]:
    if change.channel == "*":
        return range(len(channels))
    if change.channel not in channels:
        raise SettingsError(
            f"--drift: {change.text!r}: no channel {change.channel!r}; there are {', '.join(channels)}"
        )
    return (channels.index(change.channel),)


def _truth(
    labels: Mapping[str, LabelColumn], touched: Sequence[Sequence[str]], edges: BoolArray
) -> dict[str, LabelColumn]:
    """Add the injected truth to that of the source."""
    told: list[Label] = ["; ".join(texts) or None for texts in touched]
    inside = np.array([text is not None for text in told], dtype=np.bool_)
    out = {**labels, "drift": as_labels(told)}
    for name, where in (("anomaly", inside), ("changepoint", edges)):
        old = labels.get(name)
        column = as_labels([0] * len(told)) if old is None else old.copy()
        column[where] = 1
        out[name] = column
    return out
