"""Debian's Prometheus and node exporter as sources."""

import asyncio
import json
import time

import pytest
from conftest import eventually
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from servers.prometheus import NodeExporter, Prometheus, programs

from producers.platform import (
    Endpoint,
    Position,
    PrometheusFollower,
    PrometheusHistory,
    RangeQuery,
    RemoteRead,
    Sample,
    Scraper,
)
from producers.platform.prometheus import by_time
from producers.platform.remote_read import parse_selector
from stream_app.errors import SettingsError, SourceError

needs_programs = pytest.mark.skipif(
    not programs(), reason="on Debian or Ubuntu: sudo apt-get install prometheus prometheus-node-exporter"
)


@pytest.fixture(scope="module")
def exporter(tmp_path_factory):
    server = NodeExporter(tmp_path_factory.mktemp("exporter"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, exporter):
    server = Prometheus(tmp_path_factory.mktemp("prometheus"), {f"127.0.0.1:{exporter.port}": exporter.port})
    server.start()
    deadline = time.monotonic() + 60
    while server.samples("node_load1") < 3:
        assert time.monotonic() < deadline, "Prometheus has scraped nothing"
        time.sleep(0.2)
    yield server
    server.stop()


def records_of(source):
    return [json.loads(raw) for batch in source.batches() for raw in batch.encode()]


@pytest.mark.integration
@needs_programs
def test_a_range_has_the_values_at_its_steps_in_order(prometheus):
    now = float(int(time.time()))
    query = RangeQuery(
        Endpoint(prometheus.url), ['node_load1{job="node"}', "busy = node_load1 * 0 + 7", "sum(up)"], 1.0
    )
    history = PrometheusHistory(query, "prod", now - 70.0, now - 1.0, 1.0)
    records = records_of(history)
    times = [record["ts"] for record in records]
    assert times == sorted(times)
    assert all(ts == int(ts) and now - 70 <= ts < now for ts in times)
    named = {}
    for record in records:
        for sample in record["samples"]:
            named.setdefault(sample["name"], []).append(sample)
    assert named.keys() == {"node_load1", "busy", "sum(up)"}
    (target,) = prometheus.targets
    assert named["node_load1"][0]["labels"] == {"instance": target, "job": "node"}
    assert {one["value"] for one in named["busy"]} == {7.0}
    assert records_of(history) == records


@pytest.mark.integration
@needs_programs
def test_remote_read_gives_each_sample_once(prometheus):
    now = time.time()
    endpoint = Endpoint(prometheus.url)
    selectors = [parse_selector(text) for text in ("node_load1", '{__name__=~"node_load1|up",job!="x"}')]
    records = records_of(
        PrometheusHistory(RemoteRead(endpoint, selectors), "prod", now - 300.0, now - 1.0, 1.0)
    )
    samples = [(one["name"], record["ts"]) for record in records for one in record["samples"]]
    assert len(samples) == len(set(samples))
    assert {name for name, _ in samples} == {"node_load1", "up"}
    # As many as the server counts, whatever pieces they were asked for in.
    raw = RemoteRead(endpoint, selectors[:1]).read(now - 300.0, now - 1.0)
    assert sum(name == "node_load1" for name, _ in samples) == len(raw) >= 2


@pytest.mark.integration
@needs_programs
def test_a_refused_query_or_another_server_is_told_in_a_line(prometheus, exporter):
    def read(url, *queries):
        history = PrometheusHistory(RangeQuery(Endpoint(url), queries, 1.0), "prod", 0.0, 10.0, 1.0)
        return records_of(history)

    with pytest.raises(SourceError, match=r"/api/v1/query_range: 400 1:5: parse error"):
        read(prometheus.url, "sum(")
    with pytest.raises(SourceError, match="no sample from 0 to 10"):
        read(prometheus.url, "up")
    with pytest.raises(SourceError, match=r"no answer of Prometheus|404|405"):
        read(f"http://127.0.0.1:{exporter.port}", "up")
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:1 cannot be read: .*refused"):
        read("http://127.0.0.1:1", "up")
    with pytest.raises(SourceError, match=r"remote-read|404|405"):
        RemoteRead(Endpoint(f"http://127.0.0.1:{exporter.port}"), [parse_selector("up")]).read(0.0, 1.0)


@pytest.mark.slow
@pytest.mark.integration
@needs_programs
async def test_following_goes_on_where_it_was_interrupted(prometheus, sending, running, sent, tmp_path):
    def follower(*, resume):
        query = RangeQuery(Endpoint(prometheus.url), ["node_load1"], 1.0)
        position = Position(tmp_path / "place.json", "node_load1", resume=resume)
        return PrometheusFollower(query, 1.0, time.time() - 3.0, position, delay=1.0)

    async with running(sending(limit=3), follower(resume=False)) as (_, _, task):
        assert (await asyncio.wait_for(task, 30)).records >= 3
    await asyncio.sleep(1.5)
    async with (
        running(sending(limit=4), follower(resume=True)) as (_, _, task),
        sent() as so_far,
    ):
        assert (await asyncio.wait_for(task, 30)).records >= 4
        records = await so_far()
        while more := len(await so_far()) - len(records):
            assert more
    times = [record["ts"] for record in records]
    assert len(times) >= 7
    assert times == [times[0] + number for number in range(len(times))]


@pytest.mark.integration
@needs_programs
async def test_following_by_remote_read_sends_what_was_scraped_between_steps(
    prometheus, sending, running, sent
):
    selector, begin = [parse_selector("node_load1")], time.time() - 3.0
    remote = RemoteRead(Endpoint(prometheus.url), selector)
    async with (
        running(sending(limit=5), PrometheusFollower(remote, 1.0, begin, delay=1.0)) as (_, _, task),
        sent() as so_far,
    ):
        assert (await asyncio.wait_for(task, 30)).records >= 5
        times = [record["ts"] for record in await eventually(so_far)]
    there = [one.ts for one in remote.read(int(begin) + 0.001, times[-1])]
    assert times == there[: len(times)]


async def test_a_lost_server_is_asked_again_for_what_was_missed():
    asked, sent, told = [], [], []

    class Lost:
        identity = "http://p"

        def after(self, done, end):
            asked.append((done, end))
            if len(asked) in {2, 3}:
                raise SourceError("http://p cannot be read")
            return [Sample("up", {}, 1.0, done)]

    class Sink:
        async def send(self, records):
            sent.extend(record.ts for record in records)

        def leave_out(self, reason):
            raise AssertionError(reason)

        def failed(self, where, reason):
            told.append(reason)

        def recovered(self, where):
            return

    stop = asyncio.Event()
    follower = PrometheusFollower(Lost(), 0.1, time.time() - 0.5, delay=0.0)
    task = asyncio.create_task(follower(Sink(), stop))
    await eventually(lambda: len(asked) >= 5)
    stop.set()
    await asyncio.wait_for(task, 20)
    assert told == ["http://p cannot be read"] * 2
    # What could not be read is asked for again, from the same moment; nothing is asked for twice.
    assert asked[1][0] == asked[2][0] == asked[3][0]
    assert [done for done, _ in asked[4:]] == [end for _, end in asked[3:-1]]
    assert sent == [done for number, (done, _) in enumerate(asked) if number not in {1, 2}]


@pytest.mark.integration
@needs_programs
async def test_a_process_is_scraped_and_its_end_is_seen(sending, running, sent, tmp_path):
    exporter = NodeExporter(tmp_path)
    exporter.start()
    targets = [Endpoint(exporter.url, option="--scrape")]
    async with running(sending(), Scraper(targets, 0.5)) as (told, stop, task), sent() as so_far:

        async def up(value):
            return [
                record
                for record in await so_far()
                if any(one["name"] == "up" and one["value"] == value for one in record["samples"])
            ]

        first = await eventually(lambda: up(1.0))
        names = {one["name"] for one in first[0]["samples"]}
        assert {"node_load1", "node_cpu_seconds_total", "up"} <= names
        instance = f"127.0.0.1:{exporter.port}"
        assert {one["labels"]["instance"] for one in first[0]["samples"]} == {instance}
        exporter.stop()
        assert (await eventually(lambda: up(0.0)))[0]["samples"] == [
            {"name": "up", "labels": {"instance": instance}, "value": 0.0}
        ]
        assert any(f"{exporter.url} cannot be read" in note for note in told.notes)
        exporter.start()
        await eventually(lambda: f"{exporter.url} can be read again" in told.notes)
        stop.set()
        summary = await asyncio.wait_for(task, 30)
    assert summary.failures >= 1
    assert summary.samples > summary.records


@pytest.mark.parametrize(
    ("url", "token", "message"),
    [
        ("localhost:9090", None, "is no address like"),
        ("http://", None, "is no address like"),
        ("http://[::1", None, "is no address like"),
        ("http://host:port", None, "is no address like"),
        ("http://ann:pw@host", None, "no user or password in the address"),
        ("http://10.0.0.1:9090", "SESAME", "would send the token readable; use https://"),
    ],
)
def test_an_address_that_is_none_or_would_show_a_secret_is_refused(url, token, message):
    with pytest.raises(SettingsError, match=message) as told:
        Endpoint(url, None if token is None else SecretStr(token))
    assert "pw" not in str(told.value)
    assert "SESAME" not in repr(told.value)


@pytest.mark.parametrize("text", ["", "{}", "sum(up)", 'up{job="a"', "up{job=a}", 'up{job=="a"}', "up up"])
def test_what_is_no_selector_is_refused(text):
    with pytest.raises(SettingsError, match="selects no series"):
        parse_selector(text)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"))))
def test_samples_become_records_in_the_order_of_time(samples):
    records = by_time([Sample(name, {}, 1.0, float(ts)) for ts, name in samples])
    assert [record.ts for record in records] == sorted({float(ts) for ts, _ in samples})
    assert [(record.ts, one.name) for record in records for one in record.samples] == sorted(
        ((float(ts), name) for ts, name in samples), key=lambda pair: pair[0]
    )
