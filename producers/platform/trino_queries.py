"""Queries that have ended, out of ``system.runtime.queries`` of a Trino server."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from producers.platform.endpoint import Endpoint
from producers.platform.polling import Position, moments
from producers.platform.query_tables import QueryRows
from producers.platform.records import QueryEnded
from producers.platform.sink import Sink
from stream_app.errors import MissingExtraError, SettingsError, SourceError
from stream_app.tables.left_out import LeftOut
from stream_app.tables.table import Block

__all__ = ["QUERY", "QueryPoller", "trino_rows"]

QUERY = "SELECT * FROM system.runtime.queries WHERE state IN ('FINISHED', 'FAILED')"

OVERLAP = 900.0
"""Seconds back from the newest end for which queries are remembered: ends of long answers are told late."""

_SOURCE = "streamgauge"
_SECONDS = 30.0

Rows = tuple[Sequence[str], Sequence[Sequence[Any]]]


def trino_rows(endpoint: Endpoint, user: str) -> Rows:
    """Ask a server for the queries that have ended.

    Returns
    -------
    sequence of str, sequence of rows
        Names of the columns, and the rows.

    Raises
    ------
    SourceError
        If it does not answer, or refuses.
    MissingExtraError
        If Trino's client is not installed.
    """
    try:
        import requests  # noqa: PLC0415 only with the extra
        from trino import dbapi  # noqa: PLC0415
        from trino.auth import JWTAuthentication  # noqa: PLC0415
        from trino.exceptions import Error  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("queries of Trino need", "trino", "platform") from None
    parts = urlsplit(endpoint.url)
    token = None if endpoint.token is None else JWTAuthentication(endpoint.token.get_secret_value())
    try:
        with dbapi.connect(  # type: ignore[no-untyped-call]
            host=parts.hostname,
            port=parts.port or (443 if parts.scheme == "https" else 8080),
            http_scheme=parts.scheme,
            user=user,
            auth=token,
            source=_SOURCE,
            catalog="system",
            schema="runtime",
            request_timeout=_SECONDS,
            max_attempts=1,
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(QUERY)
            rows = cursor.fetchall()
            return [column[0] for column in cursor.description or ()], rows
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{endpoint.url}: no answer of Trino: {str(error)[:200]}; is it its address?"
        ) from None
    except (Error, requests.RequestException) as error:
        # Its whole text is long, and may hold what the server answered.
        reason = getattr(error, "message", None) or str(error) or type(error).__name__
        raise SourceError(f"{endpoint.url} cannot be read: {' '.join(str(reason).split())[:300]}") from None


@dataclass(frozen=True, slots=True)
class QueryPoller:
    """Asks a server at even times which queries have ended, and sends on each of them once; a `Feed`.

    A server forgets queries after a time (``query.max-history``, ``query.min-expire-age``), so ask more often than that.

    Parameters
    ----------
    endpoint : Endpoint
    user : str
        Who asks.
    interval : float
        Seconds.
    since : float
        Queries that ended before are left out, epoch seconds.
    position : Position or None
        Where it is kept which were sent.
    ask : callable
        See `trino_rows`.

    Raises
    ------
    SettingsError
        If a token would be sent over ``http://``, which Trino takes over ``https://`` only.
    """

    endpoint: Endpoint
    user: str
    interval: float
    since: float = 0.0
    position: Position | None = None
    ask: Callable[[Endpoint, str], Rows] = trino_rows

    def __post_init__(self) -> None:
        if self.endpoint.token is not None and not self.endpoint.url.startswith("https:"):
            raise SettingsError("--trino: Trino takes a token over https:// only")

    async def __call__(self, sink: Sink, stop: asyncio.Event) -> None:
        """Ask until `stop` is set.

        Raises
        ------
        SourceError
            If the server does not answer at the first time; later it is asked again.
        BrokerError
            If Kafka refuses.
        """
        place = None if self.position is None else self.position.load()
        newest = self.since if place is None else place.ts
        sent: dict[str, float] = {} if place is None else dict.fromkeys(place.seen, place.ts)
        answered = False
        async for _ in moments(self.interval, stop):
            try:
                found = await asyncio.to_thread(self.ask, self.endpoint, self.user)
            except SourceError as error:
                if not answered:
                    raise
                sink.failed(self.endpoint.url, str(error))
                continue
            answered = True
            sink.recovered(self.endpoint.url)
            oldest = max(self.since, newest - OVERLAP)
            queries = [one for one in self._ended(found, sink) if one.ts >= oldest and one.id not in sent]
            if not queries:
                continue
            await sink.send(queries)
            newest = max(newest, queries[-1].ts)
            sent.update((one.id, one.ts) for one in queries)
            sent = {one: ts for one, ts in sent.items() if ts >= newest - OVERLAP}
            if self.position is not None:
                self.position.save(newest, tuple(sent))

    def _ended(self, found: Rows, sink: Sink) -> list[QueryEnded]:
        """Return queries in the order of their ends, without our own."""
        names, rows = found
        if not rows:
            return []
        columns = {name: [_cell(row[i]) for row in rows] for i, name in enumerate(names)}
        left = LeftOut()
        block = Block(columns, range(1, len(rows) + 1))
        records = QueryRows(self.endpoint.url).read(block, left)
        queries = [one for one in records if isinstance(one, QueryEnded)]
        for reason, count in left.counts.items():
            sink.leave_out(reason, count)
        others = (one for one in queries if one.parts["context"].get("source") != _SOURCE)
        return sorted(others, key=lambda one: one.ts)


def _cell(value: Any) -> Any:
    return value if not isinstance(value, datetime) or value.tzinfo else value.replace(tzinfo=UTC)
