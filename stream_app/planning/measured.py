"""Measured costs: a straight line of each, kept in one file, which ``make bench-plan`` writes anew."""

from functools import cache
from importlib.resources import files
from typing import Annotated

import msgspec

__all__ = ["Line", "Slopes", "measured_slopes"]

_Cost = Annotated[float, msgspec.Meta(ge=0.0)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cost as a straight line.

    Parameters
    ----------
    base : float
        Of each source or event.
    each : float
        More for each channel, or for each field.

    Examples
    --------
    >>> Line(2.0, 0.5).at(8)
    6.0
    """

    base: _Cost
    each: _Cost

    def at(self, count: float) -> float:
        """Return the cost with so many channels or fields."""
        return self.base + self.each * count


class KindCosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Costs of a kind of stream.

    Parameters
    ----------
    redis_bytes : Line
        Memory of Redis of a source, without what it keeps of each event.
    kept_bytes : Line
        Memory of Redis of an event that is kept of an entity.
    cpu_us, redis_cpu_us : Line
        Processor time of a worker and of Redis for an event, in microseconds.
    event_bytes : Line
        Size of an event as JSON.
    """

    redis_bytes: Line
    kept_bytes: Line
    cpu_us: Line
    redis_cpu_us: Line
    event_bytes: Line


class Slopes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is measured.

    Parameters
    ----------
    machine : str
        Processor and number of cores.
    date : str
        When it was measured.
    load : float
        Processes that wanted to run meanwhile, on average (Linux).
    sensors, sessions : KindCosts
        By kind of stream.
    """

    machine: str
    date: str
    load: float
    sensors: KindCosts
    sessions: KindCosts


@cache
def measured_slopes() -> Slopes:
    """Return what is measured.

    Examples
    --------
    >>> measured_slopes().sensors.redis_bytes.each > 0.0
    True
    """
    text = files("stream_app.planning").joinpath("measured.json").read_bytes()
    return msgspec.json.decode(text, type=Slopes)
