"""*Budget*: what streams may spend, were to spend and have spent, and what another budget would have told."""

import math
import time
from typing import Any

import numpy as np

from stream_app.core.budget import Budget
from stream_app.dashboard.laxer import more_told
from stream_app.dashboard.page import Page, View
from stream_app.dashboard.sheet import Asked, Cell, Sheet, empty, link, n, select, table
from stream_app.dashboard.stricter import told_by
from stream_app.events import Alert
from stream_app.store import History, Series
from stream_app.store.spending import Spending, budgets_of, read_begun, spending

__all__ = ["PAGE"]

_DAY = 86_400.0
_PERIODS = {"1": "Last day", "7": "Last week", "30": "Last 30 days"}
_OTHERS = (
    "as set",
    "10 per day",
    "3 per day",
    "1 per day",
    "2 per week",
    "1 per week",
    "2 per month",
    "1 per month",
    "1 per year",
)
_SOURCES = 100
"""Histories of a stream that are read; of further sources the highest score is that at the beginning."""
_ALL_POINTS = 100_000
_KEPT_SECONDS = 60.0
"""For which histories are kept that were read: the page is read again every few seconds."""


class _Reader:
    """Reads what the page shows."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._peaks: dict[str, float] = {}
        self._histories: dict[str, tuple[float, dict[str, Series]]] = {}

    async def read(self, asked: Asked) -> dict[str, Any]:
        """Return the page."""
        budgets = budgets_of(self._view.settings)
        if not budgets:
            return empty("No stream has a budget", 'A stream has one by its line budget = "1 per week".')
        days = int(asked["days"]) if asked["days"] in _PERIODS else 7
        end = time.time()
        begin = end - days * _DAY
        alerts = await read_begun(self._view.store, begin)
        wanted = asked["budget"] if asked["budget"] in _OTHERS else _OTHERS[0]
        spent = [spending(alerts, name, text, begin, end) for name, text in budgets]
        false = {
            one.incident.id
            for one in self._view.snapshot.incidents
            if one.verdict is not None and not one.verdict.real
        }
        rows: list[list[Cell]] = []
        for one in spent:
            mine = _paging(alerts, one.stream, begin, end)
            wrong = len({alert.case.id for alert in mine} & false)
            rows.append([
                link("/incidents", one.stream, stream=one.stream, all="1"),
                one.budget,
                "counts events" if one.allowed is None else n(one.allowed),
                n(await self._expected(one)),
                n(one.spent),
                _state(one.left),
                n(wrong),
                ", ".join(f"{count} {kind}" for kind, count in one.kinds.items()) or None,
            ])  # fmt: skip
        others = []
        for name, text in budgets:
            mine = _paging(alerts, name, begin, end)
            others.append(
                [
                    name,
                    text,
                    n(len({alert.case.id for alert in mine})),
                    *await self._other(name, mine, text, wanted, begin, end),
                ]
            )
        return {
            "state": "there",
            "tools": [
                select("days", "Period", list(_PERIODS.items())),
                {
                    "kind": "range",
                    "name": "budget",
                    "label": "Another budget",
                    "options": [[one, one] for one in _OTHERS],
                },
            ],
            "parts": [
                table(
                    "Spent",
                    ("Stream", "Budget", "Allowed", "Expected", "Spent", "Left", "Called false", "Of"),
                    rows,
                    note="Incidents that page a person, true ones too: a budget bounds the false ones. In event time, up to now. Expected are the false "
                    "alarms of a stream without faults, in the time or the events of the period that the kept history has.",
                ),
                table(
                    f"What {wanted} would have told"
                    if wanted != _OTHERS[0]
                    else "What another budget would have told",
                    ("Stream", "Budget", "Were told", "Would be told", "Would not", "Cannot be said"),
                    others,
                    note="A stricter budget: from the highest anomaly score of each incident; evidence of other detectors is not measured in "
                    "rarities. A laxer one: anomalies besides, about, by the scores in the kept history, whose older points stand for hours. "
                    "streamgauge tune FILE answers both from the data.",
                ),
            ],
        }

    async def _other(
        self, stream: str, alerts: list[Alert], budget: str, wanted: str, begin: float, end: float
    ) -> list[Cell]:
        own = Budget.parse(budget)
        other = own if wanted == _OTHERS[0] else Budget.parse(wanted)
        if own.seconds is None:
            return ["the budget counts events", None, None]
        factor = own.count / other.allowed(events=0.0, seconds=own.seconds)
        if factor < 1.0:
            return await self._laxer(stream, alerts, factor, begin, end)
        if factor > 1.0:
            await self._read_peaks(alerts)
        found = told_by(alerts, self._peaks, factor)
        return [n(found.told), n(found.silent), n(found.unknown)]

    async def _laxer(
        self, stream: str, alerts: list[Alert], factor: float, begin: float, end: float
    ) -> list[Cell]:
        """Count what a laxer budget would have told besides, where what is kept allows it."""
        thresholds = sorted(alert.threshold for alert in alerts if alert.kind == alert.detector == "anomaly")
        if not thresholds:
            return ["laxer: no anomaly was told that says from which score on", None, None]
        if len(self._names(stream)) > _SOURCES:
            return [f"laxer: more than {_SOURCES} sources, whose histories are not read", None, None]
        histories = await self._read_histories(stream)
        if not any(map(len, histories.values())):
            return ["laxer: no history is kept", None, None]
        ends = self._ends()
        told: dict[str, list[tuple[float, float]]] = {}
        for alert in alerts:
            until = ends.get(alert.case.id, alert.started_at)
            told.setdefault(alert.source, []).append((alert.case.started_at, until))
        parts = {source: series.between(begin, end) for source, series in histories.items()}
        more = more_told(parts, told, thresholds[len(thresholds) // 2], factor)
        return [f"about {len({alert.case.id for alert in alerts}) + more}", n(0), n(0)]

    async def _expected(self, spent: Spending) -> float | None:
        """Return the false alarms of a stream without faults, in the part of a period that its kept history has."""
        names = self._names(spent.stream)
        histories = await self._read_histories(spent.stream)
        parts = [series.between(spent.begin, spent.end) for series in histories.values()]
        parts = [part for part in parts if len(part)]
        if not parts:
            return None
        first = max(min(map(_began, parts)), spent.begin)
        last = min(max(float(part.time[-1] + part.width[-1]) for part in parts), spent.end)
        events = sum(int(part.count.sum()) for part in parts) * len(names) / len(histories)
        return Budget.parse(spent.budget).allowed(events=events, seconds=last - first)

    def _names(self, stream: str) -> list[str]:
        return [source.name for source in self._view.snapshot.by_name if source.stream == stream]

    async def _read_histories(self, stream: str) -> dict[str, Series]:
        """Read the kept histories of a stream's first sources, once a minute."""
        at, found = self._histories.get(stream, (-math.inf, {}))
        if time.monotonic() - at >= _KEPT_SECONDS:
            names = self._names(stream)[:_SOURCES]
            found = await History(self._view.store).read_many(stream, names, points=_ALL_POINTS)
            if names:  # none are known before the first reading
                self._histories[stream] = time.monotonic(), found
        return found

    def _ends(self) -> dict[str, float]:
        """Return when incidents ended, as far as is known."""
        return {
            one.incident.id: math.inf if one.incident.firing else one.incident.changed_at
            for one in self._view.snapshot.incidents
        }

    async def _read_peaks(self, alerts: list[Alert]) -> None:
        """Read how high the score of sources became while their alerts lasted."""
        missing = [alert for alert in alerts if alert.kind == "anomaly" and alert.id not in self._peaks]
        by_source: dict[tuple[str, str], list[Alert]] = {}
        for alert in missing:
            by_source.setdefault((alert.stream, alert.source), []).append(alert)
        ends = self._ends()
        history = History(self._view.store)
        for stream, source in list(by_source)[-_SOURCES:]:
            series = await history.read(stream, source, points=_ALL_POINTS)
            for alert in by_source[stream, source]:
                part = series.between(alert.started_at, ends.get(alert.case.id, alert.started_at + 1.0))
                self._peaks[alert.id] = max(
                    (float(x) for x in part.score if math.isfinite(x)), default=alert.statistic
                )


def _began(part: Series) -> float:
    """Return when a history begins, about: its first point stands for hours, of which it may have the end only."""
    width = float(part.width[0])
    if len(part) > 1:
        rate = float(np.median(part.count[1:] / part.width[1:]))
        width = min(width, float(part.count[0]) / rate if rate > 0.0 else width)
    return float(part.time[0] + part.width[0]) - width


def _paging(alerts: list[Alert], stream: str, begin: float, end: float) -> list[Alert]:
    return [
        alert
        for alert in alerts
        if alert.stream == stream and alert.pages and begin <= alert.case.started_at < end
    ]


def _state(left: float | None) -> Cell:
    if left is None:
        return None
    return n(left) if left >= 0.0 else {"mark": "warning", "text": f"{-left:.4g} more than allowed"}


async def _build(view: View) -> None:
    await Sheet(view, _Reader(view).read, {"days": "7", "budget": _OTHERS[0]}, "Budget").read()


PAGE = Page("/budget", "Budget", _build)
