"""``streamgauge dead-letters``: look up events that could not be used, and send them back."""

import typer

from stream_app.cli.dead_letters import listing, replaying, showing

__all__ = ["dead_letters_app"]

dead_letters_app = typer.Typer(
    help="Look up events that could not be used, and send them back.", no_args_is_help=True
)
dead_letters_app.command("list", epilog=listing.EXAMPLES)(listing.list_)
dead_letters_app.command(epilog=showing.EXAMPLES)(showing.show)
dead_letters_app.command(epilog=replaying.EXAMPLES)(replaying.replay)
