"""What streams of data platforms have of their own in a worker: their decoder, and snapshots for the page.

A worker without such streams does not load it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec

from stream_app.events import Rejected, record_times
from stream_app.events.platform import PlatformRow
from stream_app.monitors.platform import Arrivals, PlatformMonitor
from stream_app.runtime.partition import Partition
from stream_app.runtime.sources import Decoded
from stream_app.store import PlatformSnapshot, PlatformWriter

__all__ = ["SnapshotWriter", "decode_platform"]


def decode_platform(
    records: list[Any], read: Callable[[list[Any]], Sequence[tuple[PlatformRow, ...] | Rejected]]
) -> Decoded:
    """Decode samples, completions of queries and changes; a record may have many samples."""
    arrivals, rejected, bad = Arrivals(), [], []
    times = record_times(records)
    for record, time, rows in zip(records, times, read(records), strict=True):
        is_bad = isinstance(rows, Rejected)
        bad.append(is_bad)
        if isinstance(rows, Rejected):
            rejected.append((record, rows))
            continue
        arrivals.rows.extend(rows)
        arrivals.offsets.extend([record.offset] * len(rows))
        arrivals.record_ts.extend([time] * len(rows))
    return Decoded(arrivals, rejected, bad)


class SnapshotWriter:
    """Writes what the page shows of platforms whose windows went on.

    Parameters
    ----------
    writer : PlatformWriter
        Writes to Redis.
    """

    def __init__(self, writer: PlatformWriter) -> None:
        self._writer = writer
        self._written: dict[str, tuple[object, float]] = {}

    async def __call__(self, partition: Partition, offsets: Mapping[str, int]) -> None:
        """Write the snapshots of some platforms of a partition; raises as `PlatformWriter.write`."""
        monitor = cast(PlatformMonitor, partition.monitor)
        versions = {source: (partition.fence.claim.owner, monitor.windows_of(source)) for source in offsets}
        due = [source for source in offsets if self._written.get(source) != versions[source]]
        snapshots = [
            PlatformSnapshot(source, offsets[source], ts, msgspec.json.encode(content))
            for source, (ts, _), content in zip(
                due, monitor.features_of(due), monitor.snapshots_of(due), strict=True
            )
        ]
        await self._writer.write(snapshots, partition.fence)
        self._written |= {source: versions[source] for source in due}
