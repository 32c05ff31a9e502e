"""Events that no monitor can use, and wild ones that it must survive."""

import json
from collections.abc import Callable, Sequence
from random import Random

from faults.log import Event

__all__ = ["POISONS", "WILD", "poisoned"]

_DEPTH = 5_000
_OVERSIZED = 300_000


def _with(value: bytes, **changes: object) -> bytes:
    return json.dumps(json.loads(value) | changes).encode()


POISONS: dict[str, Callable[[bytes], bytes | None]] = {
    "truncated": lambda value: value[: len(value) // 2],
    "empty": lambda _: b"",
    "not UTF-8": lambda value: value.replace(b"pump", b"p\xff\xfemp"),
    "UTF-16": lambda value: value.decode().encode("utf-16"),
    "deeply nested": lambda value: b'{"source": "pump-0", "values": ' + b"[" * _DEPTH + b"]" * _DEPTH + b"}",
    "deep labels": lambda value: (
        value[:-1] + b', "labels": ' + b'{"a":' * _DEPTH + b"1" + b"}" * _DEPTH + b"}"
    ),
    "a list": lambda value: b"[" + value + b"]",
    "null": lambda _: b"null",
    "text for a number": lambda value: _with(value, values={"flow": "3.5"}),
    "a time in words": lambda value: _with(value, ts="soon"),
    "milliseconds": lambda value: _with(value, ts=1_700_000_000_000),
    "a number for the source": lambda value: _with(value, source=7),
    "no channels": lambda value: _with(value, values={}),
    "tombstone": lambda _: None,
    "NaN": lambda value: _with(value, values={"flow": float("nan")}),
    "Infinity": lambda value: _with(value, values={"flow": float("-inf")}),
    "beyond a double": lambda value: value.replace(b'"flow":', b'"flow":1e999,"other":'),
    "oversized": lambda value: value[:-1] + b', "note": "' + b"x" * _OVERSIZED + b'"}',
}
"""By name, what makes a bad event of a good one."""

WILD: Sequence[float] = (1e308, -1e308, 5e-324, 1e300)
"""Numbers that are valid and must not harm."""


def poisoned(events: Sequence[Event], share: float, chance: Random) -> tuple[list[Event], int]:
    """Put bad and wild events among good ones.

    Returns
    -------
    events : list of Event
        All of them.
    bad : int
        How many of them are bad: each kind of `POISONS` in turn.
    """
    out: list[Event] = []
    kinds = list(POISONS.values())
    bad = wild = 0
    for event in events:
        out.append(event)
        if chance.random() < share:
            value = kinds[bad % len(kinds)](event.value)
            out.append(Event(event.partition, event.key, value, event.timestamp_ms))
            bad += 1
        elif chance.random() < share / 10:
            # Half a second later, as one more reading of its source.
            reading = json.loads(event.value)
            reading["ts"] += 0.5
            reading["values"]["flow"] = WILD[wild % len(WILD)]
            out.append(
                Event(event.partition, event.key, json.dumps(reading).encode(), event.timestamp_ms + 500)
            )
            wild += 1
    return out, bad
