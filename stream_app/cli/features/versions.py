"""``streamgauge features versions``: what views there are, in which versions."""

import json as json_module
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from stream_app.cli.features.app import command
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.show import console, instant, print_columns
from stream_app.core.features import select_features
from stream_app.store import FeatureLookup, RegisteredView, run_query

__all__ = ["versions"]

_EXAMPLES = """
Examples:

streamgauge features versions

streamgauge features versions purchases --json
"""


@command(examples=_EXAMPLES)
def versions(
    view: Annotated[
        str | None,
        typer.Argument(
            metavar="[VIEW]", help="Only versions of this view, such as purchases.", show_default=False
        ),
    ] = None,
    config: ConfigOption = None,
    redis: RedisOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """List the versions of feature views that workers have registered, the latest last.

    Readers that name no version get the latest. --json has the definitions.
    """
    settings = settings_of(config, redis=redis)

    async def work() -> list[RegisteredView]:
        async with AsyncExitStack() as stack:
            store = await store_of(settings, stack)
            return await run_query(store, FeatureLookup(store.keys).views(), "reading feature views")

    found = run(work())
    if view is not None:
        # One that is not there is answered with the nearest.
        select_features([f"{view}:*"], [one.view for one in found])
        found = [one for one in found if one.view.name == view]
    if json:
        for one in found:
            told = {
                "view": one.view.key,
                "fingerprint": one.view.fingerprint.hex(),
                "registered_ts": one.registered_ts,
            }
            typer.echo(json_module.dumps(told | {"definition": one.view.definition()}))
        return
    if not found:
        console.print("No feature view is registered yet: a worker does that when it starts.")
        return
    rows = [("view", "features", "stream", "fingerprint", "registered")]
    rows += [
        (
            one.view.key,
            str(len(one.view.features)),
            one.view.stream,
            one.view.fingerprint.hex(),
            instant(one.registered_ts),
        )
        for one in found
    ]
    print_columns(rows)
