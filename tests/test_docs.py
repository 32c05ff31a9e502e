"""The documentation says what is so: its code runs, its settings load, its commands and links are there."""

import json
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from stream_app.cli.main import program
from stream_app.events import Alert, RetrainingTrigger
from stream_app.kinds import KINDS
from stream_app.settings import (
    ChannelSettings,
    DashboardSettings,
    DetectorSettings,
    EventMapping,
    FairnessSettings,
    FeatureSettings,
    KafkaSettings,
    PredictionMapping,
    PredictionStream,
    RedisSettings,
    RetrainingSettings,
    SensorMapping,
    SensorStream,
    SessionMapping,
    SessionStream,
    Settings,
    ViewSettings,
    WorkerSettings,
    load_settings,
)

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def read(page):
    return page.read_text(encoding="utf-8")


def blocks(language):
    """Code blocks of one language, each with where it stands; those of a tutorial need each other, and run in their own test."""
    found = []
    for page in PAGES:
        if page.parent.name == "tutorials" and language == "python":
            continue
        text = read(page)
        for block in FENCE.finditer(text):
            if block[1] == language:
                place = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, block.start()) + 1}"
                found.append(pytest.param(block[2], id=place))
    return found


def commands():
    """Calls of the program, in blocks of commands and in the text."""
    found = []
    for page in PAGES:
        text = read(page)
        lines = [
            line for block in FENCE.finditer(text) if block[1] == "bash" for line in block[2].splitlines()
        ]
        lines += INLINE.findall(FENCE.sub("", text))
        for line in lines:
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                words = words[1:]
            if words and words[0].rpartition("/")[2] == "streamgauge" and len(words) > 1:
                call = words[1 : words.index(">")] if ">" in words else words[1:]
                found.append(pytest.param(call, id=f"{page.stem}: {' '.join(call)[:60]}"))
    return found


def anchors(page):
    slugs = (
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(read(page))
    )
    return set(slugs)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # The file of one's own that pages speak of.
    rows = [
        f"{1_700_000_000 + i},{pump},{30 + i % 7},{5 + i % 3},0" for i in range(900) for pump in ("a", "b")
    ]
    (tmp_path / "plant.csv").write_text("\n".join(["ts,pump,flow,pressure,anomaly", *rows]) + "\n")
    exec(compile(code, "<documentation>", "exec"), {"__name__": "__main__"})
    assert "print(" not in code or capsys.readouterr().out.strip()


@pytest.mark.parametrize("text", blocks("toml"))
def test_settings_load_and_say_something(text, tmp_path, monkeypatch):
    file = tmp_path / "streamgauge.toml"
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("STREAMGAUGE_KAFKA__PASSWORD", "of the environment")
    settings = load_settings(file)
    for table in tomllib.loads(text):
        assert table in settings.model_fields_set


@pytest.mark.parametrize("text", blocks("json"))
def test_json_is_json_and_an_alert_is_an_alert(text):
    found = json.loads(text)
    if "specversion" in found:
        kind = RetrainingTrigger if ".retraining." in found["type"] else Alert
        event = kind.from_cloudevent(found)
        assert event.to_cloudevent().keys() - {"datacontenttype"} == found.keys()
        assert event.to_cloudevent()["type"] == found["type"]
        assert found["data"].keys() <= event.model_dump().keys()


@pytest.fixture(scope="module")
def streamgauge():
    return typer.main.get_command(program())


@pytest.mark.parametrize("call", commands())
def test_commands_are_understood(call, streamgauge):
    command, name = streamgauge, "streamgauge"
    while getattr(command, "commands", None) and call and not call[0].startswith("-"):
        name, *call = call
        assert name in command.commands
        command = command.commands[name]
    needs_more = command.no_args_is_help or any(parameter.required for parameter in command.params)
    if not call and needs_more:
        return  # named in passing
    command.make_context(name, list(call))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in LINK.findall(FENCE.sub("", read(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert there.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(there), target


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        targets = (target.partition("#")[0] for target in LINK.findall(read(page)) if "://" not in target)
        waiting += [(page.parent / target).resolve() for target in targets if target]
    assert set(PAGES) - reached == set()


@pytest.fixture(scope="module")
def make_settings():
    return runpy.run_path(str(ROOT / "docs" / "make_settings.py"))


def test_tables_of_settings_say_what_the_models_say(make_settings):
    text = read(ROOT / "docs" / "configuration.md")
    assert make_settings["page"](text) == text, "run docs/make_settings.py"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_of_stream_has_a_table_of_settings(kind):
    assert f"<!-- settings: {kind.settings.__name__} -->" in read(ROOT / "docs" / "configuration.md")


@pytest.mark.parametrize(
    "table",
    [
        Settings,
        KafkaSettings,
        RedisSettings,
        WorkerSettings,
        DashboardSettings,
        SensorStream,
        ChannelSettings,
        DetectorSettings,
        PredictionStream,
        FairnessSettings,
        RetrainingSettings,
        SessionStream,
        ViewSettings,
        FeatureSettings,
        EventMapping,
        PredictionMapping,
        SensorMapping,
        SessionMapping,
    ],
)
def test_every_setting_is_documented(table: type[BaseModel]):
    text = read(ROOT / "docs" / "configuration.md")
    assert {name for name in table.model_fields if not re.search(rf"\b{name}\b", text)} == set()
