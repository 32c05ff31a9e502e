"""A shop's record through Kafka, a worker that is killed, and Redis: what is served equals sums over the file's rows."""

import asyncio
import csv
import datetime as dt
import math
import os
import random
import sys

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from conftest import eventually

from stream_app.client import AsyncFeatureClient
from stream_app.events import decode_sessions
from stream_app.features import Recorded, point_in_time
from stream_app.kafka import client_options
from stream_app.monitors.sessions import SessionConfig
from stream_app.store import ViewRegistry

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LINES = 3000
CUSTOMERS = 60
PARTITIONS = 2
BEGIN = dt.datetime(2010, 12, 1, 8, tzinfo=dt.UTC)
SECONDS = {"30m": 1800, "7d": 7 * 86_400, "30d": 30 * 86_400, "90d": 90 * 86_400}
FEATURES = tuple(f"{what}_{window}" for window in SECONDS for what in ("count", "sum"))


@pytest.fixture
def record(tmp_path):
    """A year of invoice lines, of which some have no customer and some take goods back: the file and its rows."""
    draw = random.Random(4)
    file, rows, at = tmp_path / "shop.csv", [], BEGIN
    with file.open("w", newline="") as opened:
        lines = csv.writer(opened)
        lines.writerow(
            ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
        )
        invoice, customer = 536365, None
        for _ in range(LINES):
            if draw.random() < 0.2:
                # Minutes within a visit, days between them.
                at += dt.timedelta(minutes=draw.choice((0, 1, 29, 30, 31, 600)))
                invoice += 1
                customer = draw.choice([None, *range(12_346, 12_346 + CUSTOMERS)])
            back = draw.random() < 0.05
            quantity, price = draw.randrange(1, 30) * (-1 if back else 1), draw.randrange(1, 2000) / 100
            number = f"{'C' if back else ''}{invoice}"
            name = "" if customer is None else f"{customer}.0"
            lines.writerow((number, "85123A", quantity, f"{at:%Y-%m-%d %H:%M:%S}", price, name, "France"))
            if customer is not None:
                rows.append((str(customer), at.timestamp(), quantity * price))
    return file, rows


@pytest.fixture
def monitor_file(tmp_path):
    features = "\n".join(
        f'count_{name} = {{ count = "*", window = "{name}" }}\nsum_{name} = {{ sum = "amount", window = "{name}" }}'
        for name in SECONDS
    )
    file = tmp_path / "streamgauge.toml"
    file.write_text(
        '[streams.sessions]\nkind = "sessions"\n[[streams.sessions.views]]\nname = "purchases"\nhistory = "400d"\n'
        f"[streams.sessions.views.features]\n{features}\n"
    )
    return file


def instants(rows, count):
    """Customers and whole microseconds: a half anywhere, a half around the edges of windows."""
    draw = random.Random(5)
    for i in range(count):
        customer, at, _ = draw.choice(rows)
        if i % 2:
            yield customer, round(draw.uniform(rows[0][1], rows[-1][1]) * 1e6)
        else:
            edge = at + draw.choice((0, *SECONDS.values()))
            yield customer, round(edge * 1e6) + draw.choice((-1, 0, 1))


def plain_sums(rows, customer, at):
    mine = [(round(ts * 1e6), amount) for who, ts, amount in rows if who == customer]
    if not any(ts < at for ts, _ in mine):
        return dict.fromkeys(FEATURES)
    values = {}
    for name, seconds in SECONDS.items():
        inside = [amount for ts, amount in mine if at - seconds * 1_000_000 <= ts < at]
        values |= {f"count_{name}": len(inside), f"sum_{name}": math.fsum(inside)}
    return values


class Processes:
    """Worker and replay, as a person starts them."""

    def __init__(self, settings, monitor_file):
        self.file = monitor_file
        self.worker = None
        self.env = os.environ | {
            "STREAMGAUGE_KAFKA": settings.kafka.bootstrap,
            "STREAMGAUGE_REDIS": settings.redis.url.get_secret_value(),
            "STREAMGAUGE_PREFIX": settings.prefix,
            "STREAMGAUGE_WORKER__GROUP": settings.worker.group,
            "STREAMGAUGE_WORKER__INSTANCE": "worker-1",
            "STREAMGAUGE_WORKER__SESSION_TIMEOUT": "6",
            "STREAMGAUGE_WORKER__CHECKPOINT_INTERVAL": "0.05",
            "STREAMGAUGE_WORKER__MAX_BATCH": "100",
        }

    async def _spawn(self, *arguments):
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "stream_app", *arguments, env=self.env, stderr=asyncio.subprocess.DEVNULL
        )

    async def replay(self, file, state, *options):
        process = await self._spawn("replay", "sessions", file, "--quiet", "--state", state, *options)
        assert await process.wait() == 0

    async def start(self):
        self.worker = await self._spawn("worker", "--config", self.file)

    async def end(self, *, kill):
        """End the worker, by SIGKILL or by SIGTERM."""
        worker, self.worker = self.worker, None
        assert worker.returncode is None, "the worker ended by itself"
        worker.kill() if kill else worker.terminate()
        await worker.wait()


@pytest.fixture
async def processes(settings, monitor_file):
    processes = Processes(settings, monitor_file)
    yield processes
    if processes.worker is not None and processes.worker.returncode is None:
        processes.worker.kill()
        await processes.worker.wait()


async def read_all(kafka, topic):
    """Everything in the topic, as history takes it."""
    consumer = AIOKafkaConsumer(**client_options(kafka))
    await consumer.start()
    try:
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends, records = await consumer.end_offsets(tps), []
        while len(records) < sum(ends.values()):
            for found in (await consumer.getmany(timeout_ms=200)).values():
                records += found
    finally:
        await consumer.stop()
    rows = decode_sessions([record.value for record in records])
    return [
        Recorded(row, record.partition, record.offset, record.timestamp / 1000)
        for row, record in zip(rows, records, strict=True)
    ]


async def test_served_and_trained_equal_plain_sums_after_kills_and_replays(
    settings, store, make_topic, processes, record, tmp_path
):
    file, rows = record
    topic = await make_topic("session.events", PARTITIONS)
    keys = [store.keys.offsets(settings.worker.group, topic, number) for number in range(PARTITIONS)]
    asked = [(*one, plain_sums(rows, *one)) for one in instants(rows, 150)]
    assert sum(bool(wanted["count_30m"]) for *_, wanted in asked) > 10
    assert any(wanted["count_30m"] is None for *_, wanted in asked)

    async def processed():
        assert processes.worker is None or processes.worker.returncode is None, "the worker ended by itself"
        return sum([int(await store.client.hget(key, "next") or 0) for key in keys])

    async def until(events):
        await eventually(lambda: reached(events), timeout=60)

    async def reached(events):
        return await processed() >= events

    async def check():
        view = (await ViewRegistry(store).get("purchases")).view
        pairs = [(customer, at / 1e6) for customer, at, _ in asked]
        events = await read_all(settings.kafka, topic)
        trained = point_in_time(SessionConfig((view,)), view.key, events, pairs)
        async with AsyncFeatureClient(settings.redis) as client:
            for (customer, at), (*_, wanted), row in zip(pairs, asked, trained, strict=True):
                columns = (await client.get_online_features(["purchases:*"], [customer], at=at)).to_dict()
                served = {name: columns[f"purchases:{name}"][0] for name in FEATURES}
                assert served == wanted, (customer, at)
                assert row.values == wanted, (customer, at)

    async def claimed():
        return all([await store.client.hexists(key, "epoch") for key in keys])

    # A worker may be done with whatever waits before anybody looks: the file comes slowly, once there is a worker, for
    # ten seconds, of which the first kill falls into the fourth.
    await processes.start()
    await eventually(claimed, timeout=60)
    replay = asyncio.create_task(processes.replay(file, tmp_path / "first", "--rate", "300"))
    await until(len(rows) // 3)
    await processes.end(kill=True)
    assert not replay.done()
    assert await processed() < len(rows)
    await processes.start()
    await until(2 * len(rows) // 3)
    await processes.end(kill=True)
    await replay
    await processes.start()
    await until(len(rows))
    await check()

    # The topic from its beginning, and then the whole file once more.
    await processes.end(kill=False)
    await store.client.delete(*keys)
    assert await processed() == 0
    await processes.start()
    await until(len(rows))
    await processes.replay(file, tmp_path / "second")
    await until(2 * len(rows))
    await check()
