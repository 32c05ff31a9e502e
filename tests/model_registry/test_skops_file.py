"""Files of scikit-learn's models that would lead astray, unpack to too much, or hold something else."""

import copy
import pickle
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import GradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stream_app.model_registry.skops_file import check_trees, read_skops, write_skops

ROWS = np.random.default_rng(0).normal(size=(60, 4))
TRUTH = (ROWS[:, 0] > 0).astype(int)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(3, random_state=0),
        make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0)),
        GradientBoostingClassifier(n_estimators=3, random_state=0),
        IsolationForest(n_estimators=3, random_state=0),
    ],
    ids=lambda one: type(one).__name__,
)
def test_models_come_back_as_they_were(model, tmp_path):
    model.fit(ROWS, TRUTH)
    write_skops({"model": model}, tmp_path / "model.skops")
    again = read_skops(tmp_path / "model.skops")["model"]
    assert np.array_equal(again.predict(ROWS), model.predict(ROWS))


def damaged(damage):
    forest = RandomForestClassifier(3, random_state=0).fit(ROWS, TRUTH)
    if damage == "width":
        # scikit-learn asks the first tree only how many features there are.
        forest.estimators_[2] = RandomForestClassifier(1).fit(ROWS[:, [0, 1, 2, 3] * 3], TRUTH).estimators_[0]
        return forest
    if damage == "classes":
        forest.estimators_[1].n_classes_ = 7
        return forest
    tree = forest.estimators_[1].tree_ = copy.deepcopy(forest.estimators_[1].tree_)
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    if damage == "loop":
        nodes["left_child"][0] = 0
    elif damage == "outside":
        nodes["right_child"][0] = 10**6
    elif damage == "feature":
        nodes["feature"][0] = 10**6
    else:
        state["node_count"] += 10**6
    state["nodes"] = nodes
    tree.__setstate__(state)
    return forest


@pytest.mark.parametrize("damage", ["loop", "outside", "feature", "more nodes", "width", "classes"])
@pytest.mark.parametrize("inside", [lambda it: it, lambda it: {"a": [make_pipeline(StandardScaler(), it)]}])
def test_a_tree_that_would_lead_astray_is_found_wherever_it_is(damage, inside):
    with pytest.raises(ValueError, match=r"a tree|trees"):
        check_trees(inside(damaged(damage)))


def test_a_file_of_something_else_is_refused_and_nothing_in_it_is_run(tmp_path, monkeypatch):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("code out of a file was run",))

    path = tmp_path / "model.skops"
    for raw in (
        b"",
        pickle.dumps(Bomb()),
        skops.io.dumps({"f": np.random.default_rng}),
        skops.io.dumps(ROWS)[:-50],
    ):
        path.write_bytes(raw)
        with pytest.raises(Exception, match=r"."):
            read_skops(path)
    with ZipFile(path, "w", ZIP_DEFLATED) as packed:
        packed.writestr("schema.json", "{}")
        packed.writestr("big.npy", b"\0" * 10**6)
    monkeypatch.setattr("stream_app.model_registry.skops_file._MAX_BYTES", 10**6)
    with pytest.raises(ValueError, match="unpacks to 1,000,002 bytes, at most 1,000,000"):
        read_skops(path)
