"""Which dead letters are meant: the options that say so, and the letters they choose."""

from typing import Annotated, Any

import typer

from stream_app.cli.options import broker_of
from stream_app.dead_letters import DeadLetterIndex, Place, Row
from stream_app.events import Reason, Topics
from stream_app.settings import Settings

__all__ = [
    "ReasonFilter",
    "TopicFilter",
    "chosen",
    "letters_topic",
    "place_of",
    "row_json",
    "warn",
]

ReasonFilter = Annotated[
    Reason | None, typer.Option(help="Only letters with this reason.", show_default=False)
]
TopicFilter = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only letters from this topic.", show_default=False)
]


def letters_topic(settings: Settings) -> str:
    """Return the dead-letter topic; a `SettingsError` says that no broker is named."""
    broker_of(settings)
    return Topics(settings.prefix).dead_letters


def place_of(text: str) -> Place:
    """Read an id from the command line."""
    try:
        return Place.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="ID") from None


def chosen(book: DeadLetterIndex, reason: Reason | None, topic: str | None, since: float) -> list[Row]:
    """Return the letters that the options name, oldest first."""
    return [
        row
        for row in book
        if reason in {None, row.reason} and topic in {None, row.origin.topic} and row.written >= since
    ]


def warn(book: DeadLetterIndex) -> None:
    """Say on the error stream how many records of the topic are none of ours."""
    if book.strange:
        noun = "record is" if book.strange == 1 else "records are"
        typer.echo(f"{book.strange:,} {noun} none of Streamgauge's dead letters, and left out", err=True)


def row_json(row: Row) -> dict[str, Any]:
    """Return what is known of a letter without its bytes, for JSON."""
    return {
        "id": str(row.place),
        "written": row.written,
        "topic": row.origin.topic,
        "partition": row.origin.partition,
        "offset": row.origin.offset,
        "reason": row.reason.value,
        "message": row.message,
        "bytes": row.size,
        "cut": row.cut,
        "copies": row.copies,
        "replayed": {
            to: {"state": claim.status.value, "at": claim.at, "run": claim.run, "by": claim.by}
            for to, claim in row.claims.items()
        },
    }
