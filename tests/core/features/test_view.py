"""Feature views: what cannot be is refused in words, and a definition does not change unseen."""

import dataclasses
import json

import pytest
from feature_cases import FEATURES, view_with

from stream_app.core.features import (
    DAY,
    AllTime,
    Condition,
    EntityLog,
    Evaluator,
    Feature,
    FeatureView,
    Freshness,
    Layout,
    Session,
    Sliding,
)
from stream_app.errors import DataError

COUNT = Feature("n", "count", window=Sliding(60))
SUM = Feature("s", "sum", "amount", Sliding(60))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sliding(0), "a window's length must be positive"),
        (lambda: Sliding(float("nan")), "a window's length must be positive"),
        (lambda: Sliding(1, delay=-1), "a window's delay must be not negative"),
        (lambda: Sliding(1e10), "at most 100 years"),
        (lambda: Session(10, longest=9), "is shorter than its gap"),
        (lambda: Condition("a", "~", 1.0), "no comparison '~'"),
        (lambda: Condition("a", "in", "b"), "'in' cannot compare with 'b'"),
        (lambda: Condition("a", "in", ()), "'in' cannot compare"),
        (lambda: Condition("a", "==", ("b",)), "'==' cannot compare"),
        (lambda: Condition("a", "<", float("nan")), "is not finite"),
        (lambda: Feature("a:b", "count"), "a name has 1 to 128"),
        (lambda: Feature("a", "median"), "no aggregation 'median'; there is count, sum"),
        (lambda: Feature("a", "sum"), "sum needs a field"),
        (lambda: Feature("a", "distinct", "item"), "give it a window"),
        (lambda: Feature("a", "ratio"), "ratio needs over"),
        (lambda: Feature("a", "ratio", "x", over=("b", "c")), "ratio has no field"),
        (lambda: Feature("a", "count", over=("b", "c")), "over is for ratio"),
        (lambda: FeatureView("v", ()), "0 features"),
        (lambda: FeatureView("v{}", (COUNT,)), "a name has 1 to 128"),
        (lambda: FeatureView("v", (COUNT,), version=0), "versions count from 1"),
        (lambda: FeatureView("v", (COUNT, COUNT)), "the same name"),
        (lambda: FeatureView("v", (COUNT,), lateness=-1), "lateness must be finite and not negative"),
        (lambda: FeatureView("v", (COUNT,), freshness=float("inf")), "freshness must be finite"),
        (lambda: FeatureView("v", (COUNT,), ttl=59), "ttl (59.0 s) must be finite and not less"),
        (lambda: FeatureView("v", (Feature("a", "count"),)), "say with ttl when an entity is forgotten"),
        (lambda: FeatureView("v", (COUNT,), max_events=0), "max_events must be between 1"),
        (lambda: FeatureView("v", (COUNT, Feature("r", "ratio", over=("n", "x")))), "r is over 'x'"),
        (lambda: FeatureView("v", (COUNT, Feature("r", "ratio", over=("n", "r")))), "r is over 'r'"),
        (lambda: FeatureView.from_definition({"name": "v"}), "not the definition of a feature view"),
    ],
)
def test_what_cannot_be_is_refused_in_words(make, message):
    with pytest.raises(DataError) as refused:
        make()
    assert message in str(refused.value)


def test_a_definition_goes_through_json():
    view = view_with(lateness=3.0, where=(Condition("type", "in", ["a", "b"]),))
    again = FeatureView.from_definition(json.loads(json.dumps(view.definition())))
    assert again == view
    assert again.fingerprint == view.fingerprint


BASE = FeatureView("v", (COUNT, SUM, Feature("all", "count", window=AllTime())), ttl=90 * DAY)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"name": "w"},
        {"lateness": 1.0},
        {"history": 7200.0},
        {"ttl": 91 * DAY},
        {"max_events": 9},
        {"where": (Condition("type", "==", "purchase"),)},
        {"features": (COUNT, SUM)},
        {"features": (SUM, COUNT, Feature("all", "count"))},
        {"features": (COUNT, dataclasses.replace(SUM, window=Sliding(61)), Feature("all", "count"))},
        {"features": (COUNT, dataclasses.replace(SUM, field="price"), Feature("all", "count"))},
    ],
)
def test_the_fingerprint_changes_with_what_changes_a_value(change):
    assert dataclasses.replace(BASE, **change).fingerprint != BASE.fingerprint


@pytest.mark.parametrize("change", [{"freshness": 1.0}, {"entity": "card"}, {"ttl": 90 * 86_400}])
def test_the_fingerprint_stays_with_what_only_describes(change):
    assert dataclasses.replace(BASE, **change).fingerprint == BASE.fingerprint


def test_freshness_is_judged_by_the_newest_event():
    layout = Layout(BASE)
    log = EntityLog(layout)
    evaluator = Evaluator(layout)
    assert evaluator.read(log, 5).freshness(5, 1.0) is Freshness.MISSING
    log.add(0, 0, 10_000_000, 0, layout.cells(None, {}, {}))
    told = [evaluator.read(log, at).freshness(at, 1.0).value for at in (10_000_000, 11_000_000, 11_000_001)]
    assert told == ["missing", "fresh", "stale"]


def test_the_property_tests_cover_every_aggregation():
    assert {feature.aggregation.value for feature in FEATURES} == {
        "count", "sum", "mean", "min", "max", "last", "distinct", "time_since_last", "rate", "ratio",
    }  # fmt: skip
