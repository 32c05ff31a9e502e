"""``streamgauge config show``."""

import json

import pytest

SECRET = "hunter2secret"


@pytest.fixture
def shown(call):
    def run(*arguments):
        ended = call("config", "show", "--json", *arguments)
        assert ended.code == 0
        return {found["setting"]: (found["value"], found["from"]) for found in map(json.loads, ended.lines)}

    return run


def test_each_setting_says_where_it_comes_from(shown, place, monkeypatch):
    (place / "streamgauge.toml").write_text(
        'kafka = "file:1"\n[worker]\ngroup = "day"\npartitions = 8\n'
        '[streams.pumps]\nchannels = { flow = { max = 3 } }\n[[streams.pumps.detectors]]\nname = "ks"\n'
    )
    monkeypatch.setenv("STREAMGAUGE_WORKER__GROUP", "night")
    found = shown()
    assert found["kafka.bootstrap"] == ("file:1", "streamgauge.toml")
    assert found["kafka.security"] == ("PLAINTEXT", "default")
    assert found["worker.group"] == ("night", "environment")
    assert found["worker.partitions"] == (8, "streamgauge.toml")
    assert found["worker.instance"] == (None, "default")
    assert found["streams.pumps.channels.flow.max"] == (3.0, "streamgauge.toml")
    assert found["streams.pumps.channels.flow.min"] == (None, "default")
    assert found["streams.pumps.detectors.0.name"] == ("ks", "streamgauge.toml")
    assert set(shown("--changed")) == {name for name, (_, origin) in found.items() if origin != "default"}


def test_another_file_is_named(shown, place):
    (place / "other.toml").write_text('prefix = "a"\n')
    assert shown("--config", "other.toml", "--changed") == {"prefix": ("a", "other.toml")}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"redis://:{SECRET}@h:1/2", "redis://:***@h:1/2"),
        (f"rediss://me:{SECRET}@h/0", "rediss://me:***@h/0"),
        (f"redis://h:1/0?password={SECRET}", "redis://h:1/0?***"),
        ("redis://h:1/0", "redis://h:1/0"),
    ],
)
def test_passwords_are_not_shown(call, shown, monkeypatch, url, said):
    monkeypatch.setenv("STREAMGAUGE_REDIS", url)
    monkeypatch.setenv("STREAMGAUGE_KAFKA__SECURITY", "SASL_SSL")
    monkeypatch.setenv("STREAMGAUGE_KAFKA__USERNAME", "me")
    monkeypatch.setenv("STREAMGAUGE_KAFKA__PASSWORD", SECRET)
    assert shown()["redis.url"] == (said, "environment")
    assert shown()["kafka.password"] == ("***", "environment")
    assert SECRET not in call("config", "show").out


def test_the_table_fits_80_columns(call):
    lines = call("config", "show").lines
    assert lines[0].split() == ["setting", "value", "from"]
    assert max(map(len, lines)) <= 80
