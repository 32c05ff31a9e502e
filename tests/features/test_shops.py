"""Two real shops: what is served and what training rows say, against a brute-force sum over all purchases."""

import csv
import datetime as dt
import gzip
import random
from fractions import Fraction
from pathlib import Path

import pytest

from stream_app.core.features import DAY, EntityLog, Evaluator, Feature, FeatureView, Layout, Sliding, micros
from stream_app.events import SessionRow
from stream_app.features import Recorded, point_in_time
from stream_app.monitors.sessions import SessionArrivals, SessionConfig, SessionMonitor

WINDOWS = {"30m": 1800.0, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}
VIEW = FeatureView(
    "purchases",
    tuple(
        Feature(f"{what}_{name}", what, "amount" if what == "sum" else None, Sliding(seconds))
        for name, seconds in WINDOWS.items()
        for what in ("count", "sum")
    ),
    history=800 * DAY,
)
CONFIG = SessionConfig((VIEW,))


DATA = Path(__file__).parents[3] / "shared" / "data"


def seconds(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


def online_retail():
    with gzip.open(DATA / "online-retail" / "online_retail.csv.gz", "rt", encoding="utf-8") as file:
        for i, line in enumerate(csv.DictReader(file)):
            if line["CustomerID"]:
                amount = int(line["Quantity"]) * float(line["UnitPrice"])
                yield SessionRow(
                    line["CustomerID"], seconds(line["InvoiceDate"]), values={"amount": amount}, id=str(i)
                )


def cdnow():
    lines = [
        line.split() for line in (DATA / "cdnow" / "CDNOW_master.txt").read_text().splitlines()[1:] if line
    ]
    bought = [(seconds(day), customer, float(dollars)) for customer, day, _, dollars in lines]
    for i, (ts, customer, dollars) in enumerate(sorted(bought)):
        yield SessionRow(customer, ts, values={"amount": dollars}, id=str(i))


def arrivals(rows, first):
    return SessionArrivals(rows, list(range(first, first + len(rows))), [row.ts for row in rows])


def brute_force(rows, at):
    """Plain sums over a customer's purchases; nothing where there was none before."""
    if not any(row.ts < at for row in rows):
        return dict.fromkeys(feature.name for feature in VIEW.features)
    values = {}
    for name, length in WINDOWS.items():
        inside = [row.values["amount"] for row in rows if at - length <= row.ts < at]
        values[f"count_{name}"] = len(inside)
        values[f"sum_{name}"] = float(sum(map(Fraction, inside)))
    return values


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize("shop", [online_retail, cdnow])
def test_served_and_trained_equal_brute_force(shop):
    if not DATA.is_dir():
        pytest.skip("needs the shops' data beside the checkout")
    rows = list(shop())
    draw = random.Random(8)
    monitor, stored, killed_at, step = SessionMonitor(CONFIG), {}, len(rows) // 2, 10_000

    def run(first, last):
        for at in range(first, last, step):
            outcome = monitor.update(arrivals(rows[at : min(at + step, last)], at))
            assert outcome.refusals == []
            stored.update({change.entity: change.log for change in outcome.changes})

    run(0, killed_at)
    monitor = SessionMonitor(CONFIG)
    for entity, log in stored.items():
        monitor.restore(entity, {VIEW.key: log})
    run(killed_at - 3 * step, len(rows))
    before = dict(stored)
    run(0, len(rows))
    assert stored == before
    # Sent a second time by the producer, each event is too late by now or has an id that is known.
    sent_again = monitor.update(arrivals(rows, len(rows)))
    assert len(sent_again.refusals) == len(rows)
    stored.update({change.entity: change.log for change in sent_again.changes})

    by_customer = {}
    for row in rows:
        by_customer.setdefault(row.entity, []).append(row)
    customers = draw.sample(sorted(by_customer), 250)
    instants = [
        (customer, micros(at) / 1e6)
        for customer in customers
        for at in (
            draw.uniform(rows[0].ts, rows[-1].ts),
            draw.choice(by_customer[customer]).ts + draw.choice([0.0, 1e-6, 60.0, 1800.0, 7 * DAY, 90 * DAY]),
        )
    ]
    layout = Layout(VIEW)
    evaluator = Evaluator(layout)
    topic = (Recorded(row, 0, i, row.ts) for i, row in enumerate(rows))
    history = point_in_time(CONFIG, VIEW.key, topic, instants)
    for (customer, at), trained in zip(instants, history, strict=True):
        served = evaluator.read(EntityLog.decode(stored[customer], layout), micros(at))
        wanted = brute_force(by_customer[customer], at)
        assert dict(zip(evaluator.names, served.values, strict=True)) == wanted
        assert trained.values == wanted
