"""A replay from its options to the closing summary, whatever kind of stream it is of."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec
import typer

from producers.batch import EventBatch, Source
from producers.pacing import Pace, parse_speed
from producers.progress import Progress, progress_for
from producers.remote import Remote
from producers.replay import Replay, Summary, run
from producers.resume import default_path
from stream_app.cli.loop import run as run_loop
from stream_app.cli.options import broker_of, settings_of
from stream_app.cli.replay.options import ReplayOptions
from stream_app.cli.show import error_console
from stream_app.errors import BrokerError, BrokerUnavailableError, SettingsError
from stream_app.events import Topics
from stream_app.kafka import reading
from stream_app.kinds import KINDS, input_topic, kind_of
from stream_app.settings import JsonFormat, KafkaSettings, Settings, Stream

__all__ = [
    "INTERRUPTED",
    "Change",
    "Opened",
    "absolute",
    "present",
    "replay",
    "run_interruptibly",
    "topic_of",
]

T = TypeVar("T")

_NEWEST = 1_000
"""Records of the topic that are looked at for what it has already."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

Change: TypeAlias = Callable[[Iterator[Any]], Iterator[EventBatch]]
"""Takes the batches of one replay in order, gives those that are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A source that is to be replayed.

    Parameters
    ----------
    source : Source
        Its events.
    kinds : tuple of str
        Kinds of the streams that its events are of, in the order of the batches' routes.
    keys : tuple of str
        What its events are keyed by: one, and several of them.
    place : sequence of str
        Paths, or a name of what is no file; tells the states of replays apart.
    change : callable
        Makes, for one run, what changes the source's batches on their way; or gives None.
    settings : str
        Whatever else decides on the events.
    share : float
        Events that are sent for each of the source, about.
    remote : Remote or None
        What is said to the replay while it runs; None where nothing can be.
    """

    source: Source
    kinds: tuple[str, ...]
    keys: tuple[str, str]
    place: Sequence[str]
    change: Callable[[], Change | None] = lambda: None
    settings: str = ""
    share: float = 1.0
    remote: Remote | None = None


def replay(
    options: ReplayOptions, kind: str, open_source: Callable[[Pace, Progress, Stream | None], Opened]
) -> None:
    """Replay, print a summary, and exit with 130 where Ctrl-C has ended it.

    Parameters
    ----------
    options : ReplayOptions
    kind : str
        Kind of the stream that the events are of.
    open_source : callable
        Finds what is to be replayed, for the stream that reads it if there is one.

    Raises
    ------
    typer.BadParameter
        If an option makes no sense.
    StreamgaugeError
        If something cannot be read or sent.
    """
    settings = settings_of(options.config, kafka=options.kafka)
    progress = progress_for(error_console, f"replaying {kind}", quiet=options.quiet)
    try:
        pace = Pace(parse_speed(options.speed), options.rate, options.max_gap)
        servers = broker_of(settings)
        opened = open_source(pace, progress, _reader(options.topic or topic_of(kind, settings), settings))
        plan = _plan(options, settings, servers, pace, opened)
        opened.change()  # mistakes in the schedule are reported before anything is sent
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    summary = _run(plan, progress, opened.kinds[0], settings)
    if options.as_json:
        typer.echo(msgspec.json.encode(asdict(summary)).decode())
    elif not options.quiet:
        typer.echo(_sentence(summary, opened.keys))
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)


def _plan(
    options: ReplayOptions, settings: Settings, servers: KafkaSettings, pace: Pace, opened: Opened
) -> Replay:
    topics = [topic_of(kind, settings) for kind in opened.kinds]
    if options.topic is not None:
        topics[0] = options.topic
    state = options.state
    if state is None:
        state = default_path(servers.bootstrap, *topics, opened.kinds[0], *opened.place)
    return Replay(
        source=opened.source,
        kafka=servers,
        topics=tuple(topics),
        partitions=options.partitions,
        pace=pace,
        loop=options.loop,
        limit=options.limit,
        from_now=options.from_now,
        change=opened.change,
        share=opened.share,
        settings=opened.settings,
        state=state,
        resume=options.resume,
        control=None if opened.remote is None else Topics(settings.prefix).control,
        remote=opened.remote or Remote(""),
    )


def topic_of(kind: str, settings: Settings) -> str:
    """Return the topic that the monitor file's only stream of a kind reads, or the usual one."""
    streams = [stream for stream in settings.streams.values() if stream.kind == kind]
    named = streams[0].topic if len(streams) == 1 else None
    return named or KINDS[kind].topic(Topics(settings.prefix))


def _reader(topic: str, settings: Settings) -> Stream | None:
    """Return the stream of the monitor file that reads a topic.

    Raises
    ------
    SettingsError
        If it expects messages of another form than those that are sent.
    """
    name, stream = _named_reader(topic, settings)
    for part, ours in (("mapping", None), ("format", JsonFormat())):
        if getattr(stream, part, ours) != ours:
            raise SettingsError(
                f"stream {name} reads messages of another form from {topic} (streams.{name}.{part}), and would refuse what a "
                "replay sends; name another --topic, or the monitor file of another stream with --config"
            )
    return stream


def _named_reader(topic: str, settings: Settings) -> tuple[str, Stream | None]:
    prefixed = Topics(settings.prefix)
    readers = (one for one in settings.streams.items() if input_topic(one[1], prefixed) == topic)
    return next(readers, ("", None))


def absolute(paths: Sequence[str]) -> list[str]:
    """Return paths as they are called from any directory."""
    return [str(Path(path).absolute()) for path in paths]


async def present(
    plan: Replay, kind: str, settings: Settings, note: Callable[[str], None]
) -> dict[str, float]:
    """Return the time of the newest event that the topic has of each source, out of its newest records.

    Parameters
    ----------
    plan : Replay
        What is replayed, and where to.
    kind : str
        Kind of its events.
    settings : Settings
        Of the streams.
    note : callable
        Told where the topic must not be read: who sends needs no right to.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached, or refuses what ``from_now`` needs.
    """
    topic = plan.topics[0]
    name, stream = _named_reader(topic, settings)
    stream = stream or KINDS[kind].settings()
    sample = kind_of(stream).sample
    if sample is None or plan.resume:
        return {}
    try:
        async with reading(plan.kafka) as reader:
            if topic not in await reader.topics():
                return {}
            found = sample(name, stream)(await reader.newest(topic, _NEWEST))
    except BrokerUnavailableError:
        raise
    except BrokerError as error:
        if plan.from_now:
            raise
        note(f"not known how new the events are that {topic} has already: {error}")
        return {}
    newest: dict[str, float] = {}
    for source, ts in zip(found.sources, found.ts, strict=True):
        newest[source] = max(ts, newest.get(source, ts))
    return newest


def _run(plan: Replay, progress: Progress, kind: str, settings: Settings) -> Summary:
    async def work(stop: asyncio.Event) -> Summary:
        known = replace(plan, present=await present(plan, kind, settings, progress.note))
        return await run(known, progress=progress, stop=stop)

    return run_interruptibly(work, progress)


def run_interruptibly(work: Callable[[asyncio.Event], Coroutine[Any, Any, T]], progress: Progress) -> T:
    """Run what ends when an event is set; Ctrl-C sets it, and a second one ends the program at once.

    Parameters
    ----------
    work : callable
        Takes the event.
    progress : Progress
        Told that it is about to end.
    """
    # What aiokafka would log of a broker that is away is told by our own error.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def main() -> T:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def interrupt() -> None:
            stop.set()
            progress.note("stopping; what is on its way will arrive")
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt)
        return await work(stop)

    return run_loop(main())


def _sentence(summary: Summary, keys: tuple[str, str]) -> str:
    before = f", after {summary.before:,} before" if summary.before else ""
    one, several = keys
    sources = f"1 {one}" if summary.sources == 1 else f"{summary.sources:,} {several}"
    into = " and ".join(f"{topic} ({count} partitions)" for topic, count in summary.topics.items())
    left = "".join(f"\nleft out {count:,}: {reason}" for reason, count in summary.left_out.items())
    return (
        f"{'interrupted: ' if summary.interrupted else ''}replayed {summary.events:,} events of {sources} into "
        f"{into}{before} in {summary.seconds:.1f} s: "
        f"{summary.rate:,.0f} a second{left}"
    )
