"""The monitor of sources whose messages have some channels of a reading each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.history import ClosedBuckets
from stream_app.events import ONLY_LOG, LogId, Readings, Reason, SensorRow
from stream_app.monitors.base import Need, Refusal
from stream_app.monitors.restore_errors import restore_errors
from stream_app.monitors.sensors.assembly import Assembly, Fate, OpenReading
from stream_app.monitors.sensors.monitor import SensorMonitor
from stream_app.monitors.sensors.outcome import Outcome
from stream_app.monitors.sensors.placement import MAX_LEARNED_CHANNELS
from stream_app.settings.streams import SensorStream

__all__ = ["AssembledMonitor"]

_STATE = "assembly"


class AssembledMonitor:
    """Assembles the readings of each source, and gives them to a monitor of sensors.

    What is open is part of the state of its source. So it is stored with the position, and a worker that continues from there makes the
    same readings. A reading has the offset of the message by which it was done.

    Parameters
    ----------
    monitor : SensorMonitor
        Watches the readings.
    config : SensorStream
        Settings of the stream; its mapping has the place of a channel's name.

    Examples
    --------
    >>> stream = SensorStream(channels=["flow", "load"], mapping={"channel": "metric", "value": "value"})
    >>> monitor = AssembledMonitor(SensorMonitor(stream), stream)
    >>> messages = Readings.of([SensorRow("p1", 10.0, {"flow": 1.5}), SensorRow("p1", 10.0, {"load": 0.2})])
    >>> [outcome.counted for outcome in monitor.take(messages)]
    [{'p1': 1}]
    """

    def __init__(self, monitor: SensorMonitor, config: SensorStream) -> None:
        mapping = config.mapping
        if mapping is None:
            raise ValueError("a stream without a mapping has whole readings")
        self._monitor = monitor
        self._declared = None if config.channels is None else (*config.channels,)
        if self._declared is not None:
            self._declared = tuple(dict.fromkeys([*self._declared, *config.categories]))
        self._within, self._most_open = mapping.within, mapping.most_open
        self._sources: dict[str, Assembly] = {}

    def take(
        self, events: Readings, log: LogId = ONLY_LOG, sharers: FloatArray | None = None
    ) -> list[Outcome]:
        """Take messages of any sources, in the order of their offsets."""
        rows: list[SensorRow] = []
        places: list[int] = []
        names: dict[float, str] = {}
        refusals: list[Refusal] = []
        for place, values in enumerate(_values_of(events)):
            source, ts = events.sources[place], float(events.ts[place])
            problem = self._problem(source, values)
            if problem is not None:
                refusals.append(Refusal(int(events.offsets[place]), Reason.CHANNELS, problem))
                continue
            assembly = self._sources.get(source)
            if assembly is None:
                assembly = self._sources[source] = self._assembly()
            texts = {code: events.names[code] for code in values.values() if code in events.names}
            fate, done = assembly.add(ts, values, texts)
            if fate is not Fate.TAKEN:
                refusals.append(_refusal(fate, int(events.offsets[place]), ts))
            for reading in done:
                rows.append(SensorRow(source, reading.ts, self._filled(reading)))
                places.append(place)
                names |= reading.texts
        outcomes = [Outcome(refusals=refusals)] if refusals else []
        if rows:
            at = np.array(places)
            readings = Readings.of(rows, events.offsets[at].tolist(), events.record_ts[at].tolist())
            whole = replace(readings, names=names)
            outcome = self._monitor.update(whole, log, None if sharers is None else sharers[at])
            outcomes.append(replace(outcome, refusals=_told_of(outcome.refusals)))
        return outcomes

    def _assembly(self) -> Assembly:
        return Assembly(within=self._within, most_open=self._most_open, declared=self._declared)

    def _filled(self, reading: OpenReading) -> dict[str, float | None]:
        if self._declared is None:
            return dict(reading.values)
        return {channel: reading.values.get(channel, np.nan) for channel in self._declared}

    def _problem(self, source: str, values: Mapping[str, float]) -> str | None:
        """Say what is wrong with the channels of a message, if anything is."""
        assembly = self._sources.get(source)
        if assembly is not None and assembly.channels.issuperset(values):
            return None
        if self._declared is not None:
            unknown = [name for name in values if name not in self._declared]
            return f"channels unknown {unknown[:5]}; declared are {list(self._declared)}" if unknown else None
        channels = self._channels(source).union(values)
        if len(channels) <= MAX_LEARNED_CHANNELS:
            return None
        return f"channels {list(values)[:5]} would be more than {MAX_LEARNED_CHANNELS}; declare the stream's channels"

    def _channels(self, source: str) -> set[str]:
        assembly = self._sources.get(source)
        if assembly is None:
            return set()
        return assembly.channels.union(self._monitor.channels_of(source) or ())

    def __contains__(self, source: str) -> bool:
        return source in self._sources

    def __len__(self) -> int:
        return len(self._sources)

    def sources(self) -> list[str]:
        """Names of all sources seen."""
        return list(self._sources)

    def needs(self, events: Readings) -> dict[int, Need]:
        """Return for each message, by its place, whose source is not here or names new channels, what that would then take."""
        needs: dict[int, Need] = {}
        for place, values in enumerate(_values_of(events)):
            source = events.sources[place]
            assembly = self._sources.get(source)
            if assembly is not None and assembly.channels.issuperset(values):
                continue
            known = self._channels(source)
            if (assembly is None or not known.issuperset(values)) and not self._problem(source, values):
                channels = tuple(sorted(known.union(values, self._declared or ())))
                needs[place] = Need(self._size(channels), tuple(sorted(values)))
        return needs

    def stored_size(self, source: str) -> int:
        """Return the bytes that a source takes in the store, with its features."""
        return self._size(tuple(sorted(self._channels(source))))

    def _size(self, channels: tuple[str, ...]) -> int:
        return self._monitor.size_with(channels) + Assembly.most_bytes(len(channels), self._most_open)

    def features_of(self, sources: Sequence[str]) -> list[tuple[float, Mapping[str, float | None]]]:
        """Return of each source the time of the newest reading, and its live features."""
        return self._monitor.features_of(sources)

    def open_buckets(self, sources: Sequence[str]) -> list[ClosedBuckets]:
        """Return the open bucket of the history of each source, as it is now."""
        return self._monitor.open_buckets(sources)

    def forget(self, source: str) -> None:
        """Drop a source; it starts cold when it comes again, unless it is restored before."""
        self._sources.pop(source, None)
        self._monitor.forget(source)

    def size_of(self, source: str) -> int:
        """Return the memory that a source takes, in bytes, about."""
        beside = 4 * Assembly.most_bytes(len(self._channels(source)), self._most_open)
        return beside + (self._monitor.size_of(source) if source in self._monitor else 0)

    def state(self, source: str) -> dict[str, Any]:
        """State of one source as plain values."""
        watched = self._monitor.state(source) if source in self._monitor else {}
        return {**watched, _STATE: self._sources[source].state()}

    def restore(self, source: str, state: Mapping[str, Any]) -> list[str]:
        """Put a source back where its state was taken; if that fails, it is not there any more.

        A state without open readings is that of a stream whose messages were whole readings.

        Raises
        ------
        OldStateError
            If it was written by a version of this program, or with settings, whose records have another layout.
        StateError
            If it is damaged.
        """
        self.forget(source)
        watched = {name: part for name, part in state.items() if name != _STATE}
        assembly = self._assembly()
        with restore_errors(source):
            if _STATE in state:
                assembly.restore(state[_STATE])
        cold = self._monitor.restore(source, watched) if watched else []
        self._sources[source] = assembly
        return cold


def _values_of(events: Readings) -> list[dict[str, float]]:
    """Return the values of each message by channel, in order."""
    found: list[dict[str, float]] = [{}] * len(events)
    for group in events.groups:
        for row, values in zip(group.rows.tolist(), group.values.tolist(), strict=True):
            found[row] = dict(zip(group.channels, values, strict=True))
    return found


def _refusal(fate: Fate, offset: int, ts: float) -> Refusal:
    if fate is Fate.DUPLICATE:
        return Refusal(offset, Reason.DUPLICATE, f"the same value came before, at ts {ts}")
    return Refusal(
        offset,
        Reason.LATE,
        f"the reading at ts {ts} was taken without this value; if it always comes so late, raise most_open",
    )


def _told_of(refusals: Sequence[Refusal]) -> list[Refusal]:
    return [
        replace(one, message=f"the reading that this message completed was refused: {one.message}")
        for one in refusals
    ]
