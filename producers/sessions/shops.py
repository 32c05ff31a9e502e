"""Public records of two shops, known by their columns."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from producers.sessions.columns import SessionColumns
from stream_app.errors import SettingsError, SourceError
from stream_app.tables.cells import read_each
from stream_app.tables.columns import listed
from stream_app.tables.format import FileFormat

__all__ = ["SHOPS", "Shop", "shop_of"]

Cells: TypeAlias = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop whose file needs no options.

    Parameters
    ----------
    name : str
        As ``--preset`` has it; events' ids begin with it.
    header : frozenset of str
        Columns by which its file is known.
    columns : SessionColumns
        Their meaning.
    types : callable
        Takes the columns of some rows, gives the type of each.
    entity : callable
        Takes an entity as it is written, gives the entity.
    """

    name: str
    header: frozenset[str]
    columns: SessionColumns
    types: Callable[[Cells], list[str | None]]
    entity: Callable[[str], str] = str.strip

    def meaning(self, options: SessionColumns) -> SessionColumns:
        """Return the meaning of its columns; what the user says of them wins."""
        return replace(
            self.columns,
            entity=options.entity or self.columns.entity,
            time=options.time or self.columns.time,
            format=replace(
                options.format,
                time_format=options.format.time_format or self.columns.format.time_format,
            ),
            values=options.values or self.columns.values,
            attributes=options.attributes or self.columns.attributes,
            type=options.type,
            id=options.id,
            anonymous=options.anonymous,
            sort=options.sort or self.columns.sort,
        )


def _retail_types(cells: Cells) -> list[str | None]:
    """Tell types: an invoice that begins with C takes goods back; below zero without one, books are put right."""
    back = read_each(cells["InvoiceNo"], lambda cell: str(cell)[:1] == "C")
    units = read_each(cells["Quantity"], lambda cell: str(cell)[:1] == "-")
    price = read_each(cells["UnitPrice"], lambda cell: str(cell)[:1] == "-")
    return [
        "cancellation" if taken else "adjustment" if below or cheap else "purchase"
        for taken, below, cheap in zip(back, units, price, strict=True)
    ]


_ALL = (
    Shop(
        name="online-retail",
        header=frozenset(
            {"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}
        ),
        columns=SessionColumns(
            entity="CustomerID",
            time="InvoiceDate",
            values=("quantity=Quantity", "price=UnitPrice", "amount=Quantity*UnitPrice"),
            attributes=("invoice=InvoiceNo", "item=StockCode", "country=Country"),
        ),
        types=_retail_types,
        # Customers' numbers have a decimal point in most copies, as columns of numbers with gaps come out of pandas.
        entity=lambda text: text.strip().removesuffix(".0"),
    ),
    Shop(
        name="cdnow",
        header=frozenset({"customer_id", "date", "number_of_cds", "dollar_value"}),
        columns=SessionColumns(
            entity="customer_id",
            time="date",
            format=FileFormat(time_format="%Y%m%d"),
            values=("units=number_of_cds", "dollars=dollar_value"),
            sort=True,
        ),
        types=lambda cells: ["purchase"] * len(cells["date"]),
    ),
)

SHOPS: dict[str, Shop] = {shop.name: shop for shop in _ALL}
"""The shops by name."""


def shop_of(header: Iterable[str], options: SessionColumns, preset: str | None, file: str) -> Shop | None:
    """Return the shop that a file is of.

    Parameters
    ----------
    header : iterable of str
        The file's columns.
    options : SessionColumns
        Who says what columns mean does not mean a shop, unless it is named.
    preset : str or None
        Its name.
    file : str
        For messages.

    Raises
    ------
    SettingsError
        When no shop has the name.
    SourceError
        When the file is not of the shop that is named.
    """
    there = frozenset(header)
    if preset is None:
        return None if options.mapped else next((shop for shop in _ALL if shop.header <= there), None)
    if preset not in SHOPS:
        raise SettingsError(f"--preset: no {preset!r}; there is {', '.join(SHOPS)}")
    missing = sorted(SHOPS[preset].header - there)
    if missing:
        raise SourceError(
            f"{file}: --preset {preset}: no column {missing[0]!r}; the file has {listed(sorted(there))}"
        )
    return SHOPS[preset]
