"""Features of many entities at one instant, from one view or several."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.features.batch import Readings
from stream_app.core.features.evaluate import Freshness
from stream_app.core.features.windows import micros
from stream_app.errors import DataError

__all__ = ["Column", "OnlineFeatures", "OnlineValue", "ViewReadings"]

_SECOND = 1e6
_Table = TypeVar("_Table", FloatArray, BoolArray)
_STATUSES = (Freshness.FRESH, Freshness.STALE, Freshness.MISSING)


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
    readings : Readings
        A row an entity, a column a feature.
    """

    key: str
    freshness: float
    names: tuple[str, ...]
    readings: Readings

    def ages(self, at: float) -> FloatArray:
        """Return the seconds from each entity's newest event to an instant; NaN where it is missing."""
        known = self.readings.known
        since = np.where(known, micros(at) - np.where(known, self.readings.event_ts, 0), 0)
        return np.where(known, since / _SECOND, np.nan)

    def event_times(self) -> FloatArray:
        """Return the time of each entity's newest event, in epoch seconds; NaN where it is missing."""
        return np.where(self.readings.known, self.readings.event_ts / _SECOND, np.nan)

    def statuses(self, at: float) -> list[Freshness]:
        """Return whether each entity is fresh, stale or missing at an instant."""
        known = self.readings.known
        since = micros(at) - np.where(known, self.readings.event_ts, 0)
        codes = np.where(known, since > micros(self.freshness), 2)
        return [_STATUSES[code] for code in codes.tolist()]


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
    >>> from stream_app.core.features.evaluate import Reading
    >>> readings = Readings.of([Reading([2.0], event_ts=5_000_000), Reading([None], None)], ("lines",))
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
        row = self.entities.index(entity)
        one = self._known(self.views[column.view], [row])
        readings = self.views[column.view].readings
        return OnlineValue(
            _none_for_nan(readings.values[row, column.place : column.place + 1])[0],
            one[0]["event_ts"],
            one[0]["age"],
            Freshness(one[0]["status"]),
            bool(readings.incomplete[row, column.place]),
        )

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns: ``entity``, and the values of each feature, for a table of any library."""
        return {"entity": list(self.entities)} | {
            column.name: _none_for_nan(self.views[column.view].readings.values[:, column.place])
            for column in self.columns
        }

    def to_numpy(self) -> FloatArray:
        """Return the values, shape (entities, features); NaN where there is none."""
        return self._side_by_side([view.readings.values for view in self.views])

    def to_records(self) -> list[dict[str, Any]]:
        """Return a plain dictionary per entity, for JSON.

        ``values`` has the features; ``views`` has for each view ``event_ts``, ``age`` and ``status``; ``incomplete``
        names the features that are None because their events are not kept any more.
        """
        names, rows = self.features, range(len(self.entities))
        values = zip(*self.to_dict().values(), strict=True)
        known = zip(*(self._known(view, rows) for view in self.views), strict=True)
        keys = [view.key for view in self.views]
        lost = self._incomplete_rows()
        return [
            {
                "entity": entity,
                "values": dict(zip(names, found, strict=True)),
                "views": dict(zip(keys, told, strict=True)),
                "incomplete": list(lost.get(row, ())),
            }
            for row, ((entity, *found), told) in enumerate(zip(values, known, strict=True))
        ]

    def to_columns(self) -> dict[str, Any]:
        """Return the same as plain lists, for JSON that is quick to write and to read.

        ``entities`` and ``features`` have the names; ``values`` a list a feature, in their order, with an element an entity; ``views``
        for each view the lists ``event_ts``, ``age`` and ``status``; ``incomplete`` the names of the features that are None
        because their events are not kept any more, by entity.

        Examples
        --------
        >>> readings = Readings.empty(1, 1)
        >>> views = (ViewReadings("purchases:v1", 60.0, ("lines",), readings),)
        >>> OnlineFeatures(("17850",), 7.0, (Column("purchases:lines", 0, 0),), views).to_columns()["values"]
        [[None]]
        """
        values = self.to_dict()
        return {
            "entities": values.pop("entity"),
            "features": list(self.features),
            "values": list(values.values()),
            "views": {
                view.key: {
                    "event_ts": _none_for_nan(view.event_times()),
                    "age": _none_for_nan(view.ages(self.at)),
                    "status": [status.value for status in view.statuses(self.at)],
                }
                for view in self.views
            },
            "incomplete": self.incomplete(),
        }

    def of_one(self) -> dict[str, Any]:
        """Return a plain dictionary of the only entity in the only view, with the features' names alone.

        Examples
        --------
        >>> from stream_app.core.features.evaluate import Reading
        >>> readings = Readings.of([Reading([2.0], event_ts=5_000_000)], ("lines",))
        >>> views = (ViewReadings("purchases:v1", 60.0, ("lines",), readings),)
        >>> OnlineFeatures(("17850",), 7.0, (Column("purchases:lines", 0, 0),), views).of_one()["values"]
        {'lines': 2.0}
        """
        ((entity,), (view,)) = self.entities, self.views
        readings = view.readings
        lost = zip(view.names, readings.incomplete[0].tolist(), strict=True)
        return {
            "entity": entity,
            "view": view.key,
            "at": self.at,
            **self._known(view, [0])[0],
            "values": dict(zip(view.names, _none_for_nan(readings.values[0]), strict=True)),
            "incomplete": [name for name, is_lost in lost if is_lost],
        }

    def statuses(self) -> list[list[Freshness]]:
        """Return whether each value is fresh, stale or missing: a list per entity, in the order of the features."""
        told = [view.statuses(self.at) for view in self.views]
        return [[told[column.view][row] for column in self.columns] for row in range(len(self.entities))]

    def event_times(self) -> FloatArray:
        """Return the time of each entity's newest event, in epoch seconds; shape (entities, features), NaN where missing."""
        return self._of_views([view.event_times() for view in self.views])

    def ages(self) -> FloatArray:
        """Return the seconds since then; shape (entities, features), NaN where missing."""
        return self._of_views([view.ages(self.at) for view in self.views])

    def incomplete(self) -> dict[str, tuple[str, ...]]:
        """Return the features that are None because their events are no longer kept, for each entity with such features."""
        return {self.entities[row]: names for row, names in self._incomplete_rows().items()}

    def _incomplete_rows(self) -> dict[int, tuple[str, ...]]:
        lost = self._side_by_side([view.readings.incomplete for view in self.views])
        names = self.features
        return {
            row: tuple(name for name, is_lost in zip(names, lost[row].tolist(), strict=True) if is_lost)
            for row in np.flatnonzero(lost.any(axis=1)).tolist()
        }

    def _side_by_side(self, tables: list[_Table]) -> _Table:
        """Return the columns asked for, of a table a view."""
        if len(tables) == 1:
            places = [column.place for column in self.columns]
            (table,) = tables
            return table if places == list(range(table.shape[1])) else table[:, places]
        return np.column_stack([tables[column.view][:, column.place] for column in self.columns])

    def _of_views(self, told: list[FloatArray]) -> FloatArray:
        return np.column_stack([told[column.view] for column in self.columns])

    def _known(self, view: ViewReadings, rows: Iterable[int]) -> list[dict[str, Any]]:
        times, ages = _none_for_nan(view.event_times()), _none_for_nan(view.ages(self.at))
        statuses = view.statuses(self.at)
        return [{"event_ts": times[row], "age": ages[row], "status": statuses[row].value} for row in rows]


def _none_for_nan(numbers: FloatArray) -> list[float | None]:
    plain: list[float | None] = numbers.tolist()
    for place in np.flatnonzero(np.isnan(numbers)).tolist():
        plain[place] = None
    return plain
