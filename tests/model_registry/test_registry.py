"""Models in MLflow: registered, found again, loaded, promoted and rolled back; and what is damaged or half-written."""

import json
import os
import pickle
import sqlite3
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stream_app.errors import ModelRegistryError, ModelRegistryUnavailableError, UnusableModelError
from stream_app.model_registry import (
    CHALLENGER,
    CHAMPION,
    ModelRegistry,
    VersionState,
    fingerprint,
    last_answers,
    reference_statistics,
)
from stream_app.settings import Settings

FEATURES = ("income", "age", "debt")
of_a_file = pytest.mark.skipif("STREAMGAUGE_TEST_MLFLOW" in os.environ, reason="it is about a file")


def labels(rows):
    return np.where(rows[:, 0] > 0.0, "Yes", "no")


def simple(rows):
    return LogisticRegression().fit(rows, labels(rows))


def logged(registry, name, rows, model=None, **more):
    said = {"params": {"C": 1.0}, "metrics": {"auc": 0.75}, "data": fingerprint(rows, FEATURES)} | more
    return registry.log(name, simple(rows) if model is None else model, **said)


def files(registry, version):
    with registry._tracking.asking("looking where it is") as client:
        place = client.get_run(version.run).info.artifact_uri
    return Path(unquote(urlsplit(place).path)) / "model"


@pytest.mark.parametrize(
    ("model", "target"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), labels),
        (RandomForestClassifier(5, random_state=0), lambda rows: (rows[:, 0] > 0).astype(int) * 7),
        (LGBMClassifier(n_estimators=5, verbose=-1), lambda rows: np.digitize(rows[:, 0], [-0.5, 0.5])),
        (LGBMRegressor(n_estimators=5, verbose=-1), lambda rows: rows[:, 1] * 3.0),
        (CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False), labels),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_model_that_is_loaded_answers_as_it_did(registry, name, rows, model, target):
    model.fit(rows, target(rows))
    loaded = registry.load(name, logged(registry, name, rows, model).number)
    assert loaded.features == FEATURES
    assert np.array_equal(loaded.predict(rows), np.asarray(model.predict(rows)).ravel())
    assert loaded.predict(rows).dtype.kind == np.asarray(model.predict(rows)).dtype.kind or "U"
    if hasattr(model, "predict_proba"):
        assert np.allclose(loaded.predict_proba(rows), model.predict_proba(rows), atol=1e-15)
        assert len(loaded.classes) == len(model.classes_)
    else:
        assert loaded.classes == ()


def test_a_version_comes_with_all_that_was_said_of_it(registry, name, rows):
    data = fingerprint(rows, FEATURES, labels=labels(rows), times=np.arange(200.0), source="loans.csv")
    reference = reference_statistics(rows, FEATURES)
    version = logged(
        registry, name, rows, data=data, slices=[{"where": "age > 1", "errors": 3}], reference=reference,
        attached={"notes": {"a": [1, 2]}}, alias=CHALLENGER, model_version="autumn",
    )  # fmt: skip
    assert (version.number, version.state, version.aliases) == (1, VersionState.COMPLETE, (CHALLENGER,))
    assert version.params == {"C": "1.0"}
    assert version.metrics == {"auc": 0.75}
    assert version.manifest.data == data
    assert version.manifest.classes == ("yes", "no")  # as streams spell labels
    assert registry.attachment(version, "slices") == [{"where": "age > 1", "errors": 3}]
    assert registry.attachment(version, "notes") == {"a": [1, 2]}
    assert registry.reference(version) == reference
    with pytest.raises(UnusableModelError, match="nothing is kept beside it under the name 'other'"):
        registry.attachment(version, "other")
    for which in (1, "1", CHALLENGER, "autumn"):
        assert registry.resolve(name, which) == version
    assert name in registry.names()
    with pytest.raises(ModelRegistryError, match=r"no version or alias 'champion'; the newest versions: 1"):
        registry.resolve(name, CHAMPION)
    with pytest.raises(ModelRegistryError, match="no model 'nobody'; `streamgauge models list`"):
        registry.versions("nobody")


def test_versions_that_answer_are_told_from_those_that_nobody_registered(registry, name, rows):
    logged(registry, name, rows)
    logged(registry, name, rows, model_version="autumn")
    told = last_answers(registry.versions(name), {"autumn": 8.0, "1": 9.0, "v9": 7.0})
    assert [(one.model_version, one.number, one.newest) for one in told] == [
        ("1", 1, True), ("autumn", 2, False), ("v9", None, False),
    ]  # fmt: skip


def test_a_rollback_goes_back_through_the_champions_there_were(registry, name, rows):
    for _ in range(3):
        logged(registry, name, rows, alias=CHALLENGER)
    with pytest.raises(ModelRegistryError, match="has no champion; `streamgauge models promote` makes one"):
        registry.rollback(name)
    assert registry.promote(name, 1).aliases == (CHAMPION,)
    with pytest.raises(ModelRegistryError, match="has no champion before it"):
        registry.rollback(name)
    assert registry.promote(name, CHALLENGER).number == 3
    assert registry.promote(name, 2).aliases == (CHAMPION,)
    with pytest.raises(ModelRegistryError, match="no version or alias 'challenger'"):
        registry.resolve(name, CHALLENGER)  # it was promoted
    assert [registry.rollback(name).number for _ in range(2)] == [3, 1]
    assert registry.resolve(name, CHAMPION).number == 1
    assert registry.challenge(name, 3).aliases == (CHALLENGER,)
    registry.withdraw(name)
    assert [one.aliases for one in registry.versions(name)] == [(), (), (CHAMPION,)]


@pytest.mark.parametrize("step", ["set_registered_model_alias", "set_registered_model_tag"])
def test_a_kill_between_two_steps_never_makes_a_rollback_go_forward(registry, name, rows, monkeypatch, step):
    for _ in range(3):
        logged(registry, name, rows)
    registry.promote(name, 1)
    registry.promote(name, 2)
    client = registry._tracking._client

    def killed(*arguments):
        getattr(type(client), step)(client, *arguments)
        raise KeyboardInterrupt

    for deed in (lambda: registry.promote(name, 3), lambda: registry.rollback(name)):
        monkeypatch.setattr(client, step, killed, raising=False)
        with pytest.raises(KeyboardInterrupt):
            deed()
        monkeypatch.undo()
        assert CHAMPION in registry.versions(name)[3 - registry.resolve(name, CHAMPION).number].aliases
    before = registry.resolve(name, CHAMPION).number
    if before > 1:
        assert registry.rollback(name).number < before


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("log_artifacts", marks=pytest.mark.slow),
        pytest.param("create_model_version", marks=pytest.mark.slow),
        "set_terminated",
        "set_model_version_tag",
    ],
)
def test_a_half_written_version_is_named_and_never_served(registry, name, rows, monkeypatch, step):
    logged(registry, name, rows)

    def killed(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(registry._tracking._client, step, killed)
    with pytest.raises(KeyboardInterrupt):
        logged(registry, name, rows)
    monkeypatch.undo()
    found = registry.versions(name)
    assert [one.state for one in found if one.number > 1] in ([], [VersionState.HALF_WRITTEN])
    for half in found[:-1]:
        for deed in (registry.load, registry.promote, registry.challenge):
            with pytest.raises(
                UnusableModelError, match="is half-written: whoever registered it did not get to the end"
            ):
                deed(name, half.number)
    assert registry.load(name, logged(registry, name, rows).number).predict(rows).shape == (200,)
    registry.promote(name, 1)


def test_a_version_of_another_program_can_be_promoted_and_is_not_loaded(registry, name, rows):
    logged(registry, name, rows)
    with registry._tracking.asking("registering") as client:
        run = client.create_run(client.get_experiment_by_name(name).experiment_id).info
        client.create_model_version(name, f"{run.artifact_uri}/pickled", run.run_id)
    assert registry.versions(name)[0].state is VersionState.FOREIGN
    with pytest.raises(UnusableModelError, match="was logged by another program, and cannot be loaded here"):
        registry.load(name, 2)
    assert registry.promote(name, 2).aliases == (CHAMPION,)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("code out of a file was run",))


@of_a_file
@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.skops", pickle.dumps(Bomb()), "model.skops is not the one that was registered"),
        ("model.skops", None, "model.skops is not there any more"),
        ("manifest.json", b"{}", "the manifest is not the one that was registered"),
        ("manifest.json", None, "manifest.json is not there any more"),
    ],
)
def test_files_that_were_changed_are_refused(registry, name, rows, file, content, message):
    path = files(registry, logged(registry, name, rows)) / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UnusableModelError, match=message):
        registry.load(name, 1)


def test_a_model_that_does_not_fit_a_stream_says_what_is_missing(registry, name, rows):
    loaded = registry.load(name, logged(registry, name, rows).number)
    loaded.expect(features=[*FEATURES, "more"], classes=["yes", "no"])
    with pytest.raises(UnusableModelError, match="takes features that are not there: 'debt'"):
        loaded.expect(features=["income", "age"])
    with pytest.raises(UnusableModelError, match="has the classes 'no', 'yes'; expected 'maybe', 'no'"):
        loaded.expect(classes=["maybe", "no"])
    with pytest.raises(UnusableModelError, match="takes 3 features a row"):
        loaded.predict(rows[:, :2])
    with pytest.raises(UnusableModelError, match="cannot answer: ValueError: Input X contains NaN"):
        loaded.predict_proba(rows * np.nan)


class Own(BaseEstimator):
    def predict(self, rows):
        return np.zeros(len(rows))


def test_types_of_ones_own_need_to_be_named(registry, name, rows):
    mine = f"{Own.__module__}.Own"
    with pytest.raises(UnusableModelError, match=f"it holds {mine}; .*registry.trusted_types"):
        logged(registry, name, rows, Own())
    trusting = ModelRegistry(registry._settings.model_copy(update={"trusted_types": (mine,)}))
    assert logged(trusting, name, rows, Own()).number == 1
    with pytest.raises(UnusableModelError, match=f"model.skops cannot be loaded: it holds {mine}"):
        registry.load(name, 1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"model": object()}, "a object is no model: it has no predict"),
        (
            {"model": RandomForestClassifier(2).fit(np.zeros((4, 2)), [0, 1, 0, 1])},
            "takes 2 features, and the data has 3",
        ),
        ({"metrics": {"auc": float("nan")}}, "metric auc of .* is nan; expected a finite number"),
        ({"alias": CHAMPION}, "a champion is promoted"),
        ({"model_version": "7"}, "expected a text of at most 200 characters that is no number"),
        ({"attached": {"notes": float("inf")}}, "not plain data"),
        ({"attached": {"../up": 1}}, "the model cannot be described: attached"),
    ],
)
def test_what_cannot_be_registered_leaves_nothing(registry, name, rows, more, message):
    with pytest.raises(ModelRegistryError, match=message):
        logged(registry, name, rows, **more)
    assert name not in registry.names()
    with pytest.raises(ModelRegistryError, match="is no name of a model"):
        logged(registry, f"{name}/../x", rows)


@of_a_file
def test_a_file_that_is_locked_is_named_and_nothing_changes(registry, name, rows):
    logged(registry, name, rows)
    impatient = ModelRegistry.open(Settings(registry={"uri": registry.place, "timeout": 1}))
    other = sqlite3.connect(registry._settings.file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for deed in (lambda: impatient.promote(name, 1), lambda: impatient.versions(name)):
        with pytest.raises(
            ModelRegistryUnavailableError, match="database is locked; is another program writing"
        ):
            deed()
    other.execute("ROLLBACK")
    other.close()
    assert registry.versions(name)[0].aliases == ()


@of_a_file
def test_a_file_that_cannot_be_made_or_is_something_else_is_named(tmp_path, rows):
    (tmp_path / "file").write_text("no folder")
    below = ModelRegistry.open(Settings(registry=f"sqlite:///{tmp_path}/file/registry.db"))
    with pytest.raises(
        ModelRegistryUnavailableError, match=r"registering loans: .*(Not a directory|File exists)"
    ):
        logged(below, "loans", rows)
    (tmp_path / "text.db").write_text("this is no database, but a text that is long enough to be looked at")
    text = ModelRegistry.open(Settings(registry=f"sqlite:///{tmp_path}/text.db"))
    with pytest.raises(
        ModelRegistryError, match=r"file is not a database; name another file in registry\.uri"
    ):
        text.names()
    nowhere = ModelRegistry.open(Settings(registry=f"sqlite:///{tmp_path}/none/registry.db"))
    assert nowhere.names() == []
    with pytest.raises(
        ModelRegistryError, match="no such file; it is made when the first model is registered"
    ):
        nowhere.versions("loans")


def test_data_is_told_apart_by_its_values_labels_and_times(rows):
    one = fingerprint(rows, FEATURES, labels=labels(rows), times=np.arange(200.0))
    assert (
        fingerprint(rows.tolist(), FEATURES, labels=labels(rows), times=range(200), source="x").digest
        == one.digest
    )
    changed = rows.copy()
    changed[7, 1] = np.nan
    others = [
        fingerprint(changed, FEATURES, labels=labels(rows), times=np.arange(200.0)),
        fingerprint(rows, FEATURES, labels=labels(-rows), times=np.arange(200.0)),
        fingerprint(rows, FEATURES, labels=labels(rows), times=np.arange(200.0) + 1),
        fingerprint(rows, FEATURES[::-1], labels=labels(rows), times=np.arange(200.0)),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 5


def test_reference_statistics_are_those_of_numpy(rows):
    column = np.append(rows[:, 0], [np.nan, np.inf])
    found = reference_statistics(column[:, None], ["income"])["income"]
    assert (found.count, found.missing, sum(found.counts)) == (200, 2, 200)
    assert found.edges == pytest.approx(np.quantile(rows[:, 0], np.arange(1, 10) / 10))
    assert found.counts == (20,) * 10
    constant = reference_statistics(np.ones((5, 1)), ["x"])["x"]
    assert (constant.edges, constant.counts) == ((1.0,), (5, 0))
    assert json.loads(found.model_dump_json())["mean"] == pytest.approx(rows[:, 0].mean())
