"""Events of one's own, one by one: the monitor of a worker in memory, and a restart in between."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np

import stream_app as sg


def lines() -> Iterator[str]:
    """Give lines of JSON as a socket or a queue would: a reading a second, with a leak after 25 minutes."""
    rng = np.random.default_rng(3)
    for i in range(2400):
        leak = 1500 <= i < 1800
        yield json.dumps(
            {
                "at": 1_770_000_000 + i,
                "flow": rng.normal(32.0, 0.4) - 2.5 * leak,
                "pressure": rng.normal(5.0, 0.1),
            }
        )


def main() -> None:
    """Print alerts as they begin and end, and live features at the end."""
    monitor = sg.Monitor(("flow", "pressure"), budget="1 per week", source="pump-1")
    for number, line in enumerate(lines()):
        event = json.loads(line)
        verdict = monitor.update_one(event.pop("at"), **event)
        for alert in verdict.alerts:
            when = datetime.fromtimestamp(alert.ended_at or alert.started_at, UTC)
            print(f"{when:%H:%M:%S} {alert.state.value}: {alert.summary}")
        if number == 1600:
            # All that the monitor knows is plain values: kept anywhere, it continues to the bit.
            stored = msgspec.msgpack.encode(monitor.state())
            monitor = sg.Monitor.from_state(msgspec.msgpack.decode(stored))
    print(monitor)
    print("mean flow of the last minute:", round(monitor.features["flow.mean"] or 0.0, 1))


if __name__ == "__main__":
    main()
