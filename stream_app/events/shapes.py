"""Structs for readings of one form: decoded from bytes at once, and laid side by side as columns without a look at names.

The form is taken from an example: which channels it names, what else is in it, and whether its source and time are texts or
numbers. What has another form is refused by the struct, and decoded name by name instead.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from stream_app.events.decoding import Number, plain_labels
from stream_app.events.layout import Layout
from stream_app.events.places import MISSING, Envelope, Place
from stream_app.events.sensor import FIRST_SMALL_TS, MAX_NAME, MAX_TS, parse_event_time

__all__ = ["Columns", "Form", "Shape"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_UNNAMEABLE = frozenset('"\\') | {chr(code) for code in range(32)}
"""Characters that no field of a struct may have in its name."""

_MOST_NAMES = 2_048
"""Names in a message for which there are structs."""

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
_Id = Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None
_NoNumber = str | bool | list[Any] | dict[str, Any] | None


class _Leaf(NamedTuple):
    """A field of a struct: what part of a reading it is, its type, and its default if it has one."""

    part: str
    type: Any
    default: Any = ...


Tree = dict[str, Any]
"""Names to leaves, or to trees."""


class Columns(NamedTuple):
    """What single parts of some readings say."""

    sources: list[str]
    ts: list[float]
    ids: list[str | None] | None


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a reading, by which its shape is found again.

    Parameters
    ----------
    layout : Layout
        Where the parts of readings are.
    channels : tuple of str
        Those that the reading names.
    tree : dict
        What is in it.
    """

    layout: Layout
    channels: tuple[str, ...]
    tree: Tree

    @classmethod
    def of(cls, layout: Layout, channels: tuple[str, ...], example: Any) -> Self | None:
        """Take the form of a reading; None where no struct can have it.

        Parameters
        ----------
        layout : Layout
            Where the parts of readings are.
        channels : tuple of str
            Those that the reading names.
        example : value
            The reading, as a format decoded it.
        """
        if layout.each is not None or not isinstance(example, dict):
            return None
        if layout.channel is not None:
            # What a message names is in its value, and no part of its form.
            channels = ()
        if layout.fields["ts"].part not in {"event", "timestamp"}:
            return None
        tree: Tree = {}
        fits = all(_put(tree, place, leaf) for place, leaf in _leaves(layout, channels, example))
        if not fits or (not layout.default and not _complete(tree, example, layout)):
            return None
        names = list(_names(tree))
        if len(names) > _MOST_NAMES or not _UNNAMEABLE.isdisjoint("".join(names)):
            return None
        return cls(layout, channels, tree)

    @property
    def key(self) -> Any:
        """What is equal for equal forms."""
        return self.channels, tuple(_signature(self.tree))


def _leaves(layout: Layout, channels: Sequence[str], example: Any) -> Iterator[tuple[Place, _Leaf]]:
    for name, place in layout.fields.items():
        if place.part != "event":
            continue
        found = place.find(example)
        if name == "source":
            yield place, _Leaf(name, int if type(found) is int and not layout.default else _Text)
        elif name == "ts":
            yield place, _Leaf(name, str if isinstance(found, str) else _time_of(layout))
        elif name == "labels":
            yield place, _Leaf(name, Any, None)
        elif layout.default:
            yield place, _Leaf(name, _Id, None)
        elif found is not MISSING:
            yield place, _Leaf(name, int if type(found) is int else _Id)
    if layout.channel is not None and layout.value is not None:
        yield layout.channel, _Leaf("channel", _Text)
        yield layout.value, _Leaf("value", Number | None)
        return
    table = layout.tables["values"]
    # In the event itself a null is no channel unless it is named: then it decides nothing about what is there.
    nameless = table == Place("event") and layout.names is None
    for number, channel in enumerate(channels):
        place = Place(table.part, (*table.path, channel)) if isinstance(table, Place) else table[channel]
        yield place, _Leaf(f"channel {number}", Number if nameless else Number | None)


def _time_of(layout: Layout) -> Any:
    least = FIRST_SMALL_TS if layout.per_second > 1.0 else 0.0
    return Annotated[float, msgspec.Meta(ge=least * layout.per_second, lt=MAX_TS * layout.per_second)]


def _put(tree: Tree, place: Place, leaf: _Leaf) -> bool:
    """Put a leaf into its place; whether there was one."""
    if place.part != "event" or not place.path:
        return False
    *outer, last = place.path
    for name in outer:
        tree = tree.setdefault(name, {})
        if isinstance(tree, _Leaf):
            return False
    return tree.setdefault(last, leaf) is leaf


def _complete(tree: Tree, example: Any, layout: Layout) -> bool:
    """Add what else is in the example, so that it is decoded as well, and refused where it is no good."""
    table = Place("event")
    numbers_count = layout.tables.get("values") == table and layout.names is None
    return _add_others(tree, example, layout.claimed(table), numbers_count=numbers_count)


def _add_others(tree: Tree, example: Any, claimed: frozenset[str], *, numbers_count: bool) -> bool:
    if not isinstance(example, dict):
        return False
    for name, value in example.items():
        inner = tree.get(name)
        if isinstance(inner, dict):
            if not _add_others(inner, value, frozenset(), numbers_count=False):
                return False
        elif inner is None:
            tree[name] = _Leaf("", _NoNumber if numbers_count and name not in claimed else Any, None)
    return True


def _names(tree: Tree) -> Iterator[str]:
    for name, inner in tree.items():
        yield name
        if isinstance(inner, dict):
            yield from _names(inner)


def _signature(tree: Tree) -> Iterator[Any]:
    for name, inner in tree.items():
        yield name
        yield tuple(_signature(inner)) if isinstance(inner, dict) else (inner.part, repr(inner.type))


class Shape:
    """Structs for readings of one form.

    Parameters
    ----------
    form : Form
        The form.
    typed : callable
        Returns what decodes bytes into a struct; see `Format.typed`.
    """

    def __init__(self, form: Form, typed: Callable[[type], Callable[[bytes], Any] | None]) -> None:
        self.channels = form.channels
        self._layout = layout = form.layout
        where: dict[str, str] = {}
        decode = typed(_struct(form.tree, "", where))
        if decode is None:
            raise ValueError("the format has no structs")
        self.decode = decode
        self._source, self._ts, self._id, self._labels = (
            attrgetter(where[part]) if part in where else None for part in ("source", "ts", "id", "labels")
        )
        self._texts = self._ts is not None and _leaf(form.tree, layout.fields["ts"]).type is str
        self._table = self._cells = self._single = None
        if layout.channel is not None:
            self._single = attrgetter(where["channel"], where["value"])
            return
        names = [where[f"channel {number}"] for number in range(len(self.channels))]
        table = layout.tables["values"]
        if isinstance(table, Place) and table.path and _holds_channels_only(form.tree, table):
            # A table of its own is read by what makes tuples of structs, quicker than by names.
            self._table = attrgetter(names[0].rpartition(".")[0])
        else:
            self._cells = attrgetter(*names)

    def read(self, raw: bytes, envelope: Envelope | None) -> Any | None:
        """Decode a reading; None where it is not of this form, or no good."""
        try:
            row = self.decode(raw)
            self.columns([row], [envelope])
        except (ValueError, RecursionError):
            return None
        return row

    def columns(self, rows: Sequence[Any], envelopes: Sequence[Envelope | None]) -> Columns:
        """Return what single parts of readings say.

        Raises
        ------
        ValueError
            If one of them is no good.
        """
        if self._labels is not None and not all(
            labels is None or plain_labels(labels) for labels in map(self._labels, rows)
        ):
            raise ValueError("labels are a table of plain values")
        sources = self._found("source", self._source, rows, envelopes)
        if self._source is None and not all(
            type(name) is str and 0 < len(name) <= MAX_NAME for name in sources
        ):
            raise ValueError("a source has a name")
        if rows and type(sources[0]) is int:
            sources = list(map(str, sources))
        ids = None if self._id is None else list(map(self._id, rows))
        if ids is not None and type(ids[0]) is int:
            ids = list(map(str, ids))
        return Columns(sources, self._times(rows, envelopes), ids)

    def _found(
        self, name: str, get: Any, rows: Sequence[Any], envelopes: Sequence[Envelope | None]
    ) -> list[Any]:
        if get is not None:
            return list(map(get, rows))
        place = self._layout.fields[name]
        return [place.find(None, envelope=envelope) for envelope in envelopes]

    def _times(self, rows: Sequence[Any], envelopes: Sequence[Envelope | None]) -> list[float]:
        layout, times = self._layout, self._found("ts", self._ts, rows, envelopes)
        if self._texts:
            return [parse_event_time(text, zone=layout.zone) for text in times]
        if self._ts is None:
            return [parse_event_time(time) for time in times]
        return times if layout.per_second == 1.0 else [time / layout.per_second for time in times]

    def groups(self, rows: Sequence[Any]) -> list[tuple[tuple[str, ...], IntArray, FloatArray]]:
        """Return the values of readings by the channels that they name: their names, which readings, and an array of shape (m, d)."""
        if self._single is None:
            return [(self.channels, np.arange(len(rows)), self._laid_out(rows))]
        pairs = list(map(self._single, rows))
        values = np.array([value for _, value in pairs], dtype=np.float64)
        alike: dict[str, list[int]] = {}
        for place, (channel, _) in enumerate(pairs):
            alike.setdefault(channel, []).append(place)
        return [
            ((channel,), np.array(places), values[places].reshape(-1, 1)) for channel, places in alike.items()
        ]

    def _laid_out(self, rows: Sequence[Any]) -> FloatArray:
        """Return the values of readings that name the same channels; numpy makes NaN of None."""
        if self._table is not None:
            found = chain.from_iterable(map(msgspec.structs.astuple, map(self._table, rows)))
        elif len(self.channels) == 1:
            found = chain(map(self._cells, rows))  # type: ignore[arg-type] # one of the two is there
        else:
            found = chain.from_iterable(map(self._cells, rows))  # type: ignore[arg-type] # as above
        return np.array(list(found), dtype=np.float64).reshape(len(rows), len(self.channels))


def _leaf(tree: Tree, place: Place) -> Any:
    found: Any = tree
    for name in place.path:
        found = found[name]
    return found


def _holds_channels_only(tree: Tree, table: Place) -> bool:
    inside = _leaf(tree, table).values()
    return all(isinstance(one, _Leaf) and one.part.startswith("channel ") for one in inside)


def _struct(tree: Mapping[str, Any], path: str, where: dict[str, str]) -> type:
    """Make a struct of a tree, and note where its parts are."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    rename = {}
    for number, (name, inner) in enumerate(tree.items()):
        attribute = f"f{number}"
        rename[attribute] = name
        if isinstance(inner, dict):
            fields.append((attribute, _struct(inner, f"{path}{attribute}.", where)))
            continue
        where[inner.part] = path + attribute
        fields.append(
            (attribute, inner.type) if inner.default is ... else (attribute, inner.type, inner.default)
        )
    # Fields with a default follow those without; the order on the wire is free.
    fields.sort(key=len)
    return msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
