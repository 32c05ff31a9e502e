"""``streamgauge retrain``: train a model again, and promote the new version if it is better."""

import asyncio
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.text import Text

from stream_app.cli.logs import configure_logging
from stream_app.cli.loop import run
from stream_app.cli.options import (
    ConfigOption,
    KafkaOption,
    PrintingOptions,
    RedisOption,
    broker_of,
    settings_of,
    store_of,
)
from stream_app.cli.printable import printable
from stream_app.cli.show import console, error_console, print_columns
from stream_app.cli.who import ByOption, name_of
from stream_app.errors import SettingsError
from stream_app.events import MONITOR, AuditKind, AuditRecord, RetrainingTrigger, Topics
from stream_app.settings import Settings

if TYPE_CHECKING:
    from stream_app.retraining import Job, Outcome, PredictionTopic, World
    from stream_app.store import OutboxStore

__all__ = ["EXAMPLES", "retrain"]

EXAMPLES = """
Examples:

streamgauge retrain digits

streamgauge retrain digits --events labelled.csv --skip-trial

streamgauge retrain digits --on-trigger --promote
"""

Note = Callable[[str], None]


def retrain(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Registered model; \\[retraining.NAME] has its settings.")
    ],
    *,
    events: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Labelled predictions; may be repeated.", show_default=False),
    ] = None,
    topic: Annotated[
        bool | None,
        typer.Option(
            "--topic/--no-topic",
            help="Learn from the events of the stream's topic; by default unless --events are named.",
            show_default=False,
        ),
    ] = None,
    skip_trial: Annotated[
        bool,
        typer.Option("--skip-trial", help="Decide by the later rows, without a trial on the live stream."),
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make the new version the champion if it is better.")
    ] = False,
    on_trigger: Annotated[
        bool,
        typer.Option("--on-trigger", help="Wait for retraining triggers, and do it for each; until stopped."),
    ] = False,
    by: ByOption = None,
    config: ConfigOption = None,
    kafka: KafkaOption = None,
    redis: RedisOption = None,
    output: PrintingOptions,
) -> None:
    """Train a model again on labelled events, and compare it with the champion.

    The new version learns from the earlier events, is judged on the later ones beside the champion, and is registered. If it may
    be better, both answer the events of the live stream until one is. Nothing but --promote changes what serves.

    Exit codes: 0 also where the champion is kept, 1 if the retraining failed.
    """
    configure_logging(quiet=True)
    settings = settings_of(config, kafka, redis)
    from stream_app.retraining import find_job  # noqa: PLC0415 help does not wait for it

    job = find_job(settings, name)
    if events and on_trigger and not topic:
        raise typer.BadParameter("what triggered is on the topic: add --topic", param_hint="--on-trigger")
    whole = _Call(
        settings,
        job,
        files=tuple(events or ()),
        topic=not events if topic is None else topic,
        trial=not skip_trial,
        promote=promote,
        by=by or (MONITOR if on_trigger else name_of(None)),
        as_json=output.as_json,
        note=_silent if output.quiet else _note,
    )
    run(_until_stopped(whole.on_triggers()) if on_trigger else whole.once())


def _note(text: str) -> None:
    error_console.print(Text(printable(text)), soft_wrap=True)


def _silent(_: str) -> None:
    pass


class _Call:
    """One call of the command, with what it was told."""

    def __init__(
        self,
        settings: Settings,
        job: "Job",
        *,
        files: tuple[str, ...],
        topic: bool,
        trial: bool,
        promote: bool,
        by: str,
        as_json: bool,
        note: Note,
    ) -> None:
        self.settings, self.job, self.files = settings, job, files
        self.topic, self.trial = topic, trial
        self.promote, self.by, self.as_json, self.note = promote, by, as_json, note
        if topic or trial:
            broker_of(settings)
        if not settings.redis.url.get_secret_value():
            raise SettingsError(
                "no store: the audit log waits there for a worker; set STREAMGAUGE_REDIS=redis://HOST:PORT/0, or redis in "
                "streamgauge.toml"
            )

    async def once(self, trigger: str = "") -> None:
        """Train once, and print what became of it."""
        from stream_app.formats import make_format, preparation  # noqa: PLC0415 as above
        from stream_app.kafka import reading  # noqa: PLC0415 as above
        from stream_app.kinds.predictions import prediction_rows  # noqa: PLC0415 as above
        from stream_app.retraining import PredictionTopic, retrain  # noqa: PLC0415 as above
        from stream_app.store import OutboxStore  # noqa: PLC0415 as above

        job = self.job
        async with AsyncExitStack() as stack:
            deeds = OutboxStore(await store_of(self.settings, stack))
            events = None
            if self.topic or self.trial:
                reader = await stack.enter_async_context(reading(self.settings.kafka))
                wire = make_format(job.stream.format)
                events = PredictionTopic(
                    reader,
                    job.topic,
                    prediction_rows(job.stream_name, job.stream, wire),
                    preparation(job.stream_name, job.stream, wire, self.settings.schema_registry),
                )
            world = self._world(deeds, events, stack)
            outcome = await retrain(job, world, promote=self.promote, trigger=trigger)
        _print(outcome, as_json=self.as_json)

    def _world(
        self, deeds: "OutboxStore", events: "PredictionTopic | None", stack: AsyncExitStack
    ) -> "World":
        from stream_app.model_registry import ModelRegistry  # noqa: PLC0415 as above
        from stream_app.retraining import LabelledEvents, World, gather  # noqa: PLC0415 as above

        job, settings = self.job, self.job.settings

        async def labelled() -> Any:
            found = LabelledEvents(job.source, most=settings.max_rows, recent=settings.recent)
            await gather(found, self.files, events if self.topic else None)
            return found.rows()

        async def tell(kind: AuditKind, subject: str, summary: str) -> None:
            record = AuditRecord.of_model(
                kind, job.name, subject, stream=job.stream_name, summary=summary, by=self.by, at=time.time()
            )
            await deeds.add_deeds([record])

        history = beside = None
        if settings.view is not None:
            from stream_app.cli.retrain.views import ViewValues  # noqa: PLC0415 few jobs have one

            values = ViewValues(self.settings, job, stack)
            history, beside = values.history, values.beside
        return World(
            registry=ModelRegistry.open(self.settings),
            labelled=labelled,
            tell=tell,
            live=events.live if events is not None and self.trial else None,
            history=history,
            beside=beside,
            note=self.note,
        )

    async def on_triggers(self) -> None:
        """Train for each trigger, until cancelled."""
        from stream_app.retraining import Triggers, act_on_triggers  # noqa: PLC0415 as above
        from stream_app.store import Lease  # noqa: PLC0415 as above

        job, worker = self.job, self.settings.worker
        topic = Topics(self.settings.prefix).triggers

        async def work(trigger: RetrainingTrigger) -> None:
            await self.once(trigger.id)

        async with AsyncExitStack() as stack:
            store = await store_of(self.settings, stack)
            key = store.keys.retraining_lease(job.name)
            self.note(f"waiting for triggers of {job.stream_name}/{job.source} on {topic}")
            await act_on_triggers(
                self.settings.kafka,
                topic,
                f"{worker.group}-retraining-{job.name}",
                Triggers(job.stream_name, job.source, job.settings.debounce),
                work,
                Lease(store, key, uuid.uuid4().hex, "taking the triggers of a model"),
                lease_seconds=worker.session_timeout,
                note=self.note,
            )


async def _until_stopped(work: Any) -> None:
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def _print(outcome: "Outcome", *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(asdict(outcome)).decode())
        return
    names = [*outcome.challenger_figures]
    champion = "champion" if outcome.champion is None else f"champion {outcome.champion}"
    cells = [
        (label, *(f"{scores[name]:.4g}" if name in scores else "-" for name in names))
        for label, scores in (
            (champion, outcome.champion_figures),
            (f"new version {outcome.version}", outcome.challenger_figures),
        )
    ]
    print_columns([(f"on {outcome.later:,} later rows", *names), *cells])
    console.print(Text(printable(f"{outcome.verdict}: {outcome.reason}")), soft_wrap=True)
