"""Another reference while a worker runs: it is taken up between two events, and a kill changes nothing of what is told."""

import json

import numpy as np
import pytest
from conftest import eventually
from faust.types import TP
from logs import GivenLogs
from structlog.testing import capture_logs
from workers import working

from stream_app.core.calibration import Calibration
from stream_app.core.reference import ReferenceTable
from stream_app.errors import FencedError, StateError
from stream_app.events import Readings, SensorRow, Topics
from stream_app.monitors.sensors import SensorMonitor
from stream_app.runtime.calibrations import Calibrations
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.partitions import Partitions
from stream_app.settings import DetectorSettings, SensorStream
from stream_app.store import AlertReader, CalibrationStore, CheckpointStore, ReferenceStore, pack_state

pytestmark = pytest.mark.integration

TOPIC, STREAM = "sensor.readings", "pumps"
PARTITION = TP(TOPIC, 0)
CONFIG = SensorStream(budget="1 per 1000 events", detectors=(DetectorSettings(name="ks"),))
START = 1_700_000_000.0
SAID = {"by": "ann", "at": 5.0}
ROWS = [
    SensorRow("pump", START + i, {"flow": float(value)})
    for i, value in enumerate(np.random.default_rng(2).normal(1.5, size=1500))
]


def reference_of(mean, seed=1):
    values = np.random.default_rng(seed).normal(mean, size=(1200, 1))
    return ReferenceTable(START - 1200 + np.arange(1200.0), ("flow",), values)


OLD, NEW = reference_of(0.0), reference_of(1.5, seed=3)


class Worker:
    """What a worker does with the log, as far as it is about states; it is killed by being left."""

    def __init__(self, store, end=0, files=None):
        self.calibrations = Calibrations(
            {TOPIC: (STREAM, lambda calibration: lambda: SensorMonitor(CONFIG, calibration, name=STREAM))},
            ReferenceStore(store),
            CalibrationStore(store),
            files=files,
        )
        self.partitions = Partitions(
            CheckpointStore(store, "g"), {TOPIC: lambda: SensorMonitor(CONFIG, Calibration(), name=STREAM)}, interval=0.0,
            metrics=Metrics(), logs=GivenLogs(end=end), calibrations=self.calibrations,
        )  # fmt: skip
        self.alerts = {}

    async def claim(self):
        await self.partitions.load([PARTITION])
        return self

    @property
    def partition(self):
        return self.partitions.get(PARTITION)

    @property
    def version(self):
        return self.partition.calibrated.name

    async def read(self, until, batch=60):
        partition = self.partition
        while partition.next_offset < until:
            first = partition.next_offset
            some = ROWS[first : min(first + batch, until)]
            readings = Readings.of(some, range(first, first + len(some)))
            await self.partitions.restore(partition, readings.sources)
            outcomes, _ = partition.update(readings)
            partition.next_offset = first + len(some)
            for alert in (alert for outcome in outcomes for alert in outcome.alerts):
                self.alerts[alert.id, alert.transition] = alert
        return self

    async def store(self):
        await self.partitions.checkpoint(TOPIC)


async def test_a_new_reference_is_taken_up_without_a_restart_and_recorded(store):
    references = ReferenceStore(store)
    await references.put(STREAM, OLD, **SAID)
    worker = await Worker(store).claim()
    await worker.read(400)
    await references.put(STREAM, NEW, **SAID)
    await worker.calibrations.look()
    assert worker.version == OLD.version
    await worker.store()
    assert worker.version == NEW.version
    await worker.read(1500)
    drifts = [a for a in worker.alerts.values() if a.begins and a.kind == "drift"]
    assert {alert.reference for alert in drifts} == {OLD.version}
    assert max(alert.offset for alert in drifts) < 400
    assert {a.end_offset for a in worker.alerts.values() if "reference_changed" in a.context} == {400}
    used = await CalibrationStore(store).in_use(TOPIC)
    assert {place: name.version for place, name in used.items()} == {"g/0": NEW.version}


@pytest.mark.parametrize("stored", [120, 240])
async def test_what_was_judged_before_a_kill_is_judged_alike_afterwards(store, stored):
    references = ReferenceStore(store)
    await references.put(STREAM, OLD, **SAID)
    killed = await Worker(store).claim()
    await killed.read(stored)
    await killed.store()
    await references.put(STREAM, NEW, **SAID)
    await killed.read(660)
    next_one = await Worker(store, end=660).claim()
    assert next_one.version == OLD.version
    await next_one.read(500)
    # Somebody has judged what comes by the old one: it is too early.
    await next_one.store()
    assert next_one.version == OLD.version
    await next_one.read(660)
    since = {key: alert for key, alert in killed.alerts.items() if alert.changed_offset >= stored}
    assert next_one.alerts == since != {}
    await next_one.store()
    assert next_one.version == NEW.version


async def test_a_kill_after_the_change_goes_on_with_the_new_one(store):
    references = ReferenceStore(store)
    await references.put(STREAM, OLD, **SAID)
    killed = await Worker(store).claim()
    await killed.read(400)
    await references.put(STREAM, NEW, **SAID)
    await killed.calibrations.look()
    await killed.store()
    await killed.read(1100)
    again = await Worker(store, end=1100).claim()
    assert (again.version, again.partition.next_offset) == (NEW.version, 400)
    await again.read(1100, batch=7)
    assert again.alerts == {k: a for k, a in killed.alerts.items() if a.changed_offset >= 400} != {}
    assert pack_state(again.partition.state("pump")) == pack_state(killed.partition.state("pump"))


async def test_a_worker_that_was_paused_cannot_say_by_what_the_partition_is_judged(store):
    await ReferenceStore(store).put(STREAM, OLD, **SAID)
    paused = await Worker(store).claim()
    await Worker(store).claim()
    with pytest.raises(FencedError):
        await CalibrationStore(store).calibrate(paused.partition.fence.claim, NEW.version)


async def test_a_reference_that_cannot_be_had_is_told_and_the_one_in_use_stays(store):
    references = ReferenceStore(store)
    await references.put(STREAM, OLD, **SAID)
    worker = await Worker(store).claim()
    await worker.read(60)
    await references.put(STREAM, NEW, **SAID)
    await store.client.delete(store.keys.reference(STREAM, NEW.version))
    await worker.calibrations.look()
    with capture_logs() as logs:
        await worker.store()
        await worker.store()
    assert worker.version == OLD.version
    (line,) = [one for one in logs if one["log_level"] == "error"]
    assert f"the reference {NEW.version} of pumps is not there any more" in line["reason"]
    # A worker that starts has nothing else to judge by, if the one in use is gone, too.
    await store.client.delete(store.keys.reference(STREAM, OLD.version))
    with pytest.raises(StateError, match="is not there any more; set one with"):
        await Worker(store, end=60).claim()


async def test_the_file_of_the_settings_counts_until_somebody_sets_another_one(store):
    references = ReferenceStore(store)
    await Worker(store, files={STREAM: ("old.csv", OLD)}).claim()
    active = await references.active(STREAM)
    assert (active.version, active.by, active.from_settings) == (OLD.version, "streamgauge", True)
    worker = await Worker(store, files={STREAM: ("new.csv", NEW)}).claim()
    await worker.store()
    assert worker.version == NEW.version
    await references.go_back(STREAM, OLD.version[:6], **SAID)
    with capture_logs() as logs:
        worker = await Worker(store, files={STREAM: ("new.csv", NEW)}).claim()
    assert any("somebody has set another one" in one["event"] for one in logs)
    await worker.store()
    assert worker.version == OLD.version


async def test_without_a_file_in_the_settings_a_stream_has_none_any_more(store):
    worker = await Worker(store, files={STREAM: ("old.csv", OLD)}).claim()
    await worker.read(60)
    worker = await Worker(store, end=0, files={}).claim()
    await worker.store()
    assert (worker.version, await ReferenceStore(store).active(STREAM)) == ("-", None)


async def test_raised_thresholds_are_taken_up_as_a_reference_is(store):
    worker = await Worker(store).claim()
    await worker.read(400)
    await store.client.hset(store.keys.raised, '["pumps","drift"]', "2")
    await worker.calibrations.look()
    await worker.store()
    assert worker.version == "- drift=2"
    await worker.read(500)
    # Nothing of the source begins anew.
    assert worker.partition.monitor.features("pump")[1]["events"] == 500
    assert not any("reference_changed" in alert.context for alert in worker.alerts.values())


async def test_a_worker_that_runs_takes_up_what_is_set(settings, store, producer, make_topic, monkeypatch):
    monkeypatch.setattr("stream_app.runtime.calibrations._EVERY_SECONDS", 0.05)
    await make_topic("sensor.readings")
    topic = Topics(settings.prefix).sensors

    async def send(begin, end):
        for row in ROWS[begin:end]:
            event = {"source": row.source, "ts": row.ts, "values": dict(row.values)}
            await producer.send(topic, value=json.dumps(event).encode(), key=b"pump", partition=0)
        await producer.flush()

    async def judged_by(version, offset):
        found = await store.client.hmget(
            store.keys.offsets(settings.worker.group, topic, 0), "next", "calibration"
        )
        return found == [b"%d" % offset, version.encode()]

    streams = {"sensors": CONFIG}
    async with working(settings.model_copy(update={"streams": streams})):
        await send(0, 50)
        await eventually(lambda: judged_by("-", 50))
        await ReferenceStore(store).put("sensors", OLD, **SAID)
        await eventually(lambda: judged_by(OLD.version, 50))
        await send(50, 450)
        await eventually(lambda: judged_by(OLD.version, 450))
        told = [
            alert for alert in await AlertReader(store).recent(100) if alert.kind == "drift" and alert.begins
        ]
    assert {alert.reference for alert in told} == {OLD.version}
