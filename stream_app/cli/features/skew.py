"""``streamgauge features skew``: is what is served like what a model was trained on."""

import json as json_module
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from stream_app.cli.features.app import ViewArgument, command
from stream_app.cli.features.look import AtOption, instant_of
from stream_app.cli.loop import run
from stream_app.cli.options import ConfigOption, JsonOption, KafkaOption, RedisOption, settings_of, store_of
from stream_app.cli.show import columns, console
from stream_app.core.features import FeatureView, OnlineFeatures, select_features
from stream_app.errors import DataError, SettingsError
from stream_app.events import Topics
from stream_app.settings import Settings
from stream_app.store import FeatureLookup, run_query

if TYPE_CHECKING:
    from stream_app.features import FeatureSkew

__all__ = ["SKEWED", "skew"]

SKEWED = 3
"""Exit code where a feature is skewed; 1 is a failure, 2 a mistake in the call."""

_LEVELS = ("none", "moderate", "severe")
_COLOURS = {"none": "green", "moderate": "yellow", "severe": "red"}
_EXAMPLES = """
Examples:

streamgauge features skew purchases --training rows.parquet

streamgauge features skew purchases:v2 --training rows.csv --fail-at severe --json

streamgauge features skew purchases --training rows.parquet --alert
"""


class Level(StrEnum):
    """From which level on the exit code tells."""

    MODERATE = "moderate"
    SEVERE = "severe"


@command(examples=_EXAMPLES)
def skew(
    view: ViewArgument,
    training: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Training set with a column for each feature.", show_default=False),
    ],
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            "-n",
            metavar="N",
            min=20,
            help="Number of entities to compare, those with the newest events.",
        ),
    ] = 10_000,
    at: AtOption = None,
    fail_at: Annotated[Level, typer.Option(help="Level from which the exit code is 3.")] = Level.MODERATE,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    *,
    alert: Annotated[
        bool,
        typer.Option("--alert", help="Raise alerts for skewed features, and resolve those that are over."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Compare served features of a view with a training set, feature by feature.

    The population stability index (PSI) is moderate from 0.1 and severe from 0.2, unless chance alone gives as much;
    KS is the greatest difference of the distribution functions. The exit code is 3 where a feature is skewed.

    With --alert a moderate skew is a warning, a severe one critical, in Redis and on the topic of drift alerts. Calling
    again tells nothing twice.
    """
    # Looking features up need not wait for statistics to be imported.
    from stream_app.cli.features.tables import read_training  # noqa: PLC0415
    from stream_app.features import skew as compare  # noqa: PLC0415

    settings = settings_of(config, kafka, redis)
    if alert and not settings.kafka.servers:
        raise SettingsError("--alert needs a broker: set STREAMGAUGE_KAFKA=HOST:PORT, or --kafka")
    wanted, served = run(_served(settings, view, limit, instant_of(at)))
    trained, notes = read_training(training, wanted)
    for note in notes:
        typer.echo(note, err=True)
    # What had no event yet at that time is not served without a value: it was not there.
    known = served.views[0].readings.known
    if not known.any():
        raise DataError(
            f"{wanted.key}: no entity is served {'at that time' if len(known) else 'yet'}, so there is nothing to compare"
        )
    rows = served.to_numpy()[known]
    table = dict(zip((name.rpartition(":")[2] for name in served.features), rows.T, strict=True))
    found = compare(trained, {name: table[name] for name in trained})
    if json:
        for one in found:
            typer.echo(json_module.dumps(asdict(one)))
    else:
        _print(found)
    if alert:
        run(_tell(settings, wanted, found, served.at))
    if any(_LEVELS.index(one.level) >= _LEVELS.index(fail_at) for one in found):
        raise typer.Exit(SKEWED)


async def _served(
    settings: Settings, text: str, limit: int, at: float | None
) -> tuple[FeatureView, OnlineFeatures]:
    async with AsyncExitStack() as stack:
        store = await store_of(settings, stack)
        lookup, now = FeatureLookup(store.keys), time.time()
        entities = await run_query(store, lookup.entities(text, limit), "listing entities")
        views = await run_query(store, lookup.views(), "reading feature views")
        view = select_features([f"{text}:*"], [one.view for one in views])[0].view
        talk = lookup.online([f"{view.key}:*"], [name for name, _ in entities], at, now=now)
        return view, await run_query(store, talk, "reading features")


async def _tell(settings: Settings, view: FeatureView, found: "list[FeatureSkew]", at: float) -> None:
    from stream_app.features import judge_skew  # noqa: PLC0415 as above
    from stream_app.kafka import ensure_topics, start_producer  # noqa: PLC0415 as above
    from stream_app.runtime.kept_alerts import KeptAlerts  # noqa: PLC0415 as above

    topics = Topics(settings.prefix)
    async with AsyncExitStack() as stack:
        store = await store_of(settings, stack)
        await ensure_topics(settings.kafka, {topics.alerts("drift"): 1}, create=settings.worker.create_topics)
        producer = await start_producer(settings.kafka)
        stack.push_async_callback(producer.stop)
        kept = KeptAlerts(store, store.keys.skewed_features, producer, topics)
        firing, now = await kept.firing(), time.time()
        for one in found:
            before = firing.get(f"{view.key}:{one.feature}")
            await kept.publish(judge_skew(view, one, before, at=at, now=now))


def _print(found: "list[FeatureSkew]") -> None:
    rows = [("feature", "level", "PSI", "p", "KS", "missing trained", "missing served")]
    rows += [
        (
            one.feature,
            one.level,
            f"{one.psi:.3f}",
            f"{one.p_value:.2g}",
            "-" if one.ks is None else f"{one.ks:.3f}",
            f"{one.missing_training:.1%}",
            f"{one.missing_served:.1%}",
        )
        for one in found
    ]
    lines = columns(rows)
    for line, one in zip(lines[1:], found, strict=True):
        line[1].stylize(_COLOURS[one.level])
    for line in lines:
        console.print(Text.assemble(*line), soft_wrap=True)
