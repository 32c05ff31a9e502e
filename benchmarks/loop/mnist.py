"""The loop over MNIST: images degrade, a trigger comes, a model is trained, tried and promoted; one process is killed midway.

python benchmarks/loop/mnist.py DATA

Servers are the embedded ones. A worker, a program that serves the champion, and ``streamgauge retrain`` are processes of
their own, as they would be deployed; the serving program asks the registry once a second who the champion is.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from producers.images.corruptions import Corruptor
from producers.images.find import find_images
from producers.images.options import ImageOptions
from stream_app.embedded import EmbeddedBroker, EmbeddedStore
from stream_app.events import AuditRecord, RetrainingTrigger
from stream_app.kafka import EventTail, ensure_topics, reading, start_producer
from stream_app.model_registry import CHAMPION, LoadedModel, ModelRegistry, fingerprint, reference_statistics
from stream_app.retraining.trainers import train
from stream_app.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
RATE = 100  # images a second
CLEAN = 1500  # images before the lens fogs
LEVEL = 4
LABEL_AFTER = 20  # images from an answer to its label
TAUGHT = 10_000  # clean images of the first champion
LATER = 1500  # images that are answered after the promotion
NAME = "digits"
PATIENCE = 240.0

MONITOR_FILE = """
[streams.models]
kind = "predictions"
topic = "models"
baseline = 1000
window = 300
slices = false
detectors = []
feature_window = 250

[streams.models.retraining]
hold = "0s"
cool_down = "1000s"   # event time: an image a second, so a second trigger comes while a model is trained

[retraining.digits]
trainer = "forest"
recent = "2400s"
debounce = "8s"
trial_for = "2 min"

[retraining.digits.parameters]
n_estimators = 300
"""


def features_of(images: np.ndarray) -> np.ndarray:
    """Return grey levels of the middle, two by two pixels each: 100 numbers an image."""
    middle = images[:, 4:24, 4:24].astype(np.float64) / 255.0
    return np.round(middle.reshape(len(images), 10, 2, 10, 2).mean(axis=(2, 4)).reshape(len(images), -1), 3)


NAMES = [f"p{i:02d}" for i in range(100)]


@dataclass
class Served:
    """What the serving program did: right answers by (level, version), and gaps."""

    right: dict = field(default_factory=lambda: defaultdict(list))
    number: int = 0
    switched_at: float | None = None
    level_at: float | None = None
    longest_gap: float = 0.0
    last: float | None = None


async def serve(
    producer: AIOKafkaProducer, registry: ModelRegistry, data, served: Served, stop: asyncio.Event
) -> None:
    """Answer an image every hundredth of a second with whoever is the champion, and send labels a little later."""
    images, labels, order = data
    worse = Corruptor(seed=1)
    champion: LoadedModel = await asyncio.to_thread(registry.load, NAME, CHAMPION)
    asked, waiting = time.monotonic(), []
    begin = time.monotonic()
    while not stop.is_set():
        due = int((time.monotonic() - begin) * RATE)
        numbers = list(range(served.number, min(due, served.number + 50)))
        if numbers:
            rows = order[np.array(numbers) % len(order)]
            levels = np.where(np.array(numbers) < CLEAN, 0, LEVEL)
            if levels[-1] and served.level_at is None:
                served.level_at = time.monotonic()
            values = features_of(worse.apply(images[rows], numbers[0], levels))
            answers = champion.predict(values)
            version = champion.version.model_version
            for i, number in enumerate(numbers):
                served.right[int(levels[i]), version].append(str(answers[i]) == labels[rows[i]])
                ts = 1_700_000_000.0 + number
                event = {
                    "source": NAME,
                    "ts": ts,
                    "id": f"i{number}",
                    "version": version,
                    "prediction": str(answers[i]),
                }
                event["features"] = dict(zip(NAMES, values[i].tolist(), strict=True))
                await producer.send("models", key=NAME.encode(), value=json.dumps(event).encode())
                waiting.append((number, labels[rows[i]]))
            while waiting and waiting[0][0] < numbers[-1] - LABEL_AFTER:
                number, label = waiting.pop(0)
                event = {
                    "source": NAME,
                    "ts": 1_700_000_000.0 + numbers[-1],
                    "id": f"i{number}",
                    "label": label,
                }
                await producer.send("models", key=NAME.encode(), value=json.dumps(event).encode())
            served.number = numbers[-1] + 1
            now = time.monotonic()
            if served.last is not None:
                served.longest_gap = max(served.longest_gap, now - served.last)
            served.last = now
        if time.monotonic() - asked > 1.0:
            asked = time.monotonic()
            now = await asyncio.to_thread(registry.resolve, NAME, CHAMPION)
            if now.number != champion.version.number:
                champion = await asyncio.to_thread(registry.load, NAME, now.number)
                served.switched_at = served.switched_at or time.monotonic()
        await asyncio.sleep(0.01)


class Program:
    """A command of Streamgauge as a process; what it says is kept with its time."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.lines: list[tuple[float, str]] = []
        self.arguments = arguments
        self.process: asyncio.subprocess.Process | None = None
        self.folder = folder
        self.reading: list[asyncio.Task] = []

    async def start(self) -> "Program":
        """Start it in the folder with the monitor file."""
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
        }
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stream_app",
            *self.arguments,
            "-c",
            "streamgauge.toml",
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            limit=1 << 22,
        )
        self.reading = [
            asyncio.ensure_future(self._read(pipe)) for pipe in (self.process.stdout, self.process.stderr)
        ]
        return self

    async def _read(self, pipe) -> None:
        async for line in pipe:
            self.lines.append((time.monotonic(), line.decode(errors="replace").rstrip()))

    def said(self, text: str) -> list[tuple[float, str]]:
        """Return the lines with a text, and when they came."""
        return [line for line in self.lines if text in line[1]]

    async def wait_for(self, text: str, count: int = 1) -> tuple[float, str]:
        """Wait for a line with a text, the first or a later one; an end or a long silence ends the benchmark."""
        deadline = time.monotonic() + PATIENCE
        while len(self.said(text)) < count:
            ended = self.process.returncode is not None
            if ended or time.monotonic() > deadline:
                shown = "\n".join(line for _, line in self.lines[-15:])
                raise SystemExit(
                    f"{self.arguments}: {'ended' if ended else 'silent'} before {text!r}:\n{shown}"
                )
            await asyncio.sleep(0.02)
        return self.said(text)[count - 1]

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """End it by a signal."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            await self.process.wait()
        await asyncio.gather(*self.reading, return_exceptions=True)


async def told(settings: Settings, topic: str, kind: type) -> list:
    async with reading(settings.kafka) as reader:
        return await EventTail(reader, topic, kind).news()


async def first_champion(settings: Settings, training) -> ModelRegistry:
    """Register a forest that learned from clean images, and make it the champion."""
    registry = ModelRegistry.open(settings)
    values, labels = features_of(training[0]), training[1]
    first = registry.log(
        NAME,
        await asyncio.to_thread(train, "forest", values, labels),
        params={"trainer": "forest"},
        metrics={},
        data=fingerprint(values, NAMES, labels=labels, source="MNIST, clean"),
        reference=reference_statistics(values, NAMES),
    )
    registry.promote(NAME, first.number)
    return registry


async def committed(settings: Settings) -> int | None:
    """Return the offset up to which triggers count as acted upon."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap,
        group_id=f"streamgauge-retraining-{NAME}",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        return await consumer.committed(TopicPartition("retraining.triggers", 0))
    finally:
        await consumer.stop()


async def until(condition: Callable[[], bool], serving: asyncio.Future) -> None:
    """Wait until something holds, or the serving program ended."""
    while not condition() and not serving.done():  # noqa: ASYNC110 several things set it
        await asyncio.sleep(0.05)


async def go_round(
    programs: list[Program], settings: Settings, registry: ModelRegistry, served: Served, serving
) -> SimpleNamespace:
    """Wait for a trigger, kill who acts upon it, start another one, and see two retrainings to their ends."""
    found = SimpleNamespace()
    retrain = programs[-1]
    found.trigger_at, _ = await retrain.wait_for("trigger ")
    await retrain.wait_for("learning from")
    await retrain.kill()
    found.killed_at, answered = time.monotonic(), served.number
    found.champion_then = registry.resolve(NAME, CHAMPION).number
    found.committed = await committed(settings)
    again = await Program(retrain.folder, *retrain.arguments).start()
    programs.append(again)
    found.again_at, _ = await again.wait_for("trigger ")
    found.answered_meanwhile = served.number - answered
    found.registered_at, _ = await again.wait_for("registered ")
    found.promoted_at, line = await again.wait_for('"verdict"')
    found.outcome = json.loads(line)
    found.second_at, found.second = await again.wait_for("trigger ", 2)
    await until(lambda: served.switched_at is not None, serving)
    there = served.number
    await until(lambda: served.number >= there + LATER, serving)
    _, line = await again.wait_for('"verdict"', 2)
    found.next_outcome = json.loads(line)
    found.triggers = await told(settings, "retraining.triggers", RetrainingTrigger)
    deadline = time.monotonic() + 30.0
    found.kinds = []
    while "model.promoted" not in found.kinds and time.monotonic() < deadline:
        found.kinds = [record.kind.value for record in await told(settings, "audit.log", AuditRecord)]
        await asyncio.sleep(0.5)
    return found


async def run(folder: Path, settings: Settings, data, training) -> int:
    """Start what a deployment has, let the loop go round, and stop all of it."""
    registry = await first_champion(settings, training)
    await ensure_topics(settings.kafka, {"models": 1, "retraining.triggers": 1, "audit.log": 1}, create=True)
    programs = [
        await Program(folder, "worker").start(),
        await Program(folder, "retrain", NAME, "--on-trigger", "--promote", "--json").start(),
    ]
    served, stop = Served(), asyncio.Event()
    producer = await start_producer(settings.kafka)
    try:
        await programs[-1].wait_for("waiting for triggers")
        serving = asyncio.ensure_future(serve(producer, registry, data, served, stop))
        try:
            found = await go_round(programs, settings, registry, served, serving)
        finally:
            stop.set()
            await serving
    finally:
        await producer.stop()
        for program in programs:
            await program.kill(signal.SIGTERM)
    return report(found, served)


def report(found: SimpleNamespace, served: Served) -> int:
    """Print what was measured beside its target; return 1 where one is missed."""
    share = {key: float(np.mean(right)) for key, right in served.right.items()}
    before, worse = share[0, "1"], share[LEVEL, "1"]
    after = share.get((LEVEL, str(found.outcome["version"])), 0.0)
    print(
        f"\nload {os.getloadavg()[0]:.1f}; {served.number:,} images at {RATE} a second, level {LEVEL} from image {CLEAN:,} on"
    )
    for (level, version), right in sorted(served.right.items()):
        print(f"  level {level}, version {version}: accuracy {np.mean(right):.3f} of {len(right):,}")
    print("seconds after the change")
    for what, at in (
        ("trigger acted upon", found.trigger_at),
        ("killed (SIGKILL) while learning", found.killed_at),
        ("taken up again", found.again_at),
        ("registered as challenger", found.registered_at),
        ("decided and promoted", found.promoted_at),
        ("serves", served.switched_at),
    ):
        print(f"  {at - served.level_at:7.1f}  {what}")
    # It loads models in its own process, which is no part of the loop: a figure without a target.
    print(f"longest pause of the serving program: {served.longest_gap:.2f} s")
    print(
        "steps: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.outcome["seconds"].items())
    )
    print(f"first: {found.outcome['verdict']}: {found.outcome['reason']}")
    print(f"second: {found.next_outcome['verdict']}: {found.next_outcome['reason']}")
    known = {one.id for one in found.triggers}
    wait = found.second_at - found.promoted_at
    checks = [
        ("accuracy on later images, after the promotion", f"{after:.3f}", f"> {worse:.3f} + 0.10", after > worse + 0.10),
        ("drop at level 4 before it (from level 0)", f"{before - worse:.3f}", "> 0.05, else nothing is shown", before - worse > 0.05),
        ("verdict of the retraining", found.outcome["verdict"], "promoted", found.outcome["verdict"] == "promoted"),
        ("champion after kill -9", str(found.champion_then), "1", found.champion_then == 1),
        ("triggers that count as done after it", str(found.committed), "None: taken up again", found.committed is None),
        ("images answered while nobody retrained", f"{found.answered_meanwhile:,}", "> 0", found.answered_meanwhile > 0),
        ("triggers of the monitor", str(len(found.triggers)), ">= 2", len(found.triggers) >= 2),
        ("next trigger begins after the first is done", f"{wait:+.1f} s", ">= 0", wait >= 0),
        ("it is one of the monitor's", found.second.partition("trigger ")[2][:8], "known", found.second.partition("trigger ")[2][:32] in known),
        ("promotions in the audit log", str(found.kinds.count("model.promoted")), ">= 1", "model.promoted" in found.kinds),
    ]  # fmt: skip
    print(f"\n{'':50}{'measured':>14}  target")
    for what, measured, target, ok in checks:
        print(f"{what:50}{measured:>14}  {target}{'' if ok else '   MISSED'}")
    return int(not all(ok for *_, ok in checks))


def main() -> None:
    source = Path(sys.argv[1]) / "mnist"
    if not source.is_dir():
        raise SystemExit(f"skipped: {source} is not there")
    found = find_images(str(source), ImageOptions())
    training = (
        found.training.pixels[:TAUGHT],
        np.array(found.training.labels[:TAUGHT].tolist(), dtype=np.str_),
    )
    shown = found.training.pixels[TAUGHT:], found.training.labels[TAUGHT:].tolist()
    order = np.random.default_rng(0).permutation(len(shown[0]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker, store = EmbeddedBroker(), EmbeddedStore()
        kafka, redis = broker.start(), store.start()
        try:
            text = f'kafka = "{kafka}"\nredis = "{redis}"\nregistry = "sqlite:///{folder}/registry.db"\n{MONITOR_FILE}'
            (folder / "streamgauge.toml").write_text(text, encoding="utf-8")
            settings = load_settings(folder / "streamgauge.toml")
            code = asyncio.run(run(folder, settings, (*shown, order), training))
        finally:
            broker.stop()
            store.stop()
    sys.exit(code)


if __name__ == "__main__":
    main()
