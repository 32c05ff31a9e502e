"""The table of registered versions on the page of a model, without a browser."""

import sqlite3
from types import SimpleNamespace

import numpy as np
from sklearn.linear_model import LogisticRegression

from stream_app.dashboard.pages.models import _Reader
from stream_app.model_registry import ModelRegistry, fingerprint
from stream_app.settings import Settings

ROWS = np.random.default_rng(0).normal(size=(50, 2))


async def test_it_says_which_version_answers_and_why_it_is_empty(tmp_path):
    settings = Settings(registry={"uri": f"sqlite:///{tmp_path}/registry.db", "timeout": 1})
    reader = _Reader(SimpleNamespace(settings=settings))
    assert await reader._registered("digits", {}) == []
    registry = ModelRegistry.open(settings)
    model = LogisticRegression().fit(ROWS, ROWS[:, 0] > 0)
    for _ in range(2):
        registry.log("digits", model, params={}, metrics={"auc": 0.75}, data=fingerprint(ROWS, ("a", "b")))
    registry.promote("digits", 1)
    (part,) = await reader._registered("digits", {"version.2.seen": 9.0, "version.v7.seen": 5.0})
    assert part["note"] == "Version 2 answers now. Not in the registry, but in predictions: v7."
    assert [(row[0], row[1], row[5], row[6]) for row in part["rows"]] == [
        ("2", None, {"ts": 9.0}, "auc 0.75"),
        ("1", "champion", None, "auc 0.75"),
    ]
    (part,) = await reader._registered("forecasts", {})
    assert (part["rows"], part["nothing"]) == ([], "No model of this name is registered.")
    with sqlite3.connect(tmp_path / "registry.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        (part,) = await reader._registered("digits", {})
        other.execute("ROLLBACK")
    assert "database is locked" in part["nothing"]
