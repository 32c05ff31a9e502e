"""``streamgauge check``: everything right, and each thing wrong."""

import asyncio
import json
import math
import time

import pytest
import redis
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from conftest import REAL

from stream_app.cli.check.topics import look_into
from stream_app.embedded import EmbeddedStore
from stream_app.kafka import ensure_topics
from stream_app.kinds.sample import Sample
from stream_app.settings import KafkaSettings

pytestmark = pytest.mark.integration

FILE = "[streams.pumps]\ntopic = 'pumps'\n"


def findings(ended):
    return {found["check"]: found for found in map(json.loads, ended.lines)}


def test_all_is_right(call, servers, place, prefix):
    # A name that none of the topics of other tests is like.
    topic = f"{prefix[::-1]}_{prefix}"
    (place / "streamgauge.toml").write_text(f"[streams.pumps]\ntopic = '{topic}'\n")
    ended = call("check")
    assert ended.code == 0
    assert ended.lines == [
        f"ok    settings pumps from {topic}",
        f"ok    Kafka    {servers['STREAMGAUGE_KAFKA']}",
        f"look  topic    pumps: there is no topic {topic}; the worker will make it, and wait for its first event",
        f"ok    Redis    {servers['STREAMGAUGE_REDIS'].removesuffix('/0')}",
    ]
    assert ended.err == ""
    assert all(
        found["ok"] and found["problem"] is None for found in findings(call("check", "--json")).values()
    )


def test_servers_that_are_away_are_each_told(call, servers, impatient):
    ended = call("check", "--kafka", "127.0.0.1:1", "--redis", "redis://127.0.0.1:2/0", "--json")
    assert ended.code == 1
    found = findings(ended)
    assert found["settings"]["ok"]
    assert "Kafka at 127.0.0.1:1 cannot be reached" in found["Kafka"]["problem"]
    assert "Redis at redis://127.0.0.1:2 cannot be reached" in found["Redis"]["problem"]
    assert ended.err == ""


def test_servers_that_are_not_named_are_each_told(call, place):
    ended = call("check")
    assert ended.code == 1
    assert [line.split()[0] for line in ended.lines] == ["ok", "wrong", "wrong"]
    assert "set STREAMGAUGE_KAFKA=HOST:PORT" in ended.lines[1]
    assert "set STREAMGAUGE_REDIS=redis://HOST:PORT/0" in ended.lines[2]


@pytest.mark.parametrize(
    ("file", "problems"),
    [
        ("[streams.pumps\n", ["not TOML"]),
        ("[streams.pumps]\nwarmup = 3\nchanels = 1\n", ["streams.pumps.warmup", "streams.pumps.chanels"]),
        (f"{FILE}budget = 'often'\n", ["the budget 'often' cannot be read"]),
        (
            f"{FILE}[streams.valves]\ntopic = 'pumps'\n",
            ["streams pumps and valves read the same topic, pumps"],
        ),
        (f"{FILE}reference = 'gone.csv'\n", ["gone.csv"]),
        (f"{FILE}[streams.valves]\ntopic = 'x y'\n", ["'x y' is no name that Kafka takes"]),
    ],
)
def test_a_wrong_file_is_a_line_a_mistake(call, servers, place, file, problems):
    (place / "streamgauge.toml").write_text(file)
    ended = call("check")
    assert ended.code == 1
    wrong = [line for line in ended.lines if line.startswith("wrong settings ")]
    assert len(wrong) == len(problems)
    for line, problem in zip(wrong, problems, strict=True):
        assert problem in line
    assert not any(json.loads(line)["ok"] for line in call("check", "--json").lines[: len(problems)])


def test_a_topic_that_nobody_makes_is_told(call, servers, place, prefix):
    (place / "streamgauge.toml").write_text(
        f"[streams.pumps]\ntopic = '{prefix}-no'\n[worker]\ncreate_topics = false\n"
    )
    ended = call("check")
    assert ended.code == 1
    assert f"has no topic {prefix}-no" in ended.out
    assert "worker.create_topics = true" in ended.out


def send(servers, topic, values):
    async def send_all():
        await ensure_topics(KafkaSettings(bootstrap=servers["STREAMGAUGE_KAFKA"]), {topic: 2}, create=True)
        async with AIOKafkaProducer(bootstrap_servers=servers["STREAMGAUGE_KAFKA"]) as producer:
            for value in values:
                await producer.send(topic, value=value, key=b"k")

    asyncio.run(send_all())


def test_the_newest_events_of_a_topic_are_looked_at(call, servers, place, prefix):
    topic, now = f"{prefix}.site.telemetry", time.time()
    flat = [
        json.dumps({"device": f"d{i % 3}", "t": int(1000 * (now - 60 + i)), "q": i}).encode()
        for i in range(60)
    ]
    send(servers, topic, flat)
    (place / "streamgauge.toml").write_text(f"[streams.plant]\ntopic = '{topic}'\n")
    ended = call("check")
    assert ended.code == 1
    (wrong,) = [line for line in ended.lines if line.startswith("wrong")]
    assert f"plant from {topic}, " in wrong
    assert (
        "60 of the newest 60 events cannot be used, the first for schema: source: Field required (part"
        in wrong
    )
    assert "mapping" in wrong
    mapping = "mapping = { source = 'device', time = 't', time_unit = 'ms', values = '.' }\n"
    (place / "streamgauge.toml").write_text(f"[streams.plant]\ntopic = '{topic}'\n{mapping}")
    ended = call("check", "--json")
    assert ended.code == 0
    assert (
        "the newest 60 can be used; 3 sources, each every 3 s, written 3" in findings(ended)["topic"]["about"]
    )
    send(servers, topic, [b"{"])
    doubt = findings(call("check", "--json"))["topic"]["doubt"]
    assert "1 of the newest 61 events cannot be used, the first for not_json: Invalid JSON" in doubt
    assert "3 sources, each every 3 s" in doubt


def test_a_topic_that_is_not_there_is_told_with_the_nearest_name(call, servers, place, prefix):
    send(servers, f"{prefix}.pump.readings", [b"{}"])
    (place / "streamgauge.toml").write_text(f"[streams.pumps]\ntopic = '{prefix}.pumps.reading'\n")
    doubt = findings(call("check", "--json"))["topic"]["doubt"]
    assert f"there is no topic {prefix}.pumps.reading; is it {prefix}.pump.readings?" in doubt


def test_figures_are_those_of_the_sample():
    late = Sample(["a", "a", "b"], [0.0, 86_400.0, 0.0], [864_000.0, 950_400.0, 864_000.0])
    found = look_into("plant from t, 1 partition", late, 3, now=864_000.0, lateness=60.0)
    assert found.doubt == (
        "plant from t, 1 partition: the newest 3 can be used; 2 sources, each every 24 h, written 10 days after their time, "
        "the newest of 9 days ago; so the records were written long after their events"
    )
    few = look_into("x", Sample(["a"], [10.0], [math.inf]), 1, now=5.0)
    assert few.about == "x: the newest 1 can be used; 1 source, the newest of 5 s ahead"
    assert look_into("x", Sample(), 2, now=5.0).doubt == "x: no event in the newest 2 messages"


@pytest.mark.skipif(not REAL, reason="the embedded broker does not compact")
def test_a_topic_that_is_compacted_is_told(call, servers, place, prefix):
    async def make():
        admin = AIOKafkaAdminClient(bootstrap_servers=servers["STREAMGAUGE_KAFKA"])
        await admin.start()
        policy = {"cleanup.policy": "compact"}
        await admin.create_topics([NewTopic(f"{prefix}-compacted", 1, 1, topic_configs=policy)])
        await admin.close()

    asyncio.run(make())
    (place / "streamgauge.toml").write_text(f"[streams.pumps]\ntopic = '{prefix}-compacted'\n")
    ended = call("check")
    assert ended.code == 1
    assert f"compacts the topic {prefix}-compacted" in ended.out
    assert "cleanup.policy=delete" in ended.out


def test_a_store_that_could_forget_state_is_wrong(call, servers):
    store = EmbeddedStore(config={"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"})
    try:
        ended = call("check", "--redis", store.start())
    finally:
        store.stop()
    assert ended.code == 1
    assert "maxmemory-policy is allkeys-lru" in ended.out
    assert "set it to noeviction" in ended.out


DETECTOR = """
class Counts:
    def __init__(self, channels): self.channels, self.events = list(channels), 0
    def update(self, ts, values):
        self.events += 1
        return []
    def state(self): return {"channels": self.channels, "events": self.events}
    @classmethod
    def from_state(cls, state):
        made = cls(state["channels"])
        made.events = state["events"]
        return made
"""


def test_a_detector_of_ones_own_is_checked_and_named(call, servers, place, monkeypatch):
    (place / "counting_detectors.py").write_text(DETECTOR)
    monkeypatch.syspath_prepend(place)
    settings = (
        'detector_modules = ["counting_detectors"]\n{}detectors = [{{ name = "counting_detectors:{}" }}]\n'
    )
    (place / "streamgauge.toml").write_text(settings.format(FILE, "Counts"))
    ended = call("check")
    assert ended.code == 1
    assert (
        "streams.pumps.detectors: counting_detectors:Counts fails 2 of the checks, such as batch_borders_do_not_matter: after small "
        "batches the state differs from that after one large batch; repair it: streamgauge detectors --check"
    ) in ended.lines[0]
    (place / "streamgauge.toml").write_text(settings.format(FILE, "Coumts"))
    assert "has no attribute 'Coumts'" in call("check").lines[0]


def test_the_list_of_detectors_says_where_each_comes_from(call, place):
    found = {one["name"]: one for one in map(json.loads, call("detectors", "--json").lines)}
    assert (found["ks"]["origin"], found["adwin"]["origin"]) == ("Streamgauge", "River")
    assert all(one["about"] and one["problem"] is None for one in found.values())
    assert "page_hinkley  River" in call("detectors").out
    assert call("detectors", "--check", "ks").lines[0] == "detector ks: 0 of 11 checks failed"
    call("detectors", "--check", "no-such-thing").failed("unknown detector 'no-such-thing'; known are ks, ")


def test_a_store_that_is_nearly_full_is_wrong(call, servers):
    store = EmbeddedStore(config={"maxmemory": "20mb"})
    try:
        url = store.start()
        with redis.Redis.from_url(url) as client:
            for number in range(17):
                client.set(f"filler-{number}", b"x" * 1_000_000)
        ended = call("check", "--redis", url)
    finally:
        store.stop()
    assert ended.code == 1
    assert "of maxmemory is in use" in ended.out
