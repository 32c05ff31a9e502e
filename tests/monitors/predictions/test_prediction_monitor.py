"""The prediction monitor: the same in any batch, restorable, and right about what it tells."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from prediction_streams import CLASSES, START, all_of, arrivals, events, feed, model, packed

from stream_app.core.performance import BetaBinomial
from stream_app.errors import StateError
from stream_app.events import PredictionRow
from stream_app.monitors.predictions import PredictionMonitor
from stream_app.settings import DetectorSettings, FairnessSettings, PredictionStream, RetrainingSettings

CONFIG = PredictionStream(
    window=200,
    baseline=300,
    feature_window=100,
    slice_window=500,
    slice_every=400,
    max_latency=0.3,
    budget="1 per hour",
    versions=("v1", "v2"),
    fairness=FairnessSettings(favourable=("cat",), groups=("site",), window=300),
    feature_alerts=True,
    detectors=(
        DetectorSettings(name="adwin"),
        DetectorSettings(name="ddm"),
        DetectorSettings(name="eddm", alert=False),
    ),
    label_within=120.0,
    max_waiting=80,
    retraining=RetrainingSettings(hold=10.0, cool_down=300.0, new_samples=400),
)


def eventful(seed=0, n=1600):
    """Good, bad and good again; with everything that can be wrong with single events."""
    rng = np.random.default_rng(seed)
    parts = [model(rng, n // 4, strength) for strength in (2.5, 2.5, 0.7, 2.5)]
    p, truth = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    bad = (np.arange(n) >= n // 2) & (np.arange(n) < 3 * n // 4)
    ink = rng.normal(size=n) + 2.0 * bad
    features = [
        {"ink": x, "size": float(y)} for x, y in zip(ink.tolist(), rng.integers(0, 3, n), strict=True)
    ]
    for i in rng.integers(0, n, 30).tolist():
        features[i] = {"size": None}
    categories = [{"site": "north" if i % 3 else None} for i in range(n)]
    rows = events(p, truth, features=features, categories=categories)
    out = []
    for row in rows:
        draw = rng.random()
        if row.prediction is not None:
            late = 2.0 if bad[int(row.ts - START)] and draw < 0.7 else 0.1
            out.append(
                PredictionRow(**{**fields(row), "version": f"v{1 + int(draw * 100) % 2}", "latency": late})
            )
        elif draw < 0.9:
            out.append(row)
        if draw < 0.03:
            out.append(row)
        if 0.5 < draw < 0.52:
            out.append(PredictionRow("m", row.ts - 200.0, f"old-{row.ts}", prediction="cat"))
        if (0.6 < draw < 0.63) or (bad[min(int(row.ts - START), n - 1)] and draw > 0.7):
            out.append(PredictionRow("m", row.ts, f"failed-{row.ts}-{row.id}", failed=True))
        if 0.8 < draw < 0.81:
            out.append(PredictionRow("m", row.ts, f"nobody-{row.ts}", label="cow"))
    return out


def fields(row):
    return {name: getattr(row, name) for name in row.__struct_fields__}


ROWS = eventful()
CUTS = st.lists(st.integers(1, len(ROWS) - 1), max_size=12)


@pytest.fixture(scope="module")
def whole():
    monitor, outcomes = feed(CONFIG, ROWS)
    return monitor, outcomes


def told(outcomes):
    return [all_of(outcomes, name) for name in ("alerts", "triggers", "audit", "refusals")]


def in_sum(outcomes):
    return {name: sum(outcome.labels[name] for outcome in outcomes) for name in outcomes[0].labels}


@given(cuts=CUTS)
@settings(max_examples=15)
def test_batch_borders_do_not_matter(whole, cuts):
    monitor, outcomes = feed(CONFIG, ROWS, cuts)
    assert told(outcomes) == told(whole[1])
    assert in_sum(outcomes) == in_sum(whole[1])
    assert monitor.features("m") == whole[0].features("m")
    assert packed(monitor) == packed(whole[0])


@given(cuts=CUTS)
@settings(max_examples=10)
def test_a_restored_monitor_goes_on_as_if_it_had_never_stopped(whole, cuts):
    monitor, outcomes = feed(CONFIG, ROWS, cuts, restart=True)
    assert told(outcomes) == told(whole[1])
    assert packed(monitor) == packed(whole[0])


@pytest.mark.slow
def test_events_one_by_one_give_the_same(whole):
    monitor, outcomes = feed(CONFIG, ROWS, range(1, len(ROWS)))
    assert told(outcomes) == told(whole[1])
    assert packed(monitor) == packed(whole[0])


def test_the_stream_of_these_tests_tells_of_everything(whole):
    alerts, triggers, audit, refusals = told(whole[1])
    kinds = {alert.detector for alert in alerts}
    assert {"accuracy", "estimated_accuracy", "failures", "latency", "psi", "errors.adwin"} <= kinds
    assert {reason.kind for trigger in triggers for reason in trigger.reasons} >= {"concept", "samples"}
    assert {record.subject for record in audit} == {"v1", "v2"}
    assert {refusal.reason for refusal in refusals} == {"late", "duplicate"}
    counts = in_sum(whole[1])
    assert (
        min(
            counts[name]
            for name in ("missing", "unmatched_labels", "duplicate_predictions", "duplicate_labels")
        )
        > 0
    )


def test_every_end_has_its_beginning_and_alerts_name_their_events(whole):
    firing = {}
    for alert in all_of(whole[1], "alerts"):
        if alert.state == "firing":
            assert alert.id not in firing
            assert ROWS[alert.offset].ts == alert.started_at
            firing[alert.id] = alert
        else:
            began = firing.pop(alert.id)
            assert (began.offset, began.partition) == (alert.offset, 3)
            assert alert.ended_at >= alert.started_at
        assert math.isfinite(alert.statistic)
        assert alert.summary


def simple(n, strength, seed=0, **more):
    return events(*model(np.random.default_rng(seed), n, strength), **more)


def test_windowed_scores_are_those_of_a_plain_list():
    p, truth = model(np.random.default_rng(5), 700, 1.5)
    config = PredictionStream(window=150, baseline=200)
    monitor, _ = feed(config, events(p, truth, delay=7.0), range(50, 1400, 33))
    _, features = monitor.features("m")
    right = (p.argmax(axis=1) == truth)[-150:]
    assert features["accuracy"] == right.mean()
    assert (features["accuracy.low"], features["accuracy.high"]) == BetaBinomial(
        int(right.sum()), 150
    ).interval()
    assert features["log_loss"] == pytest.approx(-np.log(p[np.arange(700), truth])[-150:].mean())
    assert features["all.accuracy"] == (p.argmax(axis=1) == truth).mean()
    assert features["baseline.accuracy"] == (p.argmax(axis=1) == truth)[:200].mean()
    metrics = pytest.importorskip("sklearn.metrics")
    names = np.array(CLASSES)
    f1 = metrics.f1_score(names[truth[-150:]], names[p.argmax(axis=1)[-150:]], average=None, labels=CLASSES)
    assert [features[f"class.{name}.f1"] for name in CLASSES] == pytest.approx(f1.tolist())
    assert features["f1"] == pytest.approx(f1.mean())


def test_a_drop_is_told_once_with_its_figures_and_ends_when_it_is_over():
    rng = np.random.default_rng(1)
    parts = [model(rng, n, strength) for n, strength in ((1500, 2.5), (600, 1.0), (900, 2.5))]
    rows = events(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    config = PredictionStream(baseline=500, budget="1 per 100000 events")
    _, outcomes = feed(config, rows, range(100, 6000, 100))
    about = [alert for alert in all_of(outcomes, "alerts") if alert.detector == "accuracy"]
    assert [alert.state for alert in about] == ["firing", "resolved"]
    assert START + 1520 < about[0].started_at < START + 1520 + 340
    assert about[0].statistic > config.max_drop
    assert about[0].context["high"] < about[0].context["baseline"]
    assert "points below the baseline" in about[0].summary
    assert about[1].ended_at > START + 2120


def test_a_steady_model_raises_no_alert():
    quiet = 0
    for seed in range(10):
        _, outcomes = feed(PredictionStream(), simple(2500, 2.0, seed=seed), range(500, 5000, 500))
        quiet += not all_of(outcomes, "alerts")
    assert quiet == 10


def test_a_given_baseline_judges_the_first_predictions_too():
    rows = simple(400, 1.0)
    config = PredictionStream(baseline_accuracy=0.97)
    _, outcomes = feed(config, rows)
    (alert,) = [one for one in all_of(outcomes, "alerts") if one.detector == "accuracy"]
    assert alert.started_at < START + 200
    assert not [
        one for one in all_of(feed(PredictionStream(), rows)[1], "alerts") if one.detector == "accuracy"
    ]


def test_the_estimate_is_told_before_any_label_and_is_checked_when_they_come():
    rng = np.random.default_rng(2)
    good, bad = model(rng, 1500, 2.0), model(rng, 600, 2.0)
    # The model grows unsure where it is wrong.
    flat = 0.4 * bad[0] + 0.2
    flat /= flat.sum(axis=1, keepdims=True)
    wrong = np.where(rng.random(600) < 0.5, bad[1], rng.integers(0, 3, 600))
    config = PredictionStream(window=500, baseline=500, budget="1 per 10000 events", class_mix="free")
    monitor, _ = feed(config, events(*good))
    late = events(flat, wrong, delay=3000.0, start=START + 1600, first=2000)
    _, outcomes = feed(config, [row for row in late if row.prediction], monitor=monitor)
    assert "estimated_accuracy" in {alert.detector for alert in all_of(outcomes, "alerts")}
    _, before = monitor.features("m")
    assert before["estimated_accuracy"] < before["accuracy"] - 0.05
    feed(config, [row for row in late if row.label], monitor=monitor)
    _, after = monitor.features("m")
    assert after["estimated_accuracy.error"] == pytest.approx(
        after["estimated_accuracy.labelled"] - after["accuracy"]
    )
    assert after["accuracy"] < before["accuracy"] - 0.2


def test_latencies_and_failures_have_their_figures():
    rows = simple(300, 2.0, latency=0.5)
    rows += [PredictionRow("m", START + 300 + i, f"f{i}", failed=True) for i in range(100)]
    _, features = feed(PredictionStream(), rows)[0].features("m")
    assert (features["failures"], features["failure_rate"]) == (100, 0.25)
    assert [features[f"latency.p{q}"] for q in (50, 95, 99)] == [0.5, 0.5, 0.5]


def test_weak_slices_are_told_by_their_rule():
    rng = np.random.default_rng(3)
    n = 3000
    ink = rng.random(n)
    truth = rng.integers(0, 2, n)
    wrong = rng.random(n) < np.where(ink < 0.2, 0.5, 0.03)
    p = np.eye(2)[np.where(wrong, 1 - truth, truth)] * 0.8 + 0.1
    config = PredictionStream(feature_window=100, slice_window=2000, slice_every=1000)
    rows = events(p, truth, classes=("no", "yes"), features=[{"ink": x} for x in ink.tolist()])
    monitor, outcomes = feed(config, rows)
    (alert,) = [one for one in all_of(outcomes, "alerts") if one.detector == "slice"]
    assert alert.channel == "ink"
    assert "where ink <= 0." in alert.summary
    assert monitor.features("m")[1]["slices"] == 1


def test_versions_are_compared_and_noted():
    first = simple(600, 1.0, version="v1")
    second = events(*model(np.random.default_rng(9), 600, 2.5), version="v2", start=START + 600, first=600)
    monitor, outcomes = feed(PredictionStream(versions=("v1", "v2")), first + second, range(100, 2400, 100))
    assert [record.summary for record in all_of(outcomes, "audit")] == [
        "m: version v1",
        "m: version v2 after v1",
    ]
    _, features = monitor.features("m")
    assert features["challenger.switch"] == 1.0
    assert features["version.v2.best"] > 0.99
    assert features["version.v1.labelled"] + features["version.v2.labelled"] == features["labelled"]


def test_a_source_that_was_away_for_too_long_starts_cold():
    monitor, _ = feed(PredictionStream(source_ttl=4000.0), simple(50, 2.0))
    feed(PredictionStream(), simple(10, 2.0, start=START + 5000, first=100), monitor=monitor)
    assert monitor.features("m")[1]["predictions"] == 10


def test_what_fires_when_a_source_goes_away_ends_when_it_comes_back():
    during = ROWS[: next(i for i, row in enumerate(ROWS) if row.ts >= START + 1150)]
    monitor, outcomes = feed(CONFIG, during)
    before = all_of(outcomes, "alerts")
    open_ = {alert.id for alert in before if alert.state == "firing"}
    open_ -= {alert.id for alert in before if alert.state == "resolved"}
    back = arrivals([PredictionRow("m", START + 5e6, "new", prediction="cat")], len(during))
    ends = monitor.update("m", back).alerts
    assert open_
    assert {alert.id for alert in ends if alert.state == "resolved"} == open_
    assert {(alert.ended_at, alert.end_offset) for alert in ends} == {
        (max(row.ts for row in during), len(during))
    }


def test_events_from_the_future_and_unknown_labels_are_refused():
    monitor = PredictionMonitor(PredictionStream(labels=("cat", "dog")))
    rows = [
        PredictionRow("m", START, "a", prediction="cat"),
        PredictionRow("m", START, "b", prediction="cow"),
        PredictionRow("m", START, "a", label="cow"),
        PredictionRow("m", START, "c", prediction="cat", probabilities=(("cat", 0.9), ("cow", 0.1))),
        PredictionRow("m", START + 1e6, "d", prediction="cat"),
    ]
    given_ = arrivals(rows)
    given_.record_ts[-1] = START
    outcome = monitor.update("m", given_)
    assert [(one.offset, one.reason.value) for one in outcome.refusals] == [
        (1, "label"), (2, "label"), (3, "label"), (4, "timestamp"),
    ]  # fmt: skip
    assert list(outcome.batch.offsets) == [0]


def test_models_of_many_classes_and_of_none_are_watched():
    classes = tuple(f"c{i}" for i in range(1500))
    rng = np.random.default_rng(0)
    rows = []
    for i in range(400):
        truth, said = rng.integers(0, 1500, 2)
        pairs = tuple((name, 1 / 1500) for name in classes) if i % 10 == 0 else None
        label = classes[said if i % 2 else truth]
        rows.append(
            PredictionRow("m", START + i, str(i), prediction=classes[said], probabilities=pairs, label=label)
        )
    monitor, _ = feed(PredictionStream(baseline=100), rows, range(0, 400, 37), restart=True)
    _, features = monitor.features("m")
    assert features["accuracy"] == pytest.approx(0.5, abs=0.01)
    assert features["estimated_accuracy"] is None


def test_a_state_of_another_version_or_a_damaged_one_is_refused(whole):
    state = whole[0].state("m")
    monitor = PredictionMonitor(CONFIG)
    with pytest.raises(StateError, match="version"):
        monitor.restore("m", {**state, "version": 99})
    for part in (
        "intake",
        "performance",
        "inputs",
        "slices",
        "period",
        "alerts",
        "retraining",
        "fairness",
    ):
        with pytest.raises(StateError):
            monitor.restore("m", {**state, part: {"odd": 1}})


def test_groups_that_are_treated_unlike_are_told():
    rng = np.random.default_rng(4)
    n = 2600
    group = rng.integers(0, 2, n)
    said = (rng.random(n) < np.where(group == 1, 0.3, 0.7)).astype(int)
    rows = events(
        np.eye(2)[said], said, classes=("no", "yes"), categories=[{"region": "ab"[g]} for g in group.tolist()]
    )
    config = PredictionStream(fairness=FairnessSettings(favourable=("yes",), groups=("region",), window=1000))
    monitor, outcomes = feed(config, rows, range(500, 5000, 500))
    (alert,) = [one for one in all_of(outcomes, "alerts") if one.detector == "fairness"]
    assert alert.channel == "region"
    assert alert.summary.startswith("disparate impact by region: b is selected at")
    _, features = monitor.features("m")
    assert features["fairness.region.disparate_impact"] == pytest.approx(0.43, abs=0.1)
    assert features["fairness.region.a.selection"] == pytest.approx(0.7, abs=0.05)


def test_a_label_makes_no_prediction_late():
    rows = [
        PredictionRow("m", START + 5000.0, "x", label="cat"),
        PredictionRow("m", START, "a", prediction="cat"),
    ]
    _, outcomes = feed(PredictionStream(), rows)
    assert all_of(outcomes, "refusals") == []


@pytest.mark.parametrize("cut", [100, 450, 900])
@pytest.mark.parametrize(
    "later",
    [
        PredictionStream(window=50, baseline=100, feature_window=50, max_waiting=30),
        PredictionStream(baseline=2000),
    ],
)
def test_a_state_goes_on_under_other_settings(cut, later):
    rows = simple(1000, 2.0, features=[{"x": float(i % 7)} for i in range(1000)])
    monitor, _ = feed(PredictionStream(window=200, baseline=300, feature_window=100), rows[:cut])
    other = PredictionMonitor(later)
    other.restore("m", monitor.state("m"))
    feed(later, rows[cut:], range(50, 2000, 50), monitor=other, restart=False)
    _, features = other.features("m")
    assert features["predictions"] == 1000
    assert (features.get("baseline.n") is None) == (later.baseline == 2000 and cut < 900)


NAMES = st.sampled_from(["x", "y", "a name of its own"])
CELLS = st.dictionaries(NAMES, st.none() | st.floats(-1e12, 1e12), max_size=3)
WORDS = st.dictionaries(NAMES, st.none() | st.sampled_from(["", "north", "süd"]), max_size=2)
LABELS = st.sampled_from(["", "0", "cat", "a & b"])


@st.composite
def odd_rows(draw):
    pairs = draw(st.none() | st.lists(st.tuples(LABELS, st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=3, unique_by=lambda pair: pair[0]))  # fmt: skip
    said = draw(st.none() | LABELS) if pairs is None else pairs[0][0]
    label = draw(st.none() | LABELS)
    return PredictionRow(
        "m", START + draw(st.sampled_from([0.0, 1.0, 100.0, 5000.0, 700_000.0])), draw(st.sampled_from("abcdefgh")),
        draw(st.sampled_from(["", "v1", "v2"])), said, None if pairs is None else tuple(pairs), label,
        draw(CELLS), draw(WORDS), draw(st.sampled_from([math.nan, 0.0, 1e12])), said is None and label is None,
    )  # fmt: skip


# Windows below what settings allow, so that a few events reach everything.
ODD = PredictionStream.model_construct(
    window=5, baseline=100, feature_window=2, slice_window=100, slice_every=3, max_waiting=3,
    fairness=FairnessSettings.model_construct(favourable=("cat",), groups=("x", "y"), window=4),
    versions=("v1", "v2"), feature_alerts=True, max_latency=1.0,
)  # fmt: skip


# A repeated id with a new class: what is refused leaves nothing.
REPEATED = [
    *(PredictionRow("m", START, "a", failed=True) for _ in range(22)),
    PredictionRow("m", START, "a", "", "", (("", 0.0),)),
]


@given(rows=st.lists(odd_rows(), min_size=1, max_size=60), cuts=st.lists(st.integers(1, 59), max_size=5))
@example(rows=REPEATED, cuts=[1])
@settings(max_examples=60)
def test_odd_events_give_finite_figures_and_the_same_in_any_batch(rows, cuts):
    monitor, outcomes = feed(ODD, rows)
    pieces, others = feed(ODD, rows, cuts, restart=True)
    assert told(others) == told(outcomes)
    assert packed(pieces) == packed(monitor)
    _, features = monitor.features("m")
    assert all(value is None or math.isfinite(value) for value in features.values())


def test_an_alert_ends_although_its_limit_was_changed_meanwhile():
    config = PredictionStream(baseline_accuracy=0.9)
    monitor, outcomes = feed(config, simple(500, 1.0))
    assert [one.detector for one in all_of(outcomes, "alerts")] == ["accuracy"]
    other = PredictionMonitor(PredictionStream(baseline_accuracy=0.85, budget="1 per week"))
    other.restore("m", monitor.state("m"))
    _, outcomes = feed(config, simple(1500, 3.0, start=START + 500, first=500), monitor=other)
    (ended,) = [one for one in all_of(outcomes, "alerts") if one.detector == "accuracy"]
    assert ended.state == "resolved"


def test_a_model_of_one_prediction_takes_little_memory():
    monitor = PredictionMonitor(PredictionStream())
    monitor.take(arrivals([PredictionRow("m", START, "a", "cat")]))
    assert monitor.size_of("m") < 16_384
