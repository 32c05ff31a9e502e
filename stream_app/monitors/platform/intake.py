"""Intake: from decoded rows of one platform to the values of its series, window by window.

The checks, in their order, are the stated policy:

1. future: a row more than `max_future` after its record's own time is refused;
2. repeated: a query whose id came before is refused, and so is a change that is known;
3. series: a sample of a new series is refused where there is no room for one, which is told once (`quality.series`), or
   where its labels are too long;
4. ahead and late: a row far ahead of the platform's time is refused until others agree with it, and so is one whose window is
   closed (`stream_app.core.platform.windows`);
5. older: a sample that is not later than the newest one of its series is refused.

A node whose samples are refused for their times, scrape after scrape, is told by `quality.refused` until one counts.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

import numpy as np

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.platform import WHOLE, Change, Series
from stream_app.core.platform.metric_groups import MetricMeaning, MetricRules
from stream_app.core.platform.registry import SeriesRegistry, text_length
from stream_app.core.platform.stored import expect, stored_count
from stream_app.core.platform.windows import (
    COUNTER,
    FUTURE,
    GAUGE,
    NO_SERIES,
    OLDER,
    REPEATED,
    SUM,
    Rows,
    Windows,
)
from stream_app.core.signals import Signal
from stream_app.core.versions import expect_version
from stream_app.core.watermark import ON_TIME, RETURNED
from stream_app.events import Reason
from stream_app.events.platform import MetricSample, PlatformChange, QueryCompletion
from stream_app.monitors.base import Refusal
from stream_app.monitors.platform.changes import Changes
from stream_app.monitors.platform.outcome import Arrivals, ClosedWindow
from stream_app.monitors.platform.query_classes import QueryClasses
from stream_app.monitors.platform.refused import RefusedNodes, RefusedSeries
from stream_app.monitors.refusals import refusal
from stream_app.settings.platform import PlatformStream

__all__ = ["Intake"]

_VERSION = 1

_SERIES_TTL = 86_400.0
"""Seconds after which a series, a node or a class of queries that nothing is seen of is forgotten."""

_REPORTING_SECONDS = 3_600.0
"""A series that had no sample for longer does not count as missing any more."""

_LONGEST_SERIES = 4_096
"""Characters of a name and its labels, so that not a few series take all memory."""
_UNWATCHED, _FULL, _DONE, _LONG = -1, -2, -3, -4
"""What becomes of rows beside the codes of the windows: not watched; no room for the series; a change, which has no window; a name
with labels that is too long."""
_QUERIES = -1
"""Number of the node that completions of queries come from."""

_KINDS = {"gauge": GAUGE, "counter": COUNTER, "sum": SUM}

_Other: TypeAlias = QueryCompletion | PlatformChange

REPORTING = "reporting"
"""Metric of each node: the share of its series that have samples in a window."""


class Intake:
    """Intake of one platform.

    Parameters
    ----------
    config : PlatformStream
        Settings of the stream.
    """

    def __init__(self, config: PlatformStream) -> None:
        self._config = config
        rules = MetricRules(config.node_labels, config.groups, config.ignore)
        self.registry = SeriesRegistry(rules.read, config.max_series)
        self.windows = Windows(config.window, config.lateness, config.source_ttl)
        self.queries = QueryClasses(config.max_classes, self.windows.open_at_once)
        self.changes = Changes()
        self.reporting: dict[str, int] = {}
        """Slot of the series that says what of a node reports, by its name."""
        self.refused_nodes = RefusedNodes()
        self.refused_series = RefusedSeries()
        self.samples = 0
        self.signals: list[tuple[float, int, Signal]] = []
        """Of an update: time, place among the arrivals, and what is to be told of refused rows there."""
        self.refusals: list[Refusal] = []
        self.last: int | None = None
        """Of an update, the place of the last row that counted."""
        self.away_before: int | None = None
        """Of an update, the place of a row before which the platform was away, where there is one."""
        self._nodes: IntArray = np.zeros(0, dtype=np.int64)
        self._sampled = np.zeros(0, dtype=np.bool_)

    def take(self, arrivals: Arrivals) -> Iterator[ClosedWindow]:
        """Take rows, and give each window that closes, before what comes behind it is taken."""
        self.signals, self.refusals, self.last, self.away_before = [], [], None, None
        begin = 0
        while begin < len(arrivals.rows):
            rows, end = self._columns(arrivals, begin)
            place = 0
            first = self.windows.first
            while (stop := self.windows.take(rows, place)) < end - begin:
                self._settle(arrivals, begin, rows, place, stop)
                if self.windows.first < first:
                    self.queries.windows.clear()
                if rows.code[stop] == RETURNED:
                    self.away_before = begin + stop
                    return
                yield from self._close(begin + stop)
                place, first = stop, self.windows.first
            self._settle(arrivals, begin, rows, place, stop)
            begin = end

    def _columns(self, arrivals: Arrivals, begin: int) -> tuple[Rows, int]:
        """Make columns of rows up to the next that brings a new series or class, which has to be the first."""
        series, nodes, ts, values, codes = list[int](), list[int](), list[float](), list[float](), list[int]()
        numbers = self.registry.node_numbers
        rows, limit = arrivals.rows, self._config.max_future
        for end in range(begin, len(rows)):
            row = rows[end]
            future = row.ts > arrivals.record_ts[end] + limit
            if type(row) is MetricSample:
                found = self._series_of(row, first=end == begin)
                value, code = row.value, ON_TIME if found is None or found >= 0 else found
            else:
                found = self._code_of(cast(_Other, row), first=end == begin, future=future)
                value, code = 0.0, ON_TIME if found is None else found
            if found is None:
                break
            slot = found if found >= 0 and type(row) is MetricSample else NO_SERIES
            series.append(slot)
            nodes.append(numbers[slot] if slot >= 0 else _QUERIES)
            ts.append(row.ts)
            values.append(value)
            codes.append(FUTURE if future else code)
        end = begin + len(ts)
        return Rows.of(series, nodes, ts, arrivals.record_ts[begin:end], values, codes), end

    def is_new(self, row: MetricSample, coming: int) -> bool:
        """Whether a sample would bring a series, where so many others come before it."""
        registry = self.registry
        return (
            registry.find(row.name, row.labels) is None
            and len(registry) + coming < self._config.max_series
            and registry.describe(row.name, row.labels) is not None
            and text_length(row.name, row.labels) <= _LONGEST_SERIES
        )

    def _series_of(self, row: MetricSample, *, first: bool) -> int | None:
        """Return the slot of a sample, or why it has none; None where it is new, and not the first of its rows."""
        slot = self.registry.find(row.name, row.labels)
        if slot is not None:
            return slot
        metric = self.registry.describe(row.name, row.labels)
        if metric is None:
            return _UNWATCHED
        if text_length(row.name, row.labels) > _LONGEST_SERIES:
            return _LONG
        return self._new_series(row, metric) if first else None

    def _code_of(self, row: _Other, *, first: bool, future: bool) -> int | None:
        """Return what becomes of a query or a change; None where its class is new, and it is not the first of its rows."""
        if not isinstance(row, QueryCompletion):
            return _DONE
        if row.query_class not in self.queries:
            if not first:
                return None
            self.queries.add(row, self._derived)
            self._index()
        return REPEATED if not future and not self.queries.ids.is_new(row.id) else ON_TIME

    def _new_series(self, row: MetricSample, metric: MetricMeaning) -> int:
        """Give a series a slot, or say that there is no room."""
        if self.registry.full:
            return _FULL
        node = metric.series.node
        if not self.registry.knows(node):
            self.windows.add_node(self.registry.node_number(node))
        slot = self._slot(_KINDS[metric.form])
        self.registry.add(slot, row.name, row.labels, metric)
        self._pair(slot, row, metric.pair)
        if node != WHOLE and node not in self.reporting:
            self.reporting[node] = self._derived(
                Series(node, REPORTING, "other", metric.series.of, higher_is_worse=False)
            )
        self._index()
        return slot

    def _pair(self, slot: int, row: MetricSample, count: str) -> None:
        """Say which series counts what another is the sum of; either may come first."""
        if count and (found := self.registry.find(count, row.labels)) is not None:
            self.windows.pair(slot, found)
        total = row.name.removesuffix("_count") + "_sum"
        if row.name.endswith("_count") and (found := self.registry.find(total, row.labels)) is not None:
            self.windows.pair(found, slot)

    def _derived(self, series: Series) -> int:
        """Give a series that comes by no sample a slot."""
        slot = self._slot(GAUGE)
        self.registry.add_derived(slot, series)
        return slot

    def _slot(self, kind: int) -> int:
        if not self.registry.free:
            return self.windows.add(kind)
        slot = self.registry.free.pop()
        self.windows.reset(slot, kind)
        return slot

    def _index(self) -> None:
        """Keep of each slot its node, and whether it has samples, as arrays."""
        self._nodes = np.zeros(0, dtype=np.int64)

    def _settle(self, arrivals: Arrivals, begin: int, rows: Rows, place: int, stop: int) -> None:
        """Count what became known of some rows: queries, changes, refusals."""
        codes = rows.code[place:stop]
        counted = codes == ON_TIME
        self.samples += int(np.count_nonzero(counted & (rows.series[place:stop] >= 0)))
        odd = np.flatnonzero(~counted | (rows.series[place:stop] < 0))
        if len(counted) and (taken := np.flatnonzero(counted)).size:
            self.last = begin + place + int(taken[-1])
        if self.refused_nodes:
            odd = np.arange(len(codes))
        for i in (odd + place).tolist():
            self._settle_one(arrivals, begin + i, rows, i)

    def _settle_one(self, arrivals: Arrivals, at: int, rows: Rows, i: int) -> None:
        row, code = arrivals.rows[at], int(rows.code[i])
        if code == _UNWATCHED:
            self.last = max(at, self.last or 0)
        elif code == _DONE:
            self._change(arrivals, at)
        elif code == _FULL:
            self._refuse_series(arrivals, at)
        elif code == _LONG and type(row) is MetricSample:
            length = text_length(row.name, row.labels)
            message = f"{row.name[:200]} has labels of {length} characters with its name, at most {_LONGEST_SERIES} are kept"
            self.refusals.append(Refusal(arrivals.offsets[at], Reason.SERIES, message))
        elif code == ON_TIME:
            if type(row) is QueryCompletion:
                self.queries.count(row, int(rows.window[i]))
            elif self.refused_nodes and type(row) is MetricSample:
                signal = self.refused_nodes.counted(self.registry.nodes[int(rows.node[i])], row.ts)
                self._tell(at, signal)
        else:
            self._refuse(arrivals, at, code, rows, i)

    def _change(self, arrivals: Arrivals, at: int) -> None:
        row = arrivals.rows[at]
        if type(row) is not PlatformChange:
            return
        change = Change(row.ts, row.kind, row.what, row.nodes, row.version)
        if not self.changes.add(change):
            message = f"the same change came before, at ts {row.ts}"
            self.refusals.append(Refusal(arrivals.offsets[at], Reason.DUPLICATE, message))
            return
        self.last = at

    def _refuse_series(self, arrivals: Arrivals, at: int) -> None:
        row = arrivals.rows[at]
        if type(row) is not MetricSample:
            return
        message = (
            f"no room for another series of {row.name[:200]}: {self._config.max_series} are kept; leave labels out that have "
            "many values, ignore the metric, or raise max_series"
        )
        self.refusals.append(Refusal(arrivals.offsets[at], Reason.SERIES, message))
        self._tell(at, self.refused_series.refused(row.name, self.windows.newest, self._config.max_series))

    def _refuse(self, arrivals: Arrivals, at: int, code: int, rows: Rows, i: int) -> None:
        row, offset = arrivals.rows[at], arrivals.offsets[at]
        newest = float(rows.newest[i])
        if type(row) is QueryCompletion and code == REPEATED:
            message = f"a query with the id {row.id[:80]!r} came before"
            self.refusals.append(Refusal(offset, Reason.DUPLICATE, message))
        elif code == OLDER:
            message = f"ts {row.ts} is before the newest sample of its series"
            self.refusals.append(Refusal(offset, Reason.LATE, message))
        else:
            before = newest if math.isfinite(newest) else row.ts
            self.refusals.append(refusal(code, offset, row.ts, arrivals.record_ts[at], before))
            if code != REPEATED and type(row) is MetricSample:
                slot = self.registry.find(row.name, row.labels)
                node = WHOLE if slot is None else self.registry.series[slot].node
                self._tell(at, self.refused_nodes.refused(node, row.ts, before))

    def _tell(self, at: int, signal: Signal | None) -> None:
        if signal is not None:
            self.signals.append((signal.ts, at, signal))

    def _close(self, at: int) -> Iterator[ClosedWindow]:
        """Close what is due; a window in which nothing at all was told is passed over."""
        while self.windows.due:
            number, seen = self.windows.first, self.windows.seen()
            if not seen.any() and not self.queries.windows.has(number):
                self.windows.skip(all_due=self.windows.empty and self.queries.windows.empty)
                continue
            end = self.windows.end
            values = self.windows.close()
            self._report(values, seen, end)
            self.queries.close(number, values)
            self._tell(at, self.refused_series.pass_time(end, self._config.window))
            yield ClosedWindow(at, end, values, self._forget(at, end))

    def _report(self, values: FloatArray, seen: IntArray, end: float) -> None:
        """Set what share of the series of each node have samples."""
        if len(self._nodes) != len(values):
            self._nodes = np.array(self.registry.node_numbers, dtype=np.int64)
            self._sampled = np.array([self.registry.is_metric(slot) for slot in range(len(values))])
        recent = self._sampled & (self.windows.last_seen >= end - _REPORTING_SECONDS)
        most = len(self.registry.nodes)
        there = np.bincount(self._nodes[recent & (seen > 0)], minlength=most)
        known = np.bincount(self._nodes[recent], minlength=most)
        for node, slot in self.reporting.items():
            number = self.registry.node_number(node)
            values[slot] = there[number] / known[number] if known[number] else 0.0

    def _forget(self, at: int, end: float) -> list[int]:
        """Free the slots of what was not seen for long, and return them."""
        old = self._sampled & (self.windows.last_seen < end - _SERIES_TTL)
        gone = np.flatnonzero(old).tolist() if old.any() else []
        if gone:
            self.registry.forget(gone)
            held = {
                number
                for slot, number in enumerate(self.registry.node_numbers)
                if self.registry.is_metric(slot)
            }
            for node in [n for n in self.reporting if self.registry.node_number(n) not in held]:
                slot = self.reporting.pop(node)
                self.registry.forget([slot])
                self.registry.forget_node(node)
                self._tell(at, self.refused_nodes.counted(node, end))
                gone.append(slot)
        slots = self.queries.forget(end - _SERIES_TTL)
        self.registry.forget(slots)
        gone += slots
        for slot in gone:
            self.windows.reset(slot)
        if gone:
            self._index()
        return gone

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {
            "version": _VERSION,
            "registry": self.registry.state(),
            "windows": self.windows.state(),
            "queries": self.queries.state(),
            "changes": self.changes.state(),
            "reporting": dict(self.reporting),
            "refused_nodes": self.refused_nodes.state(),
            "refused_series": self.refused_series.state(),
            "samples": self.samples,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the intake")
        self.registry.restore(state["registry"])
        self.windows.restore(state["windows"])
        self.queries.restore(state["queries"])
        self.changes.restore(state["changes"])
        self.reporting = {
            str(node): stored_count(slot, "series") for node, slot in state["reporting"].items()
        }
        self.refused_nodes.restore(state["refused_nodes"])
        self.refused_series.restore(state["refused_series"])
        self.samples = stored_count(state["samples"], "series")
        derived = [slot for one in self.queries.classes.values() for slot in one.slots]
        self.registry.expect_one_use([*self.reporting.values(), *derived])
        expect(len(self.windows) == len(self.registry.series), "series")
        expect(self.windows.most_nodes >= len(self.registry.nodes), "series")
        expect(all(map(self.registry.knows, self.reporting)), "series")
        self._index()
