"""The series of a platform: a slot for each metric of a node with its labels, bounded in number.

A slot is a column of the windows. Slots are given in the order in which series come up, and one whose series was forgotten is
given again, so that nodes and pods that come and go do not use them up.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args

from stream_app.core.platform.graph import call_of
from stream_app.core.platform.metric_groups import Labels, MetricMeaning, Unwatched
from stream_app.core.platform.series import Group, Series
from stream_app.core.platform.stored import expect, stored_count
from stream_app.core.versions import expect_version

__all__ = ["Describe", "SeriesRegistry", "text_length"]

_VERSION = 1
_MOST_UNWATCHED, _LONGEST_UNWATCHED = 100_000, 20_000_000
"""Metrics that are known not to be watched, and the characters of their names and labels."""
_SEPARATOR = "\x1f"
_WHAT = "series"
_GROUPS = frozenset(get_args(Group))


Describe = Callable[[str, Labels], MetricMeaning | Unwatched]
"""Says what a metric with labels is."""


class SeriesRegistry:
    """Series of one platform by their slots.

    Parameters
    ----------
    describe : callable
        Takes name and labels of a metric; says what it is, or why it is not watched.
    most : int
        Series of metrics that are kept.

    Examples
    --------
    >>> from stream_app.core.platform.metric_groups import MetricRules
    >>> registry = SeriesRegistry(MetricRules().read, most=1)
    >>> labels = (("node", "worker-1"),)
    >>> registry.add(0, "node_load1", labels, registry.describe("node_load1", labels))
    >>> registry.find("node_load1", labels), registry.full
    (0, True)
    """

    def __init__(self, describe: Describe, most: int) -> None:
        self._describe = describe
        self._most = most
        self._slots: dict[tuple[str, Labels], int] = {}
        self._keys: list[str | None] = []
        """Name and labels of each as one text; None where the series comes by no sample, or is forgotten."""
        self._unwatched: set[tuple[str, Labels]] = set()
        self._unwatched_length = 0
        self._described: tuple[tuple[str, Labels], MetricMeaning] | None = None
        self.series: list[Series] = []
        """What is in each slot, or was there last."""
        self.node_numbers: list[int] = []
        """Number of the node of each slot, in `nodes`; -1 where the slot is of no node."""
        self.nodes: list[str] = []
        """Names of the nodes by their numbers; empty where a number is free."""
        self._numbers: dict[str, int] = {}
        self.free: list[int] = []
        """Slots without a series."""
        self._calls: dict[int, tuple[str, str]] = {}
        """Caller and callee of the slots that count the requests between two services."""

    def __len__(self) -> int:
        """Return how many series of metrics there are."""
        return len(self._slots)

    @property
    def calls(self) -> set[tuple[str, str]]:
        """Callers and callees, where metrics of OpenTelemetry tell them."""
        return set(self._calls.values())

    @property
    def full(self) -> bool:
        """Whether there is no room for another series of a metric."""
        return len(self._slots) >= self._most

    def find(self, name: str, labels: Labels) -> int | None:
        """Return the slot of a series; None where it has none."""
        return self._slots.get((name, labels))

    def describe(self, name: str, labels: Labels) -> MetricMeaning | None:
        """Say what a metric is, or None where it is not watched."""
        if (name, labels) in self._unwatched:
            return None
        # Whoever asks comes again at once with the same one, to add it.
        if self._described is not None and self._described[0] == (name, labels):
            return self._described[1]
        meaning = self._describe(name, labels)
        if not isinstance(meaning, Unwatched):
            self._described = (name, labels), meaning
            return meaning
        length = text_length(name, labels)
        if len(self._unwatched) < _MOST_UNWATCHED and self._unwatched_length + length < _LONGEST_UNWATCHED:
            self._unwatched.add((name, labels))
            self._unwatched_length += length
        return None

    def add(self, slot: int, name: str, labels: Labels, metric: MetricMeaning) -> None:
        """Put a series into a slot: a free one, or the next."""
        self._slots[name, labels] = slot
        if (call := call_of(name, labels)) is not None:
            self._calls[slot] = call
        self._put(slot, metric.series, _SEPARATOR.join((name, *(part for pair in labels for part in pair))))

    def add_derived(self, slot: int, series: Series) -> None:
        """Put a series that is computed, and comes by no sample, into a slot."""
        self._put(slot, series, None)

    def knows(self, node: str) -> bool:
        """Whether a node has a number."""
        return node in self._numbers

    def node_number(self, node: str) -> int:
        """Return the number of a node, and give it one where it has none."""
        number = self._numbers.get(node)
        if number is None:
            number = self.nodes.index("") if "" in self.nodes else len(self.nodes)
            self._numbers[node] = number
            self.nodes[number : number + 1] = [node]
        return number

    def _put(self, slot: int, series: Series, key: str | None) -> None:
        number = self.node_number(series.node) if series.of != "query class" else -1
        if slot == len(self.series):
            self.series.append(series)
            self.node_numbers.append(number)
            self._keys.append(key)
        else:
            self.series[slot], self.node_numbers[slot], self._keys[slot] = series, number, key

    def forget(self, slots: Iterable[int]) -> None:
        """Free some slots; their series keep their places until others come."""
        for slot in slots:
            key = self._keys[slot]
            if key is not None:
                del self._slots[_key(key)]
                self._calls.pop(slot, None)
            self._keys[slot] = None
            self.free.append(slot)

    def forget_node(self, node: str) -> None:
        """Free the number of a node without series."""
        self.nodes[self._numbers.pop(node)] = ""

    def is_metric(self, slot: int) -> bool:
        """Whether a slot has a series that comes by samples."""
        return self._keys[slot] is not None

    def state(self) -> dict[str, Any]:
        """State as plain values, for `restore`."""
        return {
            "version": _VERSION,
            "nodes": list(self.nodes),
            "series": list(self.series),
            "numbers": list(self.node_numbers),
            "keys": list(self._keys),
            "free": list(self.free),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the series")
        self.nodes = [str(node) for node in state["nodes"]]
        self._numbers = {node: number for number, node in enumerate(self.nodes) if node}
        self.series = [Series(*one) for one in state["series"]]
        self.node_numbers = [int(number) for number in state["numbers"]]
        self._keys = list(state["keys"])
        self.free = [stored_count(slot, _WHAT) for slot in state["free"]]
        self._slots = {_key(text): slot for slot, text in enumerate(self._keys) if text is not None}
        found = ((slot, call_of(*key)) for key, slot in self._slots.items())
        self._calls = {slot: call for slot, call in found if call is not None}
        expect(len({len(self.series), len(self.node_numbers), len(self._keys)}) == 1, _WHAT)
        expect(len(self._slots) == sum(text is not None for text in self._keys), _WHAT)
        expect(len(self._numbers) == sum(map(bool, self.nodes)), _WHAT)
        expect(all(map(_sound, self.series)), _WHAT)
        expect(all(map(self._placed, range(len(self.series)))), _WHAT)

    def expect_one_use(self, derived: Iterable[int]) -> None:
        """See that each slot has one use, by a metric, as `derived` or as a free one; raises a `StateError` where not."""
        metrics = (slot for slot, key in enumerate(self._keys) if key is not None)
        expect(sorted([*metrics, *self.free, *derived]) == list(range(len(self.series))), _WHAT)

    def _placed(self, slot: int) -> bool:
        """Whether a slot that is in use has the number of its series' node."""
        number, one = self.node_numbers[slot], self.series[slot]
        if one.of == "query class":
            return number == -1
        if self._keys[slot] is None and not 0 <= number < len(self.nodes):
            return False
        return 0 <= number < len(self.nodes) and (self._keys[slot] is None or self.nodes[number] == one.node)


def _sound(one: Series) -> bool:
    """Whether a series is one that can come about."""
    texts = all(isinstance(text, str) for text in (one.node, one.metric))
    group = one.group in _GROUPS and one.of in ("node", "query class", "service")
    worse = one.higher_is_worse is None or isinstance(one.higher_is_worse, bool)
    return texts and group and worse and (one.of != "query class" or one.group == "queries")


def text_length(name: str, labels: Labels) -> int:
    """Return how many characters name and labels of a metric have.

    >>> text_length("up", (("job", "trino"),))
    10
    """
    return len(name) + sum(len(label) + len(value) for label, value in labels)


def _key(text: str) -> tuple[str, Labels]:
    name, *parts = text.split(_SEPARATOR)
    return name, tuple(zip(parts[::2], parts[1::2], strict=True))
