"""An open loop: events are produced when their time has come, whatever becomes of those before them."""

import asyncio
import multiprocessing
import time
from dataclasses import dataclass

import numpy as np
from aiokafka import AIOKafkaProducer
from load.events import PARTITIONS, encoder, noise, source

from stream_app.cli.loop import run

__all__ = ["FAULT", "Load", "Produced", "Producer"]

FAULT = 180.0
"""What a planted fault adds to three channels: sixty standard deviations, so far beyond a source's past that any budget allows an alarm after three rows."""

FAULT_ROWS = 8
BETWEEN_FAULTS = 3.0  # seconds, of one source
TICK = 0.002
_DIFFERENT = 50_000


@dataclass(frozen=True)
class Load:
    """How many sources send how many events a second together, and how often one of them breaks.

    Parameters
    ----------
    sources : int
    rate : float
        Events a second, over all sources.
    seconds : float
        How long, behind the time for settling.
    faults : float
        Planted faults a second.
    settle : float
        Seconds in front that do not count, without faults.
    """

    sources: int
    rate: float
    seconds: float
    faults: float
    settle: float = 3.0

    @property
    def period(self) -> float:
        """Seconds between two events of a source."""
        return self.sources / self.rate


@dataclass(frozen=True)
class Produced:
    """What was produced: for each partition, when each offset was sent; and how late the producer was at most."""

    sent: list[np.ndarray]
    planted: int
    latest: float

    def __len__(self) -> int:
        return sum(map(len, self.sent))


async def _produce(pipe, kafka: str, topic: str, load: Load) -> Produced:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    event, rng = encoder(), np.random.default_rng(7)
    rows = noise(_DIFFERENT, seed=2).tolist()
    keys = [source(number).encode() for number in range(load.sources)]
    order = rng.permutation(load.sources).tolist()
    broken: dict[int, int] = {}
    healed = dict.fromkeys(range(load.sources), 0.0)
    sent: list[list[float]] = [[] for _ in range(PARTITIONS)]
    total = int((load.settle + load.seconds) * load.rate)
    # Whoever has to import and connect first would begin late.
    pipe.send("ready")
    begin = pipe.recv()
    next_fault, planted, late, i = begin + load.settle, 0, 0.0, 0
    while i < total:
        now = time.time()
        while load.faults and now >= next_fault:
            next_fault += 1.0 / load.faults
            number = order[planted % len(order)]
            if number not in broken and now - healed[number] >= BETWEEN_FAULTS:
                broken[number] = FAULT_ROWS
            planted += 1
        late = max(late, now - (begin + i / load.rate))
        for _ in range(int((now - begin) * load.rate) + 1 - i):
            if i == total:
                break
            number, values = i % load.sources, rows[i % _DIFFERENT]
            if left := broken.get(number):
                values = [x + FAULT if j < 3 else x for j, x in enumerate(values)]
                broken[number] = left - 1
                if left == 1:
                    del broken[number]
                    healed[number] = now
            ts = time.time()
            sent[number % PARTITIONS].append(ts)
            await producer.send(
                topic, event(number, ts, values), key=keys[number], partition=number % PARTITIONS
            )
            i += 1
        await asyncio.sleep(TICK)
    await producer.stop()
    return Produced([np.array(times) for times in sent], planted, late)


def _child(pipe, *arguments) -> None:
    pipe.send(run(_produce(pipe, *arguments)))


class Producer:
    """An open loop in a process of its own, ready to begin."""

    def __init__(self, kafka: str, topic: str, load: Load) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_child, args=(other, kafka, topic, load))
        self._process.start()
        other.close()
        self._receive()

    def begin(self, at: float) -> None:
        """Let it begin at a time, in epoch seconds."""
        self._pipe.send(at)

    def result(self) -> Produced:
        """Wait for its end."""
        produced = self._receive()
        self._process.join()
        return produced

    def _receive(self):
        try:
            return self._pipe.recv()
        except EOFError:
            raise SystemExit("the producer ended by itself") from None
