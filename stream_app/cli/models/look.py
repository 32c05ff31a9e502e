"""``streamgauge models list`` and ``show``: what is registered, and which version answers."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from stream_app.cli.loop import run
from stream_app.cli.models.app import NameArgument, RegistryOption, command
from stream_app.cli.options import ConfigOption, JsonOption, RedisOption, settings_of, store_of
from stream_app.cli.printable import printable
from stream_app.cli.show import console, instant, print_columns, print_notes
from stream_app.errors import StoreError
from stream_app.model_registry import (
    CHALLENGER,
    CHAMPION,
    Answering,
    ModelRegistry,
    RegisteredVersion,
    VersionState,
    last_answers,
    versions_seen,
    with_alias,
)
from stream_app.settings import Settings
from stream_app.store import FeatureReader

__all__: list[str] = []

_FIGURES = 20
_METRICS = 4
_HEADS = ("version", "state", "alias", "in predictions", "registered", "last answer", "metrics")


@command("list")
def list_(
    config: ConfigOption = None,
    redis: RedisOption = None,
    registry: RegistryOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """List registered models: champion, challenger, and the version that answers now."""
    settings = settings_of(config, redis=redis, registry=registry)
    models = ModelRegistry.open(settings)
    names = models.names()
    seen, notes = _seen(settings, names)
    found = {name: models.versions(name, figures=0) for name in names}
    if json:
        for name, versions in found.items():
            said = {
                "name": name,
                "versions": len(versions),
                "champion": _number(versions, CHAMPION),
                "challenger": _number(versions, CHALLENGER),
                "answering": [asdict(one) for one in last_answers(versions, seen.get(name, {}))],
            }
            typer.echo(msgspec.json.encode(said).decode())
    elif names:
        heads = ("model", "versions", "champion", "challenger", "answers now")
        print_columns(
            [heads, *(_line(name, versions, seen.get(name, {})) for name, versions in found.items())]
        )
    else:
        console.print(f"{printable(models.place)}: no model is registered yet", markup=False, soft_wrap=True)
    if not json:
        print_notes(notes)


@command()
def show(
    name: NameArgument,
    version: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERSION]",
            help="Number or alias of a version, or what its predictions say; by default all.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    redis: RedisOption = None,
    registry: RegistryOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Show the versions of a model, or all that is known of one: metrics, data, features, slices.

    A version that answers and is not in the registry is named as such.
    """
    settings = settings_of(config, redis=redis, registry=registry)
    models = ModelRegistry.open(settings)
    if version is not None:
        _show_one(models, models.resolve(name, version), as_json=json)
        return
    versions = models.versions(name, figures=_FIGURES)
    seen, notes = _seen(settings, [name])
    told = last_answers(versions, seen.get(name, {}))
    if json:
        said = {
            "name": name,
            "versions": [_plain(one) for one in versions],
            "answering": [asdict(one) for one in told],
        }
        typer.echo(msgspec.json.encode(said).decode())
        return
    last = {one.number: one for one in reversed(told)}
    print_columns([_HEADS, *(_row(one, last.get(one.number)) for one in versions)])
    notes += [
        f"{one.model_version} answered last at {instant(one.at)} and is not in the registry"
        for one in told
        if one.number is None
    ]
    print_notes(notes)


def _seen(settings: Settings, names: Sequence[str]) -> tuple[dict[str, dict[str, float]], list[str]]:
    """When each version of some models answered last, and why that is not known."""
    if not settings.redis.url.get_secret_value():
        return {}, ["Which version answers is not known: no store is set (STREAMGAUGE_REDIS)."]

    async def work() -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {name: {} for name in names}
        async with AsyncExitStack() as stack:
            store = await store_of(settings, stack)
            for stream in (key for key, one in settings.streams.items() if one.kind == "predictions"):
                rows = await FeatureReader(store, stream).get_some(names)
                for name, row in zip(names, rows, strict=True):
                    for said, at in versions_seen({} if row is None else row.values).items():
                        found[name][said] = max(at, found[name].get(said, at))
        return found

    try:
        return run(work()), []
    except StoreError as error:
        return {}, [f"Which version answers is not known: {error}"]


def _number(versions: Sequence[RegisteredVersion], alias: str) -> int | None:
    found = with_alias(versions, alias)
    return None if found is None else found.number


def _line(name: str, versions: Sequence[RegisteredVersion], seen: Mapping[str, float]) -> tuple[str, ...]:
    told = last_answers(versions, seen)
    now = "" if not told else f"{told[0].model_version} (not in the registry)"
    if told and told[0].number is not None:
        now = str(told[0].number)
    champion, challenger = (_number(versions, alias) for alias in (CHAMPION, CHALLENGER))
    return name, str(len(versions)), str(champion or ""), str(challenger or ""), now


def _row(one: RegisteredVersion, last: Answering | None) -> tuple[str, ...]:
    shown = sorted(one.metrics.items())[:_METRICS]
    more = ", …" if len(one.metrics) > len(shown) else ""
    metrics = ", ".join(f"{key} {figure:.4g}" for key, figure in shown) + more
    at = "" if last is None else f"{instant(last.at)}{' (now)' if last.newest else ''}"
    return (
        str(one.number), one.state.value, ", ".join(one.aliases), one.model_version, instant(one.created_at), at, metrics,
    )  # fmt: skip


def _plain(one: RegisteredVersion) -> dict[str, object]:
    manifest = None if one.manifest is None else one.manifest.model_dump()
    return {**asdict(one), "state": one.state.value, "manifest": manifest}


def _show_one(models: ModelRegistry, one: RegisteredVersion, *, as_json: bool) -> None:
    manifest = one.manifest
    slices = models.attachment(one, "slices") if manifest and "slices" in manifest.attached else None
    if as_json:
        typer.echo(msgspec.json.encode({**_plain(one), "slices": slices}).decode())
        return
    facts = {
        "model": one.name,
        "version": f"{one.number}{''.join(f', {alias}' for alias in one.aliases)}",
        "state": one.state.value,
        "in predictions": one.model_version,
        "registered": instant(one.created_at),
        "run": one.run,
    }
    if manifest is not None:
        data = manifest.data
        times = (
            ""
            if data.start is None or data.end is None
            else f", {instant(data.start)} to {instant(data.end)}"
        )
        facts |= {
            "file": f"{manifest.file}, {manifest.library}",
            "classes": ", ".join(manifest.classes) or "none: it answers with values",
            "features": f"{len(manifest.features)}: {', '.join(manifest.features[:8])}{', …' if len(manifest.features) > 8 else ''}",
            "data": f"{data.rows:,} rows{f' of {data.source}' if data.source else ''}{times}, {data.digest[:12]}",
        }
    facts |= {f"param {key}": value for key, value in sorted(one.params.items())}
    facts |= {f"metric {key}": f"{figure:.6g}" for key, figure in sorted(one.metrics.items())}
    width = max(map(len, facts)) + 2
    for key, said in facts.items():
        console.print(escape(f"{printable(key):{width}}{printable(said)}"), soft_wrap=True)
    if isinstance(slices, list) and slices and all(isinstance(row, dict) for row in slices):
        heads = tuple(map(str, slices[0]))
        print_columns([heads, *(tuple(str(row.get(head, "")) for head in heads) for row in slices)])
    if one.state is VersionState.HALF_WRITTEN:
        print_notes(
            [
                "It is half-written: whoever registered it did not get to the end. It is never loaded or promoted."
            ]
        )
