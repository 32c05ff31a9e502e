"""Odds agree with scipy's integrals and with simulation; decisions follow what a wrong one would cost."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from stream_app.core.challenger import Comparison
from stream_app.core.odds import paired_odds, unpaired_odds
from stream_app.errors import DataError, SettingsError, StateError
from stream_app.store.packing import pack_state, unpack_state

COUNTS = st.tuples(st.integers(0, 3000), st.integers(0, 3000)).map(sorted)


def by_scipy(right, n):
    """P(second is the higher), by adaptive quadrature."""
    a, b = (stats.beta(r + 0.5, m - r + 0.5) for r, m in zip(right, n, strict=True))

    # Uniform in b's own probability, where it has no peak to miss, and in pieces between quantiles of a, which may all
    # lie within a millionth of an end. What is left out at the ends is far below the tolerance: scipy's quantiles overflow there.
    steps = b.cdf(a.ppf([1e-9, 1e-3, 0.1, 0.5, 0.9, 0.999, 1.0 - 1e-9]))
    edges = np.unique(np.clip([0.0, *steps, 1.0], 1e-12, 1.0 - 1e-12))
    pieces = itertools.pairwise(edges)
    return sum(
        integrate.quad(lambda u: a.cdf(b.ppf(u)), *piece, limit=400, epsabs=1e-8)[0] for piece in pieces
    )


@settings(max_examples=25)
@example(first=[47, 55], second=[1, 11])
@example(first=[25, 663], second=[481, 2407])
@given(first=COUNTS, second=COUNTS)
def test_the_probability_agrees_with_scipys_quadrature(first, second):
    right, n = (first[0], second[0]), (first[1], second[1])
    assert unpaired_odds(right, n).best[1] == pytest.approx(by_scipy(right, n), abs=2e-7)


@given(versions=st.lists(COUNTS, min_size=2, max_size=5))
def test_probabilities_sum_to_one_and_losses_differ_by_the_means(versions):
    right, n = zip(*versions, strict=True)
    odds = unpaired_odds(right, n)
    means = [(r + 0.5) / (m + 1.0) for r, m in versions]
    assert sum(odds.best) == pytest.approx(1.0, abs=1e-9)
    assert [loss + mean for loss, mean in zip(odds.loss, means, strict=True)] == pytest.approx(
        [odds.loss[0] + means[0]] * len(means), abs=1e-9
    )
    assert min(odds.loss) >= 0.0


@pytest.mark.parametrize(
    ("right", "n"),
    [
        ((45, 52), (50, 60)),
        ((0, 3), (0, 4)),
        ((0, 5), (1000, 1000)),
        ((970_000, 48), (1_000_000, 50)),
        ((900, 905, 890), (1000, 1000, 950)),
    ],
)
def test_odds_agree_with_a_large_simulation(right, n):
    draws = 400_000
    rng = np.random.default_rng(7)
    sample = np.array([rng.beta(r + 0.5, m - r + 0.5, draws) for r, m in zip(right, n, strict=True)])
    odds = unpaired_odds(right, n)
    for i in range(len(n)):
        won = sample.argmax(axis=0) == i
        assert odds.best[i] == pytest.approx(won.mean(), abs=5 * won.std() / math.sqrt(draws) + 1e-6)
        lost = sample.max(axis=0) - sample[i]
        assert odds.loss[i] == pytest.approx(lost.mean(), abs=5 * lost.std() / math.sqrt(draws) + 1e-9)


def test_swapping_the_versions_swaps_the_odds():
    ab, ba = unpaired_odds((90, 95), (100, 103)), unpaired_odds((95, 90), (103, 100))
    assert ab.best == pytest.approx(ba.best[::-1])
    assert ab.loss == pytest.approx(ba.loss[::-1])


def test_millions_of_answers_are_no_trouble():
    odds = unpaired_odds((90_000_000, 90_010_000), (100_000_000, 100_000_000))
    se = math.sqrt(2 * 0.9 * 0.1 / 1e8)
    assert odds.best[1] == pytest.approx(stats.norm.cdf(1e-4 / se), abs=1e-4)
    assert sum(odds.best) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("only_a", "only_b", "n"), [(10, 14, 200), (0, 0, 5), (0, 30, 30), (3, 1, 5000)])
def test_paired_odds_agree_with_a_large_simulation(only_a, only_b, n):
    draws = 400_000
    alpha = np.array([only_a, only_b, n - only_a - only_b, 0]) + 0.5
    sample = np.random.default_rng(8).dirichlet(alpha, draws)
    ahead = sample[:, 1] - sample[:, 0]
    odds = paired_odds(only_a, only_b, n)
    assert odds.best[1] == pytest.approx((ahead > 0).mean(), abs=0.004)
    for i, lost in enumerate((np.maximum(ahead, 0), np.maximum(-ahead, 0))):
        assert odds.loss[i] == pytest.approx(lost.mean(), abs=5 * lost.std() / math.sqrt(draws) + 1e-9)


def test_counts_that_make_no_sense_are_refused():
    for right, n in (((5,), (6,)), ((7, 1), (6, 2)), ((-1, 1), (2, 2))):
        with pytest.raises(DataError):
            unpaired_odds(right, n)
    with pytest.raises(DataError):
        paired_odds(3, 3, 5)


def fed(rates, n, *, seed=0, **options):
    rng = np.random.default_rng(seed)
    names = [f"v{i + 1}" for i in range(len(rates))]
    comparison = Comparison(names, **options)
    for _ in range(n):
        for name, rate in zip(names, rng.random(len(rates)) < rates, strict=True):
            comparison.update(name, bool(rate))
    return comparison


def test_a_better_challenger_is_taken_and_a_worse_one_not():
    better, worse = fed((0.85, 0.92), 2000).decide(), fed((0.92, 0.85), 2000).decide()
    assert (better.verdict, better.choice) == ("switch", "v2")
    assert (worse.verdict, worse.choice) == ("keep", "v1")
    assert better.best[1] > 0.99
    assert worse.best[1] < 0.01


def test_the_best_of_several_challengers_is_taken():
    assert fed((0.8, 0.82, 0.93), 2000).decide().choice == "v3"


def test_a_difference_that_does_not_matter_keeps_what_is_in_use():
    decision = fed((0.900, 0.901), 20_000, seed=3).decide()
    assert decision.verdict == "keep"
    assert decision.loss[0] < 0.005


def test_few_answers_decide_nothing():
    decision = fed((0.1, 0.9), 150).decide()
    assert (decision.verdict, decision.choice) == ("undecided", None)
    assert "v1 has 150" in decision.summary


def test_equal_counts_of_few_answers_stay_undecided():
    comparison = Comparison(("a", "b"))
    for i in range(250):
        for version in ("a", "b"):
            comparison.update(version, i % 5 > 0)
    decision = comparison.decide()
    assert (decision.verdict, decision.choice) == ("undecided", None)
    assert decision.loss == pytest.approx(unpaired_odds((200, 200), (250, 250)).loss)
    assert min(decision.loss) > comparison.caring


def test_no_answers_at_all_are_undecided_with_equal_odds():
    decision = Comparison(("a", "b")).decide()
    assert decision.verdict == "undecided"
    assert decision.best == pytest.approx((0.5, 0.5))
    assert all(map(math.isnan, decision.accuracy))


def test_loss_of_what_is_chosen_stays_below_what_one_cares_about():
    """Over true rates as likely as the prior says, and asking after every 50 answers."""
    rng = np.random.default_rng(11)
    lost = []
    for _ in range(150):
        truth = rng.beta(0.5, 0.5, 2)
        comparison = Comparison(("a", "b"), caring=0.02, minimum=50)
        for _ in range(60):
            for name, rate in zip(("a", "b"), truth, strict=True):
                for right in rng.random(50) < rate:
                    comparison.update(name, bool(right))
            decision = comparison.decide()
            if decision.choice:
                lost.append(truth.max() - truth[("a", "b").index(decision.choice)])
                break
    assert len(lost) > 120
    assert np.mean(lost) < 0.02


def test_pairs_see_what_separate_answers_do_not():
    """Hard questions are hard for both: only few answers tell the versions apart."""
    rng = np.random.default_rng(5)
    hard = rng.random(3000) < 0.5
    better = rng.random(3000) < 0.02
    paired, apart = Comparison(("a", "b"), caring=0.001), Comparison(("a", "b"), caring=0.001)
    for i in range(3000):
        for name, right in (("a", not hard[i]), ("b", not hard[i] or bool(better[i]))):
            paired.update(name, bool(right), key=str(i))
            apart.update(name, bool(right))
    assert (paired.decide().verdict, paired.decide().pairs) == ("switch", 3000)
    assert paired.decide().p_value < 1e-3
    assert apart.decide().pairs == 0
    assert apart.decide().loss[1] > paired.decide().loss[1]
    assert apart.decide().best[1] < 0.9 < paired.decide().best[1]
    assert math.isnan(apart.decide().p_value)


@given(a=st.integers(0, 40), b=st.integers(0, 40))
def test_mcnemars_p_value_is_that_of_scipy(a, b):
    comparison = Comparison(("a", "b"), minimum=1)
    for i in range(a + b + 1):
        comparison.update("a", i < a, key=str(i))
        comparison.update("b", a <= i < a + b, key=str(i))
    expected = stats.binomtest(a, a + b).pvalue if a + b else 1.0
    assert comparison.decide().p_value == pytest.approx(expected)


def test_what_waits_for_its_pair_is_bounded_and_foreign_versions_do_not_count():
    comparison = Comparison(("a", "b"), waiting=10)
    for i in range(1000):
        comparison.update("a", correct=True, key=str(i))
        comparison.update("c", correct=False, key=str(i))
    assert len(comparison.state()["open"]) == 10
    assert comparison.decide().n == (1000, 0)


@given(
    answers=st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.sampled_from("  1234567"))),
    cut=st.integers(0, 50),
)
def test_a_restored_comparison_goes_on_bit_for_bit(answers, cut):
    def feed(comparison, some):
        for version, right, key in some:
            comparison.update(version, right, key.strip())

    whole, first = (Comparison(("a", "b"), minimum=2, waiting=3) for _ in range(2))
    feed(whole, answers)
    feed(first, answers[:cut])
    second = Comparison.from_state(unpack_state(pack_state(first.state()), "check"))
    feed(second, answers[cut:])
    assert pack_state(second.state()) == pack_state(whole.state())
    assert repr(second.decide()) == repr(whole.decide())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"caring": 0.0}, "caring"),
        ({"minimum": 0}, "minimum"),
        ({"versions": ("a",)}, "versions"),
        ({"versions": ("a", "a")}, "versions"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(options, named):
    with pytest.raises(SettingsError, match=named):
        Comparison(**{"versions": ("a", "b"), **options})


def test_a_foreign_or_damaged_state_is_refused():
    state = Comparison(("a", "b")).state()
    for damaged in (state | {"version": 99}, {"version": state["version"]}, state | {"n": [1]}):
        with pytest.raises(StateError):
            Comparison.from_state(damaged)
