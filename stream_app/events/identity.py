"""Deterministic identities: derived from what they name, so the same again after a crash."""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

import msgspec

from stream_app.events.dead_letter import Header
from stream_app.events.trace import TraceContext

__all__ = ["ONLY_LOG", "LogId", "TracedLog", "identity"]

_PARTITIONS = 1 << 16


class LogId(NamedTuple):
    """A partition's log, which offsets count in; only within it they can be compared.

    Parameters
    ----------
    partition : int
        Number of the partition.
    life : str
        What tells the topic from one that had its name before: the id that Kafka gave it. Empty where there is none, as in
        a backtest.
    deployment : str
        Name of the deployment that reads it; empty for the one without a name.
    """

    partition: int = 0
    life: str = ""
    deployment: str = ""

    @property
    def number(self) -> int:
        """Both in 32 bits: a hash of the life above the partition's number.

        Examples
        --------
        >>> LogId(3).number, LogId(3, "ZsBjVgVsRyyGRMw_zDC3_g").number % 65_536
        (3, 3)
        """
        hashed = zlib.crc32(self.life.encode()) % _PARTITIONS if self.life else 0
        return hashed * _PARTITIONS + self.partition % _PARTITIONS

    def parts(self, offset: int) -> tuple[str | int, ...]:
        """Return what an event at an offset of this log adds to an identity; see `identity`."""
        parts = (self.partition, offset, self.life, self.deployment)
        # What is empty adds nothing, from the end on.
        return parts if self.deployment else parts[:3] if self.life else parts[:2]

    def trace(self, offset: int) -> TraceContext | None:  # noqa: ARG002 see `TracedLog`
        """Return the trace that an event belongs to; None where nothing is known of it."""
        return None

    @classmethod
    def partition_of(cls, number: int) -> int:
        """Return the partition in what `number` gave."""
        return number % _PARTITIONS


class TracedLog(LogId):
    """A log some of whose events have headers, which may name the traces that they belong to.

    Headers are read where an alert begins, so that they cost nothing else.
    """

    headers: Mapping[int, Iterable[Header]]

    @classmethod
    def of(cls, log: LogId, headers: Mapping[int, Iterable[Header]]) -> Self:
        """Return a log with the headers of its events, by their offsets."""
        traced = cls(*log)
        traced.headers = headers
        return traced

    def trace(self, offset: int) -> TraceContext | None:
        """Return the trace that an event belongs to; None where its headers name none."""
        return TraceContext.of(self.headers.get(offset, ()))


ONLY_LOG = LogId()
"""The log of who has one, such as a backtest."""


def identity(*parts: str | float) -> str:
    """Return the identity of what some names and numbers, in their order, single out.

    Returns
    -------
    str
        32 hexadecimal digits: 128 bits of BLAKE2b.

    Examples
    --------
    >>> identity("a", "b", 1) == identity("a", "b", 1)
    True
    >>> identity("a:b", 1) == identity("a", "b:1")
    False
    """
    # Packed, not joined: names may hold any separator.
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=16).hexdigest()
