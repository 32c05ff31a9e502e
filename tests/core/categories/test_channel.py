"""What is told of a channel of categories: what is new, what shifted, and nothing else."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, poisson

from stream_app.core.categories import CategoryChannel, CategoryOptions
from stream_app.core.categories.channel import MOST_CATEGORIES

SHARES = (0.6, 0.3, 0.08, 0.02)


def modes(seed: int, n: int, shares=SHARES, kept: float = 0.0) -> list[str]:
    """Return modes that are kept with a probability, else drawn anew."""
    rng = np.random.default_rng(seed)
    drawn, keep = rng.choice(len(shares), n, p=shares), rng.random(n) < kept
    for i in range(1, n):
        if keep[i]:
            drawn[i] = drawn[i - 1]
    return [("run", "idle", "clean", "fault")[k] for k in drawn]


def channel(warmup: int = 1000, rate: float = 1e-6) -> CategoryChannel:
    return CategoryChannel("mode", CategoryOptions(warmup, lambda events, *_: rate * events))


def told(one: CategoryChannel, values: list[str]):
    return one.update(list(map(float, range(len(values)))), values)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9, 0.97])
def test_false_alarms_keep_the_budget_however_long_a_mode_lasts(kept):
    rate, n = 2e-4, 20_000
    alarms = sum(len(told(channel(rate=rate), modes(seed, n, kept=kept))) for seed in range(10))
    assert alarms <= poisson.ppf(0.99, 10 * n * rate)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.9])
def test_a_shift_of_shares_is_told_once_with_what_changed(kept):
    one = channel()
    assert [s for s in told(one, modes(1, 10_000, kept=kept)) if s.detector == "category_shares"] == []
    (shift,) = told(one, modes(2, 10_000, (0.2, 0.7, 0.08, 0.02), kept=kept))
    assert (shift.kind, shift.detector, shift.channel) == ("drift", "category_shares", "mode")
    assert "run" in dict(shift.contributions)
    context = dict(shift.context)
    assert abs(context["share_after"] - context["share_before"]) > 0.05
    assert shift.statistic > shift.threshold


def test_shares_that_last_are_the_new_reference():
    one = channel()
    told(one, modes(1, 5000))
    assert len(told(one, modes(2, 5000, (0.2, 0.7, 0.08, 0.02)))) == 1
    assert len(told(one, modes(3, 5000))) == 1


def test_a_new_category_is_told_once_at_its_first_event():
    one = channel()
    values = modes(1, 3000)
    values[2000] = values[2400] = "purge"
    (new,) = told(one, values)
    assert (new.row, new.detector, new.contributions) == (2000, "new_category", (("purge", 1.0),))


def test_a_constant_category_that_changes_is_told():
    one = channel()
    found = told(one, ["open"] * 3000 + ["closed"] * 200)
    assert [s.detector for s in found] == ["new_category", "category_shares"]


def test_free_texts_take_bounded_memory_and_tell_at_most_so_many_times():
    one = channel(warmup=50)
    found = told(one, [f"order {i}" for i in range(5000)])
    assert sum(signal.detector == "new_category" for signal in found) <= MOST_CATEGORIES
    assert one.known == MOST_CATEGORIES


def test_the_statistic_of_independent_values_is_that_of_scipy():
    one = channel(warmup=400, rate=1.0)
    values = modes(5, 400) + modes(6, 100, (0.2, 0.2, 0.3, 0.3))
    (shift,) = told(one, values)
    table = [[side.count(name) for name in sorted(set(values))] for side in (values[:400], values[400:])]
    assert shift.statistic == pytest.approx(chi2_contingency(table).statistic, rel=0.15)


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(1, 2999), max_size=5), seed=st.integers(0, 99))
def test_neither_batches_nor_restarts_matter(cuts, seed):
    values = modes(seed, 1500, kept=0.5) + modes(seed + 1, 1500, (0.1, 0.1, 0.4, 0.4))
    ts = list(map(float, range(3000)))
    whole = channel(warmup=300).update(ts, values)
    parts, found = channel(warmup=300), []
    for begin, end in pairwise([0, *sorted(set(cuts)), 3000]):
        found += [s.at_row(s.row + begin) for s in parts.update(ts[begin:end], values[begin:end])]
        restored = channel(warmup=300)
        restored.restore(parts.state())
        parts = restored
    assert found == whole
