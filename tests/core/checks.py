"""What every detector of the core must do. Each check takes a registered detector and asserts one behaviour."""

import math

import numpy as np
import pytest

from stream_app.core.registry import RegisteredDetector
from stream_app.errors import StreamgaugeError
from stream_app.store.packing import pack_state, unpack_state

CHANNELS = ("a", "b")
# Long enough for the longest warm-up to end before the change.
ROWS = 3600


def stream(entry: RegisteredDetector, n: int = ROWS, seed: int = 0):
    """An ordinary stream whose level goes up by far in its second third and comes back."""
    rng = np.random.default_rng(seed)
    up = (np.arange(n) * 3 // max(n, 1) == 1)[:, None]
    if entry.binary:
        values = (rng.random((n, len(CHANNELS))) < np.where(up, 0.9, 0.1)).astype(float)
    else:
        values = rng.normal(size=(n, len(CHANNELS))) + 30.0 * up
    return 1_700_000_000.0 + np.arange(n) * 1.0, values


def holey(entry: RegisteredDetector, seed: int = 1):
    """The same with missing values and repeats."""
    ts, values = stream(entry, seed=seed)
    values[np.random.default_rng(seed).random(values.shape) < 0.05] = np.nan
    values[300:340, 0] = values[300, 0]
    return ts, values


def signals_of(result):
    return list(getattr(result, "signals", result))


def run(detector, ts, values, sizes):
    found, start = [], 0
    for size in sizes:
        batch = slice(start, min(start + size, len(ts)))
        found += [(s.row + start, s) for s in signals_of(detector.update(ts[batch], values[batch]))]
        start = batch.stop
    return found


def plain(found):
    # The row of a signal counts from its batch; the absolute one stands beside it.
    return [(row, s.ts, s.kind, s.detector, s.channel, s.statistic, s.threshold, s.ended, s.p_value, s.contributions, s.context)
            for row, s in sorted(found, key=lambda entry: (entry[0], entry[1].detector, entry[1].channel, entry[1].ended))]  # fmt: skip


def batch_borders_do_not_matter(entry):
    for ts, values in (stream(entry), holey(entry)):
        whole, pieces = entry.make(CHANNELS), entry.make(CHANNELS)
        expected = run(whole, ts, values, [len(ts)])
        sizes = np.random.default_rng(3).integers(0, 200, size=100).tolist()
        assert plain(run(pieces, ts, values, sizes)) == plain(expected)
        assert pack_state(pieces.state()) == pack_state(whole.state())


def restoring_continues_bit_for_bit(entry):
    ts, values = holey(entry)
    whole = entry.make(CHANNELS)
    expected = run(whole, ts, values, [len(ts)])
    found, start, detector = [], 0, entry.make(CHANNELS)
    for size in (0, 1, 250, 60, 700, 1, 400, ROWS):
        stop = min(start + size, len(ts))
        found += [(row + start, s) for row, s in run(detector, ts[start:stop], values[start:stop], [size])]
        start = stop
        detector = entry.restore(unpack_state(pack_state(detector.state()), "check"))
    assert plain(found) == plain(expected)
    assert pack_state(detector.state()) == pack_state(whole.state())


def a_foreign_state_is_refused(entry):
    state = entry.make(CHANNELS).state()
    for damaged in (state | {"version": 10**6}, {"version": state["version"]}):
        with pytest.raises(StreamgaugeError):
            entry.restore(damaged)


def the_same_stream_gives_the_same_signals(entry):
    ts, values = stream(entry)
    first, second = (run(entry.make(CHANNELS), ts, values, [500] * 5) for _ in range(2))
    assert plain(first) == plain(second)


def a_large_change_is_seen(entry):
    if not entry.sees_changes:
        return
    ts, values = stream(entry)
    found = [
        row for row, s in run(entry.make(CHANNELS), ts, values, [ROWS]) if not s.detector.endswith(".warning")
    ]
    assert any(row >= ROWS // 3 for row in found)


def awkward_input_gives_finite_signals(entry):
    n = 1200
    ts, ordinary = stream(entry, n)
    awkward = {
        "constant": np.full((n, 2), 3.0),
        "zeros": np.zeros((n, 2)),
        "all missing": np.full((n, 2), math.nan),
        "infinite": np.full((n, 2), math.inf),
        "huge": np.where(np.arange(n)[:, None] % 2 == 0, 1e300, -1e300) * np.ones((1, 2)),
        "huge later": np.where(np.arange(n)[:, None] > 700, 1e300, ordinary),
        "tiny": ordinary * 5e-324,
        "missing later": np.where(np.arange(n)[:, None] > 600, math.nan, ordinary),
        "one channel missing": ordinary * np.array([1.0, math.nan]),
        "integers": np.arange(2 * n).reshape(n, 2) % 7,
        "booleans": np.arange(2 * n).reshape(n, 2) % 3 == 0,
    }
    for name, values in awkward.items():
        detector = entry.make(CHANNELS)
        for _, s in run(detector, ts, values, [1, 0, 399, 400, 400]):
            numbers = [
                s.ts,
                s.statistic,
                s.threshold,
                *(x for _, x in s.context),
                *(x for _, x in s.contributions),
            ]
            assert all(map(math.isfinite, numbers)), (name, s)
            assert s.p_value is None or 0.0 <= s.p_value <= 1.0, (name, s)
        entry.restore(unpack_state(pack_state(detector.state()), "check"))


def an_empty_batch_changes_nothing(entry):
    ts, values = stream(entry)
    detector = entry.make(CHANNELS)
    for _ in range(2):
        before = pack_state(detector.state())
        assert signals_of(detector.update(np.empty(0), np.empty((0, 2)))) == []
        assert pack_state(detector.state()) == before
        detector.update(ts[:700], values[:700])


def input_is_left_alone(entry):
    ts, values = holey(entry)
    before = ts.copy(), values.copy()
    entry.make(CHANNELS).update(ts, values)
    assert np.array_equal(ts, before[0])
    assert np.array_equal(values, before[1], equal_nan=True)


def a_state_is_not_changed_by_going_on(entry):
    ts, values = stream(entry)
    detector = entry.make(CHANNELS)
    detector.update(ts[:700], values[:700])
    state = detector.state()
    before = pack_state(state)
    detector.update(ts[700:], values[700:])
    assert pack_state(state) == before


def a_batch_of_another_shape_is_refused(entry):
    with pytest.raises(StreamgaugeError):
        entry.make(CHANNELS).update(np.arange(2.0), np.zeros((2, 3)))


def memory_is_bounded(entry):
    channels = tuple(f"c{i}" for i in range(8))
    rng = np.random.default_rng(0)
    detector = entry.make(channels)
    for start in range(0, 6000, 500):
        values = rng.normal(size=(500, 8))
        values = (values > 0.7).astype(float) if entry.binary else values
        detector.update(start + np.arange(500.0), values)
        assert len(pack_state(detector.state())) <= entry.kib * 1024


CHECKS = (
    batch_borders_do_not_matter,
    restoring_continues_bit_for_bit,
    a_foreign_state_is_refused,
    the_same_stream_gives_the_same_signals,
    a_large_change_is_seen,
    awkward_input_gives_finite_signals,
    an_empty_batch_changes_nothing,
    input_is_left_alone,
    a_state_is_not_changed_by_going_on,
    a_batch_of_another_shape_is_refused,
    memory_is_bounded,
)
