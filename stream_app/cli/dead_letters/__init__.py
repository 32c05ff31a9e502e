"""``streamgauge dead-letters``: look up events that could not be used, and send them back."""

import typer

from stream_app.cli.dead_letters import listing, replaying, showing
from stream_app.cli.logs import configure_logging

__all__ = ["dead_letters_app"]

_HELP = "Inspect events that could not be used, and replay them."

dead_letters_app = typer.Typer(help=_HELP, no_args_is_help=True)


@dead_letters_app.callback(help=_HELP)
def _group() -> None:
    # What aiokafka would log of a broker that is away is told by our own error.
    configure_logging(quiet=True)


dead_letters_app.command("list", epilog=listing.EXAMPLES)(listing.list_)
dead_letters_app.command(epilog=showing.EXAMPLES)(showing.show)
dead_letters_app.command(epilog=replaying.EXAMPLES)(replaying.replay)
