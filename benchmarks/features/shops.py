"""Two real shops through Kafka, worker and Redis: what is served and what history says, against plain sums.

Each shop's whole record is replayed at full speed: straight through; with the worker killed (SIGKILL) three times on the
way; and then with the whole topic processed a second time, its positions deleted, and the file sent a second time. After
each, the features of random customers at random instants, a third of them around the edges of windows, are
read from Redis by the client, and computed by ``streamgauge features history`` from the file and from the topic. All of
them must equal what plain Python gives for the rows of the file: ``len`` and ``math.fsum``. An entity without events
before the instant is missing.

usage: python benchmarks/features/shops.py DATA [--pairs 500] [--seed 1] [--lines N]

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
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import polars as pl
from harness import Progress, WorkerProcess, call, harness

from stream_app.client import AsyncFeatureClient
from stream_app.settings import Settings
from stream_app.store import connect

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
    """Draw customers and instants: anywhere, within half an hour of a purchase, a microsecond around a window's edge."""
    draw = random.Random(seed)
    of: dict[str, list[int]] = {}
    for purchase in purchases:
        of.setdefault(purchase.customer, []).append(purchase.at)
    customers = sorted(of)
    begin, end = purchases[0].at, purchases[-1].at + 30 * DAY
    pairs = []
    for i in range(count):
        customer = draw.choice(customers)
        bought = draw.choice(of[customer])
        if i % 3 == 0:
            at = draw.randrange(begin, end)
        elif i % 3 == 1:
            at = bought + draw.randrange(WINDOWS["30m"])
        else:
            at = bought + draw.choice((0, *WINDOWS.values())) + draw.choice((-1, 0, 1))
        pairs.append((customer, at))
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


def first_lines(file: Path, count: int, folder: Path) -> Path:
    """Write so many lines of a file, and its header, under the same name elsewhere."""
    read = gzip.open if file.suffix == ".gz" else open
    part = folder / file.name
    with read(file, "rb") as source, read(part, "wb") as target:
        target.writelines(islice(source, count + 1))
    return part


@dataclass(slots=True)
class Shown:
    """How the three ways to a value compare with plain sums after one pass."""

    shop: str
    way: str
    events: int
    seconds: float
    pairs: int
    recent: int
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
            f"| {self.shop} | {self.way} | {self.events:,} | {self.seconds:.0f} | {self.pairs} | {self.recent} "
            f"| {self.missing} | {self.online} | {self.file} | {self.topic} |"
        )


HEADING = (
    "| shop | replay | events in the topic | s | pairs | with events in 30 min | missing "
    "| mismatches online | in history of the file | of the topic |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def differing(where: str, pairs: list[Pair], found: list[Values], wanted: list[Values]) -> int:
    """Count and print pairs of which not all values are the wanted ones."""
    wrong = [one for one in zip(pairs, found, wanted, strict=True) if one[1] != one[2]]
    for (customer, at), values, right in wrong[:5]:
        print(f"MISMATCH {where}: {customer!r} at {at} µs: {values}, not {right}", flush=True)
    return len(wrong)


class Examination:
    """One shop, one worker, one topic: replays, and compares what is told with plain sums."""

    def __init__(self, shop: Shop, file: Path, settings: Settings, store, folder: Path):
        self.shop = shop
        self.file = file
        self.settings = settings
        self.folder = folder
        self.progress = Progress(settings, store, PARTITIONS)
        # Small deliveries and frequent checkpoints, so that a kill finds it in the middle of things.
        self.worker = WorkerProcess(
            folder / "streamgauge.toml", shop.streams, 'max_batch = 20_000\ncheckpoint_interval = "200ms"'
        )

    async def replay(self) -> None:
        """Send the file, at full speed."""
        state = self.folder / f"replay-{time.monotonic_ns()}.json"
        await call("replay", "sessions", self.file, "--quiet", "--state", state)

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
            sum(bool(values["count_30m"]) for values in wanted), sum(values["count_30m"] is None for values in wanted),
        )  # fmt: skip
        where = f"{self.shop.name}, {way}"
        shown.online = differing(f"{where}, online", pairs, await self.online(pairs), wanted)
        shown.file = differing(f"{where}, history of the file", pairs, trained, wanted)
        replayed = await self.history(pairs, "--topic", self.progress.topic)
        shown.topic = differing(f"{where}, history of the topic", pairs, replayed, wanted)
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

    async def history(self, pairs: list[Pair], *source: str | Path) -> list[Values]:
        """Build training rows of recorded events, from the command line."""
        instants, out = self.folder / "instants.csv", self.folder / "rows.parquet"
        with instants.open("w", newline="") as opened:
            table = csv.writer(opened)
            table.writerow(("entity", "at"))
            table.writerows((customer, f"{at // 10**6}.{at % 10**6:06}") for customer, at in pairs)
        await call(
            "features",
            "history",
            VIEW,
            "--config",
            self.worker.file,
            "--instants",
            instants,
            "--out",
            out,
            *source,
        )
        return pl.read_parquet(out).select(NAMES).to_dicts()


@asynccontextmanager
async def examination(shop: Shop, file: Path) -> AsyncIterator[Examination]:
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as folder:
        async with harness() as settings:
            store = await connect(settings.redis)
            one = Examination(shop, file, settings, store, Path(folder))
            try:
                yield one
            finally:
                one.worker.stop()
                await store.close()


async def show(shop: Shop, file: Path, given) -> list[Shown]:
    purchases = shop.read(file)
    pairs = draw_pairs(purchases, given.pairs, given.seed)
    wanted = brute_force(purchases, pairs)
    shown = []

    async def compare(one: Examination, way: str, begin: float) -> None:
        shown.append(await one.compare(way, time.monotonic() - begin, pairs, wanted, trained))
        print(shown[-1].line(), flush=True)

    async with examination(shop, file) as one:
        begin = time.monotonic()
        await one.straight()
        trained = await one.history(pairs, "--events", file)
        await compare(one, "straight through", begin)
    async with examination(shop, file) as one:
        begin = time.monotonic()
        midway = await one.killed(len(purchases))
        if not midway:
            raise SystemExit(f"{shop.name}: every kill came too late; take more lines")
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
    parser.add_argument("--lines", type=int, help="take only the first lines of each file")
    given = parser.parse_args()
    shown: list[Shown] = []
    there = {shop: given.data / shop.file for shop in SHOPS}
    for shop, file in there.items():
        if not file.is_file():
            print(f"skipped {shop.name}: {file} is not there; name the folder: make bench-features DATA=DIR")
    if not any(file.is_file() for file in there.values()):
        return 0
    print(HEADING, flush=True)
    for shop, file in there.items():
        if file.is_file() and given.lines:
            with tempfile.TemporaryDirectory() as folder:
                shown += await show(shop, first_lines(file, given.lines, Path(folder)), given)
        elif file.is_file():
            shown += await show(shop, file, given)
    mismatches = sum(one.mismatches for one in shown)
    print(f"{mismatches} mismatches")
    return int(mismatches > 0)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
