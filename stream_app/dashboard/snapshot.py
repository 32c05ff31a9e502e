"""What the dashboard knows at a moment: sources, live features of those that are looked at, and incidents."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TypeAlias

from stream_app.events import Severity
from stream_app.store import IncidentStatus

__all__ = ["EMPTY", "Live", "Snapshot", "Source", "SourceKey", "StreamRead"]

_NUMBER = re.compile(r"([0-9]{1,18})")

SourceKey: TypeAlias = tuple[str, str]
"""Names of a stream and of a source in it."""


@dataclass(frozen=True, slots=True)
class StreamRead:
    """A stream that workers read.

    Parameters
    ----------
    name, kind, topic : str
        As the first worker noted them.
    """

    name: str
    kind: str
    topic: str


@dataclass(frozen=True, slots=True)
class Source:
    """A source with what is firing in it.

    Parameters
    ----------
    stream, name : str
        Where it is, and its name.
    event_ts : float
        Time of its newest event, in epoch seconds.
    severity : Severity or None
        The worst of its incidents that fire and are not muted; None where there is none.
    incidents : int
        How many these are.
    seen : bool
        Whether all of them are acknowledged.
    blamed : str
        The channel that is most to blame for the worst of them; empty where none is named.
    """

    stream: str
    name: str
    event_ts: float
    severity: Severity | None = None
    incidents: int = 0
    seen: bool = False
    blamed: str = ""

    @property
    def key(self) -> SourceKey:
        """Stream and name."""
        return self.stream, self.name

    @property
    def urgency(self) -> tuple[int, bool, int]:
        """Larger is more urgent: by severity, then those nobody has seen, then by the number of incidents."""
        rank = -1 if self.severity is None else self.severity.rank
        return rank, not self.seen, self.incidents


@dataclass(frozen=True, slots=True)
class Live:
    """Live features of a source, as far as a tile shows them.

    Parameters
    ----------
    event_ts, written_ts : float
        Time of the newest event in them, and of the writing, in epoch seconds.
    events : float or None
        Events of the source so far.
    warmup_left : float
        Events until it is judged; 0 once it is.
    missing : float
        Share of values that are missing in its window, from 0 to 1.
    measure : str
        The figure that leads: a channel, or the accuracy of a model; empty where there is none.
    last : float or None
        Its newest value.
    trail : sequence of float
        Its newest values, oldest first: those that are kept, and those since some page shows them.
    """

    event_ts: float
    written_ts: float
    events: float | None
    warmup_left: float
    missing: float
    measure: str
    last: float | None
    trail: Sequence[float]


@dataclass(frozen=True)
class Snapshot:
    """All that was read at one time.

    Parameters
    ----------
    at : float
        When, in epoch seconds; 0 before the first reading.
    streams : sequence of StreamRead
        What workers read.
    sources : sequence of Source
        Of all streams.
    live : mapping of SourceKey to Live
        Of the sources that some open page shows.
    incidents : sequence of IncidentStatus
        Those that fire, and the newest that are over; oldest first.
    problem : str
        Why the last reading failed; empty where it did not. The rest is then as it was read before.
    """

    at: float = 0.0
    streams: Sequence[StreamRead] = ()
    sources: Sequence[Source] = ()
    live: Mapping[SourceKey, Live] = field(default_factory=dict)
    incidents: Sequence[IncidentStatus] = ()
    problem: str = ""

    @cached_property
    def by_urgency(self) -> list[Source]:
        """Sources, the most urgent first, then by name."""
        return sorted(self.by_name, key=lambda one: one.urgency, reverse=True)

    @cached_property
    def by_name(self) -> list[Source]:
        """Sources by name, numbers in names by their size, then by stream."""
        return sorted(self.sources, key=lambda one: (_natural(one.name), one.stream))

    @cached_property
    def firing(self) -> list[IncidentStatus]:
        """Incidents that fire and are not muted, the newest first."""
        lasting = [one for one in self.incidents if one.incident.firing and not one.is_muted(self.at)]
        return lasting[::-1]


@lru_cache(maxsize=131_072)
def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key by which ``pump-2`` comes before ``pump-10``."""
    parts = _NUMBER.split(name.casefold())
    return [(int(part) if i % 2 else -1, part) for i, part in enumerate(parts)]


EMPTY = Snapshot()
"""What is known before anything was read."""
