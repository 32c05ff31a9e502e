"""Deterministic identities: derived from what they name, so the same again after a crash."""

import hashlib
import zlib
from typing import NamedTuple

import msgspec

__all__ = ["ONLY_LOG", "LogId", "identity"]

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

    @classmethod
    def partition_of(cls, number: int) -> int:
        """Return the partition in what `number` gave."""
        return number % _PARTITIONS


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
