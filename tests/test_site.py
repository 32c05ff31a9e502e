"""The documentation as a site: its reference says what the code says, and it needs no other server."""

import json
import re
import tomllib
from pathlib import Path

import jsonschema_rs
import make_commands
import make_dashboard
import make_http
import make_keys
import make_python
import make_site
import make_topics
import pytest
import typer

import stream_app as sg
from stream_app import client
from stream_app.cli.main import program
from stream_app.core.registry import detector_names, detector_type
from stream_app.events import (
    AlertState,
    AuditKind,
    AuditRecord,
    LogId,
    RetrainingTrigger,
    Severity,
    Topics,
    TriggerReason,
)
from stream_app.kinds import KINDS
from stream_app.monitors import summaries
from stream_app.monitors.predictions import signals
from stream_app.store.keys import Keys

ROOT = Path(__file__).resolve().parent.parent
WRITTEN_OUT = re.compile(r"(?:_DETECTOR = |performance_signal\(\s*)\"([\w.]+)\"")
"""Names of detectors that stand in the code, in no table of it."""
ALERT = sg.Alert(
    id="6f0c", stream="pumps", source="pump-1", kind="drift", detector="drift.level", channel="flow",
    state=AlertState.FIRING, severity=Severity.WARNING, started_at=1769854473.0, partition=0, offset=4711,
    statistic=21.3, threshold=20.1, summary="mean of flow 124.6 → 118.2",
)  # fmt: skip


def pages(nav):
    for entry in nav:
        (below,) = entry.values()
        yield from pages(below) if isinstance(below, list) else [below]


def test_every_page_is_in_the_navigation_and_the_other_way_round():
    settings = tomllib.loads((ROOT / "docs" / "zensical.toml").read_text())
    found = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    found |= {*make_site.TOP.values()} | {
        f"reference/{name}" for name in make_site.REFERENCE if name.endswith(".md")
    }
    assert sorted(pages(settings["project"]["nav"])) == sorted(found)


@pytest.mark.parametrize(
    ("page", "place", "link", "there"),
    [
        ("docs/detection/drift.md", "detection/drift.md", "../detection.md#promises", "../detection.md#promises"),
        ("docs/operations.md", "operations.md", "../SECURITY.md", "project/security.md"),
        ("SECURITY.md", "project/security.md", "docs/operations.md#stopping", "../operations.md#stopping"),
        ("docs/index.md", "index.md", "../README.md", "index.md"),
        ("docs/index.md", "index.md", "https://kafka.apache.org/", "https://kafka.apache.org/"),
        ("docs/index.md", "index.md", "#here", "#here"),
    ],
)  # fmt: skip
def test_links_lead_to_the_same_page_from_its_place_in_the_site(page, place, link, there):
    assert make_site.relinked(f"see [it]({link}).", ROOT / page, Path(place)) == f"see [it]({there})."


def test_the_runbook_has_every_alert_by_its_name():
    page = (ROOT / "docs" / "how-to" / "runbook.md").read_text()
    headings = [line for line in page.split("\n") if line.startswith("### ")]
    named = [name for line in headings for name in re.findall(r"`([^`]+)`", line)]
    files = (ROOT / "stream_app").rglob("*.py")
    written = {name for file in files for name in WRITTEN_OUT.findall(file.read_text(encoding="utf-8"))}
    extra = {name for name in detector_names() if not detector_type(name).always}
    rules = set(re.findall(r"- alert: (\w+)", (ROOT / "deploy/prometheus/alerts.yml").read_text()))
    assert written >= {"quality.store_room", "slice", "fairness"}
    assert len(named) == len(set(named))
    assert set(named) == {*summaries._WORDS, *signals._WORDS, *written, *extra, *rules, "errors.NAME"}


def test_the_pictures_of_the_dashboard_are_of_its_pages_as_they_are():
    made_from = make_dashboard.MADE_FROM.read_text(encoding="utf-8").strip()
    assert made_from == make_dashboard.fingerprint(), "run .venv/bin/python docs/make_dashboard.py, and look"


def test_what_a_page_loads_from_another_server_is_found(tmp_path):
    (tmp_path / "page.html").write_text(
        '<a href="https://a.example/">followed by a person</a><img src="images/demo.svg">'
        '<script defer src="https://b.example/x.js"></script><link rel="preconnect" href="//c.example">'
    )
    (tmp_path / "style.css").write_text("body{background:url(https://d.example/e.png)}")
    assert make_site.loaded_from_elsewhere(tmp_path) == [
        "page.html: https://b.example/x.js",
        "page.html: //c.example",
        "style.css: https://d.example/e.png",
    ]


def test_every_command_and_option_has_its_line():
    page = make_commands.page()
    sections = {part.split("\n")[0]: part for part in page.split("\n## ")}

    def walk(command, words):
        for name, below in getattr(command, "commands", {}).items():
            walk(below, [*words, name])
        if not getattr(command, "commands", {}):
            options = {one for parameter in command.params for one in parameter.opts if one.startswith("-")}
            assert {one for one in options if f"`{one}`" not in sections[" ".join(words)]} == set()

    walk(typer.main.get_command(program()), ["streamgauge"])


def test_every_key_has_its_line():
    not_keys = {"prefix", "owner", "quoted"}
    members = {name for name in vars(Keys) if not name.startswith("_")} - not_keys
    rows = list(make_keys.rows())
    assert len(rows) == len(members)
    assert {pattern for pattern, _, _ in rows} >= {
        "sg:alerts",
        "sg:alert:ALERT",
        "sg:features:VIEW:vVERSION:ENTITY",
    }


def test_every_topic_is_a_channel():
    topics = Topics()
    read = {kind.topic(topics) for kind in KINDS.values()} | {topics.control}
    document = make_topics.document()
    assert set(document["channels"]) == read | set(topics.outputs())
    received = {
        name for name, operation in document["operations"].items() if operation["action"] == "receive"
    }
    assert received == read
    assert {f"| `{name}` |" for name in document["channels"]} == set(
        re.findall(r"^\| `[\w.]+` \|", make_topics.page(), re.MULTILINE)
    )


def test_all_references_of_the_asyncapi_document_lead_somewhere():
    document = make_topics.document()
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        there = document
        for part in reference.split("/"):
            there = there[part]


@pytest.mark.parametrize(
    "event",
    [
        ALERT,
        ALERT.ended(1769854500.0, 4800),
        ALERT.model_copy(update={"incident": ALERT.case, "context": {"mean_before": 124.6}}),
        AuditRecord.said(AuditKind.ACKNOWLEDGED, ALERT.case, by="ann", note="on my way", at=1769854490.0),
        RetrainingTrigger.of(
            "models", "digits", log=LogId(0), offset=41, ts=2.0, version="v1",
            reasons=(TriggerReason(kind="psi", since=1.0, statistic=0.31, threshold=0.2, names=("ink",), summary="ink"),),
        ),
    ],
    ids=["firing", "resolved", "of an incident", "audit", "trigger"],
)  # fmt: skip
def test_what_is_written_is_valid_by_the_asyncapi_document(event):
    document = make_topics.document()
    payload = document["components"]["messages"][type(event).__name__]["payload"]
    validator = jsonschema_rs.validator_for(payload | {"components": document["components"]})
    written = event.to_cloudevent()
    validator.validate(written)
    assert not validator.is_valid(written | {"data": {}})


def test_every_operation_of_the_http_port_has_its_section():
    page = make_http.page()
    described = make_http.described()
    assert {f"## {method.upper()} {path}" for path, methods in described["paths"].items() for method in methods} <= {
        line for line in page.split("\n") if line.startswith("## ")
    }  # fmt: skip
    assert all(f"### {name}\n" in page for name in described["components"]["schemas"])


def test_every_public_name_is_in_the_python_reference():
    shown = set(re.findall(r"^::: (\S+)$", make_python.page(), re.MULTILINE))
    public = [getattr(sg, name) for name in sg.__all__ if name != "__version__"]
    public += [getattr(client, name) for name in client.__all__]
    lacking = {
        value
        for value in public
        if getattr(value, "__qualname__", "") and f"{value.__module__}.{value.__qualname__}" not in shown
    }
    assert lacking == set()
