"""Join of labels to predictions: by id, within a time limit, in bounded memory."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any, Generic, Self, TypeVar

from stream_app.core.versions import expect_version
from stream_app.errors import DataError, StateError

__all__ = ["JoinCounts", "JoinVerdict", "LabelJoin"]

_VERSION = 1

_SWEEPS = 1000
"""What is over is swept out this often within a limit, and no event waits for it."""

T = TypeVar("T")


class JoinVerdict(Enum):
    """Result of a join for a prediction or a label."""

    WAITING = "waiting"
    JOINED = "joined"
    DUPLICATE = "duplicate"
    USELESS = "useless"


@dataclass(slots=True)
class JoinCounts:
    """Counts of all predictions and labels so far.

    Parameters
    ----------
    predictions, joined : int
        Predictions taken, and those whose label is known.
    missing : int
        Predictions whose limit passed without a label.
    evicted : int
        Those of them that had to go before their limit, because too many waited.
    unmatched_labels : int
        Labels whose prediction never came, or was given up before.
    duplicate_predictions, duplicate_labels : int
        What came again for an id; the first one counts.
    """

    predictions: int = 0
    joined: int = 0
    missing: int = 0
    evicted: int = 0
    unmatched_labels: int = 0
    duplicate_predictions: int = 0
    duplicate_labels: int = 0


class LabelJoin(Generic[T]):
    """Join of labels to predictions by id.

    Time is the newest event time so far. A prediction waits for its label until that time has moved on by `within`; the
    limit counts from the newest time at the prediction's own arrival, and is kept to a thousandth of it: limits then pass in
    the order of arrival, and forgetting costs O(1) an event. A label may come before its prediction, within the same limit. An id is
    remembered for as long after its label came, to tell duplicates. The first prediction and the first
    label of an id count, whatever comes again.

    Parameters
    ----------
    within : float
        How long a prediction waits for its label, seconds, positive.
    capacity : int
        Most predictions that wait, most labels that wait, and most ids remembered; the oldest go first, and are counted.

    Raises
    ------
    DataError
        If a limit is not positive.

    Notes
    -----
    About 1 µs an event.

    Examples
    --------
    >>> join = LabelJoin(within=60.0, capacity=1000)
    >>> join.predict("a", 0.0, "cat"), join.label("a", 5.0, "dog")
    ((<JoinVerdict.WAITING: 'waiting'>, None), (<JoinVerdict.JOINED: 'joined'>, 'cat'))
    >>> _ = join.predict("b", 5.0, "cat")
    >>> _ = join.predict("c", 100.0, "cat")
    >>> join.counts.missing, join.waiting
    (1, 1)
    """

    def __init__(self, *, within: float, capacity: int) -> None:
        if not within > 0.0 or capacity < 1:
            raise DataError(
                f"labels join within {within!r} s and {capacity!r} predictions; expected more than 0"
            )
        self.within = within
        self.capacity = capacity
        self.counts = JoinCounts()
        self.clock = float("-inf")
        # Ordered by deadline, each. A plain dict would be scanned past all that was deleted at its front.
        self._waiting: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._early: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._done: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        self._next_sweep = float("-inf")

    @property
    def waiting(self) -> int:
        """Number of predictions that wait for their label."""
        return len(self._waiting)

    @property
    def early(self) -> int:
        """Number of labels that wait for their prediction."""
        return len(self._early)

    @property
    def missing_rate(self) -> float | None:
        """Share of the predictions that were given up, among those whose fate is known; None before the first."""
        settled = self.counts.joined + self.counts.missing
        return self.counts.missing / settled if settled else None

    def is_repeated(self, ident: str, ts: float) -> bool:
        """Return whether a prediction of time `ts` repeats an id, and count it then."""
        self._advance(ts)
        repeated = ident in self._waiting or ident in self._done
        self.counts.duplicate_predictions += repeated
        return repeated

    def predict(
        self, ident: str, ts: float, item: T, label: str | None = None
    ) -> tuple[JoinVerdict, str | None]:
        """Take a prediction.

        Parameters
        ----------
        ident : str
            Id that prediction and label share.
        ts : float
            Event time, epoch seconds.
        item : object
            What the label is to find.
        label : str, optional
            The label, where it came with the prediction.

        Returns
        -------
        verdict : JoinVerdict
            ``JOINED``, ``WAITING`` or ``DUPLICATE``.
        label : str or None
            Its label, if joined.
        """
        if self.is_repeated(ident, ts):
            return JoinVerdict.DUPLICATE, None
        self.counts.predictions += 1
        early = self._early.pop(ident, None)
        if early is not None:
            if label is not None:
                self.counts.duplicate_labels += 1
            label = early[1]
        if label is not None:
            self._remember(ident, labelled=True)
            self.counts.joined += 1
            return JoinVerdict.JOINED, label
        self._waiting[ident] = self.clock + self.within, item
        while len(self._waiting) > self.capacity:
            self._waiting.popitem(last=False)
            self.counts.missing += 1
            self.counts.evicted += 1
        return JoinVerdict.WAITING, None

    def fail(self, ident: str, ts: float) -> JoinVerdict:
        """Take a failed prediction: it needs no label, but its id must not come again."""
        if self.is_repeated(ident, ts):
            return JoinVerdict.DUPLICATE
        labelled = self._early.pop(ident, None) is not None
        self._remember(ident, labelled=labelled)
        return JoinVerdict.USELESS

    def label(
        self, ident: str, ts: float, label: str, *, own_ts: float | None = None
    ) -> tuple[JoinVerdict, T | None]:
        """Take a label that came in an event of its own.

        Parameters
        ----------
        ident, label : str
            Id that prediction and label share, and the label.
        ts : float
            Time that the events have reached, epoch seconds.
        own_ts : float, optional
            Time of the label, where that does not move the time of the others; it must be within the limit, too.

        Returns
        -------
        verdict : JoinVerdict
            ``JOINED``; ``WAITING`` where there is no such prediction yet; ``DUPLICATE``; ``USELESS`` for the label of a
            prediction that failed.
        item : object or None
            The item of its prediction, if joined.
        """
        self._advance(ts)
        entry = self._waiting.get(ident)
        if entry is not None and (own_ts is None or own_ts <= entry[0]):
            del self._waiting[ident]
            self._remember(ident, labelled=True)
            self.counts.joined += 1
            return JoinVerdict.JOINED, entry[1]
        done = self._done.get(ident)
        if done is not None and not done[1]:
            self._done[ident] = done[0], True
            return JoinVerdict.USELESS, None
        if done is not None or ident in self._early:
            self.counts.duplicate_labels += 1
            return JoinVerdict.DUPLICATE, None
        self._early[ident] = self.clock + self.within, label
        while len(self._early) > self.capacity:
            self._early.popitem(last=False)
            self.counts.unmatched_labels += 1
        return JoinVerdict.WAITING, None

    def _remember(self, ident: str, *, labelled: bool) -> None:
        self._done[ident] = self.clock + self.within, labelled
        while len(self._done) > self.capacity:
            self._done.popitem(last=False)

    def _advance(self, ts: float) -> None:
        if ts > self.clock:
            self.clock = ts
            if ts > self._next_sweep:
                self.counts.missing += self._drop(self._waiting)
                self.counts.unmatched_labels += self._drop(self._early)
                self._drop(self._done)
                self._next_sweep = ts + self.within / _SWEEPS

    def _drop(self, held: OrderedDict[str, tuple[float, Any]]) -> int:
        dropped = 0
        while held and next(iter(held.values()))[0] < self.clock:
            held.popitem(last=False)
            dropped += 1
        return dropped

    def state(self, pack: Callable[[Sequence[T]], Any]) -> dict[str, Any]:
        """Give the state as plain data.

        Parameters
        ----------
        pack : callable
            Makes plain data of the items that wait.
        """
        return {
            "version": _VERSION,
            "clock": None if self.clock == float("-inf") else self.clock,
            "next_sweep": None if self._next_sweep == float("-inf") else self._next_sweep,
            "counts": asdict(self.counts),
            "waiting": [list(self._waiting), [entry[0] for entry in self._waiting.values()]],
            "items": pack([entry[1] for entry in self._waiting.values()]),
            "early": [[ident, *entry] for ident, entry in self._early.items()],
            "done": [[ident, *entry] for ident, entry in self._done.items()],
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, Any], unpack: Callable[[Any], Sequence[T]], *, within: float, capacity: int
    ) -> Self:
        """Restore from `state`; `unpack` is the inverse of its `pack`.

        Limits may be other ones than then: they count for what comes.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the label join")
        join = cls(within=within, capacity=capacity)
        try:
            join.clock = float("-inf") if state["clock"] is None else float(state["clock"])
            if state["next_sweep"] is not None:
                # With a shorter limit than then the next sweep is not so far away.
                join._next_sweep = min(float(state["next_sweep"]), join.clock + within / _SWEEPS)
            join.counts = JoinCounts(**{f.name: int(state["counts"][f.name]) for f in fields(JoinCounts)})
            idents, deadlines = state["waiting"]
            entries = zip(deadlines, unpack(state["items"]), strict=True)
            join._waiting.update(zip(idents, entries, strict=True))
            join._early.update((ident, (deadline, label)) for ident, deadline, label in state["early"])
            join._done.update((ident, (deadline, known)) for ident, deadline, known in state["done"])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the label join's state is damaged: {error}") from error
        return join
