"""Weak slices: what is found, what is said of it, and that neither batches nor restarts matter."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from stream_app.core.slices import Category, Interval, Missing, Rare, SliceConfig, SliceFinder
from stream_app.errors import DataError, SettingsError, StateError
from stream_app.store.packing import pack_state, unpack_state

NUMERIC, CATEGORICAL = ("blur", "size"), ("site", "camera")


def table(rng, rows):
    """Two numbers, one of them whole, and two categories, with gaps."""
    numbers = np.column_stack([rng.normal(size=rows), rng.integers(0, 10, rows).astype(float)])
    cells = np.empty((rows, 2), dtype=object)
    cells[:, 0] = rng.choice(["north", "south", "east"], rows, p=[0.5, 0.4, 0.1])
    cells[:, 1] = [f"camera-{i}" for i in rng.zipf(1.6, rows) % 50]
    numbers[rng.random((rows, 2)) < 0.05] = np.nan
    cells[rng.random((rows, 2)) < 0.05] = None
    return numbers, cells


def columns(numbers, cells):
    return dict(zip(NUMERIC, numbers.T, strict=True)) | dict(zip(CATEGORICAL, cells.T, strict=True))


def errors(rng, weak, base=0.05, rate=0.4):
    return rng.random(len(weak)) < np.where(weak, rate, base)


def found(numbers, cells, wrong, **limits):
    finder = SliceFinder(NUMERIC, CATEGORICAL, SliceConfig(window=max(100, len(wrong)), **limits))
    finder.update(numbers, cells, wrong)
    return finder.find()


WEAK = {
    "an end": (lambda c: c["blur"] > 1.0, {"blur"}),
    "the middle": (lambda c: (c["blur"] > -0.2) & (c["blur"] <= 0.2), {"blur"}),
    "one number": (lambda c: c["size"] == 3.0, {"size"}),
    "a category": (lambda c: c["site"] == "east", {"site"}),
    "a missing number": (lambda c: np.isnan(c["blur"]), {"blur"}),
    "a missing category": (lambda c: c["site"] == None, {"site"}),  # noqa: E711 elementwise
    "two intervals": (lambda c: (c["blur"] > 0.3) & (c["size"] <= 4), {"blur", "size"}),
    "interval and category": (lambda c: (c["blur"] < 0.0) & (c["site"] == "south"), {"blur", "site"}),
    "two categories": (
        lambda c: (c["site"] == "south") & (c["camera"] == "camera-1"),
        {"site", "camera"},
    ),
}


@pytest.mark.parametrize("name", WEAK)
def test_a_weak_slice_is_found_and_described(name):
    rng = np.random.default_rng(1)
    numbers, cells = table(rng, 6000)
    weak, features = WEAK[name]
    truth = weak(columns(numbers, cells))
    wrong = errors(rng, truth)
    (one,) = found(numbers, cells, wrong)
    assert {condition.feature for condition in one.conditions} == features
    inside = one.mask(columns(numbers, cells))
    assert (inside & truth).sum() / (inside | truth).sum() > 0.85
    assert one.n == inside.sum()
    assert one.metric == wrong[inside].mean()
    assert one.overall == wrong.mean()
    assert one.interval[0] < one.metric < one.interval[1]
    assert one.interval[0] > one.overall
    assert one.p_value < 1e-6


def test_rare_categories_are_judged_together():
    rng = np.random.default_rng(2)
    numbers, cells = table(rng, 6000)
    rare = np.array([f"once-{i}" for i in range(6000)], dtype=object)
    chosen = rng.random(6000) < 0.1
    cells[chosen, 1] = rare[chosen]
    (one,) = found(numbers, cells, errors(rng, chosen))
    (condition,) = one.conditions
    assert isinstance(condition, Rare)
    assert one.rule == "camera is rare"
    assert "camera-1" in condition.frequent
    assert one.mask(columns(numbers, cells))[chosen].all()


def test_several_slices_are_told_each_once():
    rng = np.random.default_rng(3)
    numbers, cells = table(rng, 10_000)
    told = columns(numbers, cells)
    truths = [told["blur"] > 1.3, (told["size"] <= 2) & (told["site"] == "north"), told["site"] == "east"]
    slices = found(numbers, cells, errors(rng, np.logical_or.reduce(truths)))
    assert len(slices) == 3
    for truth in truths:
        shares = [(s.mask(told) & truth).sum() / (s.mask(told) | truth).sum() for s in slices]
        assert max(shares) > 0.8


def test_a_slope_of_errors_is_one_slice():
    rng = np.random.default_rng(4)
    numbers, cells = table(rng, 20_000)
    rate = 0.05 + 0.6 / (1.0 + np.exp(-3.0 * (np.nan_to_num(numbers[:, 0]) - 1.5)))
    (one,) = found(numbers, cells, rng.random(20_000) < rate)
    (condition,) = one.conditions
    assert (condition.feature, condition.high) == ("blur", math.inf)


def test_what_only_goes_along_with_a_weak_feature_is_not_told():
    rng = np.random.default_rng(5)
    numbers, cells = table(rng, 10_000)
    weak = numbers[:, 0] > 1.0
    cells[:, 0] = np.where(weak & (rng.random(10_000) < 0.9), "east", "north")
    (one,) = found(numbers, cells, errors(rng, weak))
    assert [condition.feature for condition in one.conditions] == ["blur"]


@pytest.mark.parametrize("seed", range(5))
def test_errors_without_a_reason_give_no_slice(seed):
    rng = np.random.default_rng(seed)
    numbers, cells = table(rng, 5000)
    assert found(numbers, cells, rng.random(5000) < 0.2) == ()


@pytest.mark.slow
def test_dependent_rows_are_no_evidence_where_the_run_of_errors_is_allowed_for():
    """Errors and a slow feature that know nothing of each other, both in runs of 50 rows."""
    told = {0: 0, 100: 0}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        numbers, cells = table(rng, 6000)
        numbers[:, 0] = np.repeat(rng.normal(size=120), 50)
        wrong = np.repeat(rng.random(120) < 0.2, 50)
        for lag in told:
            told[lag] += bool(found(numbers, cells, wrong, lag=lag))
    assert told[0] == 20
    assert told[100] <= 1


def test_a_slice_in_dependent_rows_is_still_found():
    rng = np.random.default_rng(6)
    numbers, cells = table(rng, 10_000)
    numbers[:, 0] = np.repeat(rng.normal(size=500), 20)
    wrong = np.repeat(errors(rng, numbers[::20, 0] > 1.0), 20)
    (one,) = found(numbers, cells, wrong, lag=50)
    assert [condition.feature for condition in one.conditions] == ["blur"]


def test_limits_of_size_and_effect_are_kept():
    rng = np.random.default_rng(7)
    numbers, cells = table(rng, 10_000)
    wrong = errors(rng, columns(numbers, cells)["site"] == "east", 0.1, 0.25)
    (one,) = found(numbers, cells, wrong)
    assert found(numbers, cells, wrong, min_share=one.n / 10_000 + 0.01) == ()
    assert found(numbers, cells, wrong, min_gap=0.3, min_ratio=5.0) == ()
    assert found(numbers, cells, wrong, alpha=one.p_value / 2.0) == ()
    # Either limit of the effect is enough.
    assert found(numbers, cells, wrong, min_gap=0.3, min_ratio=1.5) == (one,)


@pytest.mark.parametrize(
    ("numbers", "cells", "wrong"),
    [
        (np.full((500, 2), np.nan), np.full((500, 2), None), np.arange(500) % 3 == 0),
        (np.ones((500, 2)), np.full((500, 2), "x", dtype=object), np.arange(500) % 3 == 0),
        (np.arange(1000.0).reshape(500, 2), np.full((500, 2), "x", dtype=object), np.zeros(500, bool)),
        (np.arange(1000.0).reshape(500, 2), np.full((500, 2), "x", dtype=object), np.ones(500, bool)),
        (np.full((500, 2), np.inf), np.full((500, 2), np.nan, dtype=object), np.arange(500) % 3 == 0),
        (np.zeros((0, 2)), np.empty((0, 2), dtype=object), np.zeros(0, bool)),
        (np.zeros((20, 2)), np.full((20, 2), "x", dtype=object), np.zeros(20, bool)),
    ],
    ids=["missing", "constant", "never wrong", "always wrong", "not finite", "empty", "few"],
)
def test_input_that_says_nothing_gives_nothing(numbers, cells, wrong):
    assert found(numbers, cells, wrong) == ()


def test_one_kind_of_feature_will_do():
    rng = np.random.default_rng(8)
    numbers, cells = table(rng, 3000)
    only = SliceFinder(NUMERIC, (), SliceConfig(window=3000))
    only.update(numbers, np.empty((3000, 0), dtype=object), errors(rng, numbers[:, 0] > 1.0))
    assert [one.conditions[0].feature for one in only.find()] == ["blur"]
    other = SliceFinder((), ("site",), SliceConfig(window=3000))
    other.update(np.empty((3000, 0)), cells[:, :1], errors(rng, cells[:, 0] == "east"))
    assert [one.rule for one in other.find()] == ['site = "east"']


def test_the_window_forgets():
    rng = np.random.default_rng(9)
    numbers, cells = table(rng, 12_000)
    finder = SliceFinder(NUMERIC, CATEGORICAL, SliceConfig(window=4000))
    weak = numbers[:4000, 0] > 1.0
    finder.update(numbers[:4000], cells[:4000], errors(rng, weak))
    assert len(finder.find()) == 1
    finder.update(numbers[4000:], cells[4000:], rng.random(8000) < 0.05)
    assert len(finder) == 4000
    assert finder.find() == ()


def chunks(rng, n):
    cuts = np.sort(rng.integers(0, n + 1, rng.integers(0, 30)))
    return list(itertools.pairwise([0, *cuts.tolist(), n]))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), rows=st.integers(0, 2500), window=st.integers(100, 900))
def test_neither_batches_nor_searches_nor_restarts_matter(seed, rows, window):
    rng = np.random.default_rng(seed)
    numbers, cells = table(rng, rows)
    # The input drifts, and so does what is weak.
    numbers[:, 0] += np.arange(rows) / 500.0
    wrong = errors(rng, (numbers[:, 1] > 7) | (cells[:, 0] == "east"), 0.05, 0.6)
    config = SliceConfig(window=window)
    whole, pieces = (SliceFinder(NUMERIC, CATEGORICAL, config) for _ in range(2))
    whole.update(numbers, cells, wrong)
    for begin, end in chunks(rng, rows):
        pieces.update(numbers[begin:end], cells[begin:end], wrong[begin:end])
        if rng.random() < 0.3:
            pieces.find()
        if rng.random() < 0.2:
            pieces = SliceFinder.from_state(unpack_state(pack_state(pieces.state()), "here"))
    assert pieces.find() == whole.find()
    assert pack_state(pieces.state()) == pack_state(whole.state())


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), rows=st.integers(100, 1500))
def test_what_is_said_of_a_slice_is_so(seed, rows):
    rng = np.random.default_rng(seed)
    numbers, cells = table(rng, rows)
    wrong = errors(rng, (numbers[:, 1] == 4) | (cells[:, 0] == "south") & (numbers[:, 0] > 0.5), 0.05, 0.7)
    told = columns(numbers, cells)
    config = SliceConfig(window=rows)
    for one in found(numbers, cells, wrong):
        inside = one.mask(told)
        assert (one.n, one.metric) == (inside.sum(), wrong[inside].mean())
        assert one.n >= max(config.min_rows, config.min_share * rows)
        assert one.metric >= min(one.overall + config.min_gap, one.overall * config.min_ratio)
        assert one.interval[0] > one.overall
        # The test of one slice chosen beforehand is always kinder.
        rest = np.array(
            [[wrong[inside].sum(), (~wrong[inside]).sum()], [wrong[~inside].sum(), (~wrong[~inside]).sum()]]
        )
        assert 0.0 <= one.p_value <= config.alpha
        assert fisher_exact(rest, alternative="greater").pvalue < config.alpha


def test_rules_read_like_rules():
    parts = [
        Interval("blur", -math.inf, 0.12),
        Interval("blur", 3.0, math.inf),
        Interval("blur", -0.5, 1e-9),
        Category("site", 'the "old" mill'),
        Missing("blur"),
    ]
    assert [str(part) for part in parts] == [
        "blur <= 0.12", "blur > 3", "-0.5 < blur <= 1e-09", 'site = "the \\"old\\" mill"', "blur is missing",
    ]  # fmt: skip


def test_bounds_have_few_digits_where_the_data_leaves_room():
    rng = np.random.default_rng(10)
    numbers, cells = table(rng, 6000)
    (one,) = found(numbers, cells, errors(rng, numbers[:, 0] > 1.0))
    (condition,) = one.conditions
    assert len(f"{condition.low:g}") <= 4


def test_texts_of_categories_do_not_mind_their_type():
    rng = np.random.default_rng(11)
    numbers, cells = table(rng, 2000)
    cells[:, 0] = rng.integers(0, 3, 2000)
    wrong = errors(rng, cells[:, 0] == 2)
    (one,) = found(numbers, cells, wrong)
    assert one.rule == 'site = "2"'
    assert one.n == one.mask(columns(numbers, cells)).sum()


@pytest.mark.parametrize(
    "features", [((), ()), (("a", "a"), ()), (("a",), ("a",))], ids=["none", "twice", "number and category"]
)
def test_features_have_names_of_their_own(features):
    with pytest.raises(SettingsError, match="each named once"):
        SliceFinder(*features)


@pytest.mark.parametrize(
    "limits",
    [
        {"window": 10},
        {"alpha": 0.0},
        {"min_share": 1.0},
        {"min_ratio": 1.0},
        {"min_gap": math.nan},
        {"lag": -1},
    ],
    ids=str,
)
def test_limits_that_make_no_sense_are_named(limits):
    with pytest.raises(SettingsError, match=next(iter(limits))):
        SliceConfig(**limits)


def test_a_batch_that_does_not_fit_is_refused_and_changes_nothing():
    finder = SliceFinder(NUMERIC, CATEGORICAL)
    with pytest.raises(DataError, match="does not fit"):
        finder.update(np.zeros((5, 3)), np.empty((5, 2), dtype=object), np.zeros(5, bool))
    assert len(finder) == 0


def test_a_state_of_another_version_is_refused():
    state = SliceFinder(NUMERIC, CATEGORICAL).state() | {"version": 99}
    with pytest.raises(StateError, match="version 99"):
        SliceFinder.from_state(state)
