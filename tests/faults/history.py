"""What the history of a source must be: every bucket in its place, once, and the open one behind them."""

from collections.abc import Sequence

from stream_app.core.history import ROWS, ClosedBuckets, head_of, row_type, writes_of
from stream_app.monitors.sensors import SensorMonitor
from stream_app.store import Store

__all__ = ["history_difference"]


async def history_difference(
    store: Store, stream: str, source: str, closed: Sequence[ClosedBuckets], monitor: SensorMonitor
) -> list[str]:
    """Compare the stored history of a source with what its monitor gave, byte for byte."""
    buckets = [*closed, *monitor.open_buckets([source])]
    if not monitor.features(source)[1]["events"]:
        return []
    channels = buckets[-1].channels
    size = row_type(len(channels)).itemsize
    rows = bytearray(ROWS * size)
    for some in buckets:
        for place, written in dict(writes_of(some)).get(source, []):
            rows[place : place + len(written)] = written
    stored = await store.client.get(store.keys.history(stream, source))
    if stored is None:
        return [f"{source} has no history"]
    found = stored.removeprefix(head_of(channels))
    places = [i for i in range(ROWS) if found[i * size : (i + 1) * size] != rows[i * size : (i + 1) * size]]
    return [f"history of {source}: rows {places[:5]}"] if places or len(found) != len(rows) else []
