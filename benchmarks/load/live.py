"""Live: one row a source in a delivery, produced in an open loop; cost, and the time from an event to its alert in Redis."""

import asyncio
import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import redis
from load.events import PARTITIONS, encoder, make_topic, record
from load.open_loop import Load, Producer
from load.readers import BareLoop, WorkerProcess
from load.servers import ApacheKafka, Place, Usage, fresh_store, resident_kib, usage
from load.taught import teach

from stream_app.settings import SensorStream

__all__ = ["Live", "bare_live", "start_seconds", "worker_live"]

TOPIC = "readings"


@dataclass(frozen=True)
class Live:
    """What a reader of an open loop did.

    Parameters
    ----------
    delays : array
        Seconds from the sending of an event to its alert in Redis.
    seconds : float
        For which events were produced that count.
    used : Usage
        CPU seconds of the reader and the servers for them.
    behind : float
        Seconds after the last event until all were processed.
    producer_late : float
        How late the producer itself was at most, in seconds.
    held_kib : float
        Memory of the reader for each source, all of them taught and seen.
    stored, written : float
        Bytes in Redis for each source: of its state, and with its live features.
    """

    delays: np.ndarray
    seconds: float
    used: Usage
    behind: float
    producer_late: float
    held_kib: float = math.nan
    stored: float = math.nan
    written: float = math.nan

    def delay(self, share: float) -> float:
        """Return a quantile of the delays in ms; NaN without an alert."""
        return float(np.quantile(self.delays, share)) * 1e3 if len(self.delays) else math.nan


def worker_live(broker: ApacheKafka, load: Load, *, often: bool, detectors: tuple[str, ...] = ()) -> Live:
    """Run a worker whose sources are all taught.

    Parameters
    ----------
    broker : ApacheKafka
        Running.
    load : Load
        What is produced.
    often : bool
        Let a source alert anew a second after it recovered, so that there are enough alerts to measure.
    detectors : tuple of str
        River detectors beside the defaults.
    """
    with fresh_store(broker) as place, tempfile.TemporaryDirectory() as folder:
        topic = f"{place.name}.{TOPIC}"
        options = {"topic": topic, "expected_sources": load.sources}
        if often:
            options |= {"cooldown": 1, "resolve_after": 1}
        options["detectors"] = [{"name": name} for name in detectors]
        begin = time.time() + 10.0 + load.sources / 1000.0
        client = redis.Redis.from_url(place.redis)
        asyncio.run(make_topic(place.kafka, topic))
        asyncio.run(
            teach(
                place, topic, SensorStream.model_validate(options),
                sources=load.sources, period=load.period, until=begin,
            )
        )  # fmt: skip
        keys = [
            f"sg:{{{place.name}:{topic}:{n}}}:{what}" for n in range(PARTITIONS) for what in ("state", "seen")
        ]
        stored = sum(client.memory_usage(key, samples=0) or 0 for key in keys)
        worker = WorkerProcess(place, Path(folder), _streams(options))
        try:
            worker.wait_ready()
            empty = resident_kib(worker.pid)
            live = _read(worker, place, topic, load, begin)
            held = resident_kib(worker.pid) - empty
            features = _features(client, load.sources)
        finally:
            worker.stop()
        client.close()
        return Live(
            live.delays, live.seconds, live.used, live.behind, live.producer_late,
            held / load.sources, stored / load.sources, (stored + features) / load.sources,
        )  # fmt: skip


def bare_live(broker: ApacheKafka, load: Load) -> Live:
    """Run a bare loop under the same load."""
    with fresh_store(broker) as place:
        topic = f"{place.name}.{TOPIC}"
        asyncio.run(make_topic(place.kafka, topic))
        reader = BareLoop(place, topic)
        try:
            reader.wait_ready()
            return _read(reader, place, topic, load, 0.0)
        finally:
            reader.stop()


def start_seconds(broker: ApacheKafka) -> tuple[float, float]:
    """Return seconds from the start of a worker's process to its first event, which waits for it; and of them, of CPU."""
    with fresh_store(broker) as place, tempfile.TemporaryDirectory() as folder:
        topic = f"{place.name}.{TOPIC}"
        asyncio.run(record(place.kafka, topic, 1, 1, encoder()))
        worker = WorkerProcess(place, Path(folder), _streams({"topic": topic}))
        try:
            return worker.wait_processed(1), usage(worker.pid, place).worker
        finally:
            worker.stop()


def _read(reader: WorkerProcess | BareLoop, place: Place, topic: str, load: Load, begin: float) -> Live:
    """Produce from `begin` on, or as soon as it can be; wait until all is read."""
    producer = Producer(place.kafka, topic, load)
    begin = max(begin, time.time() + 0.5)
    producer.begin(begin)
    time.sleep(max(begin + load.settle - time.time(), 0.0))
    before = usage(reader.pid, place)
    produced = producer.result()
    end = time.perf_counter()
    reader.wait_processed(len(produced))
    # Up to the last event: a reader that falls behind is not the cheaper for it.
    behind, used = time.perf_counter() - end, usage(reader.pid, place) - before
    delays = [
        at - produced.sent[partition][offset]
        for at, partition, offset in reader.alerts()
        if produced.sent[partition][offset] >= begin + load.settle
    ]
    return Live(np.array(delays), load.seconds, used, behind, produced.latest)


def _features(client: redis.Redis, sources: int, looked_at: int = 100) -> float:
    """Return bytes of all live features, from some of them."""
    sizes = [
        client.memory_usage(f"sg:features:sensors:v1:pump-{n}") or 0 for n in range(min(sources, looked_at))
    ]
    return float(np.mean(sizes)) * sources


def _streams(options: dict) -> str:
    lines = [
        f"{name} = {value!r}".replace("'", '"') for name, value in options.items() if name != "detectors"
    ]
    lines += [
        f'[[streams.sensors.detectors]]\nname = "{one["name"]}"' for one in options.get("detectors", ())
    ]
    return "[streams.sensors]\n" + "\n".join(lines) + "\n"
