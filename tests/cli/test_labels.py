"""Labels are read alike everywhere: by value and without regard to their spelling."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.events import PredictionRow
from stream_app.labels import LEAST, apart, has_fraction, label_text
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.settings import PredictionStream
from stream_app.tables.truth import is_marked, marks_outliers


@given(st.integers(-(2**52), 2**52))
def test_whole_numbers_are_equal_however_they_are_written(number):
    spellings = (number, float(number), str(number), f"{number}.0", f" {number} ", f"{number}.")
    assert {label_text(one) for one in spellings} == {str(number)}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_equal_by_value(number):
    assert float(label_text(number)) == number
    assert label_text(repr(number)) == label_text(number)
    assert has_fraction(label_text(number)) is not number.is_integer()


@given(st.text(min_size=1, max_size=300))
def test_a_label_is_read_once_for_all_and_is_never_longer_or_empty(text):
    once = label_text(text)
    assert once
    assert label_text(once) == once or once == text
    assert len(once) <= max(len(text), 25)


@pytest.mark.parametrize(
    ("predicted", "true", "comparable"),
    [
        ({"a", "b"}, {"a"}, True),
        ({"a"}, {"b"}, False),
        ({"1", "-1"}, {"0", "1"}, False),
        ({"1", "-1"}, {"1"}, True),
        (set(), {"1"}, True),
    ],
)
def test_labels_of_two_codes_are_not_compared(predicted, true, comparable):
    assert (apart(predicted, true) is None) is comparable


@pytest.mark.parametrize(
    ("cells", "marked"),
    [
        ([0, 1], [False, True]),
        ([1, 1, -1], [False, False, True]),
        ([1.0, "0", True, "no", "Outlier", None], [True, False, True, False, True, False]),
        ([0, 1, -1], [False, True, None]),
        ([1, -1, 0], [False, True, None]),
        ([0.0, 0.87, 1.0], [False, None, True]),
    ],
)
def test_truth_of_anomalies_is_never_taken_from_a_number_that_says_neither(cells, marked):
    outliers = marks_outliers([cells])
    assert [is_marked(cell, outliers=outliers) for cell in cells] == marked


def written(place, pairs, *, head="id,version,group,prediction,label"):
    path = place / "answers.csv"
    rows = [f"{i},v{i % 2},g{i % 3},{answer},{label}" for i, (answer, label) in enumerate(pairs)]
    path.write_text("\n".join([head, *rows]))
    return path


SPELLINGS = [("1", "1.0"), ("True", "true"), ("True", "1"), ("Yes", "yes "), (">50K", ">50K.")]


@pytest.mark.parametrize(("answer", "label"), SPELLINGS)
def test_every_command_takes_spellings_of_a_label_for_one(call, place, answer, label):
    other = "0" if answer in {"1", "True"} else "no"
    pairs = [(answer, label), (other, other), (answer, other)] * 40
    path = written(place, pairs)
    compared = json.loads(call("compare", path, "--json").out)
    assert compared["accuracy"] == pytest.approx([2 / 3, 2 / 3])
    fair = json.loads(call("fairness", path, "--group", "group", "--favourable", label.upper(), "--json").out)
    assert [one["selection"]["value"] for one in fair["groups"]] == [1.0, 0.0, 1.0]
    assert json.loads(call("slices", path, "--json").out)["overall"] == pytest.approx(1 / 3)
    tested = call("backtest", path, "--kind", "predictions", "--period", "1", "--json")
    assert json.loads(tested.out)["by_source"]["answers"]["features"]["accuracy"] == pytest.approx(2 / 3)


COMMANDS = [
    ("compare",),
    ("fairness", "--group", "group", "--favourable", "cat"),
    ("slices",),
    ("backtest", "--kind", "predictions", "--period", "1"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_stops_where_labels_do_not_meet(call, place, command):
    path = written(place, [("cat", "1"), ("dog", "0")] * LEAST)
    ended = call(command[0], path, *command[1:])
    assert ended.code == 1
    assert "no predicted label ('cat', 'dog') is among the true ones ('0', '1')" in ended.err


@pytest.mark.parametrize("command", COMMANDS[:2], ids=lambda command: command[0])
def test_values_of_a_regression_are_not_taken_for_classes(call, place, command):
    ended = call(command[0], written(place, [("1.25", "1.5"), ("2", "2")] * LEAST), *command[1:])
    assert ended.code == 1
    assert "1.25 is a number with a fraction" in ended.err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_scores_are_not_taken_for_answers(call, place, command):
    ended = call(command[0], written(place, [("0.87", "1"), ("0.25", "0")] * LEAST), *command[1:])
    assert ended.failed("predictions are scores from 0 to 1 (0.25), and truths are 0 or 1")


def test_a_truth_beside_one_version_is_that_of_the_other(call, place):
    path = place / "shadow.csv"
    rows = [f"q{i},v1,a,a\nq{i},v2,{'a' if i % 2 else 'b'}," for i in range(100)]
    path.write_text("\n".join(["id,version,prediction,label", *rows]))
    told = json.loads(call("compare", path, "--json").out)
    assert (told["n"], told["right"]) == ([100, 100], [100, 50])


@pytest.mark.parametrize(
    ("fairness", "told"),
    [
        ({"favourable": ["dok"]}, "favourable: no label 'dok'; there is 'dog', 'cat'"),
        ({"groups": ["groop"]}, "groups: no category 'groop'; there is 'group'"),
        ({"reference": "g7"}, "reference: no group 'g7'; there is 'g0', 'g1', 'g2'"),
    ],
)
def test_what_settings_of_fairness_name_is_there(call, place, fairness, told):
    path = written(place, [("cat", "cat"), ("dog", "dog"), ("cat", "dog")] * 20)
    said = {"favourable": ["CAT"], "groups": ["group"]} | fairness
    lines = [f"{name} = {json.dumps(value)}" for name, value in said.items()]
    (place / "streamgauge.toml").write_text(
        "\n".join(['[streams.m]\nkind = "predictions"', "[streams.m.fairness]", *lines])
    )
    ended = call("backtest", path, "--stream", "m", "--period", "1", "--config", "streamgauge.toml")
    assert ended.failed(f"streams.m.fairness.{told}")


def test_labels_that_do_not_meet_are_an_alert_until_they_do():
    def events(pairs, first):
        rows = [
            PredictionRow("m", float(i), str(i), prediction=answer, label=label)
            for i, (answer, label) in enumerate(pairs, first)
        ]
        return Arrivals(rows, [*range(first, first + len(rows))], [row.ts for row in rows])

    monitor = PredictionMonitor(PredictionStream())
    (outcome,) = monitor.take(events([("cat", "3"), ("dog", "5")] * LEAST, 0))
    (alert,) = outcome.alerts
    assert (alert.detector, alert.offset) == ("labels", LEAST - 1)
    assert "no predicted label ('cat', 'dog') is among the true ones ('3', '5')" in alert.summary
    restored = PredictionMonitor(PredictionStream())
    restored.restore("m", monitor.state("m"))
    (outcome,) = restored.take(events([("cat", "cat")], 100))
    assert [(one.detector, one.state.value) for one in outcome.alerts] == [("labels", "resolved")]
    (outcome,) = restored.take(events([("0.25", "cat"), ("cat", "0.5")], 200))
    assert [one.message for one in outcome.refusals] == [
        f'{value} is a number with a fraction, and no class; task = "regression" watches values'
        for value in ("0.25", "0.5")
    ]


@pytest.mark.parametrize("percent", [1, 100])
@pytest.mark.parametrize("prefix", ["p_", "y_pred_proba_", "proba_"])
def test_columns_of_probabilities_are_known_by_their_usual_names_and_may_be_percents(
    call, place, prefix, percent
):
    path = place / "answers.csv"
    rows = [f"a,a,{percent * 0.67:g},{percent * 0.33:g}", f"b,a,{percent * 0.1:g},{percent * 0.89:g}"] * 20
    path.write_text("\n".join([f"prediction,label,{prefix}A,{prefix}b", *rows]))
    told = json.loads(call("backtest", path, "--kind", "predictions", "--period", "1", "--json").out)
    assert told["refused"] == {}
    loss = told["by_source"]["answers"]["features"]["log_loss"]
    assert loss == pytest.approx(-(math.log(0.67) + math.log(0.1 / 0.99)) / 2)


def test_scikit_learns_outliers_are_the_anomalies_of_a_backtest(call, place):
    path = place / "plant.csv"

    def figures(normal, anomaly, *more):
        fault = range(901, 940)
        rows = [f"{i},{i % 7 + 20 * (i in fault)},{anomaly if i in fault else normal}" for i in range(1000)]
        path.write_text("\n".join(["ts,flow,anomaly", *rows, *more]))
        return call("backtest", path, "--json")

    said, same = json.loads(figures(1, -1).out), json.loads(figures(0, 1).out)
    assert (said["far"], said["mar"], said["f1"]) == (same["far"], same["mar"], same["f1"])
    assert figures(0, 1, "1000,3,0.87").failed("'0.87' is neither 0 nor 1")
