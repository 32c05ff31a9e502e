"""``streamgauge models``: what is registered, which version answers, and deeds that the audit log tells."""

import asyncio
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from stream_app.events import AuditKind
from stream_app.model_registry import ModelRegistry, fingerprint
from stream_app.settings import load_settings
from stream_app.store import FeatureRow, FeatureWriter, OutboxStore, connect

pytestmark = pytest.mark.integration

ROWS = np.random.default_rng(0).normal(size=(50, 2))
HOSTILE = "v\x1b[2J\u202e"


def test_versions_are_shown_promoted_and_rolled_back_and_the_audit_log_says_by_whom(
    call, servers, monkeypatch
):
    # Kafka is away: what is done waits for the audit log in Redis.
    monkeypatch.setenv("STREAMGAUGE_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("STREAMGAUGE_REGISTRY", "sqlite:///models/registry.db")
    assert call("models", "list").out == "sqlite:///models/registry.db: no model is registered yet\n"
    call("models", "promote", "digits", "1", "--by", "ann").failed("no such file; it is made when the first")
    registry = ModelRegistry.open(load_settings())
    model = LogisticRegression().fit(ROWS, ROWS[:, 0] > 0)
    for said in ("", "autumn"):
        registry.log(
            "digits", model, params={"C": 1}, metrics={"auc": 0.75}, data=fingerprint(ROWS, ("a", "b"), source="x.csv"),
            slices=[{"where": "a > 1", "rows": 7}], model_version=said,
        )  # fmt: skip

    async def write():
        settings = load_settings()
        store = await connect(settings.redis)
        seen = {"version.1.seen": 5.0, "version.autumn.seen": 9.0, f"version.{HOSTILE}.seen": 7.0}
        await FeatureWriter(store, "predictions").write([FeatureRow("digits", 1, 9.0, time.time(), seen)])
        await store.close()

    async def deeds():
        store = await connect(load_settings().redis)
        found = await OutboxStore(store).deeds(count=10)
        await store.close()
        return found

    asyncio.run(write())
    assert (
        call("models", "promote", "digits", "1", "--by", "ann", "-m", "so far").out
        == "digits 1 is the champion\n"
    )
    said = json.loads(call("models", "promote", "digits", "autumn", "--json", "--by", "ann").out)
    assert said == {
        "name": "digits", "version": 2, "aliases": ["champion"], "summary": "digits 2 is the champion, before it 1",
    }  # fmt: skip
    call("models", "promote", "digits", "2", "--by", "ann").failed(
        "digits 2 is the champion already; nothing was changed"
    )
    assert (
        call("models", "rollback", "digits", "--by", "bob").out == "digits 1 is the champion again, after 2\n"
    )
    call("models", "rollback", "digits", "--by", "bob").failed("digits 1 has no champion before it")

    listed = json.loads(call("models", "list", "--json").out)
    assert (listed["champion"], listed["challenger"], listed["answering"][0]["number"]) == (1, None, 2)
    assert call("models", "list").lines[1].split() == ["digits", "2", "1", "2"]
    shown = call("models", "show", "digits").out
    assert "champion" in shown
    assert "auc 0.75" in shown
    assert "1970-01-01 00:00:09Z (now)" in shown
    assert r"v\u001b[2J\u202e answered last at 1970-01-01 00:00:07Z and is not in the registry" in shown
    one = json.loads(call("models", "show", "digits", "champion", "--json").out)
    assert (one["number"], one["manifest"]["classes"], one["slices"]) == (
        1,
        ["0", "1"],
        [{"where": "a > 1", "rows": 7}],
    )
    assert "50 rows of x.csv" in call("models", "show", "digits", "1").out
    call("models", "show", "digits", "9").failed(
        "digits has no version or alias '9'; the newest versions: 2, 1"
    )

    records = asyncio.run(deeds())
    kinds = [(record.kind, record.subject, record.by, record.note) for record in records]
    assert kinds == [
        (AuditKind.FAILED, "1", "ann", ""),
        (AuditKind.PROMOTED, "1", "ann", "so far"),
        (AuditKind.PROMOTED, "2", "ann", ""),
        (AuditKind.FAILED, "2", "ann", ""),
        (AuditKind.ROLLED_BACK, "1", "bob", ""),
        (AuditKind.FAILED, "champion", "bob", ""),
    ]
    assert {(record.stream, record.source) for record in records} == {("registry", "digits")}


def test_nothing_is_changed_that_could_not_be_recorded(call, place, monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_REGISTRY", "sqlite:///models/registry.db")
    call("models", "promote", "digits", "1").failed("no store: set STREAMGAUGE_REDIS")
    monkeypatch.setenv("STREAMGAUGE_REDIS", "redis://127.0.0.1:1/0")
    call("models", "promote", "digits", "1").failed("127.0.0.1:1")
    assert not (place / "models").exists()


def test_a_command_that_asks_nobody_does_not_import_mlflow(place):
    code = "import sys; from stream_app.cli import main; sys.argv = ['streamgauge', 'models', '--help']\ntry: main()\nexcept SystemExit: pass\n"
    code += "assert not {'mlflow', 'sklearn', 'skops', 'pandas'} & set(sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
