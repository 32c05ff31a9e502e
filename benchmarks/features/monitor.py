"""Events a second that one process decodes, counts and encodes for ten features, by how many events an entity has.

usage: python benchmarks/features/monitor.py [--events 60000] [--batch 20000]

Entities are drawn at random, the hardest case: in a batch of 20,000 events over 100,000 entities nearly every event
changes another log. Writing to a store is not in it.
"""

import argparse
import json
import random
import time

from log import NOW, TEN

from stream_app.core.features import FeatureView
from stream_app.events import SessionRow, decode_sessions
from stream_app.monitors.sessions import SessionArrivals, SessionConfig, SessionMonitor


def records(events: int, entities: int, first: int, begin: float, seed: int) -> list[bytes]:
    """Events of a shop, a thousandth of a second apart."""
    draw = random.Random(seed)
    return [
        json.dumps(
            {
                "entity": str(draw.randrange(entities)),
                "ts": begin + i / 1000,
                "type": "purchase",
                "values": {"amount": round(draw.lognormvariate(2, 1), 2), "quantity": 1},
                "attributes": {"item": str(draw.randrange(4000))},
                "id": str(first + i),
            }
        ).encode()
        for i in range(events)
    ]


def arrivals(raws: list[bytes], first: int) -> SessionArrivals:
    rows = [row for row in decode_sessions(raws) if isinstance(row, SessionRow)]
    return SessionArrivals(rows, list(range(first, first + len(rows))), [row.ts for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--batch", type=int, default=20_000)
    given = parser.parse_args()
    print(
        f"{'entities':>9} {'events/s':>9} {'decode µs':>10} {'count and encode µs':>20} {'logs':>7} {'bytes a log':>12}"
    )
    for entities in (1, 1000, 100_000):
        monitor = SessionMonitor(SessionConfig((FeatureView("purchases", TEN),)))
        past = records(10 * min(entities, 20_000), entities, 0, NOW - 86_400, seed=1)
        monitor.update(arrivals(past))
        raws = records(given.events, entities, len(past), NOW, seed=2)
        decoding = counting = 0.0
        logs = size = 0
        for at in range(0, len(raws), given.batch):
            begin = time.process_time()
            batch = arrivals(raws[at : at + given.batch], len(past) + at)
            decoded = time.process_time()
            outcome = monitor.update(batch)
            decoding += decoded - begin
            counting += time.process_time() - decoded
            logs += len(outcome.changes)
            size += sum(len(change.log) for change in outcome.changes)
        each = 1e6 / given.events
        print(
            f"{entities:>9} {given.events / (decoding + counting):>9.0f} {decoding * each:>10.2f} "
            f"{counting * each:>20.2f} {logs:>7} {size / logs:>12.0f}"
        )


if __name__ == "__main__":
    main()
