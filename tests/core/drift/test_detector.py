"""The detector against a plain per-event e-CUSUM, and what a user would notice of it."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from stream_app.core.drift import DriftConfig, DriftDetector
from stream_app.core.drift.betting import UNIT, channel_bets, log_normalisers
from stream_app.errors import DataError, SettingsError, StateError

NAMES = ("flow", "level", "speed")


def times(values):
    return np.arange(float(len(values)))


def packed(value):
    """Return what comes back from a store that holds msgpack."""

    def encode(array):
        return {"dtype": str(array.dtype), "shape": list(array.shape), "bytes": array.tobytes()}

    def decode(part):
        if isinstance(part, dict) and part.keys() == {"dtype", "shape", "bytes"}:
            return np.frombuffer(part["bytes"], dtype=part["dtype"]).reshape(part["shape"])
        if isinstance(part, dict):
            return {key: decode(item) for key, item in part.items()}
        return [decode(item) for item in part] if isinstance(part, list) else part

    return decode(msgspec.msgpack.decode(msgspec.msgpack.encode(value, enc_hook=encode)))


def changing_plant(seed, rows=2600):
    """Return three channels: white with a jump, wandering, and one with gaps and ties."""
    rng = np.random.default_rng(seed)
    flow = rng.normal(size=rows)
    flow[1500:] += 1.5
    level = np.cumsum(rng.normal(size=rows)) * 0.1 + rng.normal(size=rows)
    speed = np.round(rng.normal(size=rows))
    speed[rng.random(rows) < 0.05] = np.nan
    return np.column_stack((flow, level, speed))


def alarms(values, rate=1e-4, **settings_):
    detector = DriftDetector(NAMES[: values.shape[1]], DriftConfig(false_alarm_rate=rate, **settings_))
    return detector.update(times(values), values).signals


def test_one_channel_agrees_with_a_plain_e_cusum():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(1200, 1))
    detector = DriftDetector(("a",), DriftConfig(false_alarm_rate=1e-6))
    detector.update(times(values[:1000]), values[:1000])
    base = detector._base
    whitening = base.whitening
    assert not whitening.numerator[0, 1:].any()
    bets = channel_bets(0.25)
    normalisers = log_normalisers(bets, base.counts)[0]
    thresholds = detector._thresholds.copy()
    statistic = detector.update(times(values[1000:1024]), values[1000:1024]).statistic
    evidence = [0] * len(bets.families)
    for row, value in enumerate(values[1000:1024, 0]):
        near = float(np.float32(value - whitening.origin[0]))
        standard = (near - whitening.centre[0]) / whitening.scale[0]
        bin_ = sum(edge < standard for edge in base.edges[0])
        for bet, tilt in enumerate(bets.tilts[:, bin_]):
            evidence[bet] = max(0, evidence[bet] + int(tilt * UNIT) - int(normalisers[bet]))
        expected = max(e / UNIT / h for e, h in zip(evidence, thresholds, strict=True))
        assert statistic[row] == pytest.approx(expected, rel=1e-6)


def test_bets_have_mean_at_most_one_whatever_the_reference():
    rng = np.random.default_rng(2)
    bets = channel_bets(0.25)
    for reference in (rng.integers(0, 50, 64), np.eye(64)[3] * 1000, np.full(64, 16)):
        counts = reference.astype(np.int32)[None, :]
        steps = (bets.tilts * UNIT).astype(np.int32) - log_normalisers(bets, counts)[0][:, None]
        weights = (counts + 0.5 / 64) / (counts + 0.5 / 64).sum()
        assert np.all((weights * np.exp(steps / UNIT)).sum(axis=1) <= 1.0 + 1e-12)


@pytest.mark.parametrize(
    ("family", "change"),
    [
        ("drift.level", lambda z: z + 1.0),
        ("drift.level", lambda z: z - 1.0),
        ("drift.scale", lambda z: 2.0 * z),
        ("drift.scale", lambda z: 0.5 * z),
        ("drift.shape", lambda z: np.where(np.abs(z) < 0.6745, -1.0, 1.0) * 0.9 + 0.43 * np.roll(z, 7)),
    ],
)
def test_each_kind_of_change_is_found_and_named(family, change):
    values = np.random.default_rng(11).normal(size=(3000, 2))
    values[2000:, 1] = change(values[2000:, 1])
    found = alarms(values)
    assert [signal.channel for signal in found] == ["level"]
    assert found[0].detector == family
    assert 2000 <= found[0].row < 2350
    assert found[0].contributions[0][0] == "level"


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.8), (0.9, 0.0), (0.3, -0.6)])
def test_a_change_of_correlation_alone_is_found(before, after):
    rng = np.random.default_rng(3)
    rho = np.where(np.arange(3000) < 2000, before, after)
    first = rng.normal(size=3000)
    second = rho * first + np.sqrt(1.0 - rho**2) * rng.normal(size=3000)
    found = alarms(np.column_stack((first, second)))
    assert [signal.detector for signal in found] == ["drift.correlation"]
    assert found[0].channel == "*"
    assert 2000 <= found[0].row < 2200


def test_an_alarm_tells_figures_before_and_after():
    values = np.random.default_rng(4).normal(size=(3000, 1))
    values[2000:] += 2.0
    (signal,) = alarms(values)
    context = dict(signal.context)
    assert context["mean_before"] == pytest.approx(0.0, abs=0.15)
    assert context["mean_after"] == pytest.approx(2.0, abs=0.8)
    assert signal.row - context["events_since_onset"] == pytest.approx(2000, abs=15)
    assert signal.statistic >= signal.threshold
    assert signal.ts == float(signal.row)


def test_one_drift_is_one_alarm_and_the_next_is_another():
    values = np.random.default_rng(6).normal(size=(8000, 1))
    values[2000:] += 1.0
    values[5000:] += 1.0
    rows = [signal.row for signal in alarms(values)]
    assert len(rows) == 2
    assert 2000 <= rows[0] < 2100
    assert 5000 <= rows[1] < 5100


def test_a_shift_too_small_to_matter_is_left_alone():
    values = np.random.default_rng(8).normal(size=(20_000, 1))
    values[2000:] += 0.06
    assert alarms(values, rate=1e-5) == []


def test_false_alarms_of_independent_events_stay_within_the_budget():
    rng = np.random.default_rng(1)
    detector = DriftDetector(NAMES, DriftConfig(false_alarm_rate=1e-3))
    found, events = 0, 400_000
    for _ in range(events // 20_000):
        values = np.column_stack(
            (rng.normal(size=20_000), rng.standard_cauchy(size=20_000), rng.poisson(3.0, size=20_000))
        )
        found += len(detector.update(times(values), values).signals)
    allowed = events * 1e-3
    assert 0.1 * allowed < found < allowed


@pytest.mark.parametrize("memory", [0.5, 0.9, 0.98])
def test_false_alarms_of_autoregressive_sensors_stay_within_the_budget(memory):
    noise = np.random.default_rng(12).normal(size=(100_000, 2))
    values = lfilter([1.0], [1.0, -memory], noise, axis=0)
    assert len(alarms(values, rate=2e-4)) <= 20


def test_slow_wander_of_a_wandering_channel_is_no_drift():
    rng = np.random.default_rng(9)
    values = (0.02 * np.cumsum(rng.normal(size=20_000)) + 0.2 * rng.normal(size=20_000))[:, None]
    assert len(alarms(values, rate=1e-4)) <= 2
    values[12_000:] += 1.5
    assert any(12_000 <= signal.row < 12_100 for signal in alarms(values, rate=1e-4))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 3), cuts=st.lists(st.integers(0, 2600), max_size=8))
@example(seed=0, cuts=list(range(0, 2600, 7)))
def test_batches_and_restarts_do_not_matter(seed, cuts):
    values = changing_plant(seed)
    ts = times(values)
    config = DriftConfig(false_alarm_rate=1e-3, warmup=400)
    whole = DriftDetector(NAMES, config)
    expected = whole.update(ts, values)
    detector, statistic, signals = DriftDetector(NAMES, config), [], []
    for begin, stop in pairwise([0, *sorted(cuts), len(values)]):
        part = detector.update(ts[begin:stop], values[begin:stop])
        statistic.append(part.statistic)
        signals += [
            (begin + s.row, s.ts, s.channel, s.statistic, s.threshold, s.context) for s in part.signals
        ]
        detector = DriftDetector.from_state(packed(detector.state()))
    assert np.array_equal(np.concatenate(statistic), expected.statistic)
    assert signals == [
        (s.row, s.ts, s.channel, s.statistic, s.threshold, s.context) for s in expected.signals
    ]
    assert msgspec.msgpack.encode(detector.state(), enc_hook=np.ndarray.tolist) == msgspec.msgpack.encode(
        whole.state(), enc_hook=np.ndarray.tolist
    )
    assert expected.signals


COLUMNS = {
    "constant": lambda rng, n: np.full(n, 3.0),
    "missing": lambda rng, n: np.full(n, np.nan),
    "gaps": lambda rng, n: np.where(rng.random(n) < 0.7, np.nan, rng.normal(size=n)),
    "late": lambda rng, n: np.where(np.arange(n) < n // 2, np.nan, rng.normal(size=n)),
    "leaving": lambda rng, n: np.where(np.arange(n) > n // 2, np.nan, rng.normal(size=n)),
    "huge": lambda rng, n: np.where(rng.random(n) < 0.02, 1e300, rng.normal(size=n)),
    "all huge": lambda rng, n: np.full(n, 1e300) * rng.choice([-1.0, 1.0], size=n),
    "infinite": lambda rng, n: np.where(rng.random(n) < 0.02, -np.inf, rng.normal(size=n)),
    "boolean": lambda rng, n: (rng.random(n) < 0.3).astype(float),
    "counts": lambda rng, n: rng.poisson(2.0, size=n).astype(float),
    "far away": lambda rng, n: 1.7e9 + rng.normal(size=n),
    "tiny": lambda rng, n: 1e-300 * rng.normal(size=n),
    "switched on": lambda rng, n: np.where(np.arange(n) < n // 2, 0.0, rng.normal(size=n)),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_bad_input_never_breaks_it(kind):
    rng = np.random.default_rng(0)
    values = np.column_stack((COLUMNS[kind](rng, 4000), rng.normal(size=4000)))
    with np.errstate(all="raise", under="ignore"):
        detector = DriftDetector(("odd", "even"), DriftConfig(false_alarm_rate=1e-3, warmup=500))
        results = [
            detector.update(times(values[i : i + 333]), values[i : i + 333]) for i in range(0, 4000, 333)
        ]
    for result in results:
        assert np.all(np.isfinite(result.statistic))
        for signal in result.signals:
            numbers = [signal.statistic, signal.threshold, *(value for _, value in signal.context)]
            numbers += [share for _, share in signal.contributions]
            assert np.all(np.isfinite(numbers))
    assert sum(len(result.signals) for result in results) <= 3


def test_a_channel_that_appears_is_learned_and_watched():
    rng = np.random.default_rng(14)
    values = rng.normal(size=(6000, 2))
    values[:2000, 1] = np.nan
    values[5000:, 1] += 1.0
    detector = DriftDetector(("old", "new"), DriftConfig(false_alarm_rate=1e-4))
    detector.update(times(values[:1500]), values[:1500])
    assert detector.learned == ("old",)
    found = detector.update(times(values[1500:]), values[1500:]).signals
    assert [signal.channel for signal in found] == ["new"]
    assert 3500 <= found[0].row < 3560


def test_a_constant_channel_that_moves_is_drift():
    values = np.full((1500, 1), 5.0)
    values[1200:] = 5.5
    (signal,) = alarms(values)
    assert 1200 <= signal.row < 1230


def test_a_given_reference_spares_the_warm_up():
    rng = np.random.default_rng(15)
    detector = DriftDetector(("a",), DriftConfig(false_alarm_rate=1e-4))
    detector.learn(rng.normal(size=(5000, 1)))
    assert detector.learned == ("a",)
    values = 1.0 + rng.normal(size=(100, 1))
    assert len(detector.update(times(values), values).signals) == 1


def test_an_empty_batch_changes_nothing():
    detector = DriftDetector(("a",))
    result = detector.update(np.zeros(0), np.zeros((0, 1)))
    assert len(result.drift) == len(result.statistic) == len(result.signals) == 0


def test_mistakes_are_named():
    with pytest.raises(SettingsError, match="false_alarm_rate"):
        DriftConfig(false_alarm_rate=0.0)
    with pytest.raises(SettingsError, match="warmup"):
        DriftConfig(warmup=10)
    with pytest.raises(SettingsError, match="min_effect"):
        DriftConfig(min_effect=0.0)
    with pytest.raises(SettingsError, match="channels"):
        DriftDetector(("a", "a"))
    detector = DriftDetector(("a", "b"))
    with pytest.raises(DataError, match="shape"):
        detector.update(np.zeros(3), np.zeros((3, 1)))
    with pytest.raises(DataError, match="ts"):
        detector.update(np.zeros(2), np.zeros((3, 2)))
    with pytest.raises(DataError, match="200"):
        detector.learn(np.zeros((10, 2)))


def test_a_foreign_state_is_refused():
    with pytest.raises(StateError, match="version"):
        DriftDetector.from_state({"version": 99})
    with pytest.raises(StateError, match="damaged"):
        DriftDetector.from_state({"version": 1, "channels": ["a"]})
