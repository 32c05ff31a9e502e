"""Two real shops through Kafka, worker and Redis: what is served and what history says, against plain sums.

Each shop's whole record is replayed at full speed: straight through; with the worker killed (SIGKILL) three times on the
way; and then with the whole topic processed a second time, its positions deleted, and the file sent a second time. After
each, the features of random customers at random instants, half of them at or beside an edge of a window, are
read from Redis and computed by history, from the file and from the topic. All of them must equal what plain Python
gives for the rows of the file: ``len`` and ``math.fsum``. An entity without events before the instant is missing.

usage: python benchmarks/features/shops.py DATA [--pairs 500] [--seed 1] [--limit N]

DATA has online-retail/online_retail.csv.gz and cdnow/CDNOW_master.txt; a shop that is not there is skipped. Any mismatch
is printed, and ends it with 1.
"""

import argparse
import asyncio
import csv
import datetime as dt
import gzip
import math
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from ground import Progress, WorkerProcess, call, ground

from producers.sessions import SessionColumns, SessionFiles
from stream_app.client import AsyncFeatureClient
from stream_app.events import SessionRow, decode_sessions
from stream_app.features import Recorded, point_in_time
from stream_app.kafka import client_options
from stream_app.monitors.sessions import SessionConfig
from stream_app.settings import Settings
from stream_app.store import ViewRegistry, connect

PARTITIONS = 4
VIEW = "purchases"
DAY = 86_400_000_000
WINDOWS = {"30m": 1_800_000_000, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}
"""Lengths in microseconds."""
NAMES = tuple(f"{what}_{name}" for name in WINDOWS for what in ("count", "sum"))


class Purchase(NamedTuple):
    """A row of a shop's file."""

    customer: str
    at: int
    """In microseconds."""
    amount: float


def instant(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 1_000_000


def online_retail(file: Path) -> list[Purchase]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        return [
            Purchase(
                line["CustomerID"].removesuffix(".0"),
                instant(line["InvoiceDate"]),
                float(line["Quantity"]) * float(line["UnitPrice"]),
            )
            for line in csv.DictReader(lines)
            if line["CustomerID"]
        ]


def cdnow(file: Path) -> list[Purchase]:
    cells = [line.split() for line in file.read_text().splitlines()[1:] if line.strip()]
    return sorted(
        (Purchase(customer, instant(day), float(dollars)) for customer, day, _, dollars in cells),
        key=lambda purchase: purchase.at,
    )


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop: where its file is, how plain Python reads it, and which value of its events is the amount."""

    name: str
    file: str
    read: Callable[[Path], list[Purchase]]
    amount: str

    @property
    def streams(self) -> str:
        """What the monitor file says."""
        features = "\n".join(
            f'count_{name} = {{ count = "*", window = "{name}" }}\n'
            f'sum_{name} = {{ sum = "{self.amount}", window = "{name}" }}'
            for name in WINDOWS
        )
        # Years of events are kept, so that any instant of the record can be asked for.
        return (
            '[streams.sessions]\nkind = "sessions"\n\n'
            f'[[streams.sessions.views]]\nname = "{VIEW}"\nhistory = "800d"\nmax_events = 100000\n\n'
            f"[streams.sessions.views.features]\n{features}\n"
        )


SHOPS = (
    Shop("Online Retail", "online-retail/online_retail.csv.gz", online_retail, "amount"),
    Shop("CDNOW", "cdnow/CDNOW_master.txt", cdnow, "dollars"),
)

Pair = tuple[str, int]
Values = dict[str, float | None]


def draw_pairs(purchases: list[Purchase], count: int, seed: int) -> list[Pair]:
    """Draw customers and instants: half of them anywhere, half at an edge of a window or a microsecond beside it."""
    draw = random.Random(seed)
    of: dict[str, list[int]] = {}
    for purchase in purchases:
        of.setdefault(purchase.customer, []).append(purchase.at)
    customers = sorted(of)
    begin, end = purchases[0].at, purchases[-1].at + 30 * DAY
    pairs = []
    for i in range(count):
        customer = draw.choice(customers)
        if i % 2:
            pairs.append((customer, draw.randrange(begin, end)))
        else:
            edge = draw.choice(of[customer]) + draw.choice((0, *WINDOWS.values()))
            pairs.append((customer, edge + draw.choice((-1, 0, 1))))
    return pairs


def brute_force(purchases: list[Purchase], pairs: list[Pair]) -> list[Values]:
    """Compute the features of each pair from all rows of its customer, with nothing but Python."""
    of: dict[str, list[Purchase]] = {customer: [] for customer, _ in pairs}
    for purchase in purchases:
        if purchase.customer in of:
            of[purchase.customer].append(purchase)
    answers = []
    for customer, at in pairs:
        before = [purchase for purchase in of[customer] if purchase.at < at]
        values: Values = {}
        for name, length in WINDOWS.items():
            inside = [purchase.amount for purchase in before if purchase.at >= at - length]
            values[f"count_{name}"] = len(inside) if before else None
            values[f"sum_{name}"] = math.fsum(inside) if before else None
        answers.append(values)
    return answers


def rows_of(records: Iterable[bytes]) -> Iterator[SessionRow]:
    for row in decode_sessions(list(records)):
        if not isinstance(row, SessionRow):
            raise SystemExit(f"a replayed event is refused: {row}")
        yield row


def recorded_in_file(file: Path, limit: int | None) -> list[Recorded]:
    files = SessionFiles.find([str(file)], SessionColumns())
    rows = [row for batch in files.batches() for row in rows_of(batch.encode())]
    return [Recorded(row, 0, offset, row.ts) for offset, row in enumerate(rows[:limit])]


async def recorded_in_topic(settings: Settings, topic: str) -> list[Recorded]:
    consumer = AIOKafkaConsumer(**client_options(settings.kafka))
    await consumer.start()
    found = []
    try:
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                rows = rows_of(record.value for record in records)
                found += [
                    Recorded(row, tp.partition, record.offset, record.timestamp / 1000)
                    for record, row in zip(records, rows, strict=True)
                ]
    finally:
        await consumer.stop()
    return found


@dataclass(slots=True)
class Shown:
    """How the three ways to a value compare with plain sums after one pass."""

    shop: str
    way: str
    events: int
    seconds: float
    pairs: int
    missing: int
    online: int = 0
    file: int = 0
    topic: int = 0

    @property
    def mismatches(self) -> int:
        """All of them."""
        return self.online + self.file + self.topic

    def line(self) -> str:
        """Return a line of the table."""
        return (
            f"| {self.shop} | {self.way} | {self.events:,} | {self.seconds:.0f} | {self.pairs} | {self.missing} "
            f"| {self.online} | {self.file} | {self.topic} |"
        )


HEADING = (
    "| shop | replay | events in the topic | s | pairs | of them missing "
    "| mismatches online | in history of the file | of the topic |\n|---|---|---:|---:|---:|---:|---:|---:|---:|"
)


def differing(where: str, pairs: list[Pair], found: list[Values], wanted: list[Values]) -> int:
    """Count and print pairs of which not all values are the wanted ones."""
    wrong = [one for one in zip(pairs, found, wanted, strict=True) if one[1] != one[2]]
    for (customer, at), values, right in wrong[:5]:
        print(f"MISMATCH {where}: {customer!r} at {at} µs: {values}, not {right}", flush=True)
    return len(wrong)


class Examination:
    """One shop, one worker, one topic: replays, and compares what is told with plain sums."""

    def __init__(self, shop: Shop, file: Path, limit: int | None, settings: Settings, store, folder: Path):
        self.shop = shop
        self.file = file
        self.limit = limit
        self.settings = settings
        self.store = store
        self.folder = folder
        self.progress = Progress(settings, store, PARTITIONS)
        # Small deliveries and frequent checkpoints, so that a kill finds it in the middle of things.
        self.worker = WorkerProcess(
            folder / "streamgauge.toml", shop.streams, 'max_batch = 20_000\ncheckpoint_interval = "200ms"'
        )

    async def replay(self) -> None:
        """Send the file, at full speed."""
        state = self.folder / f"replay-{time.monotonic_ns()}.json"
        chosen = () if self.limit is None else ("--limit", str(self.limit))
        await call("replay", "sessions", self.file, "--quiet", "--state", state, *chosen)

    async def straight(self) -> None:
        """Replay, with nothing in the way."""
        self.worker.start()
        await self.replay()
        await self.progress.reach(await self.progress.ends(), self.worker)

    async def killed(self, events: int) -> int:
        """Kill it after a quarter, a half and three quarters of the events; return how often it was in the middle."""
        self.worker.start()
        sending = asyncio.create_task(self.replay())
        midway = 0
        for quarter in (1, 2, 3):
            await self.progress.reach(quarter * events // 4, self.worker)
            self.worker.kill()
            midway += await self.progress.stored() < events
            self.worker.start()
        await sending
        await self.progress.reach(await self.progress.ends(), self.worker)
        return midway

    async def twice(self) -> None:
        """Process the topic again from its beginning, and then all events sent a second time."""
        ends = await self.progress.ends()
        self.worker.stop()
        await self.progress.forget()
        self.worker.start()
        await self.progress.reach(ends, self.worker)
        again = sum((await self.worker.counted("streamgauge_events_total")).values())
        if again < ends:
            raise SystemExit(f"only {again:,.0f} of {ends:,} events were processed again")
        await self.replay()
        await self.progress.reach(await self.progress.ends(), self.worker)

    async def compare(self, way: str, seconds: float, pairs, wanted, trained: list[Values]) -> Shown:
        """Compare all that is told of the pairs."""
        shown = Shown(
            self.shop.name, way, await self.progress.ends(), seconds, len(pairs),
            sum(values["count_90d"] is None for values in wanted),
        )  # fmt: skip
        where = f"{self.shop.name}, {way}"
        shown.online = differing(f"{where}, online", pairs, await self.online(pairs), wanted)
        shown.file = differing(f"{where}, history of the file", pairs, trained, wanted)
        topic = await recorded_in_topic(self.settings, self.progress.topic)
        shown.topic = differing(
            f"{where}, history of the topic", pairs, await self.history(topic, pairs), wanted
        )
        return shown

    async def online(self, pairs: list[Pair]) -> list[Values]:
        """Read from Redis."""
        found = []
        async with AsyncFeatureClient(self.settings.redis) as client:
            for customer, at in pairs:
                answer = await client.get_online_features([f"{VIEW}:*"], [customer], at=at / 1e6)
                columns = answer.to_dict()
                found.append({name: columns[f"{VIEW}:{name}"][0] for name in NAMES})
        return found

    async def history(self, events: list[Recorded], pairs: list[Pair]) -> list[Values]:
        """Compute from recorded events, by the definition that the worker registered."""
        view = (await ViewRegistry(self.store).get(VIEW)).view
        instants = [(customer, at / 1e6) for customer, at in pairs]
        return [row.values for row in point_in_time(SessionConfig((view,)), view.key, events, instants)]


@asynccontextmanager
async def examination(shop: Shop, file: Path, limit: int | None) -> AsyncIterator[Examination]:
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as folder:
        async with ground() as settings:
            store = await connect(settings.redis)
            one = Examination(shop, file, limit, settings, store, Path(folder))
            try:
                yield one
            finally:
                one.worker.stop()
                await store.close()


async def show(shop: Shop, file: Path, given) -> list[Shown]:
    purchases = shop.read(file)[: given.limit]
    pairs = draw_pairs(purchases, given.pairs, given.seed)
    wanted = brute_force(purchases, pairs)
    shown = []

    async def compare(one: Examination, way: str, begin: float) -> None:
        shown.append(await one.compare(way, time.monotonic() - begin, pairs, wanted, trained))
        print(shown[-1].line(), flush=True)

    async with examination(shop, file, given.limit) as one:
        begin = time.monotonic()
        await one.straight()
        trained = await one.history(recorded_in_file(file, given.limit), pairs)
        await compare(one, "straight through", begin)
    async with examination(shop, file, given.limit) as one:
        begin = time.monotonic()
        midway = await one.killed(len(purchases))
        if not midway:
            raise SystemExit(f"{shop.name}: every kill came too late; take more than {given.limit:,} events")
        await compare(one, f"worker killed, {midway} times midway", begin)
        begin = time.monotonic()
        await one.twice()
        await compare(one, "topic processed twice, file sent twice", begin)
    return shown


async def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, help="take only so many events of each shop")
    given = parser.parse_args()
    print(HEADING, flush=True)
    shown: list[Shown] = []
    skipped = []
    for shop in SHOPS:
        file = given.data / shop.file
        if file.is_file():
            shown += await show(shop, file, given)
        else:
            skipped.append(f"skipped {shop.name}: {file} is not there")
    print(*skipped, sep="\n")
    mismatches = sum(one.mismatches for one in shown)
    print(f"{mismatches} mismatches")
    return int(mismatches > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
