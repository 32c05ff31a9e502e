"""The bank of each reading: that of all channels its source has named so far."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.reference import ReferenceTable
from stream_app.events import Group, Readings, Reason
from stream_app.monitors.base import Need, Refusal
from stream_app.monitors.sensors.bank import SourceBank, record_size
from stream_app.settings.streams import SensorStream

__all__ = ["MAX_LEARNED_CHANNELS", "Piece", "Placement"]

MAX_LEARNED_CHANNELS = 64
"""Most channels of a source whose channels are learned: names are the producer's, memory is ours."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Readings of sources of one bank.

    Parameters
    ----------
    bank : SourceBank
        Where the sources are.
    sources : list of str
        Source of each reading, m names.
    rows : array of int, shape (m,)
        Places in the delivery, ascending.
    values : array, shape (m, d)
        With the columns of the bank.
    partial : bool
        Whether other readings of the same sources may follow in the delivery.
    """

    bank: SourceBank
    sources: list[str]
    rows: IntArray
    values: FloatArray
    partial: bool = False


Part = tuple[Group, IntArray | None]
"""A group of readings, and which of them; all where None."""


class Placement:
    """Banks by their channels, and the bank of each source.

    Parameters
    ----------
    config : SensorStream
        Settings of the stream.
    reference : ReferenceTable, optional
    raised : mapping of str to int, optional
        See `SourceBank`.
    """

    def __init__(
        self,
        config: SensorStream,
        reference: ReferenceTable | None = None,
        raised: Mapping[str, int] | None = None,
    ) -> None:
        self._config = config
        self._declared = config.channel_names
        self._reference = reference
        self._raised = raised or {}
        self._banks: dict[tuple[str, ...], SourceBank] = {}
        self._homes: dict[str, SourceBank] = {}
        self._sizes: dict[int, int] = {}

    def __contains__(self, source: str) -> bool:
        return source in self._homes

    def __len__(self) -> int:
        return len(self._homes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __getitem__(self, source: str) -> SourceBank:
        return self._homes[source]

    def bank(self, channels: tuple[str, ...]) -> SourceBank:
        """Return the bank of some channels; a new one stays only where a source is put into it."""
        bank = self._banks.get(channels)
        if bank is None:
            bank = self._banks[channels] = SourceBank(channels, self._config, self._reference, self._raised)
        return bank

    def record_size(self, channels: int) -> int:
        """Return the bytes of a source's record by its number of channels."""
        size = self._sizes.get(channels)
        if size is None:
            size = self._sizes[channels] = record_size(channels, self._config)
        return size

    def needs(self, readings: Readings, size: Callable[[tuple[str, ...]], int]) -> dict[int, Need]:
        """Return for each reading, by its place, whose source would get a place or another one, what it would then take.

        Parameters
        ----------
        readings : Readings
            A delivery.
        size : callable
            What a source of some channels takes.
        """
        needs: dict[int, Need] = {}
        for group in readings.groups:
            rows = group.rows.tolist()
            found = {home: self._need(group, home, size) for home in self._homes_of(group, readings)}
            if any(found.values()):
                for row in rows:
                    need = found[self._homes.get(readings.sources[row])]
                    if need is not None:
                        needs[row] = need
        return needs

    def _homes_of(self, group: Group, readings: Readings) -> set[SourceBank | None]:
        names = readings.sources
        if len(group.rows) != len(names):
            names = [names[row] for row in group.rows.tolist()]
        return set(map(self._homes.get, names))

    def _need(
        self, group: Group, home: SourceBank | None, size: Callable[[tuple[str, ...]], int]
    ) -> Need | None:
        if (home is not None and self._fits(group, home)) or self._problem(group, home) is not None:
            return None
        return Need(size(self._channels(home, group)), group.channels)

    def _channels(self, home: SourceBank | None, group: Group) -> tuple[str, ...]:
        """Return the channels of a source, and behind them the new ones of a reading."""
        known = () if home is None else home.channels
        # In the order of their names, because that in an event is its producer's whim, and lost where it is decoded.
        return self._declared or known + tuple(sorted(name for name in group.channels if name not in known))

    def settle(self, source: str, bank: SourceBank) -> None:
        """Note that a source is in a bank."""
        self._homes[source] = bank

    def forget(self, source: str) -> None:
        """Drop a source."""
        home = self._homes.pop(source, None)
        if home is not None:
            home.records.remove(source)
            self.close_if_empty(home)

    def close_if_empty(self, bank: SourceBank) -> None:
        """Drop a bank that nobody is in: names of channels are the producer's, memory is ours."""
        if not len(bank.records):
            del self._banks[bank.channels]

    def place(self, readings: Readings, refusals: list[Refusal]) -> Iterator[Piece]:
        """Give each reading to the bank of its source, in an order that is that of the offsets within each source.

        Parameters
        ----------
        readings : Readings
            A delivery.
        refusals : list of Refusal
            Takes readings that name the wrong channels, or too many.
        """
        apart: dict[int, Group] = {}
        together: dict[SourceBank, list[Part]] = {}
        newcomers = set[str]()
        for group in readings.groups:
            rows = group.rows.tolist()
            names = readings.sources
            if len(rows) != len(names):
                names = [readings.sources[row] for row in rows]
            homes = list(map(self._homes.get, names))
            if None in homes:
                self._admit(group, names, readings)
                homes = list(map(self._homes.get, names))
            first = homes[0]
            # Nearly always all sources are known, and name the channels of one bank.
            if first is not None and homes.count(first) == len(homes) and self._fits(group, first):
                together.setdefault(first, []).append((group, None))
                continue
            members, strangers = self._by_home(group, homes)
            for home, some in members.items():
                together.setdefault(home, []).append((group, np.array(some)))
            newcomers.update(names[i] for i in strangers)
            apart.update((rows[i], group) for i in strangers)
        if newcomers:
            _set_apart(readings, together, newcomers, apart)
        for bank, parts in together.items():
            places, values = _assembled(bank, parts)
            yield _piece(readings, bank, places, values)
        if apart:
            yield from self._in_turn(readings, apart, refusals)

    def _admit(self, group: Group, names: list[str], readings: Readings) -> None:
        """Give the new sources of a group their bank, if all their readings in the delivery name its channels."""
        if self._problem(group, None) is not None:
            return
        new = dict.fromkeys(name for name in names if name not in self._homes)
        for other in readings.groups:
            if other is not group:
                for row in other.rows.tolist():
                    new.pop(readings.sources[row], None)
        for source in new:
            self._move(source, None, group)

    def _by_home(
        self, group: Group, homes: list[SourceBank | None]
    ) -> tuple[dict[SourceBank, list[int]], list[int]]:
        """Sort the readings of a group by the bank that they fit; those that fit none come second."""
        members: dict[SourceBank, list[int]] = {}
        strangers: list[int] = []
        for i, home in enumerate(homes):
            if home is not None and self._fits(group, home):
                members.setdefault(home, []).append(i)
            else:
                strangers.append(i)
        return members, strangers

    def _fits(self, group: Group, home: SourceBank) -> bool:
        if group.channels == home.channels:
            return True
        known = set(home.channels)
        return known == set(group.channels) if self._declared else known.issuperset(group.channels)

    def _in_turn(
        self, readings: Readings, apart: dict[int, Group], refusals: list[Refusal]
    ) -> Iterator[Piece]:
        """Take readings of sources that are new or name new channels, together as far as their banks stay the same."""
        gathered: dict[SourceBank, list[tuple[int, Group]]] = {}
        ahead = set[str]()
        for row in sorted(apart):
            group, source = apart[row], readings.sources[row]
            home = self._homes.get(source)
            problem = self._problem(group, home)
            if problem is not None:
                refusals.append(Refusal(int(readings.offsets[row]), Reason.CHANNELS, problem))
                continue
            if home is None or not self._fits(group, home):
                if source in ahead:
                    # Its readings before this one belong to the bank that it leaves.
                    yield from _gathered(readings, gathered)
                    gathered, ahead = {}, set()
                home = self._move(source, home, group)
            ahead.add(source)
            gathered.setdefault(home, []).append((row, group))
        yield from _gathered(readings, gathered)

    def _problem(self, group: Group, home: SourceBank | None) -> str | None:
        declared = self._declared
        if declared is not None:
            missing = [name for name in declared if name not in group.channels]
            unknown = [name for name in group.channels if name not in declared]
            named = [
                f"{word} {names[:5]}" for word, names in (("missing", missing), ("unknown", unknown)) if names
            ]
            return f"channels {' and '.join(named)}; declared are {list(declared)}" if named else None
        known = () if home is None else home.channels
        new = [name for name in group.channels if name not in known]
        if len(known) + len(new) <= MAX_LEARNED_CHANNELS:
            return None
        return f"channels {new[:5]} would be more than {MAX_LEARNED_CHANNELS}; declare the stream's channels"

    def _move(self, source: str, home: SourceBank | None, group: Group) -> SourceBank:
        """Bring a source into the bank of its channels and those of a reading."""
        bank = self.bank(self._channels(home, group))
        if home is None:
            bank.records.add(source)
        else:
            bank.take_from(home, source)
            self.close_if_empty(home)
        self._homes[source] = bank
        return bank


def _set_apart(
    readings: Readings, together: dict[SourceBank, list[Part]], newcomers: set[str], apart: dict[int, Group]
) -> None:
    """Take all readings of some sources out of what is taken together: theirs are taken one after the other."""
    for parts in together.values():
        for at, (group, members) in enumerate(parts):
            chosen = np.arange(len(group.rows)) if members is None else members
            theirs = [readings.sources[row] in newcomers for row in group.rows[chosen].tolist()]
            if any(theirs):
                for i in chosen[theirs].tolist():
                    apart[int(group.rows[i])] = group
                parts[at] = group, chosen[~np.array(theirs)]


def _piece(
    readings: Readings, bank: SourceBank, rows: IntArray, values: FloatArray, *, partial: bool = False
) -> Piece:
    names = readings.sources
    if len(rows) != len(names):
        names = [readings.sources[row] for row in rows.tolist()]
    return Piece(bank, names, rows, values, partial)


def _assembled(bank: SourceBank, parts: list[Part]) -> tuple[IntArray, FloatArray]:
    """Lay readings of groups side by side, in the order of their places and with the columns of a bank."""
    if len(parts) == 1:
        group, members = parts[0]
        if group.channels == bank.channels:
            if members is None:
                return group.rows, group.values
            return group.rows[members], group.values[members]
    rows = np.concatenate([group.rows if at is None else group.rows[at] for group, at in parts])
    values = np.full((len(rows), len(bank.channels)), np.nan)
    begin = 0
    for group, members in parts:
        some = group.values if members is None else group.values[members]
        columns = [bank.channels.index(name) for name in group.channels]
        values[begin : begin + len(some), columns] = some
        begin += len(some)
    order = np.argsort(rows)
    return rows[order], values[order]


def _gathered(readings: Readings, gathered: Mapping[SourceBank, list[tuple[int, Group]]]) -> Iterator[Piece]:
    """Lay single readings side by side."""
    for bank, picked in gathered.items():
        column = {name: j for j, name in enumerate(bank.channels)}
        values = np.full((len(picked), len(bank.channels)), np.nan)
        for i, (row, group) in enumerate(picked):
            at = int(np.searchsorted(group.rows, row))
            values[i, [column[name] for name in group.channels]] = group.values[at]
        yield _piece(readings, bank, np.array([row for row, _ in picked]), values, partial=True)
