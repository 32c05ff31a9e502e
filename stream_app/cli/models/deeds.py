"""``streamgauge models promote`` and ``rollback``: which version is the champion.

The audit record is written to Redis, with Kafka away too; a worker appends it to the audit log. So the store is asked first: nothing is
changed that could not be recorded.
"""

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

import msgspec
import typer

from stream_app.cli.loop import run
from stream_app.cli.models.app import NameArgument, RegistryOption, command
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, error_console
from stream_app.cli.who import ByOption, name_of
from stream_app.errors import ModelRegistryError, StoreError, StreamgaugeError
from stream_app.events.audit import AuditKind, AuditRecord
from stream_app.model_registry import CHAMPION, ModelRegistry, RegisteredVersion
from stream_app.settings import Settings
from stream_app.store import OutboxStore

__all__ = ["recorded", "register"]

CommentOption = Annotated[
    str, typer.Option("--comment", "-m", metavar="TEXT", help="Comment for others.", show_default=False)
]
VersionArgument = Annotated[
    str,
    typer.Argument(
        metavar="VERSION",
        help="Number or alias of the version, or what its predictions say in model_version.",
    ),
]


@command()
def promote(
    name: NameArgument,
    version: VersionArgument = "challenger",
    config: ConfigOption = None,
    redis: RedisOption = None,
    registry: RegistryOption = None,
    comment: CommentOption = "",
    by: ByOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Make a version of a model the champion: the one that is meant to serve.

    The champion before is remembered for rollback. Whatever serves the model follows the alias `champion` of the registry.
    """
    settings = settings_of(config, redis=redis, registry=registry)

    def work(models: ModelRegistry) -> tuple[RegisteredVersion, str]:
        before = models.champion(name)
        if before is not None and before.number == models.resolve(name, version).number:
            raise ModelRegistryError(f"{before.label} is the champion already; nothing was changed")
        now = models.promote(name, version)
        return now, f"{now.label} is the champion{'' if before is None else f', before it {before.number}'}"

    _deed(settings, AuditKind.PROMOTED, name, version, work, by=by, comment=comment, json=json)


@command()
def rollback(
    name: NameArgument,
    config: ConfigOption = None,
    redis: RedisOption = None,
    registry: RegistryOption = None,
    comment: CommentOption = "",
    by: ByOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Make the champion before this one the champion again; once more goes one further back."""
    settings = settings_of(config, redis=redis, registry=registry)

    def work(models: ModelRegistry) -> tuple[RegisteredVersion, str]:
        before = models.champion(name)
        now = models.rollback(name)
        return now, f"{now.label} is the champion again{'' if before is None else f', after {before.number}'}"

    _deed(settings, AuditKind.ROLLED_BACK, name, CHAMPION, work, by=by, comment=comment, json=json)


def recorded(
    settings: Settings,
    kind: AuditKind,
    name: str,
    version: str,
    work: Callable[[ModelRegistry], tuple[RegisteredVersion, str]],
    *,
    by: str,
    comment: str = "",
) -> tuple[RegisteredVersion, str]:
    """Do something with a registered model, and record it, or that it failed.

    Parameters
    ----------
    settings : Settings
    kind : AuditKind
        What is done.
    name, version : str
        The model, and what names the version until it is known.
    work : callable
        Does it; returns the version and a line that says what was done.
    by, comment : str
        Who does it, and what they say.

    Raises
    ------
    StreamgaugeError
        That of the work; or that of the store, before anything is done.
    """

    async def doing() -> tuple[RegisteredVersion, str]:
        async with AsyncExitStack() as stack:
            deeds = OutboxStore(await store_of(settings, stack))
            tell = partial(AuditRecord.of_model, by=by, at=time.time(), note=comment)
            try:
                found, summary = work(ModelRegistry.open(settings))
            except StreamgaugeError as error:
                failed = f"{kind.value} failed: {error}"
                await deeds.add_deeds([tell(AuditKind.FAILED, name, version, summary=failed)])
                raise
            record = tell(kind, name, str(found.number), summary=summary)
            try:
                await deeds.add_deeds([record])
            except StoreError as error:
                raise StoreError(f"{summary}; but the audit log does not say so: {error}") from error
            return found, summary

    return run(doing())


def register(
    settings: Settings, name: str, work: Callable[[ModelRegistry], RegisteredVersion], *, by: str
) -> RegisteredVersion:
    """Register a model, and record it where a store is set; without one, a note says that nothing is recorded.

    Raises
    ------
    StreamgaugeError
        As `recorded`.
    """

    def registering(models: ModelRegistry) -> tuple[RegisteredVersion, str]:
        found = work(models)
        return found, f"{found.label} is registered"

    if settings.redis.url.get_secret_value():
        return recorded(settings, AuditKind.REGISTERED, name, "", registering, by=by)[0]
    found = work(ModelRegistry.open(settings))
    error_console.print("No store is set, so the audit log does not say so.", style="yellow", soft_wrap=True)
    return found


def _deed(
    settings: Settings,
    kind: AuditKind,
    name: str,
    version: str,
    work: Callable[[ModelRegistry], tuple[RegisteredVersion, str]],
    *,
    by: str | None,
    comment: str,
    json: bool,
) -> None:
    found, summary = recorded(settings, kind, name, version, work, by=name_of(by), comment=comment)
    if json:
        said = {"name": found.name, "version": found.number, "aliases": found.aliases, "summary": summary}
        typer.echo(msgspec.json.encode(said).decode())
    else:
        console.print(printable(summary), markup=False, soft_wrap=True)
