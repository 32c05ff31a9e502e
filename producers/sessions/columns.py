"""Which column of a table means what in a session event: named by the user, or found where there is no doubt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.errors import SourceError
from stream_app.events.sensor import MAX_NAME
from stream_app.events.session import MAX_FIELDS
from stream_app.tables.columns import begins_with_number, find_time, listed, one_of, require
from stream_app.tables.format import AS_FOUND, FileFormat

__all__ = ["SessionColumns", "SessionLayout", "Value", "find_session_layout"]

ENTITY_NAMES = frozenset({"entity", "customer", "customer_id", "customerid", "user", "user_id", "userid"})
TYPE_NAMES = frozenset({"type", "event_type"})
ID_NAMES = frozenset({"id", "event_id"})


@dataclass(frozen=True, slots=True)
class SessionColumns:
    """What the user says about a table; what is left out is found out.

    Parameters
    ----------
    entity : str or None
        Column that says who. Left out: the one column called entity, customer, customer_id, customerid, user,
        user_id or userid, in any case.
    time : str or None
        Column with the event time, found as that of readings is.
    values : tuple of str
        Numbers to send: ``COLUMN``, ``NAME=COLUMN`` or a product, ``NAME=COLUMN*COLUMN``. Left out: every column
        that begins with a number and is nothing else.
    attributes : tuple of str
        Texts to send: ``COLUMN`` or ``NAME=COLUMN``. Left out: none.
    type : str or None
        Column with the type of an event. Left out: the one called type or event_type, if there is one.
    id : str or None
        Column with the identity of an event. Left out: the one called id or event_id, else the row's number.
    format : FileFormat
        What the user says of how files are written.
    anonymous : str or None
        Entity of rows that have none. Left out: these rows are left out.
    sort : bool
        Sort all events by their time first.
    entity_field : str
        Name of the field that holds the entity in what is sent. A column of this name is the entity.
    """

    entity: str | None = None
    time: str | None = None
    values: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    type: str | None = None
    id: str | None = None
    format: FileFormat = AS_FOUND
    anonymous: str | None = None
    sort: bool = False
    entity_field: str = "entity"

    @property
    def mapped(self) -> bool:
        """Whether the user gives a column its meaning."""
        given = (self.entity, self.time, self.format.time_format, self.type, self.id)
        return bool(self.values or self.attributes) or any(word is not None for word in given)


@dataclass(frozen=True, slots=True)
class Value:
    """A number of an event: the product of one or more columns."""

    name: str
    factors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionLayout:
    """What every column of one table means; `attributes` are pairs of name and column."""

    entity: str
    time: str
    values: tuple[Value, ...]
    attributes: tuple[tuple[str, str], ...]
    type: str | None
    id: str | None


def find_session_layout(
    options: SessionColumns, sample: Mapping[str, Sequence[Any]], file: str
) -> SessionLayout:
    """Settle the meaning of each column from the options and the first rows.

    Parameters
    ----------
    options : SessionColumns
    sample : mapping of column to its first values
    file : str
        For messages.

    Raises
    ------
    SourceError
        When a named column is missing, nothing or more than one thing fits, or there are too many.

    Examples
    --------
    >>> find_session_layout(
    ...     SessionColumns(values=("amount=units*price",)),
    ...     {"customer": ["17"], "date": ["2011-12-09"], "units": ["2"], "price": ["3.5"]}, "a.csv",
    ... ).values
    (Value(name='amount', factors=('units', 'price')),)
    """
    _require(options, sample, file)
    own = options.entity_field if options.entity_field in sample else None
    entity = options.entity or own or one_of(ENTITY_NAMES, sample, file, "the entity", "--entity-column")
    if entity is None:
        raise SourceError(
            f"{file}: no column looks like the entity; name it with --entity-column (has: {listed(sample)})"
        )
    time = options.time or find_time({c: cells for c, cells in sample.items() if c != entity}, file)
    type_ = options.type or one_of(TYPE_NAMES, sample, file, "the type", "--type-column")
    id_ = options.id or one_of(ID_NAMES - {entity.casefold()}, sample, file, "the id", "--id-column")
    # On the wire, values and attributes say themselves what they are.
    attributes = tuple(_named(text, sample, file) for text in options.attributes) or tuple(
        (column.removeprefix("attributes."), column) for column in sample if column.startswith("attributes.")
    )
    values = tuple(_value(text, sample, file) for text in options.values) or tuple(
        Value(column.removeprefix("values."), (column,)) for column in sample if column.startswith("values.")
    )
    if not values:
        taken = {entity, time, type_, id_, *(column for _, column in attributes)}
        values = tuple(
            Value(c, (c,)) for c, cells in sample.items() if c not in taken and begins_with_number(cells)
        )
    _check([value.name for value in values], file, "--values")
    _check([name for name, _ in attributes], file, "--attributes")
    return SessionLayout(entity, time, values, attributes, type_, id_)


def _require(options: SessionColumns, sample: Mapping[str, Sequence[Any]], file: str) -> None:
    by_option = {
        "--entity-column": (options.entity,),
        "--time-column": (options.time,),
        "--type-column": (options.type,),
        "--id-column": (options.id,),
    }
    require(by_option, sample, file)


def _column(name: str, sample: Mapping[str, Sequence[Any]], file: str, option: str) -> str:
    require({option: (name,)}, sample, file)
    return name


def _named(text: str, sample: Mapping[str, Sequence[Any]], file: str) -> tuple[str, str]:
    """Return name and column of an attribute."""
    if text in sample or "=" not in text:
        return text, _column(text, sample, file, "--attributes")
    name, _, column = text.partition("=")
    return name.strip(), _column(column.strip(), sample, file, "--attributes")


def _value(text: str, sample: Mapping[str, Sequence[Any]], file: str) -> Value:
    if text in sample or "=" not in text:
        return Value(text, (_column(text, sample, file, "--values"),))
    name, _, product = text.partition("=")
    factors = (product,) if product in sample else [factor.strip() for factor in product.split("*")]
    return Value(name.strip(), tuple(_column(factor, sample, file, "--values") for factor in factors))


def _check(names: Sequence[str], file: str, option: str) -> None:
    if len(names) > MAX_FIELDS:
        raise SourceError(f"{file}: {option}: {len(names)} of them; an event has {MAX_FIELDS} at most")
    for name in names:
        if not 0 < len(name) <= MAX_NAME:
            raise SourceError(
                f"{file}: {option}: a name has 1 to {MAX_NAME} characters, unlike {name[:40]!r}"
            )
        if names.count(name) > 1:
            raise SourceError(f"{file}: {option}: {name!r} is there twice")
