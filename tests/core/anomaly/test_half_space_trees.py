"""Half-space trees agree with River, and their state is complete."""

import numpy as np
import pytest
from river.anomaly import HalfSpaceTrees

from stream_app.core.anomaly import HalfSpaceTreesScorer
from stream_app.errors import DataError, StateError

LOW, HIGH = np.zeros(3), np.ones(3)


def scorer(**other):
    return HalfSpaceTreesScorer(LOW, HIGH, trees=5, height=5, window=50, **({"seed": 3} | other))


def test_scores_are_rivers():
    x = np.random.default_rng(0).random(size=(200, 3))
    river = HalfSpaceTrees(
        n_trees=5, height=5, window_size=50, limits=dict.fromkeys(range(3), (0.0, 1.0)), seed=3
    )
    expected = []
    for row in x.tolist():
        event = dict(enumerate(row))
        expected.append(river.score_one(event))
        river.learn_one(event)
    assert np.array_equal(scorer().update(x), expected)


@pytest.mark.parametrize("stop", [0, 1, 49, 50, 51, 130])
def test_restored_trees_go_on_as_if_never_interrupted(stop):
    x = np.random.default_rng(1).random(size=(200, 3))
    x[np.random.default_rng(2).random(size=x.shape) < 0.1] = np.nan
    first = scorer()
    head = first.update(x[:stop])
    tail = HalfSpaceTreesScorer.from_state(first.state()).update(x[stop:])
    assert np.array_equal(scorer().update(x), np.concatenate([head, tail]))


def test_seeds_matter_and_extremes_do_no_harm():
    x = np.random.default_rng(0).random(size=(120, 3))
    assert not np.array_equal(scorer().update(x), scorer(seed=4).update(x))
    x[100] = [1e300, -1e300, np.nan]
    assert np.isfinite(scorer().update(x)).all()


def test_wrong_ranges_and_states_are_refused():
    with pytest.raises(DataError, match="range"):
        HalfSpaceTreesScorer(LOW, LOW)
    with pytest.raises(StateError, match="damaged"):
        HalfSpaceTreesScorer.from_state(scorer().state() | {"masses": np.zeros((2, 3))})
