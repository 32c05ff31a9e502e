"""The detector against a plain per-event e-CUSUM, and what a user would notice of it."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from math import exp, log

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from stream_app.core.drift import DriftConfig, DriftDetector
from stream_app.core.drift.autocorrelation import levinson_durbin
from stream_app.core.drift.betting import BETS, ODDS_UNIT, channel_bets
from stream_app.core.drift.ranking import bins_from_sample, classes_from_counts, finish
from stream_app.core.drift.records import BINS, SAMPLE, drift_options
from stream_app.core.drift.step import drift_step
from stream_app.core.kernel import signal_buffer
from stream_app.errors import DataError, SettingsError, StateError

NAMES = ("flow", "level", "speed")


def times(values):
    return np.arange(float(len(values)))


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


def naive_statistic(detector, values):
    """Return the statistic of a white channel by the formula of the paper, with dictionaries and logarithms only."""
    c = detector.bank["drift.channel"][0][0].copy()
    bets = channel_bets(detector.config.min_effect)
    nats = log(1.0 / (0.5 * detector.config.false_alarm_rate)) - 0.2
    product = [1.0] * BETS
    found = []
    for value in values:
        standard = (float(np.float32(value - c["origin"])) - float(c["centre"])) / float(c["scale"])
        rank = c["classes"][sum(edge < standard for edge in c["edges"])]
        for bet in range(BETS):
            e_value = bets.odds[rank, bet] / ODDS_UNIT / exp(float(c["log_means"][bet]))
            product[bet] = max(product[bet], 1.0) * e_value
        evidence = [max(0.0, log(m)) for m in product]
        times = [c["level_time"]] * 6 + [c["scale_time"]] * 4 + [max(c["level_time"], c["scale_time"])] * 4
        needed = [nats * float(t) for t in times]
        raised = [h * (1.0 + h / (g * c["known"])) for h, g in zip(needed, bets.gains, strict=True)]
        found.append(max(r / h for r, h in zip(evidence, raised, strict=True)))
    return found


def test_one_channel_agrees_with_a_plain_e_cusum():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(1023, 1))  # up to where the reference grows
    detector = DriftDetector(("a",), DriftConfig(false_alarm_rate=1e-6))
    detector.update(times(values[:1000]), values[:1000])
    assert detector.bank["drift.channel"][0][0]["order"] == 0
    expected = naive_statistic(detector, values[1000:, 0])
    statistic = detector.update(times(values[1000:]), values[1000:]).statistic
    assert statistic == pytest.approx(expected, rel=1e-4, abs=1e-6)


@given(st.lists(st.integers(0, 400), min_size=BINS, max_size=BINS).filter(lambda counts: sum(counts) > 0))
def test_bets_have_mean_one_whatever_the_reference(counts):
    detector = DriftDetector(("a",))
    c = detector.bank["drift.channel"][0]
    c["counts"], c["known"] = counts, sum(counts)
    classes_from_counts.py_func(c[0])
    classes = c[0]["classes"].copy()
    c["tracked"] = True  # spares the look at whether it wanders
    bets = channel_bets(0.25)
    finish.py_func(c[0], bets.odds, ODDS_UNIT, 1000, 0.25)
    weights = np.array(counts) / sum(counts)
    paid = (weights[:, None] * bets.odds[classes] / ODDS_UNIT).sum(axis=0)
    # Half an observation that pays one is added.
    expected = (sum(counts) * paid + 0.5) / (sum(counts) + 0.5)
    assert np.exp(c[0]["log_means"]) == pytest.approx(expected, rel=1e-5)


@given(st.lists(st.floats(-50, 50), min_size=20, max_size=SAMPLE), st.booleans())
def test_bins_are_quantiles_of_the_sample(sample, rounded):
    values = np.round(sample) if rounded else np.array(sample)
    c = DriftDetector(("a",)).bank["drift.channel"][0]
    c["sample"][0, : len(values)], c["seen"] = values, len(values)
    bins_from_sample.py_func(c[0])
    shares = (1.0 - np.cos(np.pi * np.arange(1, BINS) / BINS)) / 2.0
    expected = np.quantile(np.float32(values[8:]), shares, method="inverted_cdf")
    assert c[0]["edges"] == pytest.approx(expected)


@given(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_yule_walker_equations_are_solved(first, second):
    covariance = [1.0, first]
    for _ in range(7):
        covariance.append(0.5 * covariance[-1] + 0.3 * second * covariance[-2])
    matrix = np.array([[covariance[abs(i - j)] for j in range(2)] for i in range(2)])
    coefficients = np.zeros(8)
    levinson_durbin(tuple(covariance), 2, coefficients)
    expected = np.linalg.solve(matrix, covariance[1:3])
    if np.abs(np.roots([1.0, *-expected])).max() < 0.95:
        assert coefficients[:2] == pytest.approx(expected, abs=1e-3)


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


@settings(max_examples=15)
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
        signals += [replace(signal, row=begin + signal.row) for signal in part.signals]
        detector = DriftDetector.from_state(detector.state())
    assert np.array_equal(np.concatenate(statistic), expected.statistic)
    assert signals == expected.signals
    assert detector.state() == whole.state()
    assert expected.signals


TWIN = """
import sys
import numpy as np
from stream_app.core.drift import DriftConfig, DriftDetector
values = np.random.default_rng(3).normal(size=(700, 3))
values[:, 1] = np.cumsum(values[:, 1])
values[:, 2] = np.round(values[:, 2])
values[::9, 2] = np.nan
values[500:, 0] += 2.0
detector = DriftDetector(("a", "b", "c"), DriftConfig(false_alarm_rate=1e-3, warmup=300))
np.save(sys.argv[1], detector.update(np.arange(700.0), values).statistic)
"""


@pytest.mark.slow
def test_compiled_and_plain_form_agree(tmp_path):
    forms = []
    for name, disabled in (("compiled", "0"), ("plain", "1")):
        path = tmp_path / f"{name}.npy"
        environment = {**os.environ, "NUMBA_DISABLE_JIT": disabled}
        subprocess.run([sys.executable, "-c", TWIN, str(path)], check=True, env=environment)
        forms.append(np.load(path))
    assert forms[0].max() >= 1.0
    assert forms[0] == pytest.approx(forms[1], rel=1e-4, abs=1e-5)


def test_what_is_marked_is_judged_but_not_learned_and_what_is_not_watched_is_not_seen():
    rng = np.random.default_rng(17)
    values = rng.normal(size=(1600, 1))
    odd = np.zeros(1600, dtype=bool)
    odd[1200:1260] = True
    detector = DriftDetector(("a",), DriftConfig(false_alarm_rate=1e-6))
    plain = DriftDetector(("a",), DriftConfig(false_alarm_rate=1e-6))
    wild = np.where(odd[:, None], 100.0, values)
    detector.update(times(wild), wild, watch=~odd)
    plain.update(times(values[~odd]), values[~odd])
    assert detector.state() == plain.state()
    detector = DriftDetector(("a",), DriftConfig(false_alarm_rate=1e-6))
    result = detector.update(times(values), values + 3.0 * odd[:, None], learn=~odd)
    assert [1200 <= signal.row < 1260 for signal in result.signals] == [True]


def test_no_alarm_while_no_rate_is_known():
    values = np.random.default_rng(18).normal(size=(600, 1))
    values[400:] += 5.0
    detector = DriftDetector(("a",), DriftConfig(warmup=200))
    bank, options = detector.bank, drift_options(detector.config)
    signals, count = signal_buffer(2)
    for row in range(600):
        drift_step(
            bank["drift.source"][0], bank["drift.channel"][0], bank["drift.pair"][0], options[0],
            np.nan if row < 500 else 1e-4, float(row), values[row], True, True, row, signals, count,  # noqa: FBT003
        )  # fmt: skip
        assert count[0] == (row >= 500)


def test_the_state_of_eight_channels_is_small():
    assert DriftDetector([str(j) for j in range(8)]).bank.record_size <= 5 * 1024


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


def test_a_foreign_state_is_refused():
    with pytest.raises(StateError, match="version"):
        DriftDetector.from_state({"version": 99})
    with pytest.raises(StateError, match="damaged"):
        DriftDetector.from_state({"version": 2, "channels": ["a"]})
