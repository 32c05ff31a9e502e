"""By which reference and thresholds a stream shall be judged, and by which each partition is."""

import msgspec

from stream_app.core.alerting import MOST_HALVINGS, RAISABLE
from stream_app.core.calibration import CalibrationName
from stream_app.errors import StateError
from stream_app.store.connection import Store
from stream_app.store.fence import Claim, refuse
from stream_app.store.references import ReferenceStore

__all__ = ["CalibrationStore"]


class CalibrationStore:
    """Reads what is wanted, and writes what partitions have.

    Parameters
    ----------
    store : Store
        Connection to Redis.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._references = ReferenceStore(store)
        self._calibrate = store.function("calibrate")

    async def wanted(self, stream: str) -> CalibrationName:
        """Return by what a stream shall be judged.

        Raises
        ------
        StateError
            If what is stored is damaged; it names the key.
        StoreError
            If Redis cannot be reached or refuses.
        """
        active = await self._references.active(stream)
        raised = (await self.raised()).get(stream, {})
        return CalibrationName("" if active is None else active.version, raised)

    async def raised(self) -> dict[str, dict[str, int]]:
        """Return how often verdicts halved what a detector may spend of its budget, by stream and detector.

        Raises
        ------
        StateError
            If what is stored is damaged; it names the key.
        """
        key = self._store.keys.raised
        async with self._store.errors("reading which thresholds are raised"):
            found = await self._store.client.hgetall(key)
        raised: dict[str, dict[str, int]] = {}
        for field, value in found.items():
            try:
                stream, detector = msgspec.json.decode(field, type=tuple[str, str])
                halvings = int(value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
                raise StateError(f"{key}: {field[:80]!r} is no raised threshold: {error}") from error
            if detector not in RAISABLE or not 0 <= halvings <= MOST_HALVINGS:
                raise StateError(
                    f"{key}: {field[:80]!r} is {halvings}; known are {', '.join(RAISABLE)}, 0 to {MOST_HALVINGS}"
                )
            if halvings:
                raised.setdefault(stream, {})[detector] = halvings
        return raised

    async def calibrate(self, claim: Claim, name: str) -> None:
        """Note by what the events of a partition are judged from its stored position on; doing it twice is the same as once.

        Parameters
        ----------
        claim : Claim
            Of the partition.
        name : str
            Of the calibration.

        Raises
        ------
        FencedError
            Another worker owns the partition.
        StoreError
            Redis cannot be reached or refuses the write.
        """
        keys = self._store.keys
        async with self._store.errors(f"calibrating {claim.where}"):
            verdict, found = await self._calibrate(
                keys=[keys.offsets(*claim.parts), keys.calibrations(claim.topic)],
                args=[*claim.arguments(), name, f"{claim.group}/{claim.partition}"],
            )
        if verdict < 0:
            refuse(claim, verdict, found, place=self._store.place)

    async def in_use(self, topic: str) -> dict[str, CalibrationName]:
        """Return by what each partition of a topic is judged, by ``group/partition``; what names nothing is left out.

        Raises
        ------
        StoreError
            If Redis cannot be reached or refuses.
        """
        async with self._store.errors("reading which references are in use"):
            found = await self._store.client.hgetall(self._store.keys.calibrations(topic))
        return {
            place.decode(errors="replace"): CalibrationName.parse(name.decode(errors="replace"))
            for place, name in sorted(found.items())
        }
