"""Channels of other packages: found by their entry points, and each way in which one is wrong."""

import sys

import pytest

from stream_app.errors import PluginError, SettingsError
from stream_app.plugins import plugins
from stream_app.settings import load_channel, load_settings

SOURCE = """
from stream_app.routes import ChannelKind
from stream_app.settings import RouteChannel


class SirenChannel(RouteChannel):
    kind: str = "siren"
    minutes: int = 3


SIREN = ChannelKind(settings=SirenChannel, open=print)
NOTHING = 3
"""


def forget():
    plugins.cache_clear()
    load_channel.cache_clear()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a route by a channel of an installed package, whose other entry points are wrong."""
    module = f"channels_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(SOURCE)
    info = tmp_path / f"{module}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plant-siren\nVersion: 2.0\n")
    names = {"siren": "SIREN", "horn": "SIREN", "nothing": "NOTHING", "webhook": "NOTHING"}
    lines = [f"{name} = {module}:{attribute}" for name, attribute in names.items()]
    (info / "entry_points.txt").write_text("\n".join(["[streamgauge.channels]", *lines]) + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    forget()

    def loaded(channel):
        file = tmp_path / "streamgauge.toml"
        file.write_text(f"[routes.night]\nchannel = {{ {channel} }}\n")
        return load_settings(file).routes["night"].channel

    yield loaded
    sys.modules.pop(module, None)
    forget()


def test_a_channel_of_another_package_has_settings_of_its_own(load):
    channel = load('kind = "siren", url = "siren:roof", minutes = 5')
    assert (type(channel).__name__, channel.minutes, channel.address) == ("SirenChannel", 5, "siren:roof")
    assert load_channel("siren").name == "siren"


def test_ours_win(load):
    assert type(load('kind = "webhook", url = "http://a"')).__module__ == "stream_app.settings.channels"


@pytest.mark.parametrize(
    ("channel", "error", "reason"),
    [
        (
            'kind = "siren", url = "x", hours = 1',
            SettingsError,
            r"routes\.night\.channel\.hours: no such setting",
        ),
        ('kind = "horn", url = "x"', PluginError, "expected 'horn'"),
        (
            'kind = "nothing", url = "x"',
            PluginError,
            "plant-siren 2.0 .* is no stream_app.routes.ChannelKind",
        ),
        ('kind = "bell", url = "x"', SettingsError, '"apprise", "horn", "nothing", "siren"'),
    ],
)
def test_one_that_is_wrong_is_named(load, channel, error, reason):
    with pytest.raises(error, match=reason):
        load(channel)
