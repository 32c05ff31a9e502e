"""Built-in trainers, and what is said of a user's function."""

import numpy as np
import pytest
from retraining.models import rows

from stream_app.errors import DataError, PluginError, SettingsError
from stream_app.retraining.table import table_of
from stream_app.retraining.trainers import BUILT_IN, train
from stream_app.settings import ModelRetraining, Settings

TABLE = table_of(rows(300))
MODELS = "retraining.models"


@pytest.mark.parametrize("name", [*BUILT_IN, f"{MODELS}:tree"])
def test_trainers_learn_and_take_missing_values(name):
    values = TABLE.values.copy()
    values[:5, 1] = np.nan
    model = train(name, values, TABLE.labels)
    assert list(model.classes_) == ["high", "low"]
    assert (model.predict(TABLE.values) == TABLE.labels).mean() > 0.9


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_trainers_give_the_same_model_again(name):
    one, other = (train(name, TABLE.values, TABLE.labels).predict_proba(TABLE.values) for _ in range(2))
    assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("function", "parameters", "message"),
    [
        ("raises", {}, "raised RuntimeError: cannot reach the cluster"),
        ("exits", {}, "raised SystemExit: 3"),
        ("tree", {"colour": 1}, "raised TypeError"),
        ("nothing", {}, "a NoneType, has no predict"),
        ("unfitted", {}, "has no classes_: it is no fitted classifier"),
        ("FEATURES", {}, "a tuple cannot be called"),
        ("missing", {}, "cannot be imported: AttributeError"),
        ("odd", {"how": "raises"}, "cannot predict: RuntimeError: no weights"),
        ("odd", {"how": "shape"}, r"answers \d+ rows with the shape \(1,\)"),
        ("odd", {"how": "classes"}, "knows the class 'sideways', which was none of the labels"),
        ("odd", {"how": "nan"}, "NaN or infinite"),
        ("odd", {"how": "sum"}, "do not sum to 1"),
        ("odd", {"how": "width"}, "probabilities of the shape"),
    ],
)
def test_a_users_function_that_fails_or_returns_nonsense_is_named(function, parameters, message):
    with pytest.raises(PluginError, match=message) as caught:
        train(f"{MODELS}:{function}", TABLE.values, TABLE.labels, parameters)
    assert f"{MODELS}:{function}" in str(caught.value)


def test_a_users_function_cannot_change_the_rows_that_are_judged():
    before = TABLE.values.copy()
    train(f"{MODELS}:tree", TABLE.values, TABLE.labels)
    assert np.array_equal(TABLE.values, before)


def test_a_single_class_unknown_trainers_and_parameters_are_named():
    with pytest.raises(DataError, match="have the label 'low': nothing can be told apart"):
        train("forest", TABLE.values, np.full(300, "low"))
    with pytest.raises(SettingsError, match=r"no trainer 'svm'; there is logistic, forest, lightgbm"):
        train("svm", TABLE.values, TABLE.labels)
    with pytest.raises(SettingsError, match=r"trainer forest: .*colour"):
        train("forest", TABLE.values, TABLE.labels, {"colour": 3})


def test_settings_import_only_modules_that_are_allowed():
    chosen = {"shop": ModelRetraining(trainer=f"{MODELS}:tree")}
    with pytest.raises(
        ValueError, match=r'would import code; to allow it, set trainer_modules = \["retraining.models"\]'
    ):
        Settings(retraining=chosen)
    assert Settings(retraining=chosen, trainer_modules=[MODELS]).retraining == chosen
