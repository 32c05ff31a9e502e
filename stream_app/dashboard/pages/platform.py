"""*Platform*: nodes and what is unusual on them, incidents over time and their causes, queries that got slower, models."""

from collections.abc import Mapping
from typing import Any

from stream_app.dashboard.drawings import course, matrix, points
from stream_app.dashboard.page import Page, View
from stream_app.dashboard.sheet import Asked, Cell, Sheet, empty, link, n, select, share, table
from stream_app.kinds import PLATFORM
from stream_app.store import PlatformReader

__all__ = ["PAGE"]

_APART = "\x1f"
_NODES = 60
"""Nodes that are drawn, those that deviate most."""
_CLASSES = 30
_CHANGES = 20
_SLOWER = 3.0
"""Normal scores from which a class of queries is marked: 1 usual window in 700 is beyond."""


class _Reader:
    """Reads what the page shows."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def read(self, asked: Asked) -> dict[str, Any]:
        """Return one platform, by default the one with the newest event."""
        streams = [one.name for one in self._view.snapshot.streams if one.kind == PLATFORM.name]
        found = [
            (ts, stream, name)
            for stream in streams
            for name, ts in await PlatformReader(self._view.store, stream).names()
        ]
        if not found:
            return empty(
                "No platform yet", "One is here once a worker reads a stream of the kind platform and a window has closed."
            )  # fmt: skip
        keys = [(stream, name) for _, stream, name in sorted(found, reverse=True)]
        stream, _, name = asked["platform"].partition(_APART)
        if (stream, name) not in keys:
            stream, name = keys[0]
        options = [(_APART.join(key), " / ".join(key[::-1])) for key in sorted(keys)]
        tools = [select("platform", "Platform", [("", "Newest"), *options])] if len(keys) > 1 else []
        content = await PlatformReader(self._view.store, stream).get(name)
        if content is None:
            return empty(
                "Nothing is known of it now", "What was known has expired: no event came for days.", tools
            )
        return {
            "state": "there",
            "title": name,
            "lead": _lead(stream, content),
            "tools": tools,
            "parts": [
                _timeline(content),
                self._incidents(stream, name),
                _causes(content),
                _heat(content),
                _classes(content),
                _changes(content),
                *_models(content),
            ],
        }

    def _incidents(self, stream: str, name: str) -> dict[str, Any]:
        mine = [
            one
            for one in self._view.snapshot.incidents[::-1]
            if (one.incident.stream, one.incident.source) == (stream, name)
        ]
        rows: list[list[Cell]] = [
            [
                {
                    "mark": one.severity.value if one.incident.firing else "fine",
                    "text": one.incident.state.value,
                },
                link(f"/incidents/{one.incident.id}", one.incident.summary),
                {"ts": one.incident.started_at},
            ]
            for one in mine[:10]
        ]
        return table("Incidents", ("State", "What", "Began"), rows, nothing="None.")


def _lead(stream: str, content: Mapping[str, Any]) -> str:
    state = (
        "an incident is open"
        if content["timeline"] and content["timeline"][-1][3]
        else "nothing is unusual enough"
    )
    return (
        f"{stream}: {len(content['nodes'])} nodes and services, windows of {content['window']:g} s; {state}"
    )


def _timeline(content: Mapping[str, Any]) -> dict[str, Any]:
    return course(
        "Evidence that it gets worse",
        content["timeline"],
        marks=[(one["ts"], _change(one)) for one in content["changes"]],
        note="The line across is the bound that the false-alarm budget sets. Coloured: incidents. Upright lines: deployments and other changes.",
    )


def _causes(content: Mapping[str, Any]) -> dict[str, Any]:
    rows: list[list[Cell]] = [
        [one["kind"], one["name"], share(one["share"]), one["metric"] or None, n(one["before"]), n(one["now"]), {"ts": one["since"]}]
        for one in content["causes"]
    ]  # fmt: skip
    return table(
        "Causes of the newest incident",
        ("Kind", "What", "Share", "By", "Before", "Now", "Since"),
        rows,
        note=content["explanation"],
        nothing="There was none.",
    )


def _heat(content: Mapping[str, Any]) -> dict[str, Any]:
    rows = list(zip(content["nodes"], content["heat"], strict=True))
    rows.sort(
        key=lambda row: max((abs(value) for value in row[1] if value is not None), default=0.0), reverse=True
    )
    left = len(rows) - _NODES
    return matrix(
        "Nodes and metrics",
        content["groups"],
        [("whole platform" if name == "*" else name, values) for name, values in rows[:_NODES]],
        note="How unusual the most unusual metric of each group is, in normal scores; red is higher than usual, blue lower, each against its own past."
        + (f" {left} nodes that deviate less are left out." if left > 0 else ""),
        nothing="No window has closed since the warm-up.",
    )


def _classes(content: Mapping[str, Any]) -> dict[str, Any]:
    rows: list[list[Cell]] = []
    for one in content["classes"][:_CLASSES]:
        slower = (one["deviation"] or 0.0) >= _SLOWER
        rows.append([
            {"mark": "warning", "text": "slower"} if slower else None,
            {"code": one["pattern"]},
            {"seconds": one["wall"]} if one["wall"] is not None else None,
            None if one["usual_low"] is None or one["usual_high"] is None
            else f"{one['usual_low']:.3g} to {one['usual_high']:.3g} s",
            n(one["count"]),
            share(one["failures"]),
        ])  # fmt: skip
    return table(
        "Queries by class",
        ("State", "Shape", "Takes", "Usually", "Queries", "Failed"),
        rows,
        note="Those that deviate most first. Literals of queries are never kept.",
        nothing="No query was completed yet.",
    )


def _changes(content: Mapping[str, Any]) -> dict[str, Any]:
    rows: list[list[Cell]] = [
        [one["kind"], one["what"], one["version"] or None, ", ".join(one["nodes"]) or "all", {"ts": one["ts"]}]
        for one in content["changes"][:-_CHANGES - 1:-1]
    ]  # fmt: skip
    return table("Changes", ("Kind", "What", "Version", "Where", "When"), rows, nothing="None was told.")


def _models(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not content["points"] and not content["models"]:
        return []
    rows: list[list[Cell]] = [[one["name"], str(one["label"]), n(one["score"])] for one in content["models"]]
    return [
        table("Models beside the detector", ("Model", "Cluster", "Score"), rows, nothing='None runs: models = ["kmeans"] adds one.'),
        points(
            "Windows in the plane in which they spread most",
            content["points"],
            note="A point a window, the newest 500; red: during incidents.",
        ),
    ]  # fmt: skip


def _change(one: Mapping[str, Any]) -> str:
    return " ".join(word for word in (one["kind"], one["what"], one["version"]) if word)


async def _build(view: View) -> None:
    await Sheet(view, _Reader(view).read, {"platform": ""}, "Platform").read()


PAGE = Page("/platform", "Platform", _build)
