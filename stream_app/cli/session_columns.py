"""Options for files of session events: what their columns mean."""

from typing import Annotated

import typer

from producers.sessions import SHOPS, SessionColumns
from stream_app.cli.file_columns import delimiter_of, names

__all__ = [
    "AnonymousOption",
    "AttributesOption",
    "EntityColumnOption",
    "IdColumnOption",
    "PresetOption",
    "SortOption",
    "TimeFormatOption",
    "TypeColumnOption",
    "ValuesOption",
    "session_columns_of",
]

PANEL = "Columns of session events (found out where there is no doubt)"

PresetOption = Annotated[
    str | None,
    typer.Option(
        help=f"What the files are of: {', '.join(SHOPS)}; else known by their columns.", rich_help_panel=PANEL
    ),
]
EntityColumnOption = Annotated[
    str | None, typer.Option(help="Who: the customer, user, card.", rich_help_panel=PANEL)
]
ValuesOption = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...",
        help='Numbers to send, also "amount=units*price"; else all numeric columns.',
        rich_help_panel=PANEL,
    ),
]
AttributesOption = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,...", help='Texts to send, also "item=StockCode"; else none.', rich_help_panel=PANEL
    ),
]
TypeColumnOption = Annotated[
    str | None, typer.Option(help="What sort of event; else type or event_type.", rich_help_panel=PANEL)
]
IdColumnOption = Annotated[
    str | None,
    typer.Option(help="Identity of the event; else id or event_id, else the row.", rich_help_panel=PANEL),
]
TimeFormatOption = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT", help='How times are written, like "%d/%m/%Y %H:%M" (UTC).', rich_help_panel=PANEL
    ),
]
AnonymousOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Entity of rows without one; else they are left out.", rich_help_panel=PANEL
    ),
]
SortOption = Annotated[
    bool, typer.Option("--sort", help="Sort by time first; all events are held.", rich_help_panel=PANEL)
]


def session_columns_of(
    *,
    entity_column: str | None,
    time_column: str | None,
    time_format: str | None,
    values: str | None,
    attributes: str | None,
    type_column: str | None,
    id_column: str | None,
    delimiter: str | None,
    anonymous: str | None,
    sort: bool,
) -> SessionColumns:
    r"""Return what the options say of the columns; a delimiter ``\t`` is a tab."""
    return SessionColumns(
        entity=entity_column,
        time=time_column,
        time_format=time_format,
        values=names(values),
        attributes=names(attributes),
        type=type_column,
        id=id_column,
        delimiter=delimiter_of(delimiter),
        anonymous=anonymous,
        sort=sort,
    )
