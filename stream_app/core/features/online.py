"""Features of many entities at one instant, from one view or several."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.features.evaluate import Freshness, Reading
from stream_app.core.features.windows import micros
from stream_app.errors import DataError

__all__ = ["Column", "OnlineFeatures", "OnlineValue", "ViewReadings"]

_SECOND = 1e6


@dataclass(frozen=True, slots=True)
class OnlineValue:
    """One feature of one entity.

    Parameters
    ----------
    value : float or None
        None where there is nothing to compute.
    event_ts : float or None
        Time of the newest event of the entity in the view, in epoch seconds; None if it is missing.
    age : float or None
        Seconds from that event to the instant that was asked for.
    status : Freshness
        Fresh up to the view's limit, stale beyond; missing where nothing is known of the entity.
    incomplete : bool
        Whether the value is None because events of its window are not kept any more.
    """

    value: float | None
    event_ts: float | None
    age: float | None
    status: Freshness
    incomplete: bool


@dataclass(frozen=True, slots=True)
class ViewReadings:
    """Readings of all entities in one view.

    Parameters
    ----------
    key : str
        Name and version, such as ``purchases:v1``.
    freshness : float
        Its limit, in seconds.
    names : tuple of str
        Features that were read.
    readings : list of Reading
        One an entity.
    """

    key: str
    freshness: float
    names: tuple[str, ...]
    readings: list[Reading]


class Column(NamedTuple):
    """Position of a requested feature.

    Parameters
    ----------
    name : str
        As it was asked for, such as ``purchases:spent_30m``.
    view, place : int
        Which of the views, and which of its features.
    """

    name: str
    view: int
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class OnlineFeatures:
    """Features of entities at an instant: a row per entity, a column per feature, in the order of the request.

    Parameters
    ----------
    entities : tuple of str
        Entities, in the order of the rows.
    at : float
        The instant, in epoch seconds; what came strictly before it counts.
    columns : tuple of Column
        Features, in the order of the columns.
    views : tuple of ViewReadings
        What they are made of.

    Examples
    --------
    >>> readings = [Reading([2.0], event_ts=5_000_000), Reading([None], None)]
    >>> views = (ViewReadings("purchases:v1", 60.0, ("lines",), readings),)
    >>> found = OnlineFeatures(("17850", "nobody"), 7.0, (Column("purchases:lines", 0, 0),), views)
    >>> found["17850", "purchases:lines"].age, found["nobody", "purchases:lines"].status.value
    (2.0, 'missing')
    >>> found.to_dict()
    {'entity': ['17850', 'nobody'], 'purchases:lines': [2.0, None]}
    >>> found.to_numpy()
    array([[ 2.],
           [nan]])
    """

    entities: tuple[str, ...]
    at: float
    columns: tuple[Column, ...]
    views: tuple[ViewReadings, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def __len__(self) -> int:
        """Entities."""
        return len(self.entities)

    def __getitem__(self, key: tuple[str, str]) -> OnlineValue:
        """Return one feature of one entity.

        Raises
        ------
        DataError
            If it was not asked for.
        """
        entity, feature = key
        column = next((one for one in self.columns if one.name == feature), None)
        if column is None:
            raise DataError(f"{feature[:80]!r} was not asked for; there is {', '.join(self.features)}")
        if entity not in self.entities:
            raise DataError(f"entity {entity[:80]!r} was not asked for")
        view = self.views[column.view]
        reading = view.readings[self.entities.index(entity)]
        return OnlineValue(
            reading.values[column.place],
            _seconds(reading.event_ts),
            self._age(reading),
            self._status(view, reading),
            view.names[column.place] in reading.incomplete,
        )

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns: ``entity``, and the values of each feature, for a table of any library."""
        return {"entity": list(self.entities)} | {
            column.name: [reading.values[column.place] for reading in self.views[column.view].readings]
            for column in self.columns
        }

    def to_numpy(self) -> FloatArray:
        """Return the values, shape (entities, features); NaN where there is none."""
        out = np.empty((len(self.entities), len(self.columns)))
        for i, column in enumerate(self.columns):
            # numpy makes NaN of None.
            out[:, i] = [reading.values[column.place] for reading in self.views[column.view].readings]
        return out

    def to_records(self) -> list[dict[str, Any]]:
        """Return a plain dictionary per entity, for JSON.

        ``values`` has the features; ``views`` has for each view ``event_ts``, ``age`` and ``status``; ``incomplete``
        names the features that are None because their events are not kept any more.
        """
        return [
            {
                "entity": entity,
                "values": {
                    name: self.views[view].readings[row].values[place] for name, view, place in self.columns
                },
                "views": {view.key: self._known(view, view.readings[row]) for view in self.views},
                "incomplete": list(self._incomplete(row)),
            }
            for row, entity in enumerate(self.entities)
        ]

    def of_one(self) -> dict[str, Any]:
        """Return a plain dictionary of the only entity in the only view, with the features' names alone.

        Examples
        --------
        >>> views = (ViewReadings("purchases:v1", 60.0, ("lines",), [Reading([2.0], event_ts=5_000_000)]),)
        >>> OnlineFeatures(("17850",), 7.0, (Column("purchases:lines", 0, 0),), views).of_one()["values"]
        {'lines': 2.0}
        """
        ((entity,), (view,)) = self.entities, self.views
        (reading,) = view.readings
        return {
            "entity": entity,
            "view": view.key,
            "at": self.at,
            **self._known(view, reading),
            "values": dict(zip(view.names, reading.values, strict=True)),
            "incomplete": list(reading.incomplete),
        }

    def statuses(self) -> list[list[Freshness]]:
        """Return whether each value is fresh, stale or missing: a list per entity, in the order of the features."""
        return self._each(self._status)

    def event_times(self) -> FloatArray:
        """Return the time of each entity's newest event, in epoch seconds; shape (entities, features), NaN where missing."""
        return np.array(self._each(lambda _, reading: _seconds(reading.event_ts)), dtype=np.float64)

    def ages(self) -> FloatArray:
        """Return the seconds since then; shape (entities, features), NaN where missing."""
        return np.array(self._each(lambda _, reading: self._age(reading)), dtype=np.float64)

    def incomplete(self) -> dict[str, tuple[str, ...]]:
        """Return the features that are None because their events are no longer kept, for each entity with such features."""
        found = ((entity, self._incomplete(row)) for row, entity in enumerate(self.entities))
        return {entity: names for entity, names in found if names}

    def _each(self, tell: Callable[[ViewReadings, Reading], Any]) -> list[list[Any]]:
        told = [[tell(view, reading) for reading in view.readings] for view in self.views]
        return [[told[column.view][row] for column in self.columns] for row in range(len(self.entities))]

    def _incomplete(self, row: int) -> tuple[str, ...]:
        lost = [view.readings[row].incomplete for view in self.views]
        if not any(lost):
            return ()
        return tuple(
            name for name, view, place in self.columns if self.views[view].names[place] in lost[view]
        )

    def _known(self, view: ViewReadings, reading: Reading) -> dict[str, Any]:
        return {
            "event_ts": _seconds(reading.event_ts),
            "age": self._age(reading),
            "status": self._status(view, reading).value,
        }

    def _age(self, reading: Reading) -> float | None:
        return None if reading.event_ts is None else (micros(self.at) - reading.event_ts) / _SECOND

    def _status(self, view: ViewReadings, reading: Reading) -> Freshness:
        return reading.freshness(micros(self.at), view.freshness)


def _seconds(ts: int | None) -> float | None:
    return None if ts is None else ts / _SECOND
