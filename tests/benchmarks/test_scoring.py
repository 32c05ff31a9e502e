"""The rules by which detections are judged, against plain twins and against what each benchmark says of itself."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "detection"))

from scoring import (
    Verdict,
    allowed,
    best_f1,
    changepoint_score,
    confusion,
    episodes,
    f1,
    nab_best,
    nab_score,
    told,
)
from series import Series, runs

from stream_app.backtesting import PROFILES
from stream_app.backtesting import nab_score as product_score

N = 120

truths = arrays(bool, N)
scores = arrays(float, N, elements=st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]))


def series(truth, scored_from=0, windows=None):
    spans = runs(truth, scored_from) if windows is None else windows
    return Series(
        "one", 60.0 * np.arange(len(truth)), np.zeros((len(truth), 1)), truth, 10, scored_from, windows=spans
    )


def verdict(score=None, marked=None, alarms=()):
    return Verdict(
        np.zeros(N) if score is None else score,
        np.zeros(N, dtype=bool) if marked is None else marked,
        np.array(alarms, dtype=int),
    )


@given(truths)
def test_runs_cover_the_truth_and_nothing_else(truth):
    covered = np.zeros(N, dtype=bool)
    for first, last in runs(truth):
        assert not covered[first : last + 1].any()
        covered[first : last + 1] = True
    np.testing.assert_array_equal(covered, truth)


@given(truths, scores)
def test_best_f1_is_that_of_the_best_threshold(truth, score):
    def at(threshold):
        return f1(*confusion([series(truth)], [verdict(marked=score >= threshold)]))

    value, threshold = best_f1(truth, score)
    assert value == pytest.approx(max(at(each) for each in np.unique(score)))
    assert value == pytest.approx(at(threshold))


@given(truths, st.sets(st.integers(0, N - 1)), st.integers(0, N // 2))
def test_told_counts_windows_and_alarms_as_one_would_by_hand(truth, alarms, first):
    count = told([series(truth, first)], [verdict(alarms=sorted(alarms))])
    rows = [row for row in alarms if row >= first]
    assert count.false == sum(not truth[row] for row in rows)
    assert count.told == sum(any(row in range(a, b + 1) for row in rows) for a, b in runs(truth, first))
    assert count.windows == len(runs(truth, first))


@given(scores, st.sampled_from([0.5, 1.0, 2.5]), st.integers(1, 15))
def test_an_episode_begins_after_enough_quiet_rows(score, threshold, quiet):
    found, silent = [], quiet
    for row, value in enumerate(score):
        if value >= threshold:
            found += [row] if silent >= quiet else []
            silent = 0
        else:
            silent += 1
    assert episodes(score, threshold, quiet).tolist() == found


def test_nab_gives_100_for_the_first_row_of_each_window_and_0_for_silence():
    one = series(np.zeros(N, dtype=bool), 18, [(30, 49), (80, 99)])
    assert nab_score([one], [np.array([30, 80])]) == (pytest.approx(100.0), 2, 0)
    assert nab_score([one], [np.array([], dtype=int)]) == (pytest.approx(0.0), 0, 0)
    # One of two windows, late, and one false alarm in front of both.
    score, hits, false = nab_score([one], [np.array([49, 20])])
    assert (hits, false) == (1, 1)
    # The last row of a window of 20 is worth the sigmoid at -1/20 over that at -1; the other window is missed.
    late = np.tanh(2.5 / 20) / np.tanh(2.5)
    assert score == pytest.approx(100.0 * (late - 0.11 - 1.0 + 2.0) / 4.0)


def test_nab_does_not_count_the_probation():
    one = series(np.zeros(N, dtype=bool), 18, [(30, 49)])
    assert nab_score([one], [np.array([3, 17, 30])]) == nab_score([one], [np.array([30])])


@given(scores)
def test_the_best_threshold_of_nab_beats_every_other(score):
    one = series(np.zeros(N, dtype=bool), 18, [(30, 49), (80, 99)])
    best, threshold = nab_best([one], [score])
    tried = [nab_score([one], [np.flatnonzero(score >= each)])[0] for each in [*np.unique(score), np.inf]]
    assert best == pytest.approx(max(tried))
    assert best == pytest.approx(nab_score([one], [np.flatnonzero(score >= threshold)])[0])


@given(st.lists(st.integers(0, 1000), unique=True, min_size=1), st.lists(st.integers(0, 1000), unique=True))
def test_changepoints_score_as_in_a_backtest(true, found):
    true, found = np.sort(np.array(true, dtype=float)), np.sort(np.array(found, dtype=float))
    ours = changepoint_score([(true, found)])
    assert ours == pytest.approx(
        product_score(true.tolist(), found.tolist(), PROFILES["standard"], 60.0).percent
    )


def test_a_budget_allows_what_chance_explains():
    assert allowed(1_000_000, 1e-5) == 18
    assert allowed(9405, 1e-5) == 1
