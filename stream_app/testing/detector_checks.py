"""What every detector has to do, a function a behaviour."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from stream_app.core.arrays import FloatArray
from stream_app.core.registry import Detector, DetectorType
from stream_app.core.signals import Signal
from stream_app.errors import PluginError, StreamgaugeError
from stream_app.store.packing import pack_state, unpack_state

__all__ = ["CHECKS", "Candidate", "Failure"]

_CHANNELS = ("a", "b")
_ROWS = 3600
"""Long enough for the longest warm-up to end before the change."""

Row: TypeAlias = tuple[int, Signal]
"""A signal, and the row of the whole stream at which it came."""


class Failure(Exception):  # noqa: N818 what a check raises is no error of the program
    """What a detector did wrong."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A detector that is checked, with its parameters.

    Parameters
    ----------
    type : DetectorType
        The detector.
    parameters : mapping
        Arguments of its constructor, beside the channels.
    """

    type: DetectorType
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def make(self, channels: tuple[str, ...] = _CHANNELS) -> Detector:
        """Make a new one."""
        return self.type.build(channels, self.parameters, None)

    def restored(self, detector: Detector) -> Detector:
        """Return what a worker has after a restart: the detector of the stored state."""
        return self.type.restore(unpack_state(_packed(detector), "check"))

    def stream(self, rows: int = _ROWS, seed: int = 0) -> tuple[FloatArray, FloatArray]:
        """Return times and values whose level is higher by far in the second third; shape (n,) and (n, 2)."""
        rng = np.random.default_rng(seed)
        up = (np.arange(rows) * 3 // max(rows, 1) == 1)[:, None]
        if self.type.binary:
            values = (rng.random((rows, 2)) < np.where(up, 0.9, 0.1)).astype(np.float64)
        else:
            values = rng.normal(size=(rows, 2)) + 30.0 * up
        return 1_700_000_000.0 + np.arange(float(rows)), values

    def incomplete_stream(self, seed: int = 1) -> tuple[FloatArray, FloatArray]:
        """Return the same with missing values and a run of equal ones."""
        ts, values = self.stream(seed=seed)
        values[np.random.default_rng(seed).random(values.shape) < 0.05] = np.nan
        values[300:340, 0] = values[300, 0]
        return ts, values


def _packed(detector: Detector) -> bytes:
    return pack_state(detector.state())


def _run(detector: Detector, ts: FloatArray, values: FloatArray, sizes: Sequence[int]) -> list[Row]:
    found: list[Row] = []
    start = 0
    for size in sizes:
        batch = slice(start, min(start + size, len(ts)))
        result = detector.update(ts[batch], values[batch])
        signals: list[Signal] = list(getattr(result, "signals", result))
        found += [(signal.row + start, signal) for signal in signals]
        start = batch.stop
    # Within a row the order is free.
    return sorted(found, key=lambda one: (one[0], one[1].detector, one[1].channel, one[1].ended))


def _same(found: Sequence[Row], expected: Sequence[Row], where: str) -> None:
    for (row, signal), (wanted_row, wanted) in zip(found, expected, strict=False):
        # The row of a signal counts from its batch; that of the stream stands beside it.
        if (row, signal.at_row(0)) != (wanted_row, wanted.at_row(0)):
            raise Failure(f"{where}: {signal.at_row(row)}, where {wanted.at_row(wanted_row)} was expected")
    if len(found) != len(expected):
        raise Failure(f"{where}: {len(found)} signals, {len(expected)} were expected")


def batch_borders_do_not_matter(candidate: Candidate) -> None:
    """Expect the same signals and state, however the stream is cut into batches."""
    sizes = np.random.default_rng(3).integers(0, 200, size=100).tolist()
    for ts, values in (candidate.stream(), candidate.incomplete_stream()):
        whole, pieces = candidate.make(), candidate.make()
        expected = _run(whole, ts, values, [len(ts)])
        _same(_run(pieces, ts, values, sizes), expected, "in small batches")
        if _packed(pieces) != _packed(whole):
            raise Failure("after small batches the state differs from that after one large batch")


def a_restored_detector_continues_exactly(candidate: Candidate) -> None:
    """Expect a detector that is stored and restored to continue as one that never stopped."""
    ts, values = candidate.incomplete_stream()
    whole = candidate.make()
    expected = _run(whole, ts, values, [len(ts)])
    found: list[Row] = []
    start, detector = 0, candidate.make()
    for size in (0, 1, 250, 60, 700, 1, 400, _ROWS):
        stop = min(start + size, len(ts))
        found += [
            (row + start, signal)
            for row, signal in _run(detector, ts[start:stop], values[start:stop], [size])
        ]
        start, detector = stop, candidate.restored(detector)
    _same(found, expected, "restored")
    if _packed(detector) != _packed(whole):
        raise Failure("restored, it has another state at the end than one that never stopped")


def a_damaged_state_is_refused(candidate: Candidate) -> None:
    """Expect an error from an empty state, so that the detector starts cold and somebody hears of it."""
    state = candidate.make().state()
    damaged: list[dict[str, Any]] = [{}, {"channels": state.get("channels"), "inner": {}}]
    if "version" in state:
        damaged += [{"version": state["version"]}, state | {"version": 10**6}]
    for one in damaged:
        try:
            candidate.type.restore(one)
        except StreamgaugeError:
            continue
        raise Failure("from_state takes an empty state; it should raise an error")


def the_same_stream_gives_the_same_signals(candidate: Candidate) -> None:
    """Expect nothing to depend on chance or on the clock."""
    ts, values = candidate.stream()
    first, second = (_run(candidate.make(), ts, values, [500] * 8) for _ in range(2))
    _same(second, first, "run again")


def a_large_change_is_seen(candidate: Candidate) -> None:
    """Expect a signal after a change of thirty standard deviations."""
    ts, values = candidate.stream()
    found = [row for row, signal in _run(candidate.make(), ts, values, [_ROWS]) if not signal.ended]
    if candidate.type.finds_changes and not any(row >= _ROWS // 3 for row in found):
        raise Failure(f"no signal after the change at row {_ROWS // 3}")


def awkward_values_raise_no_error(candidate: Candidate) -> None:
    """Expect finite signals and a state that can be restored of constant, missing, infinite and huge values."""
    rows = 1200
    ts, ordinary = candidate.stream(rows)
    awkward = {
        "constant": np.full((rows, 2), 3.0),
        "zeros": np.zeros((rows, 2)),
        "all missing": np.full((rows, 2), math.nan),
        "infinite": np.full((rows, 2), math.inf),
        "huge": np.where(np.arange(rows)[:, None] % 2 == 0, 1e300, -1e300) * np.ones((1, 2)),
        "huge later": np.where(np.arange(rows)[:, None] > 700, 1e300, ordinary),
        "tiny": ordinary * 5e-324,
        "missing later": np.where(np.arange(rows)[:, None] > 600, math.nan, ordinary),
        "one channel missing": ordinary * np.array([1.0, math.nan]),
        "integers": np.arange(2 * rows).reshape(rows, 2) % 7,
        "booleans": np.arange(2 * rows).reshape(rows, 2) % 3 == 0,
    }
    for name, values in awkward.items():
        detector = candidate.make()
        try:
            # The bits of the values are the subject, not numpy's remarks on them.
            with np.errstate(all="ignore"):
                found = _run(detector, ts, values, [1, 0, 399, 400, 400])
                candidate.restored(detector)
        except StreamgaugeError as error:
            raise Failure(f"values that are {name}: {error}") from error
        for _, signal in found:
            numbers = [signal.ts, signal.statistic, signal.threshold]
            numbers += [value for _, value in (*signal.context, *signal.contributions)]
            if not all(map(math.isfinite, numbers)):
                raise Failure(f"values that are {name}: a number of {signal} is not finite")
            if signal.p_value is not None and not 0.0 <= signal.p_value <= 1.0:
                raise Failure(f"values that are {name}: the p-value {signal.p_value} is none")


def an_empty_batch_changes_nothing(candidate: Candidate) -> None:
    """Expect no signal and the same state after a batch without rows."""
    ts, values = candidate.stream()
    detector = candidate.make()
    for _ in range(2):
        before = _packed(detector)
        if _run(detector, np.empty(0), np.empty((0, 2)), [1]):
            raise Failure("an empty batch gave a signal")
        if _packed(detector) != before:
            raise Failure("an empty batch changed the state")
        detector.update(ts[:700], values[:700])


def input_is_left_alone(candidate: Candidate) -> None:
    """Expect the arrays of a batch, which belong to the caller, unchanged."""
    ts, values = candidate.incomplete_stream()
    before = ts.copy(), values.copy()
    candidate.make().update(ts, values)
    if not (np.array_equal(ts, before[0]) and np.array_equal(values, before[1], equal_nan=True)):
        raise Failure("update wrote into the arrays that it was given")


def a_returned_state_does_not_change(candidate: Candidate) -> None:
    """Expect a state to be a copy: it is packed while the detector goes on."""
    ts, values = candidate.stream()
    detector = candidate.make()
    detector.update(ts[:700], values[:700])
    state = detector.state()
    before = pack_state(state)
    detector.update(ts[700:], values[700:])
    if pack_state(state) != before:
        raise Failure("a state that was returned changed with the next batch; return copies")


def a_batch_of_another_shape_is_refused(candidate: Candidate) -> None:
    """Expect an error where a batch has not one column a channel."""
    try:
        candidate.make().update(np.arange(2.0), np.zeros((2, 3)))
    except PluginError:
        raise
    except StreamgaugeError:
        return
    raise Failure("update takes three columns for two channels")


def memory_is_bounded(candidate: Candidate) -> None:
    """Expect the state of 8 channels to stay below its limit, however long the stream is."""
    rng = np.random.default_rng(0)
    detector = candidate.make(tuple(f"c{i}" for i in range(8)))
    for start in range(0, 6000, 500):
        values = rng.normal(size=(500, 8))
        values = (values > 0.7).astype(np.float64) if candidate.type.binary else values
        detector.update(start + np.arange(500.0), values)
        kib = len(_packed(detector)) / 1024
        if kib > candidate.type.max_kib:
            raise Failure(
                f"the state of 8 channels has {kib:.0f} KiB after {start + 500} events; max_kib is "
                f"{candidate.type.max_kib:g}"
            )


CHECKS: tuple[Callable[[Candidate], None], ...] = (
    batch_borders_do_not_matter,
    a_restored_detector_continues_exactly,
    a_damaged_state_is_refused,
    the_same_stream_gives_the_same_signals,
    a_large_change_is_seen,
    awkward_values_raise_no_error,
    an_empty_batch_changes_nothing,
    input_is_left_alone,
    a_returned_state_does_not_change,
    a_batch_of_another_shape_is_refused,
    memory_is_bounded,
)
"""All checks; each raises `Failure`, or what the detector raised."""
