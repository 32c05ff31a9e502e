"""``streamgauge functions``."""

import typer

from stream_app.store.functions import library

__all__ = ["functions"]


def functions() -> None:
    """Print the functions that workers call in Redis, for an administrator to load.

    A worker whose user may load them does it by itself. For others: redis-cli -x FUNCTION LOAD < FILE, on a cluster on each
    primary.
    """
    typer.echo(library(), nl=False)
