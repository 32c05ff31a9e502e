from math import pi, tanh

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.backtesting import PROFILES, Confusion, NabScore, nab_score

moments = st.lists(st.integers(0, 600), max_size=8, unique=True).map(sorted)


def points_by_definition(truth, found, profile):
    """Points, taking the windows second by second and each detection once."""
    begins, ends = list(truth), [t + 60 for t in truth]
    for i in range(1, len(truth)):
        begins[i] = max(begins[i], ends[i - 1]) if ends[i - 1] >= begins[i] else begins[i]
    points = 0.0
    explained = set()
    for begin, end in zip(begins, ends, strict=True):
        inside = [t for t in found if begin <= t <= end]
        explained.update(inside)
        if not inside:
            points += profile.miss
            continue
        position = 0.0 if begin == end else (inside[0] - begin) / (end - begin)
        step = min(int(position * 1000), 999) / 999
        share = (
            1 - tanh(pi * (step - 0.5)) / tanh(pi / 2)
        ) / 2  # 1 at the changepoint, 0 at the window's end
        points += profile.false_alarm + (profile.hit - profile.false_alarm) * share
    return points + profile.false_alarm * len([t for t in found if t not in explained])


@given(moments, moments, st.sampled_from(sorted(PROFILES)))
def test_points_are_those_of_the_definition(truth, found, name):
    score = nab_score(truth, found, PROFILES[name], 60.0)
    assert score.points == pytest.approx(points_by_definition(truth, found, PROFILES[name]))


@given(moments.filter(bool), st.sampled_from(sorted(PROFILES)))
def test_perfection_is_100_and_silence_0(truth, name):
    apart = [t + 1000 * i for i, t in enumerate(truth)]
    assert nab_score(apart, apart, PROFILES[name], 60.0).percent == pytest.approx(100.0)
    assert nab_score(apart, [], PROFILES[name], 60.0).percent == pytest.approx(0.0)


def test_a_late_detection_is_worth_less_and_one_outside_costs():
    profile = PROFILES["standard"]
    at_once, late, missed = (nab_score([100], [t], profile, 60.0).percent for t in (100, 150, 161))
    assert at_once > late > 0 > missed


def test_the_score_of_nothing_to_find_is_unknown():
    assert nab_score([], [5.0], PROFILES["standard"], 60.0).percent is None
    assert NabScore().percent is None


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40))
def test_row_figures_are_those_of_sets(rows):
    truth, said = np.array(rows, dtype=bool).reshape(-1, 2).T
    positive, called = set(np.flatnonzero(truth)), set(np.flatnonzero(said))
    count = Confusion.of(truth, said)
    both = len(positive & called)
    assert count.f1 == (
        pytest.approx(2 * both / (len(positive) + len(called))) if positive or called else None
    )
    negative = set(range(len(rows))) - positive
    assert count.false_alarm_rate == (
        pytest.approx(len(called & negative) / len(negative)) if negative else None
    )
    assert count.missed_alarm_rate == (pytest.approx(1 - both / len(positive)) if positive else None)
