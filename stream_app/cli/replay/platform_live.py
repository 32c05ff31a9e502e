"""Live sources of a platform, from their options to the closing summary."""

import time
from dataclasses import asdict
from functools import partial

import msgspec
import typer

from producers.platform import (
    Endpoint,
    Position,
    PrometheusFollower,
    QueryListener,
    QueryPoller,
    Scraper,
    Sending,
    SendingSummary,
    send_on,
)
from producers.platform.listener import parse_address
from producers.platform.sink import Feed
from producers.progress import progress_for
from producers.resume import default_path, held
from stream_app.cli.options import broker_of
from stream_app.cli.replay.options import ReplayOptions
from stream_app.cli.replay.platform_options import LiveOptions, PrometheusOptions, moment
from stream_app.cli.replay.run import INTERRUPTED, run_interruptibly, topic_of
from stream_app.cli.show import error_console
from stream_app.errors import SettingsError
from stream_app.settings import Settings

__all__ = ["replay_live"]

_PACED = {"speed": "max", "rate": None, "max_gap": None, "loop": False}
"""Options of replays of what is recorded, with their defaults."""


def replay_live(
    options: ReplayOptions,
    settings: Settings,
    platform: str,
    prometheus: PrometheusOptions,
    live: LiveOptions,
) -> None:
    """Send on what comes, print a summary, and exit with 130 where Ctrl-C has ended it.

    Parameters
    ----------
    options : ReplayOptions
    settings : Settings
    platform : str
        Name of the source.
    prometheus : PrometheusOptions
    live : LiveOptions

    Raises
    ------
    typer.BadParameter
        If an option makes no sense.
    StreamgaugeError
        If something cannot be read or sent.
    """
    try:
        servers = broker_of(settings)
        topic = options.topic or topic_of("platform", settings)
        plan = Sending(platform, servers, topic, options.partitions, options.limit)
        path = options.state or default_path(
            servers.bootstrap, topic, "platform", platform, *_names(prometheus, live)
        )
        feed = _feed(options, prometheus, live, partial(Position, path, resume=options.resume))
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    progress = progress_for(error_console, "sending on", quiet=options.quiet)
    with held(path):
        summary = run_interruptibly(lambda stop: send_on(plan, feed, progress=progress, stop=stop), progress)
    if options.as_json:
        typer.echo(msgspec.json.encode(asdict(summary)).decode())
    elif not options.quiet:
        typer.echo(_sentence(summary))
    if summary.interrupted:
        raise typer.Exit(INTERRUPTED)


def _feed(
    options: ReplayOptions, prometheus: PrometheusOptions, live: LiveOptions, position: "partial[Position]"
) -> Feed:
    """Make the source that is asked for."""
    stray = next((name for name, usual in _PACED.items() if getattr(options, name) != usual), None)
    if stray is not None:
        raise SettingsError(
            f"--{stray.replace('_', '-')} belongs to what is recorded; live sources come as they come"
        )
    kept = prometheus.prometheus is not None or live.trino is not None
    if options.resume and not kept:
        raise SettingsError(
            "--resume belongs to what can be asked for again: files, --prometheus and --trino"
        )
    if options.from_now and live.trino is None:
        raise SettingsError(
            "--from-now belongs to what is recorded, or to --trino; other live sources begin now"
        )
    if prometheus.prometheus is not None:
        if prometheus.end is not None:
            raise SettingsError("--end and --follow exclude each other")
        history = prometheus.history(live.token)
        start = time.time() if prometheus.start is None else moment(prometheus.start, "--start")
        return PrometheusFollower(
            history, prometheus.seconds, start, position(f"{history.identity} {prometheus.seconds}")
        )
    if live.trino is not None:
        since = time.time() if options.from_now else 0.0
        endpoint = Endpoint(live.trino, live.token, "--trino")
        return QueryPoller(endpoint, live.user, live.seconds, since, position(endpoint.url))
    if live.scrape:
        targets = [Endpoint(url, live.token, "--scrape") for url in live.scrape]
        return Scraper(targets, live.seconds)
    host, port = parse_address(live.listen or "")
    return QueryListener(host, port, live.token)


def _names(prometheus: PrometheusOptions, live: LiveOptions) -> tuple[str, ...]:
    """Return what tells the states of sources apart."""
    return tuple(filter(None, (prometheus.prometheus, live.trino, live.listen, *(live.scrape or ()))))


def _sentence(summary: SendingSummary) -> str:
    left = "".join(f"\nleft out {count:,}: {reason}" for reason, count in summary.left_out.items())
    failures = f"; {summary.failures:,} times a source could not be read" if summary.failures else ""
    return (
        f"{'interrupted: ' if summary.interrupted else ''}sent {summary.records:,} records ({summary.samples:,} samples and "
        f"queries) of {summary.platform} into {summary.topic} ({summary.partitions} partitions) in {summary.seconds:.1f} s"
        f"{failures}{left}"
    )
