"""Changing readings on their way, by a schedule, with the truth about it in their labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.batch import Label, LabelColumn, Readings, as_labels
from producers.drift.effects import Track
from producers.drift.grammar import Change
from stream_app.errors import SettingsError

__all__ = ["Injector"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Site:
    """One change in one source."""

    tracks: dict[str, Track] = field(default_factory=dict)
    active: bool = False
    began: float | None = None


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
        since = (numbers if change.begin.events else seconds) - change.begin.at
        inside: BoolArray = since >= 0.0
        if change.end is not None:
            inside &= (numbers if change.end.events else seconds) < change.end.at
        if inside.any() and site.began is None:
            site.began = float(seconds[inside][0]) if change.begin.events else change.begin.at
        rise = seconds[inside] - (site.began or 0.0)
        grown = np.clip(since[inside] / change.over.at, 0.0, 1.0) if change.over else np.ones(len(rise))
        for column in columns:
            channel = channels[column]
            if channel not in site.tracks:
                rng = np.random.default_rng([self.seed, index, *name.encode(), *channel.encode()])
                site.tracks[channel] = Track(change, channel, rng)
            track = site.tracks[channel]
            track.learn(values[since < 0.0, column])
            if len(rise):
                values[inside, column] = track.changed(values[inside, column], grown, rise)
        return inside


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
