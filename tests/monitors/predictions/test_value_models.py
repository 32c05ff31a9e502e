"""Models whose answers are values: figures, alerts against the baseline, and the same result in any pieces."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_streams import START, all_of, arrivals, feed, packed

from stream_app.errors import OldStateError
from stream_app.events import PredictionRow, Reason
from stream_app.monitors.predictions import PredictionMonitor
from stream_app.settings import PredictionStream

CONFIG = PredictionStream(task="regression", baseline=300, window=200, feature_window=100, slice_every=500)
HALF = 1.6449  # standard deviations on each side of an interval of 90 %


def values(n, *, seed=0, wider=1.0, shift=0.0, change=None, delay=20, site=False):
    """A prediction a second with an interval of 90 %, and its truth later; errors widen or shift at a change."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, (true, error) in enumerate(zip(rng.uniform(0, 100, n), rng.normal(size=n), strict=True)):
        late = change is not None and i >= change
        place = "ns"[i % 2]
        hit = late and (not site or place == "n")
        predicted = true + (2.0 * error * wider + shift if hit else 2.0 * error)
        quantiles = ((0.05, predicted - 2.0 * HALF), (0.95, predicted + 2.0 * HALF))
        row = PredictionRow(
            "m", START + i, f"id-{i}", prediction=repr(float(predicted)), quantiles=quantiles,
            features={"load": float(true)}, categories={"site": place},
        )  # fmt: skip
        rows += [row, PredictionRow("m", START + i + delay, f"id-{i}", label=repr(float(true)))]
    return sorted(rows, key=lambda row: row.ts)


@pytest.fixture(scope="module")
def whole():
    """A model that gets worse at row 800, and what is told of it in one piece."""
    return feed(CONFIG, values(1500, wider=2.0, shift=3.0, change=800))


@given(st.lists(st.integers(1, 2999), max_size=5), st.booleans())
@settings(max_examples=40)
def test_neither_borders_of_batches_nor_restarts_matter(whole, cuts, restart):
    monitor, outcomes = feed(CONFIG, values(1500, wider=2.0, shift=3.0, change=800), cuts, restart=restart)
    assert all_of(outcomes, "alerts") == all_of(whole[1], "alerts")
    assert all_of(outcomes, "triggers") == all_of(whole[1], "triggers")
    assert packed(monitor) == packed(whole[0])


def test_figures_are_those_of_a_plain_list():
    rows = values(700, shift=1.0, change=0)
    truth = {row.id: float(row.label) for row in rows if row.label}
    predicted = {row.id: row for row in rows if row.prediction}
    monitor, _ = feed(CONFIG, rows)
    found = monitor.features("m")[1]

    def figures(ids):
        errors = np.array([float(predicted[one].prediction) - truth[one] for one in ids])
        true = np.array([truth[one] for one in ids])
        inside = [
            predicted[one].quantiles[0][1] <= truth[one] <= predicted[one].quantiles[1][1] for one in ids
        ]
        return {
            "mae": np.abs(errors).mean(),
            "rmse": math.sqrt((errors**2).mean()),
            "bias": errors.mean(),
            "r2": 1.0 - (errors**2).mean() / true.var(),
            "coverage": np.mean(inside),
        }

    ids = [f"id-{i}" for i in range(700)]
    for name, value in figures(ids[-200:]).items():
        assert found[name] == pytest.approx(value)
    for name, value in figures(ids[:300]).items():
        assert found[f"baseline.{name}"] == pytest.approx(value)
    assert found["all.mae"] == pytest.approx(figures(ids)["mae"])
    assert found["coverage.promised"] == pytest.approx(0.9)
    assert found["labelled"] == 700
    for at, level in enumerate(("0.05", "0.95")):
        below = [truth[one] <= predicted[one].quantiles[at][1] for one in ids[-200:]]
        assert found[f"quantile.{level}"] == pytest.approx(np.mean(below))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"wider": 2.0}, ["coverage", "error"]),
        ({"shift": 4.0}, ["bias", "coverage", "error"]),
        ({"shift": -4.0}, ["bias", "coverage", "error"]),
        ({"wider": 0.5, "shift": 1.5}, ["bias"]),
    ],
    ids=str,
)
def test_a_change_is_told_once_by_each_figure_that_it_is_of(change, told):
    config = CONFIG.model_copy(update={"slices": False, "budget": "1 per hour"})
    _, outcomes = feed(config, values(4000, change=1500, **change))
    alerts = [alert for alert in all_of(outcomes, "alerts") if alert.begins]
    assert sorted(alert.detector for alert in alerts) == told
    assert all(alert.started_at > START + 1500 for alert in alerts)


def test_what_is_told_has_its_figures_and_ends_when_it_is_over():
    rows = values(1000, wider=3.0, change=600)
    more = values(3000, seed=1)
    again = [row.__class__("m", row.ts + 1100, f"later-{row.id}", prediction=row.prediction, label=row.label,
                           quantiles=row.quantiles) for row in more]  # fmt: skip
    _, outcomes = feed(CONFIG.model_copy(update={"slices": False}), rows + again)
    alerts = [alert for alert in all_of(outcomes, "alerts") if alert.detector == "error"]
    assert [alert.state.value for alert in alerts if alert.state.value != "escalated"] == [
        "firing",
        "resolved",
    ]
    assert "mean absolute error" in alerts[0].summary
    assert alerts[0].context["error"] == pytest.approx(4.8, rel=0.3)
    assert alerts[0].context["baseline"] == pytest.approx(1.6, rel=0.1)


def test_a_steady_model_raises_no_alert():
    _, outcomes = feed(CONFIG, values(6000))
    assert all_of(outcomes, "alerts") == []


def test_slices_with_large_errors_are_told():
    config = CONFIG.model_copy(update={"slice_window": 1000, "max_error_rise": 9.0, "max_bias": 9.0})
    _, outcomes = feed(config, values(3000, wider=3.0, change=0, site=True))
    # The baseline holds both sites: large is what a tenth of all exceeds.
    slices = [alert for alert in all_of(outcomes, "alerts") if alert.detector == "slice"]
    assert [alert.channel for alert in slices if alert.begins] == ["site"]
    assert "share of large errors" in slices[0].summary
    assert 'site = "n"' in slices[0].summary


def test_answers_and_truths_that_are_no_numbers_are_refused():
    rows = [
        PredictionRow("m", START, "a", prediction="cat"),
        PredictionRow("m", START + 1, "b", prediction="1e300", label="1"),
        PredictionRow("m", START + 2, "c", prediction="1.5", label="2"),
    ]
    (outcome,) = PredictionMonitor(CONFIG).take(arrivals(rows))
    assert [one.reason for one in outcome.refusals] == [Reason.LABEL] * 2
    assert outcome.refusals[0].message == "'cat' is no number, and a regression has values; at most 1e100"


def test_a_state_of_classes_is_not_taken_for_one_of_values(whole):
    with pytest.raises(OldStateError, match="of a regression, and the stream is of a classification"):
        PredictionMonitor(PredictionStream()).restore("m", whole[0].state("m"))


@pytest.mark.parametrize("error", [0.0, 1e-300, 1e99])
def test_baselines_of_any_scale_give_finite_figures(error):
    rows = [
        PredictionRow("m", START + i, str(i), prediction=repr(error * (i % 3)), label="0") for i in range(700)
    ]
    monitor, _ = feed(CONFIG, rows)
    assert all(value is None or math.isfinite(value) for value in monitor.features("m")[1].values())
