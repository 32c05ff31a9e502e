"""The anomaly detector as its user sees it: what fires, when it ends, who is named, and that nothing else matters."""

import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.anomaly import AnomalyConfig, AnomalyDetector
from stream_app.errors import DataError, StateError

SMALL = AnomalyConfig(warmup=120, baseline=50, adopt_after=150)
NAMES = ("a", "b", "c")


def stream(seed, n=700, d=3, faults=(), missing=0.0):
    """White noise, a slow wave and a quantised channel, with shifts and gaps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    x[:, 1] += 2.0 * np.sin(np.arange(n) / 60.0)
    x[:, -1] = np.round(x[:, -1])
    for begin, end, channel, size in faults:
        x[begin:end, channel % d] += size
    x[rng.random(size=x.shape) < missing] = np.nan
    return x


def run(detector, x, cuts=()):
    parts = [detector.update(np.arange(a, b, dtype=float), x[a:b]) for a, b in pieces(len(x), cuts)]
    return joined(parts, [a for a, _ in pieces(len(x), cuts)])


def pieces(n, cuts):
    marks = [0, *sorted({c for c in cuts if 0 < c < n}), n]
    return list(itertools.pairwise(marks))


def joined(parts, starts):
    signals = [replace(s, row=s.row + a) for part, a in zip(parts, starts, strict=True) for s in part.signals]
    arrays = [
        np.concatenate([getattr(p, name) for p in parts])
        for name in ("score", "tail", "anomaly", "changepoint")
    ]
    return arrays, signals


def same(left, right):
    return all(np.array_equal(a, b) for a, b in zip(left[0], right[0], strict=True)) and left[1] == right[1]


fault = st.tuples(
    st.integers(120, 600),
    st.integers(120, 700),
    st.integers(0, 2),
    st.sampled_from([-1e300, -8.0, 2.0, 5.0, 1e6]),
)
scenario = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**16),
        "faults": st.lists(fault, max_size=3),
        "missing": st.sampled_from([0.0, 0.0, 0.05, 0.7]),
    }
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(scenario, st.lists(st.integers(1, 699), max_size=12))
def test_batch_borders_do_not_matter(kind, cuts):
    x = stream(**kind)
    assert same(run(AnomalyDetector(NAMES, SMALL), x), run(AnomalyDetector(NAMES, SMALL), x, cuts))


def test_one_event_at_a_time_equals_one_batch():
    x = stream(3, faults=[(300, 420, 0, 5.0)], missing=0.02)
    assert same(run(AnomalyDetector(NAMES, SMALL), x), run(AnomalyDetector(NAMES, SMALL), x, range(700)))


@settings(max_examples=40, deadline=None)
@given(scenario, st.integers(1, 699))
def test_restored_state_goes_on_as_if_never_interrupted(kind, stop):
    x = stream(**kind)
    detector = AnomalyDetector(NAMES, SMALL)
    first = detector.update(np.arange(stop, dtype=float), x[:stop])
    restored = AnomalyDetector.from_state(copied(detector.state()))
    second = restored.update(np.arange(stop, len(x), dtype=float), x[stop:])
    assert same(run(AnomalyDetector(NAMES, SMALL), x), joined([first, second], [0, stop]))


def copied(value):
    """Take a state through plain values only, as a store would."""
    if isinstance(value, dict):
        return {str(k): copied(v) for k, v in value.items()}
    if isinstance(value, list):
        return [copied(v) for v in value]
    if isinstance(value, np.ndarray):
        return np.frombuffer(value.tobytes(), dtype=value.dtype).reshape(value.shape)
    assert value is None or isinstance(value, (bool, int, float, str)), type(value)
    return value


def test_a_snapshot_is_not_changed_by_what_follows():
    x = stream(5, faults=[(300, 400, 0, 6.0)])
    detector = AnomalyDetector(NAMES, SMALL)
    detector.update(np.arange(310.0), x[:310])
    taken = detector.state()
    kept = copied(taken)
    detector.update(np.arange(310.0, 700.0), x[310:])
    again = AnomalyDetector.from_state(taken).update(np.arange(310.0, 700.0), x[310:])
    fresh = AnomalyDetector.from_state(kept).update(np.arange(310.0, 700.0), x[310:])
    assert np.array_equal(again.score, fresh.score)


@settings(max_examples=60, deadline=None)
@given(scenario)
def test_signals_are_finite_paired_and_agree_with_the_flags(kind):
    (score, tail, anomaly, changepoint), signals = run(AnomalyDetector(NAMES, SMALL), stream(**kind))
    assert np.isfinite(score).all()
    assert ((tail >= 0) & (tail <= 1)).all()
    assert not anomaly[:120].any()
    rows = [s.row for s in signals]
    assert rows == sorted(rows)
    for s in signals:
        assert np.isfinite([s.ts, s.statistic, s.threshold]).all()
        shares = [share for _, share in s.contributions]
        assert shares == sorted(shares, reverse=True)
        assert not shares or sum(shares) == pytest.approx(1.0, abs=1e-12)
    turns = [s for s in signals if s.detector == "anomaly"]
    assert [s.ended for s in turns] == [i % 2 == 1 for i in range(len(turns))]
    inside = np.zeros(len(anomaly), dtype=bool)
    for begin, end in zip(turns[::2], [*turns[1::2], None], strict=False):
        inside[begin.row : end.row if end else None] = True
    assert np.array_equal(inside, anomaly)
    assert np.array_equal(np.flatnonzero(changepoint), [s.row for s in signals if s.kind == "changepoint"])


def test_a_shift_is_found_named_told_once_and_ends_when_it_is_over():
    rng = np.random.default_rng(11)
    x = rng.normal(size=(1500, 8))
    x[900:1100, 5] += 3.0
    names = tuple("abcdefgh")
    _, signals = run(AnomalyDetector(names), x)
    begin, end = [s for s in signals if s.detector == "anomaly"]
    assert 900 <= begin.row <= 910
    assert 1105 <= end.row <= 1150
    assert begin.contributions[0][0] == end.contributions[0][0] == "f"
    assert begin.contributions[0][1] > 0.5
    assert begin.statistic >= begin.threshold
    assert begin.p_value < 1e-3
    assert dict(end.context) == {"events": float(end.row - begin.row + 1), "adopted": 0.0}
    changes = [s.row for s in signals if s.kind == "changepoint"]
    assert len(changes) == 2
    assert 900 <= changes[0] <= 910
    assert 1100 <= changes[1] <= 1115


def test_a_small_shift_of_all_channels_together_is_found_jointly():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1200, 16))
    x[800:] += 0.75
    one = AnomalyDetector(("only",)).update(np.arange(1200.0), x[:, :1])
    together = AnomalyDetector(tuple(f"c{i}" for i in range(16))).update(np.arange(1200.0), x)
    assert not one.anomaly.any()
    assert together.anomaly[820:900].any()


def test_a_broken_correlation_is_found_although_no_channel_leaves_its_range():
    rng = np.random.default_rng(4)
    level = np.repeat(rng.normal(size=300), 10)[:, None]
    x = np.hstack([level, level]) + rng.normal(scale=0.05, size=(3000, 2))
    config = AnomalyConfig(warmup=1000)
    normal = AnomalyDetector(("a", "b"), config).update(np.arange(3000.0), x)
    x[2000:2040, 1] = -x[2000:2040, 1]
    broken = AnomalyDetector(("a", "b"), config).update(np.arange(3000.0), x)
    assert np.median(broken.score[2010:2040]) > np.median(normal.score[1000:]) + 1.0


def test_a_lasting_change_is_adopted_as_the_new_normal():
    x = np.random.default_rng(8).normal(size=(3000, 3))
    x[1000:] += 50.0
    detector = AnomalyDetector(NAMES, AnomalyConfig(adopt_after=500))
    result = detector.update(np.arange(3000.0), x)
    begin, end = [s for s in result.signals if s.detector == "anomaly"]
    assert (begin.row, end.row) == (1000, 1499)
    assert dict(end.context)["adopted"] == 1.0
    assert not detector.warming_up
    assert not result.anomaly[1499:].any()


def test_normal_streams_stay_within_the_budget():
    names = tuple("abcdefgh")
    config = AnomalyConfig(false_alarms_per_event=1e-3, false_changepoints_per_event=1e-3)
    alarms = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(20_000, 8))
        x[:, 0] = np.convolve(x[:, 0], 0.9 ** np.arange(60), "same")
        x[:, 1] += np.sin(np.arange(20_000) / 300.0)
        x[:, 2] = np.round(x[:, 2])
        signals = AnomalyDetector(names, config).update(np.arange(20_000.0), x).signals
        alarms += sum(s.detector == "anomaly" and not s.ended for s in signals)
    assert alarms <= 80


def test_a_slow_random_walk_gets_used_to():
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.normal(scale=0.02, size=(20_000, 2)), axis=0) + rng.normal(size=(20_000, 2))
    signals = AnomalyDetector(("a", "b")).update(np.arange(20_000.0), x).signals
    assert sum(s.detector == "anomaly" and not s.ended for s in signals) <= 6


def test_a_stuck_sensor_begins_and_ends():
    x = np.random.default_rng(9).normal(size=(900, 2))
    x[600:700, 1] = x[599, 1]
    signals = [
        s for s in AnomalyDetector(("a", "b")).update(np.arange(900.0), x).signals if s.detector == "flatline"
    ]
    assert [(s.channel, s.ended) for s in signals] == [("b", False), ("b", True)]
    assert 605 <= signals[0].row <= 640
    assert signals[1].row == 700


def test_what_cannot_be_watched_is_named_and_harms_nothing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 5))
    x[:, 1] = 7.0
    x[:, 2] = np.nan
    x[:400, 3] = 1e300 * rng.choice([-1.0, 1.0], size=400)
    x[700:800, 0] += 6.0
    x[750, 4] = 1e300
    detector = AnomalyDetector(("ok", "constant", "absent", "huge", "spike"))
    result = detector.update(np.arange(900.0), x)
    assert set(detector.unwatched) == {"constant", "absent", "huge"}
    assert np.isfinite(result.score).all()
    assert result.anomaly[720:790].all()


def test_a_channel_that_falls_silent_ends_its_part_in_an_anomaly():
    x = np.random.default_rng(0).normal(size=(900, 2))
    x[600:, 0] += 6.0
    x[650:, 0] = np.nan
    result = AnomalyDetector(("a", "b")).update(np.arange(900.0), x)
    assert result.anomaly[610:650].all()
    assert not result.anomaly[720:].any()


def test_integers_and_empty_batches_are_fine():
    detector = AnomalyDetector(("a", "b"))
    values = np.random.default_rng(0).integers(0, 9, size=(500, 2)).astype(float)
    assert detector.update(np.empty(0), np.empty((0, 2))).signals == []
    assert detector.update(np.arange(500.0), values).score[400:].max() > 0


def test_fit_on_a_sample_equals_a_warm_up():
    x = stream(4, faults=[(300, 360, 0, 6.0)])
    streamed = AnomalyDetector(NAMES, SMALL).update(np.arange(700.0), x)
    fitted = AnomalyDetector(NAMES, SMALL).fit(x[:120]).update(np.arange(580.0), x[120:])
    assert np.array_equal(streamed.score[120:], fitted.score)


def test_state_is_small():
    def size(value):
        if isinstance(value, dict):
            return sum(len(k) + size(v) for k, v in value.items())
        return value.nbytes if isinstance(value, np.ndarray) else sys.getsizeof(value)

    x = np.random.default_rng(0).normal(size=(1000, 8))
    detector = AnomalyDetector(tuple("abcdefgh"))
    detector.update(np.arange(399.0), x[:399])
    assert size(detector.state()) < 40 * 1024
    detector.update(np.arange(601.0), x[399:])
    assert size(detector.state()) < 16 * 1024


def test_wrong_input_is_refused_with_its_reason():
    with pytest.raises(DataError, match="distinct"):
        AnomalyDetector(("a", "a"))
    with pytest.raises(DataError, match="shape"):
        AnomalyDetector(("a", "b")).update(np.arange(3.0), np.zeros((3, 3)))
    with pytest.raises(DataError, match="times"):
        AnomalyDetector(("a",)).update(np.arange(2.0), np.zeros((3, 1)))
    with pytest.raises(StateError, match="version"):
        AnomalyDetector.from_state({"version": 0})
    with pytest.raises(StateError, match="damaged"):
        AnomalyDetector.from_state(AnomalyDetector(("a",)).state() | {"config": {"nonsense": 1}})


@pytest.mark.parametrize("seed", [0, 1])
def test_the_number_of_alarms_is_bounded_even_where_no_model_holds(seed):
    # Bursts with infinite variance and levels that jump: nothing the reference could have foretold.
    rng = np.random.default_rng(seed)
    jumps = np.cumsum(
        np.where(rng.random((30_000, 3)) < 0.002, rng.standard_cauchy((30_000, 3)) * 5, 0.0), axis=0
    )
    x = rng.normal(size=(30_000, 3)) + jumps
    rate = 1e-4
    config = AnomalyConfig(false_alarms_per_event=rate)
    result = AnomalyDetector(NAMES, config).update(np.arange(30_000.0), x)
    alarms = [s for s in result.signals if s.detector == "anomaly" and not s.ended]
    bound = 2 + rate * 30_000 + np.log(result.score.max() / alarms[0].threshold) / np.log(1.5)
    assert 3 <= len(alarms) <= bound
    assert max(s.threshold for s in alarms) > alarms[0].threshold
