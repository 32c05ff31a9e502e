"""Asking again and again, at even times; and how far a source was read, for going on after an interruption."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from producers.resume import digest
from stream_app.errors import StateError

__all__ = ["Place", "Position", "moments"]


async def moments(
    interval: float, stop: asyncio.Event, clock: Callable[[], float] = time.time
) -> AsyncIterator[float]:
    """Give the time now, and again each time that a multiple of the interval has come, until `stop` is set.

    Times that pass while the caller is at work are left out.

    Parameters
    ----------
    interval : float
        Seconds.
    stop : asyncio.Event
    clock : callable
        Epoch seconds.
    """
    while not stop.is_set():
        now = clock()
        yield now
        due = (now // interval + 1.0) * interval
        try:
            async with asyncio.timeout(max(due - clock(), 0.001)):
                await stop.wait()
        except TimeoutError:
            continue


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a live source was read, as it is stored.

    Parameters
    ----------
    identity : str
        Digest of the source, to refuse to go on with another one.
    ts : float
        All up to here was acknowledged by Kafka, epoch seconds.
    seen : tuple of str
        What is newer and was sent already.
    """

    identity: str
    ts: float
    seen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where it is kept how far a live source was read.

    Parameters
    ----------
    path : Path
    identity : str
        What is read, and where it goes.
    resume : bool
        Whether what is stored counts.
    """

    path: Path
    identity: str
    resume: bool = False

    def load(self) -> Place | None:
        """Return the place where it goes on; None where it begins.

        Raises
        ------
        StateError
            If the file is none, or of another source.
        """
        if not self.resume:
            return None
        try:
            place = msgspec.json.decode(self.path.read_bytes(), type=Place)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StateError(
                f"{self.path}: not the place of a source: {error}; begin again without --resume"
            ) from None
        if place.identity != digest(self.identity):
            raise StateError(
                f"{self.path}: the place of another source or topic; begin again without --resume"
            )
        return place

    def save(self, ts: float, seen: tuple[str, ...] = ()) -> None:
        """Write the place, so that a crash leaves the old one or the new one.

        Raises
        ------
        StateError
            If it cannot be written.
        """
        fresh = self.path.with_suffix(".tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(Place(digest(self.identity), ts, seen)))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except OSError as error:
            raise StateError(
                f"{self.path}: cannot write the place of the source: {error.strerror}; see --state"
            ) from None
