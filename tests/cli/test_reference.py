"""``streamgauge reference``: set from a file, gone back, shown, and made anew from a topic without its incidents."""

import asyncio
import json

import numpy as np
import pytest

from stream_app.events import Alert, AuditKind, LogId, Topics
from stream_app.kafka import ensure_topics, start_producer
from stream_app.settings import load_settings
from stream_app.store import AlertWriter, IncidentReader, connect

pytestmark = pytest.mark.integration

START = 1_700_000_000.0
MONITOR = """
[streams.pumps]
warmup = 30
categories = ["mode"]
cooldown = "10s"
resolve_after = "10s"

[streams.digits]
kind = "predictions"
feature_window = 100

[streams.shop]
kind = "sessions"
"""


def normal(mean=0.0, n=300, seed=0):
    return np.random.default_rng(seed).normal(mean, size=n)


def write(path, values, channel="flow"):
    rows = "".join(f"{START + i},{x:.6f},{'eco' if i % 2 else 'off'}\n" for i, x in enumerate(values))
    path.write_text(f"ts,{channel},mode\n{rows}")


@pytest.fixture
def plant(servers, place):
    (place / "streamgauge.toml").write_text(MONITOR)
    write(place / "may.csv", normal())
    write(place / "june.csv", normal(2.0))
    return place


def shown(call):
    return [json.loads(line) for line in call("reference", "show", "pumps", "--json").lines]


def test_a_reference_is_set_listed_and_gone_back_to(call, plant):
    assert call("reference", "show", "pumps").out.startswith("pumps has no reference")
    assert call("reference", "set", "pumps", "may.csv", "-m", "a good month", "--by", "ann").code == 0
    second = call("reference", "set", "pumps", "june.csv")
    # It says how it differs.
    assert [line.split()[0] for line in second.lines[1:]] == ["channel", "flow", "mode"]
    assert second.lines[2].endswith("differs much")
    may, june = shown(call)
    assert (may["origin"], may["by"], may["why"], may["rows"]) == ("may.csv", "ann", "a good month", 300)
    assert (may["active"], june["active"], june["before"]) == (False, True, may["version"])
    assert june["psi"]["flow"] > 0.2
    assert call("reference", "set", "pumps", "--version", may["version"][:4], "-m", "june was hot").code == 0
    assert [one["active"] for one in shown(call)] == [True, False]
    lines = call("reference", "show", "pumps").lines
    assert lines[1].split()[:2] == [may["version"], "active"]
    assert "june was hot" in lines[3]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("set", "pumps", "gone.csv"), "gone.csv"),
        (("set", "pumps", "flat.csv"), "flow is 1 in all rows"),
        (("set", "pumps", "short.csv"), "9 rows; a reference of this stream needs at least 30"),
        (("set", "pumps", "empty.csv"), "flow has 0 values"),
        (("set", "tanks", "may.csv"), "there is no stream 'tanks'; there is digits, pumps, shop"),
        (("set", "shop", "may.csv"), "kind sessions, which has no reference"),
        (("set", "digits", "few.csv"), "60 rows; a reference of this stream needs at least 100"),
        (("set", "pumps", "--version", "abc"), "no reference of the version 'abc'"),
        (("show", "shop"), "kind sessions"),
        (("refresh", "pumps"), "has no topic"),
        (("refresh", "pumps", "--from", "may.csv", "--until", "2000-01-01T00:00:00Z"), "0 rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_no_reference_is_said_and_changes_nothing(call, plant, arguments, text):
    write(plant / "flat.csv", np.ones(300))
    write(plant / "short.csv", normal(n=9))
    rows = "".join(f"{START + i},a{i},cat,{i % 7}\n" for i in range(60))
    (plant / "few.csv").write_text("ts,id,prediction,age\n" + rows)
    (plant / "empty.csv").write_text("ts,flow\n" + "".join(f"{START + i},\n" for i in range(60)))
    assert call("reference", *arguments).failed(text)
    assert shown(call) == []


def test_a_file_or_a_version_is_named_and_not_both(call, plant):
    assert call("reference", "set", "pumps").code == 2
    assert call("reference", "set", "pumps", "may.csv", "--version", "a").code == 2


def test_a_stream_that_declares_its_channels_wants_them_in_the_file(call, plant):
    (plant / "streamgauge.toml").write_text(MONITOR.replace("warmup", 'channels = ["flow", "level"]\nwarmup'))
    assert call("reference", "set", "pumps", "may.csv").failed("level")


@pytest.fixture
def recorded(plant):
    """A topic with ten minutes of a pump: a fault from 200 s to 260 s, and one from 400 s that was none."""
    values = normal(n=600)
    values[200:260] += 50.0
    settings = load_settings()
    topic = Topics(settings.prefix).sensors

    def incident(begin, end):
        alert = Alert.begun(
            "pumps", "pump-1", "anomaly", LogId(0), begin, channel="flow", kind="anomaly", started_at=START + begin,
            statistic=9.0, threshold=5.0, summary="flow",
        )  # fmt: skip
        return alert, alert.ended(START + end, end)

    async def work():
        await ensure_topics(settings.kafka, {topic: 1}, create=True)
        producer = await start_producer(settings.kafka)
        for source in ("pump-1", "pump-2"):
            for i, value in enumerate(values):
                event = {
                    "source": source,
                    "ts": START + i,
                    "values": {"flow": value, "mode": "eco" if i % 2 else "off"},
                }
                await producer.send(topic, value=json.dumps(event).encode(), key=source.encode())
        await producer.send(topic, value=b"{", key=b"pump-1")
        await producer.flush()
        await producer.stop()
        store = await connect(settings.redis)
        fault, none = incident(200, 259), incident(400, 450)
        await AlertWriter(store).write([*fault, *none])
        await IncidentReader(store).say(none[0].case, AuditKind.FALSE_ALARM, by="ann", at=1.0)
        await store.close()

    asyncio.run(work())


def test_a_reference_is_made_of_the_recent_past_without_its_incidents(call, recorded, plant):
    assert call("reference", "set", "pumps", "june.csv").code == 0
    assert call("reference", "refresh", "pumps").failed(
        "2 sources, such as pump-1, pump-2 in that time; name one with --source"
    )
    ask = ("reference", "refresh", "pumps", "--source", "pump-1")
    tried = call(*ask, "--try")
    assert (
        tried.lines[0]
        == "600 rows of the topic, source pump-1, 80 of them in incidents or 10 s around: left out"
    )
    assert tried.lines[2].split()[0] == "flow"
    assert len(shown(call)) == 1
    assert call(*ask, "-m", "the pump is new").code == 0
    _, made = shown(call)
    assert (made["rows"], made["active"], made["why"]) == (520, True, "the pump is new")
    assert made["figures"]["flow"]["max"] < 6.0
    assert made["psi"]["flow"] > 0.2
    # A part of it, by the times of the events.
    assert call(*ask, "--since", f"{START + 300:.0f}", "--until", f"{START + 350:.0f}").code == 0
    assert shown(call)[-1]["rows"] == 50
    assert call(*ask, "--since", f"{START + 205:.0f}", "--until", f"{START + 255:.0f}").failed("0 rows")


def test_features_of_predictions_are_a_reference_too(call, plant):
    rows = "".join(f"{START + i},a{i},cat,{i % 7},cat\n" for i in range(300))
    (plant / "answers.csv").write_text("ts,id,prediction,age,label\n" + rows)
    assert call("reference", "set", "digits", "answers.csv").code == 0
    (made,) = [json.loads(line) for line in call("reference", "show", "digits", "--json").lines]
    assert (made["rows"], list(made["figures"]), made["figures"]["age"]["max"]) == (300, ["age"], 6.0)
