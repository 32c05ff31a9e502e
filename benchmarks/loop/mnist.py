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
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from aiokafka import AIOKafkaProducer

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
        return [line for line in self.lines if text in line[1]]

    async def wait_for(self, text: str, count: int = 1) -> tuple[float, str]:
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
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)
            await self.process.wait()
        await asyncio.gather(*self.reading, return_exceptions=True)


async def told(settings: Settings, topic: str, kind: type) -> list:
    async with reading(settings.kafka) as reader:
        return await EventTail(reader, topic, kind).news()


async def run(folder: Path, settings: Settings, data, training) -> int:
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
    await ensure_topics(settings.kafka, {"models": 1, "retraining.triggers": 1, "audit.log": 1}, create=True)
    worker = await Program(folder, "worker").start()
    retrain = await Program(folder, "retrain", NAME, "--on-trigger", "--promote", "--json").start()
    programs = [worker, retrain]
    served, stop = Served(), asyncio.Event()
    producer = await start_producer(settings.kafka)
    serving = None
    try:
        await retrain.wait_for("waiting for triggers")
        await asyncio.sleep(
            5.0
        )  # the worker compiles and joins its group; the stream would wait for it anyhow
        serving = asyncio.ensure_future(serve(producer, registry, data, served, stop))
        trigger_at, trigger = await retrain.wait_for("trigger ")
        await retrain.wait_for("learning from")
        await retrain.kill()
        killed_at = time.monotonic()
        champion_then = registry.resolve(NAME, CHAMPION).number
        answered_then = served.number
        again = await Program(folder, "retrain", NAME, "--on-trigger", "--promote", "--json").start()
        programs.append(again)
        again_at, taken = await again.wait_for("trigger ")
        answered_meanwhile = served.number - answered_then
        registered_at, _ = await again.wait_for("registered ")
        promoted_at, line = await again.wait_for('"verdict"')
        outcome = json.loads(line)
        second_at, second = await again.wait_for("trigger ", 2)
        while served.switched_at is None and not serving.done():
            await asyncio.sleep(0.05)
        there = served.number
        while served.number < there + LATER and not serving.done():
            await asyncio.sleep(0.05)
        _, line = await again.wait_for('"verdict"', 2)
        next_outcome = json.loads(line)
        triggers = [one for one in await told(settings, "retraining.triggers", RetrainingTrigger)]
        deadline = time.monotonic() + 30.0
        while time.monotonic() < deadline:
            records = await told(settings, "audit.log", AuditRecord)
            if any(record.kind.value == "model.promoted" for record in records):
                break
            await asyncio.sleep(0.5)
    finally:
        stop.set()
        if serving is not None:
            await serving
        await producer.stop()
        for program in programs:
            await program.kill(signal.SIGTERM)
    share = {key: float(np.mean(right)) for key, right in served.right.items()}
    before, worse = share[0, "1"], share[LEVEL, "1"]
    new = str(outcome["version"])
    after = share.get((LEVEL, new), 0.0)
    print(
        f"\nload {os.getloadavg()[0]:.1f}; {served.number:,} images at {RATE} a second, level {LEVEL} from image {CLEAN:,} on"
    )
    for (level, version), right in sorted(served.right.items()):
        print(f"  level {level}, version {version}: accuracy {np.mean(right):.3f} of {len(right):,}")
    print("seconds after the change")
    for what, at in (
        ("trigger acted upon", trigger_at),
        ("killed (SIGKILL) while learning", killed_at),
        ("taken up again", again_at),
        ("registered as challenger", registered_at),
        ("decided and promoted", promoted_at),
        ("serves", served.switched_at),
    ):
        print(f"  {at - served.level_at:7.1f}  {what}")
    # It loads models in its own process, which is no part of the loop: a figure without a target.
    print(f"longest pause of the serving program: {served.longest_gap:.2f} s")
    print("steps: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in outcome["seconds"].items()))
    print(f"first: {outcome['verdict']}: {outcome['reason']}")
    print(f"second: {next_outcome['verdict']}: {next_outcome['reason']}")
    ident = trigger.partition("trigger ")[2][:32]
    known = {one.id for one in triggers}
    kinds = [record.kind.value for record in records]
    checks = [
        ("accuracy on later images, after the promotion", f"{after:.3f}", f"> {worse:.3f} + 0.10", after > worse + 0.10),
        ("drop at level 4 before it (from level 0)", f"{before - worse:.3f}", "> 0.05, else nothing is shown", before - worse > 0.05),
        ("verdict of the retraining", outcome["verdict"], "promoted", outcome["verdict"] == "promoted"),
        ("champion after kill -9", str(champion_then), "1", champion_then == 1),
        ("images answered while nobody retrained", f"{answered_meanwhile:,}", "> 0", answered_meanwhile > 0),
        ("the killed trigger is taken up again", taken.partition("trigger ")[2][:32][:8], "it, or a newer one with it", ident in taken or "more" in taken),
        ("triggers of the monitor", str(len(triggers)), ">= 2", len(triggers) >= 2),
        ("second trigger begins after the first is done", f"{second_at - promoted_at:+.1f} s", ">= 0", second_at >= promoted_at),
        ("it is one of the monitor's", second.partition("trigger ")[2][:8], "known", second.partition("trigger ")[2][:32] in known),
        ("audit log", str(kinds.count("model.promoted")) + " promoted", ">= 1", "model.promoted" in kinds),
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
