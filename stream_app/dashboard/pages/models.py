"""*Models*: how right each model is and is estimated to be, its classes, versions, groups and slices, and what was done about it."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from stream_app.dashboard.page import Page, View
from stream_app.dashboard.sheet import Asked, Cell, Sheet, empty, facts, link, n, select, share, table
from stream_app.errors import StreamgaugeError
from stream_app.events import AuditRecord, Topics
from stream_app.kafka import EventTail, reading
from stream_app.model_registry import ModelRegistry, RegisteredVersion, last_answers, versions_seen
from stream_app.store import FeatureReader, FeatureRow, IncidentReader

__all__ = ["PAGE"]

_MODELS = 200
_RECORDS = 50
_READ_BACK = 2_000
_LARGEST = 200
_EVERY_SECONDS = 30.0
_REGISTRY_SECONDS = 5.0
_VERSIONS = 20
_METRICS = 4
_PART = re.compile(r"(class|version)\.(.+)\.([a-z_0-9]+)")
_GROUP = re.compile(r"fairness\.([^.]+)\.(.+)\.(selection|accuracy)")
_ATTRIBUTE = re.compile(r"fairness\.([^.]+)\.(disparate_impact|opportunity_difference|violated)")
_APART = "\x1f"

_Values = Mapping[str, float | None]


class _Reader:
    """Reads what the page shows."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def read(self, asked: Asked) -> dict[str, Any]:
        """Return one model, or the list of them."""
        streams = {one.name for one in self._view.snapshot.streams if one.kind == "predictions"}
        models = [source.key for source in self._view.snapshot.by_name if source.stream in streams][:_MODELS]
        if not models:
            return empty(
                "No model yet", "Models are here once a worker reads a stream of the kind predictions."
            )
        names = [(_APART.join(key), " / ".join(key[::-1])) for key in models]
        tools = [select("model", "Model", [("", "All models"), *names])]
        stream, _, name = asked["model"].partition(_APART)
        if (stream, name) in models:
            return {"state": "there", "title": name, "tools": tools, **await self._model(stream, name)}
        return {"state": "there", "tools": tools, "parts": [await self._all(models)]}

    async def _all(self, models: list[tuple[str, str]]) -> dict[str, Any]:
        rows: list[list[Cell]] = []
        for stream in dict.fromkeys(stream for stream, _ in models):
            mine = [name for one, name in models if one == stream]
            found = await FeatureReader(self._view.store, stream).get_some(mine)
            rows += [_line(stream, name, row) for name, row in zip(mine, found, strict=True)]
        return table(
            "Models",
            ("Model", "Stream", "State", "Accuracy, error", "Estimated", "Labelled", "Written"),
            rows,
        )

    async def _model(self, stream: str, name: str) -> dict[str, Any]:
        row = await FeatureReader(self._view.store, stream).get(name)
        if row is None:
            return empty(
                "Nothing is known of it now", "Its features have expired: no prediction came for days."
            )
        values = row.values
        return {
            "path": ["/models", "All models"],
            "lead": stream,
            "parts": [
                *([_errors(row)] if _has_values(values) else [_accuracy(row), _estimated(values)]),
                *await self._registered(name, values),
                *_tables(values),
                *_fairness(values),
                await self._slices(stream, name, values),
                *await self._deeds(stream, name),
            ],
        }

    async def _registered(self, name: str, values: _Values) -> list[dict[str, Any]]:
        """Return the table of registered versions; none where nobody has registered a model yet."""
        registry = ModelRegistry.open(self._view.settings)
        if not registry.is_there:
            return []
        why = "No model of this name is registered."
        versions: list[RegisteredVersion] = []
        try:
            async with asyncio.timeout(_REGISTRY_SECONDS):
                versions = await asyncio.to_thread(_versions, registry, name)
        except TimeoutError:
            why = f"The registry does not answer within {_REGISTRY_SECONDS:g} s."
        except StreamgaugeError as error:
            why = str(error)
        return [_registry_table(versions, values, nothing=why)]

    async def _slices(self, stream: str, name: str, values: _Values) -> dict[str, Any]:
        mine = [
            one.incident.id
            for one in self._view.snapshot.firing
            if (one.incident.stream, one.incident.source) == (stream, name)
        ]
        rows: list[list[Cell]] = [
            [
                alert.channel,
                alert.summary,
                share(alert.statistic),
                share(alert.threshold),
                link(f"/incidents/{alert.case.id}", "Incident"),
            ]
            for alert in await IncidentReader(self._view.store).alerts_of(mine)
            if alert.detector == "slice" and alert.ended_at is None
        ]
        found = values.get("slices")
        return table(
            "Weak slices",
            ("Features", "Where", "Error rate", "Overall", ""),
            rows,
            nothing="They are not searched for."
            if found is None
            else f"{found:.0f} are known; none fires an alert.",
        )

    async def _deeds(self, stream: str, name: str) -> list[dict[str, Any]]:
        heads = ("When", "What", "Summary", "By", "Note")
        triggers, rows = list[list[Cell]](), list[list[Cell]]()
        kafka = self._view.settings.kafka
        why = (
            "" if kafka.servers else "Kafka is not set here: STREAMGAUGE_KAFKA, or kafka in streamgauge.toml."
        )
        if kafka.servers:
            try:
                async with reading(kafka) as reader:
                    topic = Topics(self._view.settings.prefix).audit
                    found = await EventTail(reader, topic, AuditRecord, newest=_READ_BACK).news()
            except StreamgaugeError as error:
                why, found = str(error), []
            for one in [record for record in found if (record.stream, record.source) == (stream, name)][::-1]:
                said: list[Cell] = [{"ts": one.at}, one.kind.value, one.summary, one.by, one.note or None]
                (triggers if one.kind.value == "retraining.triggered" else rows).append(said)
        return [
            table("Retraining triggers", heads, triggers[:_RECORDS], nothing=why or "None lately."),
            table("Audit", heads, rows[:_RECORDS], nothing=why or "Nothing lately."),
        ]


def _versions(registry: ModelRegistry, name: str) -> list[RegisteredVersion]:
    return registry.versions(name, figures=_VERSIONS) if name in registry.names() else []


def _registry_table(versions: list[RegisteredVersion], values: _Values, *, nothing: str) -> dict[str, Any]:
    told = last_answers(versions, versions_seen(values))
    last = {one.number: one for one in reversed(told)}
    rows: list[list[Cell]] = []
    for one in versions[:_VERSIONS]:
        seen = last.get(one.number)
        metrics = ", ".join(f"{key} {figure:.4g}" for key, figure in sorted(one.metrics.items())[:_METRICS])
        rows.append(
            [
                str(one.number), ", ".join(one.aliases) or None, one.state.value, one.model_version, {"ts": one.created_at},
                None if seen is None else {"ts": seen.at}, metrics or None,
            ]
        )  # fmt: skip
    strangers = [one.model_version for one in told if one.number is None] if versions else []
    note = ""
    if told and told[0].number is not None:
        note = f"Version {told[0].number} answers now."
    if strangers:
        note = f"{note} Not in the registry, but in predictions: {', '.join(strangers[:10])}.".strip()
    heads = ("Version", "Alias", "State", "In predictions", "Registered", "Last answer", "Metrics")
    return table("Registered versions", heads, rows, note=note, nothing=nothing)


def _line(stream: str, name: str, row: FeatureRow | None) -> list[Cell]:
    where = link("/models", name, model=f"{stream}{_APART}{name}")
    if row is None:
        return [where, stream, {"mark": "info", "text": "No features"}, None, None, None, None]
    values = row.values
    return [
        where, stream, _state(values), _interval(values), share(values.get("estimated_accuracy")), n(values.get("labelled")),
        {"written": row.written_ts},
    ]  # fmt: skip


def _state(values: _Values) -> Cell:
    if values.get("below_baseline"):
        return {"mark": "critical", "text": "Below its baseline"}
    if values.get("above_baseline"):
        return {"mark": "critical", "text": "Errors above the baseline"}
    if values.get("baseline.mae" if _has_values(values) else "baseline.accuracy") is None:
        return {"mark": "info", "text": "Learning its baseline"}
    return {"mark": "fine", "text": "As before"}


def _has_values(values: _Values) -> bool:
    """Whether answers are values and no classes."""
    return "mae" in values


def _errors(row: FeatureRow) -> dict[str, Any]:
    values = row.values
    return facts(
        "Errors",
        {
            "State": _state(values),
            "Mean absolute error": n(values.get("mae")),
            "Baseline": n(values.get("baseline.mae")),
            "Since the beginning": n(values.get("all.mae")),
            "Root mean squared error": n(values.get("rmse")),
            "Bias": n(values.get("bias")),
            "R²": n(values.get("r2")),
            "Coverage": share(values.get("coverage")),
            "Promised coverage": share(values.get("coverage.promised")),
            "Labelled": n(values.get("labelled"), "predictions"),
            "Newest event": {"ts": row.event_ts},
        },
        note="Of the newest labelled predictions; the bias is predicted less true.",
    )


def _interval(values: _Values) -> Cell:
    if _has_values(values):
        return n(values.get("mae"))
    return share(values.get("accuracy"), values.get("accuracy.low"), values.get("accuracy.high"))


def _accuracy(row: FeatureRow) -> dict[str, Any]:
    values = row.values
    return facts(
        "Accuracy",
        {
            "State": _state(values),
            "Accuracy": _interval(values),
            "Baseline": share(values.get("baseline.accuracy")),
            "Since the beginning": share(values.get("all.accuracy")),
            "Precision": share(values.get("precision")),
            "Recall": share(values.get("recall")),
            "F1": n(values.get("f1")),
            "Log loss": n(values.get("log_loss"), "nats"),
            "Calibration error": n(values.get("ece")),
            "Labelled": n(values.get("labelled"), "predictions"),
            "Newest event": {"ts": row.event_ts},
        },
        note="Of the newest labelled predictions, with the 95 % credible interval.",
    )


def _estimated(values: _Values) -> dict[str, Any]:
    part = facts(
        "Estimated accuracy",
        {
            "Now": share(values.get("estimated_accuracy")),
            "By confidence": share(values.get("estimated_accuracy.by_confidence")),
            "By class mix": share(values.get("estimated_accuracy.by_class_mix")),
            "Of labelled ones": share(values.get("estimated_accuracy.labelled")),
            "Its error there": n(values.get("estimated_accuracy.error")),
        },
        note="Of predictions whose truth is not known yet.",
    )
    return (
        part
        if part["facts"]
        else {
            **part,
            "note": "Not known: it needs class probabilities and labelled predictions to begin with.",
        }
    )


def _tables(values: _Values) -> list[dict[str, Any]]:
    found: dict[str, dict[str, dict[str, float | None]]] = {"class": {}, "version": {}}
    for feature, value in values.items():
        match = _PART.fullmatch(feature)
        if match and len(found[match[1]]) < _LARGEST:
            found[match[1]].setdefault(match[2], {})[match[3]] = value
    parts = []
    if found["version"]:
        rows: list[list[Cell]] = [
            [name, n(of.get("labelled")), share(of.get("accuracy")), share(of.get("best")), n(of.get("loss"))]
            for name, of in sorted(found["version"].items())
        ]
        note = "Undecided."
        if values.get("challenger.decided"):
            note = "Decided: switch." if values.get("challenger.switch") else "Decided: keep what is in use."
        heads = ("Version", "Labelled", "Accuracy", "Chance to be the best", "Expected loss")
        parts.append(table("Versions", heads, rows, note=note))
    if found["class"]:
        rows = [
            [name, share(of.get("precision")), share(of.get("recall")), n(of.get("f1"))]
            for name, of in sorted(found["class"].items())
        ]
        parts.append(table("Classes", ("Class", "Precision", "Recall", "F1"), rows))
    return parts


def _fairness(values: _Values) -> list[dict[str, Any]]:
    attributes: dict[str, dict[str, float | None]] = {}
    groups: dict[str, dict[str, dict[str, float | None]]] = {}
    for feature, value in values.items():
        if match := _ATTRIBUTE.fullmatch(feature):
            attributes.setdefault(match[1], {})[match[2]] = value
        elif match := _GROUP.fullmatch(feature):
            groups.setdefault(match[1], {}).setdefault(match[2], {})[match[3]] = value
    parts = []
    for name, of in attributes.items():
        impact, difference = of.get("disparate_impact"), of.get("opportunity_difference")
        said = [
            "A limit is passed." if of.get("violated") else "No limit is significantly passed.",
            *([] if impact is None else [f"Disparate impact {impact:.3f}."]),
            *([] if difference is None else [f"Equal opportunity difference {difference:.3f}."]),
        ]
        rows: list[list[Cell]] = [
            [group, share(rates.get("selection")), share(rates.get("accuracy"))]
            for group, rates in groups.get(name, {}).items()
        ]
        heads = ("Group", "Favoured", "Accuracy")
        parts.append(
            table(f"Fairness by {name}", heads, rows, note=" ".join(said), nothing="Too many groups to list.")
        )
    return parts


async def _build(view: View) -> None:
    await Sheet(view, _Reader(view).read, {"model": ""}, "Models", every=_EVERY_SECONDS).read()


PAGE = Page("/models", "Models", _build)
