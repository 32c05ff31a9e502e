"""Kinds of streams of other packages: found by their entry points, and each way in which one is wrong."""

import sys

import pytest

from stream_app.errors import PluginError, SettingsError
from stream_app.kinds import KINDS, kind_of
from stream_app.plugins import plugins
from stream_app.settings import SensorStream, load_settings
from stream_app.settings.kinds import load_kind

SOURCE = """
from typing import Literal

from stream_app.kinds import Kind
from stream_app.kinds.sensors import check_stream, make_monitor
from stream_app.settings import SensorStream


class ValveStream(SensorStream):
    kind: Literal["valves"] = "valves"
    strokes: int = 3


VALVES = Kind(settings=ValveStream, topic=lambda topics: "valves", check=check_stream, agent="nowhere:agent", monitor=make_monitor)
NOTHING = 3
"""


def forget():
    plugins.cache_clear()
    load_kind.cache_clear()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """An installed package with a kind, and two entry points that are wrong."""
    module = f"kinds_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(SOURCE)
    info = tmp_path / f"{module}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plant-kinds\nVersion: 2.0\n")
    names = {"valves": "VALVES", "taps": "VALVES", "nothing": "NOTHING", "gone": "GONE", "sensors": "NOTHING"}
    lines = [f"{name} = {module}:{attribute}" for name, attribute in names.items()]
    (info / "entry_points.txt").write_text("\n".join(["[streamgauge.kinds]", *lines]) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("CONFIG", "KAFKA", "REDIS"):
        monkeypatch.delenv(f"STREAMGAUGE_{name}", raising=False)
    forget()

    def written(text):
        path = tmp_path / "streamgauge.toml"
        path.write_text(text)
        return path

    yield written
    sys.modules.pop(module, None)
    forget()


def test_a_stream_of_a_packages_kind_has_the_settings_of_its_model(write):
    settings = load_settings(write('[streams.inlet]\nkind = "valves"\nstrokes = 5\nwarmup = 50\n'))
    stream = settings.streams["inlet"]
    assert (stream.kind, stream.strokes, stream.warmup) == ("valves", 5, 50)
    assert kind_of(stream) is KINDS["valves"]
    assert settings.model_dump()["streams"]["inlet"]["strokes"] == 5
    with pytest.raises(SettingsError, match=r"streams\.inlet\.strokes: Input should be a valid integer"):
        load_settings(write('[streams.inlet]\nkind = "valves"\nstrokes = "many"\n'))


def test_a_kind_is_imported_when_a_stream_has_it(write, tmp_path):
    load_settings(write("[streams.pumps]\n"))
    assert "valves" in KINDS
    assert not any(name.startswith("kinds_") for name in sys.modules)


def test_a_package_cannot_replace_a_kind_of_ours(write):
    assert type(load_settings(write("[streams.pumps]\n")).streams["pumps"]) is SensorStream


@pytest.mark.parametrize(
    ("kind", "error", "says"),
    [
        ("valve", SettingsError, r'streams\.inlet\.kind: no such kind of stream; there are .*"valves"'),
        ("taps", PluginError, r"taps of plant-kinds 2\.0 .*ValveStream.kind is 'valves', expected 'taps'"),
        ("nothing", PluginError, r"nothing of plant-kinds 2\.0 .* is no stream_app.kinds.Kind"),
        ("gone", PluginError, r"gone of plant-kinds 2\.0 .* cannot be imported: AttributeError"),
    ],
)
def test_a_kind_that_is_wrong_is_named(write, kind, error, says):
    with pytest.raises(error, match=says):
        load_settings(write(f'[streams.inlet]\nkind = "{kind}"\n'))


def test_a_part_that_a_kind_names_and_nobody_has_is_named(write):
    kind = KINDS["valves"]
    with pytest.raises(
        PluginError, match="kind valves: nowhere:agent: no module named 'nowhere'; install it"
    ):
        kind.load(kind.agent)
