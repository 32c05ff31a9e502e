"""By which reference and thresholds partitions are judged: taken up by a running worker, and the same after a kill.

What is wanted may change at any time, and an event that is read again must be judged as it was before. So each partition has the
name of its calibration beside its position, fenced as that is. It changes only between a checkpoint and the next event, and
not before everything is read again that another worker may have judged.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog

from stream_app.core.calibration import Calibration, CalibrationName
from stream_app.core.reference import ReferenceTable
from stream_app.errors import StateError, StoreError
from stream_app.monitors.base import Calibrated, Monitor
from stream_app.runtime.partition import Partition
from stream_app.store import CalibrationStore, Claim, ReferenceStore

__all__ = ["Calibrations", "MonitorMaker"]

_log = structlog.get_logger(__name__)

_EVERY_SECONDS = 5.0

MonitorMaker = Callable[[Calibration], Callable[[], Monitor]]
"""Returns what makes the monitors of a stream by a calibration."""


class Calibrations:
    """Says by what the partitions of some topics are judged, and makes their monitors.

    Parameters
    ----------
    makers : mapping of str to (str, callable)
        Topic to the name of its stream, and what makes its monitors.
    references : ReferenceStore
        Where references are kept.
    store : CalibrationStore
        Where it is kept what is wanted, and what each partition has.
    files : mapping of str to (str, ReferenceTable), optional
        References that the settings name, by stream, and the file of each.
    """

    def __init__(
        self,
        makers: Mapping[str, tuple[str, MonitorMaker]],
        references: ReferenceStore,
        store: CalibrationStore,
        files: Mapping[str, tuple[str, ReferenceTable]] | None = None,
    ) -> None:
        self._makers = makers
        self._references = references
        self._store = store
        self._files: Mapping[str, tuple[str, ReferenceTable]] | None = files or {}
        self._wanted: dict[str, CalibrationName] = {}
        self._tables: dict[tuple[str, str], ReferenceTable] = {}
        self._refused: set[tuple[str, str]] = set()

    async def look(self) -> None:
        """Read what is wanted now.

        Raises
        ------
        StateError
            If what Redis has names no calibration.
        StoreError
            If Redis cannot be reached or refuses.
        """
        if self._files is not None:
            await self._follow_settings(self._files)
            self._files = None
        for stream, _ in self._makers.values():
            self._wanted[stream] = await self._store.wanted(stream)

    async def _follow_settings(self, files: Mapping[str, tuple[str, ReferenceTable]]) -> None:
        for stream, _ in self._makers.values():
            origin, table = files.get(stream, ("", None))
            now = time.time()
            active = await self._references.follow_settings(stream, table, origin=origin, at=now)
            if table is not None and active is not None and not active.from_settings:
                _log.warning(
                    "the reference of the settings is not used: somebody has set another one",
                    stream=stream,
                    file=origin,
                    version=active.version,
                    by=active.by,
                )

    async def run(self) -> None:
        """Look again and again; what is away or damaged is told, and what is in use stays so."""
        told = ""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self.look()
                told = ""
            except StateError as error:
                if str(error) != told:
                    _log.error("the reference is not taken up", reason=str(error))
                told = str(error)
            except StoreError as error:
                _log.debug("the reference cannot be read", error=str(error))

    async def begin(self, claim: Claim, end: int) -> Calibrated | None:
        """Return by what a partition that was claimed is judged, with its monitor.

        Parameters
        ----------
        claim : Claim
            Of the partition.
        end : int
            Offset behind the last event that is there: nobody has judged more.

        Returns
        -------
        Calibrated or None
            None for a topic that has nothing of the kind.

        Raises
        ------
        StateError
            If the reference is not there any more, or damaged.
        """
        if claim.topic not in self._makers:
            return None
        stream, _ = self._makers[claim.topic]
        if stream not in self._wanted:
            await self.look()
        if claim.calibration:
            name = CalibrationName.parse(claim.calibration)
            try:
                return Calibrated(await self._monitor(claim.topic, name), claim.calibration, end)
            except StateError as error:
                if name == self._wanted[stream]:
                    raise
                _log.warning("the reference in use is gone, another one is taken", reason=str(error))
        # Nothing was ever judged by something else, or that cannot be had any more.
        name = self._wanted[stream]
        monitor = await self._monitor(claim.topic, name)
        await self._store.calibrate(claim, str(name))
        return Calibrated(monitor, str(name))

    def due(self, partition: Partition) -> bool:
        """Whether a partition shall be judged by something else, and may be."""
        had = partition.calibrated
        if had is None:
            return False
        stream, _ = self._makers[partition.tp.topic]
        wanted = str(self._wanted[stream])
        return (
            wanted != had.name
            and partition.next_offset >= had.until
            and (partition.tp.topic, wanted) not in self._refused
        )

    async def change(self, partition: Partition) -> None:
        """Let a partition, of which everything is stored, be judged by what is wanted; its lock is held.

        A reference that is not there or damaged is told, and the one in use stays.
        """
        topic = partition.tp.topic
        stream, _ = self._makers[topic]
        name = self._wanted[stream]
        try:
            monitor = await self._monitor(topic, name)
        except StateError as error:
            self._refused.add((topic, str(name)))
            _log.error("the reference is not taken up", stream=stream, reason=str(error))
            return
        await self._store.calibrate(partition.fence.claim, str(name))
        # Sources are restored when they come again, and begin with the reference then.
        partition.monitor = monitor
        partition.calibrated = Calibrated(monitor, str(name))
        _log.info(
            "judged by another reference or other thresholds from now on",
            topic=topic,
            partition=partition.tp.partition,
            next_offset=partition.next_offset,
            calibration=str(name),
        )

    async def _monitor(self, topic: str, name: CalibrationName) -> Monitor:
        stream, make = self._makers[topic]
        table = None
        if name.version:
            table = self._tables.get((stream, name.version))
            if table is None:
                table = await self._references.table(stream, name.version)
                # Partitions share it; others go with their last monitor.
                self._tables = {key: kept for key, kept in self._tables.items() if key[0] != stream} | {
                    (stream, name.version): table
                }
        return make(Calibration(table, name.raised))()
