"""Channels of categories of a delivery, separated from numeric ones and watched source by source."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.budget import Budget
from stream_app.core.categories import CategoryChannel, CategoryOptions
from stream_app.core.reference import ReferenceTable
from stream_app.core.signals import Signal
from stream_app.events import Group, Readings, category_name
from stream_app.settings.streams import SensorStream

__all__ = ["CategoryColumns", "SourceCategories", "category_options", "split"]


@dataclass(frozen=True, slots=True)
class CategoryColumns:
    """Categories of a delivery.

    Parameters
    ----------
    codes : dict of str to array, shape (n,)
        By channel: the code of each reading's category; NaN where it has none.
    names : dict of float to str
        Texts of codes.
    """

    codes: Mapping[str, FloatArray]
    names: Mapping[float, str]

    def of(self, channel: str, rows: IntArray) -> tuple[IntArray, list[str]]:
        """Return which of some readings name a category of a channel, as places among them, and the categories."""
        codes = self.codes[channel][rows]
        places = np.flatnonzero(np.isfinite(codes))
        return places, [category_name(code, self.names) for code in codes[places].tolist()]


def split(readings: Readings, categories: tuple[str, ...]) -> tuple[Readings, CategoryColumns]:
    """Return readings without the channels of categories, and those channels."""
    codes = {name: np.full(len(readings), np.nan) for name in categories}
    groups = []
    for group in readings.groups:
        kept = [j for j, name in enumerate(group.channels) if name not in codes]
        for j, name in enumerate(group.channels):
            if name in codes:
                codes[name][group.rows] = group.values[:, j]
        channels = tuple(group.channels[j] for j in kept)
        groups.append(Group(channels, group.rows, np.ascontiguousarray(group.values[:, kept])))
    return replace(readings, groups=groups), CategoryColumns(codes, readings.names)


def category_options(config: SensorStream, raised: int = 0) -> CategoryOptions:
    """Return the settings of each source's channels: the budget is shared by the sources, and by the channels of categories.

    Verdicts of people may have halved it some times; see `Calibration`.
    """
    budget = Budget.parse(config.budget)
    return CategoryOptions(config.warmup, partial(_allowed, budget, len(config.categories) * 2.0**raised))


def _allowed(budget: Budget, channels: float, events: float, seconds: float, sharers: float) -> float:
    spenders = channels * (1.0 if budget.events is not None else sharers)
    return budget.allowed(events=events, seconds=seconds) / spenders


class SourceCategories:
    """The channels of categories of one source.

    Parameters
    ----------
    channels : tuple of str
        Names of the channels.
    options : CategoryOptions
        Warm-up and budget of the stream.
    reference : ReferenceTable, optional
        Normal operation that they learn from before the first event, where it has them.
    """

    def __init__(
        self,
        channels: tuple[str, ...],
        options: CategoryOptions,
        reference: ReferenceTable | None = None,
    ) -> None:
        said = {} if reference is None else reference.categories
        self._channels = {
            name: CategoryChannel(name, options, [text for text in said.get(name, ()) if text is not None])
            for name in channels
        }

    def update(
        self, ts: FloatArray, columns: CategoryColumns, rows: IntArray, sharers: FloatArray
    ) -> Iterator[tuple[int, Signal]]:
        """Take readings of the source; yield the row of the delivery with each signal."""
        for name, channel in self._channels.items():
            places, values = columns.of(name, rows)
            mine = rows[places]
            for signal in channel.update(ts[mine].tolist(), values, sharers[mine].tolist()):
                yield int(rows[places[signal.row]]), signal

    def features(self) -> dict[str, float | None]:
        """Return how many categories each channel has shown."""
        return {f"{name}.categories": float(channel.known) for name, channel in self._channels.items()}

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {name: channel.state() for name, channel in self._channels.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; channels that are new in the settings start cold."""
        for name, channel in self._channels.items():
            if name in state:
                channel.restore(state[name])
