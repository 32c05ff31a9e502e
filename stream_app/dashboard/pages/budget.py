"""*Budget*: what streams may spend and have spent, and what a stricter budget would have told."""

import math
import time
from typing import Any

from stream_app.core.budget import Budget
from stream_app.dashboard.page import Page, View
from stream_app.dashboard.sheet import Asked, Cell, Sheet, empty, link, n, select, table
from stream_app.dashboard.stricter import told_by
from stream_app.events import Alert
from stream_app.store import History
from stream_app.store.spending import budgets_of, read_begun, spending

__all__ = ["PAGE"]

_DAY = 86_400.0
_PERIODS = {"1": "Last day", "7": "Last week", "30": "Last 30 days"}
_STRICTER = ("as set", "1 per day", "2 per week", "1 per week", "2 per month", "1 per month", "1 per year")
_SOURCES = 100
"""Histories that are read for the highest scores; of further sources the score at the beginning counts."""


class _Reader:
    """Reads what the page shows."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._peaks: dict[str, float] = {}

    async def read(self, asked: Asked) -> dict[str, Any]:
        """Return the page."""
        budgets = budgets_of(self._view.settings)
        if not budgets:
            return empty("No stream has a budget", 'A stream has one by its line budget = "1 per week".')
        days = int(asked["days"]) if asked["days"] in _PERIODS else 7
        end = time.time()
        begin = end - days * _DAY
        alerts = await read_begun(self._view.store, begin)
        wanted = asked["budget"] if asked["budget"] in _STRICTER else _STRICTER[0]
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
                    *await self._other(mine, text, wanted),
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
                    "options": [[one, one] for one in _STRICTER],
                },
            ],
            "parts": [
                table(
                    "Spent",
                    ("Stream", "Budget", "Allowed", "Spent", "Left", "Called false", "Of"),
                    rows,
                    note="Incidents that page a person, true ones too: a budget bounds the false ones. In event time, up to now.",
                ),
                table(
                    f"What {wanted} would have told"
                    if wanted != _STRICTER[0]
                    else "What another budget would have told",
                    ("Stream", "Budget", "Were told", "Would be told", "Would not", "Cannot be said"),
                    others,
                    note="From the highest anomaly score of each incident. Evidence of other detectors is not measured in rarities, "
                    "and what a looser budget would have told is not kept: streamgauge tune FILE answers both from the data.",
                ),
            ],
        }

    async def _other(self, alerts: list[Alert], budget: str, wanted: str) -> list[Cell]:
        own = Budget.parse(budget)
        other = own if wanted == _STRICTER[0] else Budget.parse(wanted)
        if own.seconds is None:
            return ["the budget counts events", None, None]
        allowed = other.allowed(events=0.0, seconds=own.seconds)
        factor = own.count / allowed
        if factor < 1.0:
            return ["looser than its own", None, None]
        if factor > 1.0:
            await self._read_peaks(alerts)
        found = told_by(alerts, self._peaks, factor)
        return [n(found.told), n(found.silent), n(found.unknown)]

    async def _read_peaks(self, alerts: list[Alert]) -> None:
        """Read how high the score of sources became while their alerts lasted."""
        missing = [alert for alert in alerts if alert.kind == "anomaly" and alert.id not in self._peaks]
        by_source: dict[tuple[str, str], list[Alert]] = {}
        for alert in missing:
            by_source.setdefault((alert.stream, alert.source), []).append(alert)
        ends = {
            one.incident.id: math.inf if one.incident.firing else one.incident.changed_at
            for one in self._view.snapshot.incidents
        }
        history = History(self._view.store)
        for stream, source in list(by_source)[-_SOURCES:]:
            series = await history.read(stream, source, points=100_000)
            for alert in by_source[stream, source]:
                part = series.between(alert.started_at, ends.get(alert.case.id, alert.started_at + 1.0))
                self._peaks[alert.id] = max(
                    (float(x) for x in part.score if math.isfinite(x)), default=alert.statistic
                )


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
    await Sheet(view, _Reader(view).read, {"days": "7", "budget": _STRICTER[0]}, "Budget").read()


PAGE = Page("/budget", "Budget", _build)
