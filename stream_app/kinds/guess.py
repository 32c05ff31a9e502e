"""Where the parts of a reading likely are in messages that nobody has described."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stream_app.events import JSON, Format, MessageError
from stream_app.kinds.layouts import PER_SECOND

__all__ = ["Messages", "guess_mapping"]

_TIMES = ("ts", "t", "time", "timestamp", "datetime", "date", "event_time", "eventtime", "at")
_SOURCES = (
    "source",
    "sensor",
    "sensor_id",
    "device",
    "device_id",
    "deviceid",
    "machine",
    "machine_id",
    "asset",
    "station",
    "node",
)
_CHANNELS = (
    "metric",
    "channel",
    "measurement",
    "parameter",
    "variable",
    "field",
    "tag",
    "quantity",
    "type",
    "name",
)
_VALUES = ("value", "val", "v", "reading")

_AROUND = "$message."

_NEAR = 366 * 86_400.0
"""Seconds between an event and its record, beyond which a number is no likely time."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages as columns.

    Parameters
    ----------
    columns : mapping of str to list
        What is at each path, a cell an event; None where an event has nothing there.
    record_ts : float
        Median time of the records, in epoch seconds.
    keyed : bool
        Whether every record has a key.
    each : str or None
        Place of the array whose elements are the events, where most messages have one of objects with numbers. What stands
        around it has paths that begin with ``$message.``.
    """

    columns: Mapping[str, Sequence[Any]]
    record_ts: float
    keyed: bool
    each: str | None = None

    @classmethod
    def of(
        cls,
        values: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        record_ts: float,
        wire: Format = JSON,
    ) -> "Messages":
        """Read values of records; those that are no objects, nor arrays of them, are left out.

        Examples
        --------
        >>> dict(Messages.of([b'{"d": {"q": 1}, "t": 5}', b"?"], [None, None], 0.0).columns)
        {'d.q': [1], 't': [5]}
        >>> Messages.of([b'{"id": "p1", "data": [{"t": 5, "q": 1}]}'], [None], 0.0).each
        'data'
        """
        found: list[Any] = []
        for value in values:
            try:
                found.append(wire.plain(value or b"", ()))
            except MessageError:
                continue
        each = _find_array(found)
        if each is None:
            rows = [_flat(message) for message in found if isinstance(message, dict)]
        else:
            rows = [row for message in found for row in _elements(message, each)]
        paths = dict.fromkeys(path for row in rows for path in row)
        return cls({path: [row.get(path) for row in rows] for path in paths}, record_ts, all(keys), each)


def guess_mapping(
    messages: Messages, *, time: str | None = None, source: str | None = None
) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Return the settings of a mapping and the channels; None where no number is left to watch.

    Parameters
    ----------
    messages : Messages
    time, source : str, optional
        Places that the user names.

    Examples
    --------
    >>> rows = [b'{"sensor": "p1", "metric": "flow", "value": 1.2, "t": 1700000000000}'] * 2
    >>> guess_mapping(Messages.of(rows, [None, None], 1.7e9))
    ({'source': 'sensor', 'time': 't', 'time_unit': 'ms', 'channel': 'metric', 'value': 'value'}, ('flow',))
    """
    columns = messages.columns
    time = time or _find_time(messages)
    source = source or _named(columns, _SOURCES) or ("$key" if messages.keyed else None)
    texts = [path for path, cells in columns.items() if _all(cells, str) and path not in {time, source}]
    # What stands around an array is rather the source than what its elements tell apart.
    texts.sort(key=lambda path: not path.startswith(_AROUND))
    if source is None:
        fitting = [path for path in texts if len(set(columns[path])) < len(columns[path])]
        source = fitting[0] if fitting else None
        if source is None:
            return None
        texts.remove(source)
    numbers = [
        path
        for path, cells in columns.items()
        if _all(cells, int | float) and path not in {time, source} and not path.startswith(_AROUND)
    ]
    mapping: dict[str, Any] = {} if messages.each is None else {"each": messages.each}
    mapping |= {"source": source, "time": time}
    if time in columns and _all(columns[time], int | float):
        mapping["time_unit"] = _unit(columns[time])
    channel = _named({path: columns[path] for path in texts}, _CHANNELS)
    if channel is not None and len(numbers) == 1 and _last(numbers[0]) in _VALUES:
        mapping |= {"channel": channel, "value": numbers[0]}
        return mapping, tuple(dict.fromkeys(cell for cell in columns[channel] if cell))
    if not numbers:
        return None
    tables = {path.rpartition(".")[0] for path in numbers}
    if len(tables) == 1:
        mapping["values"] = tables.pop() or "."
        return mapping, tuple(path.rpartition(".")[2] for path in numbers)
    mapping["values"] = {path: path for path in numbers}
    return mapping, tuple(numbers)


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in table.items():
        if "." in name or not name:
            continue
        if isinstance(value, dict):
            out |= _flat(value, f"{before}{name}.")
        elif not isinstance(value, list):
            out[before + name] = value
    return out


def _find_array(messages: Sequence[Any]) -> str | None:
    """Return the place of the array of objects with numbers that most messages have, of several the one with most elements."""
    counts: dict[str, list[int]] = {}
    for message in messages:
        for path, elements in _arrays(message):
            if any(_all([cell], int | float) for one in elements for cell in _flat(one).values()):
                counts.setdefault(path, []).append(len(elements))
    fitting = [path for path, there in counts.items() if 2 * len(there) > len(messages)]
    return max(fitting, key=lambda path: sum(counts[path]), default=None)


def _arrays(found: Any, path: str = "") -> Iterator[tuple[str, list[dict[str, Any]]]]:
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        yield path or ".", found
    if isinstance(found, dict):
        for name, inner in found.items():
            if name and "." not in name:
                yield from _arrays(inner, f"{path}.{name}" if path else name)


def _elements(message: Any, each: str) -> list[dict[str, Any]]:
    """Return the elements of a message's array as rows, with what stands around them."""
    around = (
        {f"{_AROUND}{path}": cell for path, cell in _flat(message).items()}
        if isinstance(message, dict)
        else {}
    )
    elements = next((found for path, found in _arrays(message) if path == each), [])
    return [{**_flat(one), **around} for one in elements]


def _find_time(messages: Messages) -> str:
    """Return the place of the time: a usual name, else numbers near the times of the records, else these themselves."""
    named = _named(messages.columns, _TIMES)
    if named is not None:
        return named
    for path, cells in messages.columns.items():
        if _all(cells, int | float) and any(
            abs(float(np.median([cell / per for cell in cells if cell is not None])) - messages.record_ts)
            < _NEAR
            for per in PER_SECOND.values()
        ):
            return path
    return "$timestamp"


def _unit(cells: Sequence[Any]) -> str:
    size = float(np.median([abs(cell) for cell in cells if cell is not None]))
    # Seconds until 2099 are below the first bound, milliseconds since 1971 below the second, and so on.
    return next((unit for unit, per in PER_SECOND.items() if size < 4.2e9 * per), "ns")


def _named(columns: Mapping[str, Sequence[Any]], names: Sequence[str]) -> str | None:
    by_name = {_last(path): path for path in reversed(list(columns))}
    return next((by_name[name] for name in names if name in by_name), None)


def _last(path: str) -> str:
    return path.rpartition(".")[2].casefold()


def _all(cells: Sequence[Any], kind: Any) -> bool:
    said = [cell for cell in cells if cell is not None]
    return bool(said) and all(isinstance(cell, kind) and not _is_odd(cell) for cell in said)


def _is_odd(cell: Any) -> bool:
    """Whether a whole number is no reading: true or false, or of more than 64 bits."""
    return isinstance(cell, bool) or (isinstance(cell, int) and cell.bit_length() > 64)
