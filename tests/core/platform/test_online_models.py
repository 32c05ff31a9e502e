"""Models that learn window by window: what they tell, and that they go on exactly after a restore."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.core.platform.online_models import (
    ONLINE_MODELS,
    UNKNOWN,
    make_online_models,
    restore_online_models,
)
from stream_app.errors import DataError, OldStateError, StateError

CLUSTERINGS = ["kmeans", "dbstream", "denstream"]


def windows(n, *, seed=0, every=400, length=20):
    """Usual windows of thirty features in use, and incidents that move six of them."""
    x = np.zeros((n, 51))
    x[:, :30] = 1.0 + 0.15 * np.random.default_rng(seed).normal(size=(n, 30))
    incident = np.arange(n) % every >= every - length
    x[incident, :6] += 2.0
    return x, incident


def run(model, x, labels=None):
    return [model.update(row, None if labels is None else bool(labels[i])) for i, row in enumerate(x)]


def same(one, other):
    return json.dumps(one) == json.dumps(other)


@pytest.mark.parametrize("name", CLUSTERINGS)
def test_a_clustering_says_how_unusual_a_window_is_without_labels(name):
    (model,) = make_online_models([name])
    x, incident = windows(1200)
    scores = np.array([score for _, score in run(model, x)])
    first = incident & ~np.roll(incident, 1)
    assert scores[first][0] > np.nanquantile(scores[~incident], 0.99)
    assert np.isnan(scores[0])


def test_the_forest_learns_from_labels_alone():
    (model,) = make_online_models(["arf"])
    x, incident = windows(1600)
    assert {label for label, _ in run(model, x[:50])} == {UNKNOWN}
    said = run(model, x, incident)
    labels = np.array([label == "incident" for label, _ in said])
    late = np.arange(1600) >= 800
    assert (labels == incident)[late].mean() > 0.95
    assert all(0.0 <= score <= 1.0 for _, score in said[1:])


@pytest.mark.parametrize("name", ONLINE_MODELS)
@settings(max_examples=8)
@given(st.lists(st.integers(1, 150), min_size=1, max_size=4), st.integers(0, 5))
def test_restores_change_no_bit(name, pieces, seed):
    x, incident = windows(sum(pieces), seed=seed, every=50, length=10)
    (one,) = make_online_models([name])
    straight = run(one, x, incident)
    (other,) = make_online_models([name])
    pieced, begin = [], 0
    for length in pieces:
        (other,) = restore_online_models([json.loads(json.dumps(other.state()))])
        pieced += run(other, x[begin : begin + length], incident[begin : begin + length])
        begin += length
    assert same(straight, pieced)
    assert same(one.state(), other.state())


@pytest.mark.slow
@pytest.mark.parametrize("name", ONLINE_MODELS)
def test_a_long_run_with_changes_can_be_stored_all_the_way(name):
    (model,) = make_online_models([name])
    x, incident = windows(6000, every=300, length=60)
    x[3000:, 10:20] += 1.5
    # What was an incident is none from here on, so trees are replaced.
    incident[3000:] = ~incident[3000:]
    for begin in range(0, 6000, 500):
        run(model, x[begin : begin + 500], incident[begin : begin + 500])
        (again,) = restore_online_models([model.state()])
        assert same(again.state(), model.state())
    assert len(model.state()["payload"]) < 2_000_000


@pytest.mark.parametrize("name", ONLINE_MODELS)
def test_a_window_of_which_nothing_is_known_is_neither_judged_nor_learned(name):
    (model,) = make_online_models([name])
    x, incident = windows(100)
    run(model, x, incident)
    before = model.state()
    label, score = model.update(np.full(51, math.nan), label=True)
    assert label == UNKNOWN
    assert math.isnan(score)
    assert same(model.state(), before)


@pytest.mark.slow
def test_results_are_the_same_in_every_process():
    script = (
        "import json, sys; sys.path.insert(0, 'tests/core/platform'); import test_online_models as t;"
        "x, y = t.windows(150, every=50); "
        "print(json.dumps([t.run(m, x, y) for m in t.make_online_models(list(t.ONLINE_MODELS))]))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_an_unknown_or_repeated_model_is_told():
    with pytest.raises(DataError, match="unknown online model 'birch'; known are kmeans, dbstream"):
        make_online_models(["birch"])
    with pytest.raises(DataError, match="twice"):
        make_online_models(["kmeans", "kmeans"])


def test_a_foreign_or_forged_state_is_refused():
    (model,) = make_online_models(["kmeans"])
    run(model, windows(20)[0])
    state = model.state()
    with pytest.raises(OldStateError, match=r"written by River 0\.1\.0"):
        restore_online_models([state | {"river": "0.1.0"}])
    with pytest.raises(StateError, match="no known model"):
        restore_online_models([state | {"name": "other"}])
    (other,) = make_online_models(["dbstream"])
    with pytest.raises(StateError, match="holds a DBSTREAM"):
        restore_online_models([state | {"payload": other.state()["payload"]}])
    for forged in (
        '{"object": "subprocess:Popen", "attributes": {}}',
        '{"object": "river.cluster.k_means:KMeans", "attributes": 3}',
        '{"dict": [], "missing": "eval"}',
        '{"set": [{"list": []}]}',
    ):
        with pytest.raises(StateError):
            restore_online_models([state | {"payload": forged}])
