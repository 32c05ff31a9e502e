"""Models of a platform's windows side by side: figures, and a named outcome where there can be none."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.backtesting.platform import compare_models
from stream_app.backtesting.platform.classifiers import CLASSIFIERS
from stream_app.backtesting.platform.clusterings import CLUSTERINGS
from stream_app.backtesting.platform.comparison import MOST_WINDOWS
from stream_app.backtesting.platform.picture import plot_models
from stream_app.backtesting.platform.show import MODEL_HEADINGS, comparison_notes, model_rows
from stream_app.backtesting.platform.silhouette import NOISE, mean_silhouette
from stream_app.core.platform.online_models import ONLINE_MODELS
from stream_app.errors import DataError

FEW = ["k-means", "linear SVM", "dbstream", "arf"]
ALL = {*CLUSTERINGS, *CLASSIFIERS, *ONLINE_MODELS}


def windows(n=400, every=100, length=4, seed=0):
    """Usual windows of eight features, and incidents that move three of them far."""
    x = 0.2 * np.random.default_rng(seed).normal(size=(n, 8))
    truth = np.arange(n) % every >= every - length
    x[truth, :3] += 4.0
    return x, truth


def outcomes(comparison):
    return {row.name: row.outcome for row in comparison.rows}


@pytest.mark.slow
def test_every_model_finds_plain_incidents_and_clusters_them():
    x, truth = windows()
    found = {row.name: row for row in compare_models(x, truth, detector=truth).rows}
    assert set(found) == ALL | {"platform detector"}
    # Online clusterings learn on; a forest of River's needs more incidents than these to grow.
    for name in set(found) - {*ONLINE_MODELS}:
        assert found[name].outcome == "", name
        assert found[name].f1 > 0.8, name
        # Of incidents that are too few for a cluster, DBSCAN makes noise.
        assert name == "DBSCAN" or found[name].silhouette > 0.5, name
    for name in ("kmeans", "dbstream", "denstream"):
        assert found[name].recall > 0.2, name


@pytest.mark.parametrize("names", [FEW, pytest.param(None, marks=pytest.mark.slow)])
def test_the_same_windows_and_seed_give_the_same_table_and_picture(names):
    x, truth = windows(300)
    one, other = (compare_models(x, truth, seed=3, names=names) for _ in range(2))
    assert one.rows == other.rows
    assert (one.points == other.points).all()
    assert all((one.clusters[name] == other.clusters[name]).all() for name in one.clusters)


@pytest.mark.parametrize("names", [FEW, pytest.param(None, marks=pytest.mark.slow)])
def test_labels_of_later_windows_are_never_learned(names):
    x, truth = windows(300)
    turned = truth.copy()
    turned[180:] = ~turned[180:]
    one, other = compare_models(x, truth, names=names), compare_models(x, turned, names=names)
    for name in one.clusters:
        assert (one.clusters[name] == other.clusters[name]).all(), name


def test_without_labels_clusterings_are_compared_and_classifiers_say_why_not():
    comparison = compare_models(windows(200)[0])
    said = outcomes(comparison)
    assert {name for name, why in said.items() if why == "no labels to learn from"} == {*CLASSIFIERS, "arf"}
    k_means = next(row for row in comparison.rows if row.name == "k-means")
    assert k_means.silhouette is not None
    assert k_means.f1 is None
    assert "no labels" in comparison_notes(comparison)[0]


def test_labels_of_one_class_are_told():
    x, truth = windows(200)
    names = ["k-means", "random forest", "RBF SVM", "arf"]
    early = outcomes(compare_models(x, truth & (np.arange(200) < 120), names=names))
    assert early["k-means"] == "the later part has no incidents"
    late = outcomes(compare_models(x, truth & (np.arange(200) >= 120), names=names))
    assert late["random forest"] == "no labels to learn from: the earlier part has no incidents"
    assert late["arf"] == "no labels to learn from: the earlier part has no incidents"
    every = outcomes(compare_models(x, np.ones(200, dtype=bool), names=names))
    assert every["RBF SVM"] == "no labels to learn from: the earlier part has only incidents"


def test_windows_with_a_missing_feature_are_left_out_and_counted():
    x, truth = windows(200)
    whole = compare_models(x[50:], truth[50:], names=FEW)
    x[:50, 2] = np.nan
    comparison = compare_models(x, truth, names=FEW)
    assert comparison.rows == whole.rows
    assert (comparison.windows, comparison.left_out) == (150, 50)
    assert "50 windows of which nothing was known yet are left out" in comparison_notes(comparison)[1]


@pytest.mark.parametrize(
    ("x", "why"),
    [
        (np.full((50, 4), np.nan), "0 of 50 windows have all their features"),
        (np.zeros((50, 4)), "no feature varies"),
        (np.arange(6.0).reshape(3, 2), "3 of 3 windows have all their features"),
        (np.empty((0, 4)), "0 of 0 windows have all their features"),
    ],
)
def test_windows_that_cannot_be_compared_give_every_model_the_reason(x, why):
    comparison = compare_models(x, np.zeros(len(x), dtype=bool))
    assert set(outcomes(comparison)) == ALL
    assert all(why in outcome for outcome in outcomes(comparison).values())
    assert comparison_notes(comparison)[0].startswith("Nothing was compared")


def test_fewer_windows_than_clusters_and_equal_windows_have_a_named_outcome():
    few = outcomes(compare_models(np.arange(10.0).reshape(5, 2)))
    assert few["DBSCAN"] == "the earlier part has 3 windows; density takes more than 10"
    same = np.zeros((100, 3))
    same[90:] = 5.0
    equal = outcomes(compare_models(same))
    assert equal["k-means"] == "the earlier part has 1 different windows; two clusters need at least 3"


def test_a_feature_that_is_constant_among_the_earlier_windows_still_counts():
    x, _ = windows(400)
    x[:, 5] = 0.1
    x[300:320, 5] = 9.0
    found = {
        row.name: row
        for row in compare_models(x, np.arange(400) // 20 == 15, names=["agglomerative", "DBSCAN"]).rows
    }
    assert found["agglomerative"].recall == 1.0
    assert found["DBSCAN"].recall == 1.0


@pytest.mark.parametrize(("library", "names", "extra"), [("sklearn", ["k-means", "RBF SVM"], "models"), ("catboost", ["CatBoost"], "catboost")])  # fmt: skip
def test_an_absent_library_is_a_row_that_says_so(monkeypatch, library, names, extra):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr("importlib.util._find_spec", lambda *_: None, raising=False)
    said = outcomes(compare_models(*windows(), names=[*names, "kmeans"]))
    for name in names:
        assert f"pip install '.[{extra}]'" in said[name]
    assert said["kmeans"] == ""


def test_shapes_that_do_not_fit_are_told():
    with pytest.raises(DataError, match="unknown model 'k_means'; known are k-means, Gaussian mixture"):
        compare_models(windows(50)[0], names=["k_means"])
    with pytest.raises(DataError, match="split 2"):
        compare_models(windows(50)[0], split=2.0)
    with pytest.raises(DataError, match="a row of features for each label"):
        compare_models(windows(50)[0], np.zeros(3, dtype=bool))


def test_only_the_newest_windows_are_compared(monkeypatch):
    monkeypatch.setattr("stream_app.backtesting.platform.comparison.MOST_WINDOWS", 150)
    x, truth = windows(400)
    newest = compare_models(x[-150:], truth[-150:], names=FEW)
    assert compare_models(x, truth, names=FEW).rows == newest.rows
    assert MOST_WINDOWS == 20_000


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(3, 60), st.integers(1, 5))
def test_silhouettes_are_those_of_scikit_learn(seed, n, k):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    x, clusters = rng.normal(size=(n, 3)).round(1), rng.integers(0, k, n)
    found = mean_silhouette(x, clusters)
    names = len(np.unique(clusters))
    if names < 2:
        assert found is None
    elif names < n:
        assert found == pytest.approx(metrics.silhouette_score(x, clusters), abs=1e-9)
    else:
        assert found == 0.0


def test_noise_counts_as_nothing_and_not_as_a_virtue():
    x = np.array([[0.0], [1.0], [10.0], [11.0], [5.0], [100.0]])
    clusters = np.array([0, 0, 1, 1, NOISE, NOISE])
    assert mean_silhouette(x, clusters) == pytest.approx(mean_silhouette(x[:4], clusters[:4]) * 4 / 6)
    assert mean_silhouette(x, np.full(6, NOISE)) is None


def test_the_table_and_the_picture_show_every_model(tmp_path):
    comparison = compare_models(*windows(), names=FEW)
    rows = model_rows(comparison)
    assert {row[0] for row in rows} == set(FEW)
    assert all(len(row) == len(MODEL_HEADINGS) for row in rows)
    plot_models(comparison, tmp_path / "models.png", "prod")
    assert (tmp_path / "models.png").read_bytes().startswith(b"\x89PNG")
