"""Streams of data platforms in the monitor file: what is read, what a mistake is called, and a look at their topic."""

import json
from types import SimpleNamespace

import pytest

from stream_app.dashboard.pages.letters import _what
from stream_app.errors import MissingExtraError, SettingsError
from stream_app.events import DeadLetter, MetricSample, Reason, Rejected, Topics
from stream_app.kinds import PLATFORM, input_topic
from stream_app.kinds.platform import check_stream, platform_rows
from stream_app.settings import PlatformStream, load_settings


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "streamgauge.toml"
        path.write_text(f'[streams.lake]\nkind = "platform"\n{text}\n')
        return load_settings(path).streams["lake"]

    return load


def record(event, offset=0):
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    return SimpleNamespace(
        topic="platform.events",
        partition=0,
        offset=offset,
        key=b"lake",
        value=raw,
        timestamp=12_000,
        headers=(),
    )


def test_all_of_it_reaches_the_monitor(load):
    stream = load(
        """
        topic = "trino"
        platform = "prod"
        window = "5 min"
        lateness = "2 min"
        budget = "1 per month"
        warmup = 500
        periods = ["1d"]
        timezone = "Europe/Berlin"
        depends_on = { shop = ["cart", "payment"], cart = ["store"] }
        groups = { "shop_*" = "requests", "ceph_*" = "object store" }
        node_labels = ["server", "service"]
        ignore = ["test_*"]
        models = ["kmeans"]
        max_series = 1000
        max_classes = 50
        """
    )
    assert isinstance(stream, PlatformStream)
    check_stream("lake", stream)
    assert (stream.topic, stream.platform, stream.window, stream.lateness) == ("trino", "prod", 300.0, 120.0)
    assert (stream.budget, stream.warmup, stream.periods) == ("1 per month", 500, (86_400.0,))
    assert stream.depends_on == {"shop": ("cart", "payment"), "cart": ("store",)}
    assert stream.groups == {"shop_*": "requests", "ceph_*": "object store"}
    assert (stream.node_labels, stream.ignore, stream.models) == (
        ("server", "service"),
        ("test_*",),
        ("kmeans",),
    )
    assert (stream.max_series, stream.max_classes) == (1000, 50)


def test_a_stream_without_a_word_has_the_defaults_and_the_topic_of_its_kind(load):
    stream = load("")
    assert stream == PlatformStream()
    assert input_topic(stream, Topics("plant")) == "plant.platform.events"
    check_stream("lake", stream)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('window = "0 s"', r"streams\.lake\.window: Input should be greater than or equal to 1"),
        ("warmup = 3", r"streams\.lake\.warmup: Input should be greater than or equal to 30"),
        ('timezone = "Berlin"', r"streams\.lake\.timezone: no time zone is named 'Berlin'"),
        ('source_ttl = "10 s"', "source_ttl 10 s must not be below window 60 s and lateness 30 s"),
        ('graph = "calls.csv"\ndepends_on = { a = ["b"] }', "depends_on and graph both tell the call graph"),
        ('window = "1 day"', "periods: 86400 s is less than two windows of 86400 s"),
        ('periods = ["1 day", "24 h"]', r"periods: .*86400.0 is there twice"),
        ('node_labels = ["host", "host"]', "'host' is there twice"),
        ("max_serie = 3", r"streams\.lake\.max_serie: no such setting"),
    ],
)
def test_a_mistake_is_named(load, text, says):
    with pytest.raises(SettingsError, match=says):
        load(text)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (PlatformStream(budget="1 per chance"), r"streams\.lake: the budget '1 per chance'"),
        (
            PlatformStream(groups={"s3_*": "buckets"}),
            r"streams\.lake\.groups: s3_\*: no group is named 'buckets'",
        ),
    ],
)
def test_what_only_a_check_can_know(stream, says):
    with pytest.raises(SettingsError, match=says):
        check_stream("lake", stream)


def test_without_the_extra_a_check_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sqlglot", None)
    with pytest.raises(
        MissingExtraError, match=r"classes of queries need sqlglot; install it .*\[platform\]"
    ):
        check_stream("lake", PlatformStream())


def test_events_that_name_no_platform_are_of_the_streams(load):
    event = record({"ts": 1, "name": "up", "value": 1})
    assert platform_rows("lake", load(""))([event])[0][0].source == "lake"
    assert platform_rows("lake", load('platform = "prod"'))([event])[0][0].source == "prod"


def test_a_look_at_the_topic_says_who_sends_what_and_what_is_wrong():
    scrape = {
        "source": "prod",
        "ts": 10,
        "samples": [{"name": "up", "value": 1}, {"name": "node_load1", "value": 2}],
    }
    change = {"source": "test", "ts": 11, "change": {"kind": "deployment", "what": "image"}}
    records = [record(scrape), record(change), record(b"{", 2), record(scrape | {"ts": 40})]
    sample = PLATFORM.sample("lake", PlatformStream())(records)
    assert (sample.sources, sample.ts) == (["prod", "test", "prod"], [10.0, 11.0, 40.0])
    assert (sample.period, sample.newest, sample.channels) == (30.0, 40.0, ("up", "node_load1"))
    ((refused, why),) = sample.rejected
    assert (refused.offset, type(why)) == (2, Rejected)


def test_rows_are_decoded_in_the_order_of_the_records():
    rows = platform_rows("lake", PlatformStream())(
        [record({"ts": n, "name": "up", "value": n}) for n in range(3)]
    )
    assert rows == [(MetricSample("lake", float(n), "up", (), float(n)),) for n in range(3)]


def test_no_page_shows_an_event_that_was_refused_since_it_may_be_a_query():
    letter = DeadLetter(
        "platform.events", 0, 7, b"lake", b"select 'secret'", 0, Reason.NOT_JSON, "Invalid JSON"
    )
    assert "secret" not in str(_what(letter, hidden=True))
    assert "secret" in str(_what(letter, hidden=False))
