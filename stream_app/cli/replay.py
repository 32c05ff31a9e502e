"""``streamgauge replay``: a stream from files, a data set or a simulation into Kafka."""

import asyncio
import logging
import signal
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from producers.kinds import Kind, Selection, kinds
from producers.kinds.images import CAMERA
from producers.pacing import Pace, parse_speed
from producers.progress import Progress, progress_for
from producers.remote import Remote
from producers.replay import Replay, Summary, run
from producers.resume import default_path
from stream_app.cli.file_columns import (
    TABLE,
    ChannelsOption,
    DelimiterOption,
    PeriodOption,
    SourceColumnOption,
    TimeColumnOption,
    columns_of,
    names,
)
from stream_app.cli.image_options import (
    CorruptionOption,
    InOrderOption,
    LabelDelayOption,
    LabelsOption,
    LevelOption,
    MissingLabelsOption,
    ModelNameOption,
    ModelOption,
    NoLabelsOption,
    PartOption,
    SkipPredictionsOption,
    image_options_of,
)
from stream_app.cli.loop import run as run_loop
from stream_app.cli.options import ConfigOption, KafkaOption, settings_of
from stream_app.cli.prediction_options import (
    LatencyColumnOption,
    PredictionColumnOption,
    ProbabilitiesOption,
    VersionColumnOption,
    prediction_columns_of,
)
from stream_app.cli.replay_examples import EXAMPLES
from stream_app.cli.session_columns import (
    AnonymousOption,
    AttributesOption,
    EntityColumnOption,
    IdColumnOption,
    PresetOption,
    SortOption,
    TimeFormatOption,
    TypeColumnOption,
    ValuesOption,
    session_columns_of,
)
from stream_app.errors import SettingsError
from stream_app.events import Topics
from stream_app.settings import KafkaSettings, Settings

__all__ = ["EXAMPLES", "replay"]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

SOURCE = "What to replay"
PACE = "How fast, how much"
CHANGE = "Simulation and injected drift"
TARGET = "Where to"
OUTPUT = "Output"


def replay(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"Kind of stream: {', '.join(kinds())}.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH...]",
            help="Files, directories or globs: .csv .tsv .jsonl .parquet, .gz too; for images one folder or IDX file.",
        ),
    ] = None,
    *,
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate", help="Replay a simulated water loop instead of files.", rich_help_panel=SOURCE
        ),
    ] = False,
    dataset: Annotated[
        str | None,
        typer.Option(help="Replay a data set that comes with us: waterflow.", rich_help_panel=SOURCE),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Name of the source, for all events; of images' camera.",
            rich_help_panel=SOURCE,
        ),
    ] = None,
    time_column: TimeColumnOption = None,
    source_column: SourceColumnOption = None,
    channels: ChannelsOption = None,
    label_column: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="Ground truth; else anomaly, changepoint, label.", rich_help_panel=TABLE
        ),
    ] = None,
    delimiter: DelimiterOption = None,
    period: PeriodOption = None,
    preset: PresetOption = None,
    entity_column: EntityColumnOption = None,
    values: ValuesOption = None,
    attributes: AttributesOption = None,
    type_column: TypeColumnOption = None,
    id_column: IdColumnOption = None,
    time_format: TimeFormatOption = None,
    anonymous: AnonymousOption = None,
    sort: SortOption = False,
    prediction_column: PredictionColumnOption = None,
    version_column: VersionColumnOption = None,
    latency_column: LatencyColumnOption = None,
    probabilities: ProbabilitiesOption = "p_",
    labels: LabelsOption = None,
    part: PartOption = "test",
    in_order: InOrderOption = False,
    model: ModelOption = None,
    model_name: ModelNameOption = "digits",
    skip_predictions: SkipPredictionsOption = False,
    no_labels: NoLabelsOption = False,
    missing_labels: MissingLabelsOption = 0.0,
    label_delay: LabelDelayOption = None,
    level: LevelOption = 0,
    corruption: CorruptionOption = "all",
    speed: Annotated[
        str, typer.Option(help="By event time: real (1x), a factor like 60x, or max.", rich_help_panel=PACE)
    ] = "max",
    rate: Annotated[float | None, typer.Option(help="Most events a second.", rich_help_panel=PACE)] = None,
    max_gap: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", help="Cut longer pauses in event time to this.", rich_help_panel=PACE
        ),
    ] = None,
    loop: Annotated[
        bool, typer.Option("--loop", help="Again and again, event time moving on.", rich_help_panel=PACE)
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many events, or images.", rich_help_panel=PACE)
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on where the same replay was interrupted.", rich_help_panel=PACE),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where progress is kept for --resume.", rich_help_panel=PACE),
    ] = None,
    pumps: Annotated[
        int, typer.Option(min=1, help="How many to simulate, each a source.", rich_help_panel=CHANGE)
    ] = 1,
    faults: Annotated[
        str | None,
        typer.Option(
            help='Of the simulation: a number, or "leak@600..720; cavitation*0.5@1h..2h~60".',
            rich_help_panel=CHANGE,
        ),
    ] = None,
    drift: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULE",
            help='Changes to inject: "flow:mean+2sd@3600..7200; *:stuck@#900..#950"; '
            'for images "sudden:at=500,level=3".',
            rich_help_panel=CHANGE,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Of everything that is drawn.", rich_help_panel=CHANGE)
    ] = 0,
    kafka: KafkaOption = None,
    config: ConfigOption = None,
    topic: Annotated[
        str | None,
        typer.Option(
            help="Else that of the monitor file's only stream of the kind, or the usual one of the kind.",
            rich_help_panel=TARGET,
        ),
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, help="Of the topic when it is created; else 4.", rich_help_panel=TARGET),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the closing summary as JSON.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="No progress, no summary but --json.", rich_help_panel=OUTPUT),
    ] = False,
) -> None:
    """Replay a stream into Kafka: files, a data set or a simulation.

    Events keep their event time; those of one source or entity go to one partition, in order.
    Ctrl-C stops cleanly; --resume goes on from there, after a crash too,
    without repeating or skipping an event.
    """
    settings = settings_of(config, kafka=kafka)
    progress = progress_for(Console(stderr=True), f"replaying {kind}", quiet=quiet)
    try:
        chosen = _kind(kind)
        pace = Pace(parse_speed(speed), rate, max_gap)
        columns = columns_of(
            time_column=time_column,
            source_column=source_column,
            channels=names(channels),
            labels=names(label_column),
            delimiter=delimiter,
            name=source,
            period=period,
        )
        sessions = session_columns_of(
            entity_column=entity_column,
            time_column=time_column,
            time_format=time_format,
            values=values,
            attributes=attributes,
            type_column=type_column,
            id_column=id_column,
            delimiter=delimiter,
            anonymous=anonymous,
            sort=sort,
        )
        selection = Selection(
            paths=tuple(paths or ()),
            columns=columns,
            sessions=sessions,
            predictions=prediction_columns_of(
                columns,
                sessions,
                prediction=prediction_column,
                version=version_column,
                latency=latency_column,
                probabilities=probabilities,
            ),
            preset=preset,
            dataset=dataset,
            simulate=simulate,
            pumps=pumps,
            faults=faults,
            drift=drift,
            seed=seed,
            limit=limit,
            images=image_options_of(
                labels=labels,
                part=part,
                in_order=in_order,
                model=model,
                model_name=model_name,
                skip_predictions=skip_predictions,
                no_labels=no_labels,
                missing_labels=missing_labels,
                label_delay=label_delay,
                level=level,
                corruption=corruption,
                pace=pace,
                period=period,
            ),
            remote=Remote(source or CAMERA),
            note=progress.note,
        )
        servers = _servers(settings.kafka)
        topics = _topics(settings, chosen, selection, topic)
        opened = chosen.open(selection)
        plan = Replay(
            source=opened,
            kafka=servers,
            topics=topics,
            partitions=partitions,
            pace=pace,
            loop=loop,
            limit=limit,
            change=lambda: chosen.change(selection, opened),
            share=chosen.share(selection),
            settings=f"{drift} {seed}{_also(selection)}",
            state=state or _state_path(selection, servers, kind, topics),
            resume=resume,
            control=Topics(settings.prefix).control if chosen.remote else None,
            remote=selection.remote,
        )
        chosen.change(selection, opened)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    summary = _run(plan, progress)
    if as_json:
        typer.echo(msgspec.json.encode(asdict(summary)).decode())
    elif not quiet:
        typer.echo(_told(summary, chosen))
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)


def _kind(name: str) -> Kind:
    if name not in kinds():
        known = "; ".join(f"{kind.name} ({kind.about})" for kind in kinds().values())
        raise SettingsError(f"no kind of stream is called {name!r}; there is {known}")
    return kinds()[name]


def _topics(settings: Settings, kind: Kind, selection: Selection, first: str | None) -> tuple[str, ...]:
    """Return the topics, each the one that the monitor file's only stream of its kind reads, or the usual one."""
    found = []
    for name, usual in kind.topics(selection, Topics(settings.prefix)).items():
        streams = [stream for stream in settings.streams.values() if stream.kind == name]
        said = streams[0].topic if len(streams) == 1 else None
        found.append(said or usual)
    return (first or found[0], *found[1:])


def _servers(settings: KafkaSettings) -> KafkaSettings:
    if not settings.servers:
        raise SettingsError("where is Kafka? say --kafka HOST:PORT, or set STREAMGAUGE_KAFKA")
    return settings


def _state_path(selection: Selection, kafka: KafkaSettings, kind: str, topics: Sequence[str]) -> Path:
    what = [str(Path(path).absolute()) for path in selection.paths] or [selection.dataset or "simulation"]
    return default_path(kafka.bootstrap, *topics, kind, *what, selection.columns.name or "")


def _also(selection: Selection) -> str:
    """Return what was said about images, nothing for other streams."""
    said = selection.images
    return f" {said.identity}" if any(said.said.values()) else ""


def _run(plan: Replay, progress: Progress) -> Summary:
    """Run to the end or to Ctrl-C; a second Ctrl-C stops at once."""
    # What aiokafka would log of a broker that is away is told by our own error.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def main() -> Summary:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def interrupt() -> None:
            stop.set()
            progress.note("stopping; what is on its way will arrive")
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
        return await run(plan, progress=progress, stop=stop)

    return run_loop(main())


def _told(summary: Summary, kind: Kind) -> str:
    before = f", after {summary.before:,} before" if summary.before else ""
    one, several = kind.keys
    sources = f"1 {one}" if summary.sources == 1 else f"{summary.sources:,} {several}"
    into = " and ".join(f"{topic} ({count} partitions)" for topic, count in summary.topics.items())
    left = "".join(f"\nleft out {count:,}: {reason}" for reason, count in summary.left_out.items())
    return (
        f"{'interrupted: ' if summary.interrupted else ''}replayed {summary.events:,} events of {sources} into "
        f"{into}{before} in {summary.seconds:.1f} s: "
        f"{summary.rate:,.0f} a second{left}"
    )
