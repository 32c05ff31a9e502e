"""Options for what the metrics, queries and changes of a platform are read from."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from producers.platform import Endpoint, PrometheusHistory, RangeQuery, RemoteRead
from producers.platform.prometheus import ALL, History
from producers.platform.remote_read import parse_selector
from stream_app.cli.replay.options import SOURCE
from stream_app.errors import SettingsError
from stream_app.events import parse_event_time
from stream_app.settings import parse_duration
from stream_app.settings.secrets import read_secret

__all__ = ["TOKEN_VARIABLE", "LiveOptions", "PrometheusOptions"]

TOKEN_VARIABLE = "STREAMGAUGE_PLATFORM_TOKEN"  # noqa: S105 its name
_PROMETHEUS = "Prometheus"
_LIVE = "Live sources"


@dataclass(frozen=True, slots=True)
class PrometheusOptions:
    """Options for what a Prometheus server has recorded."""

    prometheus: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Read from a Prometheus server, like http://localhost:9090.",
            rich_help_panel=SOURCE,
        ),
    ] = None
    match: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SELECTOR",
            help="Series to read, like 'node_load1{job=\"node\"}'; by default all. Can be given again.",
            rich_help_panel=_PROMETHEUS,
        ),
    ] = None
    query: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PROMQL",
            help="Expression to read, and what its result is called. Can be given again.",
            rich_help_panel=_PROMETHEUS,
        ),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Beginning: RFC 3339, epoch seconds, or so long ago (2h); by default an hour ago, or now with --follow.",
            rich_help_panel=_PROMETHEUS,
            show_default=False,
        ),
    ] = None
    end: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="End; by default now.", rich_help_panel=_PROMETHEUS, show_default=False
        ),
    ] = None
    step: Annotated[
        str, typer.Option(metavar="TIME", help="Time between two values.", rich_help_panel=_PROMETHEUS)
    ] = "15s"
    remote_read: Annotated[
        bool,
        typer.Option(
            "--remote-read",
            help="Read the samples as they were scraped, instead.",
            rich_help_panel=_PROMETHEUS,
        ),
    ] = False
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Go on with what the server records from now on.", rich_help_panel=_PROMETHEUS
        ),
    ] = False

    def history(self, token: SecretStr | None) -> History:
        """Return what is asked of the server.

        Raises
        ------
        SettingsError
            If an option makes no sense.
        """
        endpoint = Endpoint(self.prometheus or "", token)
        if not self.remote_read:
            queries = (*(self.match or ()), *(self.query or ())) or (ALL,)
            return RangeQuery(endpoint, queries, self.seconds)
        if self.query:
            raise SettingsError("--query: an expression cannot be read with --remote-read; give --match")
        return RemoteRead(endpoint, [parse_selector(text) for text in self.match or (ALL,)])

    def recorded(self, token: SecretStr | None, platform: str, *, resume: bool) -> PrometheusHistory:
        """Return the part of what is recorded that is asked for.

        Raises
        ------
        SettingsError
            If an option makes no sense.
        """
        if resume and (self.start is None or self.end is None):
            raise SettingsError("--resume: give --start and --end, as moments, the same ones each time")
        end = time.time() if self.end is None else moment(self.end, "--end")
        start = end - 3600.0 if self.start is None else moment(self.start, "--start")
        return PrometheusHistory(self.history(token), platform, start, end, self.seconds)

    @property
    def seconds(self) -> float:
        """The step in seconds."""
        return length(self.step, "--step")

    @property
    def stray(self) -> str | None:
        """An option that is given without the server that it is of."""
        given = {
            "--match": self.match,
            "--query": self.query,
            "--start": self.start,
            "--end": self.end,
            "--remote-read": self.remote_read,
            "--follow": self.follow,
        }
        return next((name for name, value in given.items() if value and self.prometheus is None), None)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Options for sources that are followed as they go."""

    scrape: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Scrape a page of metrics in Prometheus' text format. Can be given again.",
            rich_help_panel=SOURCE,
        ),
    ] = None
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="Wait for posts of Trino's HTTP event listener.", rich_help_panel=SOURCE
        ),
    ] = None
    trino: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ask a Trino server which queries have ended, in system.runtime.queries.",
            rich_help_panel=SOURCE,
        ),
    ] = None
    interval: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Between two scrapes of a node, or two questions to Trino.",
            rich_help_panel=_LIVE,
        ),
    ] = "15s"
    user: Annotated[str, typer.Option(metavar="NAME", help="User who asks Trino.", rich_help_panel=_LIVE)] = (
        "streamgauge"
    )
    token_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"Bearer token that is sent, or with --listen expected; by default {TOKEN_VARIABLE}, else none.",
            rich_help_panel=_LIVE,
            show_default=False,
        ),
    ] = None

    @property
    def token(self) -> SecretStr | None:
        """The token, from wherever it is; never log it.

        Raises
        ------
        SettingsError
            If its file cannot be used.
        """
        if self.token_file is None:
            text = os.environ.get(TOKEN_VARIABLE)
            return SecretStr(text) if text else None
        try:
            return read_secret("--token-file", str(self.token_file))
        except ValueError as error:
            raise SettingsError(str(error)) from None

    @property
    def seconds(self) -> float:
        """The interval in seconds.

        Raises
        ------
        SettingsError
            If it is none, or shorter than a second.
        """
        seconds = length(self.interval, "--interval")
        if seconds < 1.0:
            raise SettingsError(f"--interval: a second at least is expected, not {self.interval}")
        return seconds


def length(text: str, option: str) -> float:
    """Read a length of time into seconds.

    Raises
    ------
    SettingsError
        If it is none.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from None


def moment(text: str, option: str) -> float:
    """Read a moment into epoch seconds: one that is said, or so long ago.

    Raises
    ------
    SettingsError
        If it is none.

    Examples
    --------
    >>> moment("1970-01-01T01:00:00Z", "--start"), moment("3600", "--start")
    (3600.0, 3600.0)
    """
    number = text.replace(".", "", 1).isdigit()
    try:
        if not number and text[:1].isdigit() and "-" not in text:
            return time.time() - parse_duration(text)
        return parse_event_time(float(text) if number else text)
    except ValueError as error:
        raise SettingsError(f"{option}: {error}; or so long ago, like 2h") from None
