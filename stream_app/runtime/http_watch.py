"""Sources, alerts and incidents over HTTP: live features, history for charts, and alerts to list and to follow."""

import asyncio
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from stream_app.errors import StoreError
from stream_app.events import Alert, AuditKind
from stream_app.runtime.http_problems import (
    ProblemError,
    answering,
    bad_request,
    body_of,
    failed,
    instant_of,
    names_of,
    parameters_of,
)
from stream_app.runtime.http_watch_openapi import (
    Alerts,
    AlertSelection,
    History,
    HistorySelection,
    IncidentSelection,
    LiveFeatures,
    Verdict,
)
from stream_app.store import AlertReader, FeatureReader, IncidentReader, Store, look_history_up, run_query

__all__ = ["WatchPages"]

_LIVE, _HISTORY = "/live/", "/history/"
_RECENT = 2_000
"""Newest beginnings and ends of alerts that are looked at, beside all that fire."""
_FOLLOWERS = 32
"""Requests that follow alerts at the same time; each holds a connection to Redis."""
_AT_ONCE = 4
_ENTRY = re.compile(r"\d{1,18}(-\d{1,18})?")


class WatchPages:
    """The addresses of sources, alerts and incidents.

    Parameters
    ----------
    store : Store
        Where they are.
    secured : bool
        Whether a token is asked for: else nobody may say anything about an incident here.
    """

    def __init__(self, store: Store, *, secured: bool = False) -> None:
        self._store = store
        self._secured = secured
        self._alerts = AlertReader(store)
        self._incidents = IncidentReader(store)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._followers = 0
        self._closing = False

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses with what answers there."""
        names = "{stream:[^/]*}/{source:(?s:.*)}"
        return [
            web.get(_LIVE + names, answering(self._live)),
            web.get(_HISTORY + names, answering(self._history)),
            web.get("/alerts", answering(self._list_alerts)),
            web.get("/incidents", answering(self._list_incidents)),
            web.post("/incidents/{incident}/verdict", answering(self._take_verdict)),
            web.get("/alerts/stream", self._follow),
        ]

    async def close(self, _: web.Application) -> None:
        """Let all who follow go."""
        self._closing = True

    async def _live(self, request: web.Request) -> LiveFeatures:
        stream, source = names_of(request, _LIVE)
        async with self._turn:
            row = await FeatureReader(self._store, stream).get(source)
        if row is None:
            raise _unknown(stream, source)
        return LiveFeatures(stream, source, row.event_ts, row.written_ts, dict(row.values))

    async def _history(self, request: web.Request) -> History:
        stream, source = names_of(request, _HISTORY)
        asked = parameters_of(request, HistorySelection)
        begin, end = (None if at is msgspec.UNSET else instant_of(at) for at in (asked.begin, asked.end))
        async with self._turn:
            query = look_history_up(self._store.keys, stream, [source], begin, end, asked.points)
            series = (await run_query(self._store, query, "reading history"))[source]
        if not series.channels:
            raise _unknown(stream, source)

        def by_channel(table: Any) -> dict[str, list[float | None]]:
            return dict(zip(series.channels, table.T.tolist(), strict=True))

        return History(
            stream,
            source,
            list(series.channels),
            series.time.tolist(),
            series.width.tolist(),
            series.count.tolist(),
            series.score.tolist(),
            by_channel(series.mean),
            by_channel(series.min),
            by_channel(series.max),
        )

    async def _list_alerts(self, request: web.Request) -> Alerts:
        asked = parameters_of(request, AlertSelection)
        wanted = _wanted(asked)
        async with self._turn:
            found = {alert.id: alert for alert in await self._alerts.firing()}
            found |= {alert.id: alert for alert in await self._alerts.recent(_RECENT)}
        chosen = sorted(
            (alert for alert in found.values() if wanted(alert, alert.changed_at, alert.severity)),
            key=lambda alert: (alert.changed_at, alert.id),
        )
        return Alerts([alert.model_dump(mode="json") for alert in chosen[-asked.limit :]])

    async def _list_incidents(self, request: web.Request) -> dict[str, Any]:
        asked = parameters_of(request, IncidentSelection)
        wanted = _wanted(asked)
        async with self._turn:
            found = await self._incidents.recent()
        chosen = [one for one in found if wanted(one.incident, one.incident.changed_at, one.severity)]
        chosen.sort(key=lambda one: (one.incident.changed_at, one.incident.id))
        lines = [
            {
                "incident": one.incident.model_dump(mode="json"),
                "acknowledged": one.acknowledged,
                "muted": one.muted,
                "verdict": one.verdict,
                "doubted": one.doubted,
            }
            for one in chosen[-asked.limit :]
        ]
        return {"incidents": lines}

    async def _take_verdict(self, request: web.Request) -> dict[str, Any]:
        if not self._secured:
            raise ProblemError(
                HTTPStatus.FORBIDDEN, "no-token", "without worker.http_token nothing is written over HTTP"
            )
        said = await body_of(request, Verdict)
        some_id = request.match_info["incident"]
        async with self._turn:
            answer = await self._incidents.show(some_id) if some_id.isalnum() else None
            if answer is None:
                detail = f"no incident, and no alert of one, begins with {some_id[:80]!r}, or more than one"
                raise ProblemError(HTTPStatus.NOT_FOUND, "unknown-incident", detail)
            incident = answer[0].incident
            what = AuditKind.REAL if said.real else AuditKind.FALSE_ALARM
            note = await self._incidents.say(incident, what, by=said.by, at=time.time(), comment=said.comment)
        return {"incident": incident.id, "verdict": note}

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        last = request.headers.get("Last-Event-ID", "")
        if last and not _ENTRY.fullmatch(last):
            return bad_request(f"Last-Event-ID: {last[:40]!r} is the id of no event").response()
        if self._followers >= _FOLLOWERS:
            return failed(StoreError(f"{_FOLLOWERS} requests follow alerts already"), away=True)
        self._followers += 1
        try:
            start = last or await self._alerts.position()
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(b"retry: 1000\n\n")
            async for entry in self._alerts.follow_entries(start):
                if self._closing:
                    break
                await response.write(b": nothing new\n\n" if entry is None else _event(*entry))
        except StoreError as error:
            return failed(error)
        except ConnectionError:
            pass  # they are gone
        finally:
            self._followers -= 1
        return response


def _event(entry: str, alert: Alert) -> bytes:
    return f"id: {entry}\nevent: {alert.state.value}\ndata: {alert.model_dump_json()}\n\n".encode()


def _wanted(asked: IncidentSelection) -> Callable[[Any, float, str], bool]:
    """Return what says whether an alert or incident is asked for, from when it changed last and how severe it is."""
    since = float("-inf") if asked.since is msgspec.UNSET else instant_of(asked.since) or 0.0
    exact = {
        name: value for name in ("state", "stream", "source") if (value := getattr(asked, name)) is not None
    }

    def wanted(one: Any, changed_at: float, severity: str) -> bool:
        return (
            changed_at >= since
            and asked.severity in {None, severity}
            and all(getattr(one, name) == value for name, value in exact.items())
        )

    return wanted


def _unknown(stream: str, source: str) -> ProblemError:
    detail = f"nothing is known of the source {source[:80]!r} in the stream {stream[:80]!r}"
    return ProblemError(HTTPStatus.NOT_FOUND, "unknown-source", detail)
