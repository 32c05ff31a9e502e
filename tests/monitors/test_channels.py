"""Declared channels, learned ones, and sources that move to another bank as theirs become more."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_runs import packed, run, window

from stream_app.events import SensorRow
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import DetectorSettings, SensorStream
from stream_app.testing import reading, readings, run_monitor

# Sources share the budget: where they are counted, what is said of one depends on how many there are.
EXTRAS = SensorStream(
    warmup=30,
    expected_sources=3,
    detectors=(DetectorSettings(name="page_hinkley", parameters={"min_instances": 3, "threshold": 3.0}),),
)


def channels_of(monitor, source):
    return monitor.state(source)["channels"]


def banks_of(monitor):
    return {channels: sorted(bank.records) for channels, bank in monitor._placement._banks.items()}


# Sources that name more and more channels, leave some out, name them in any order, or name nothing.
drawn = st.lists(
    st.tuples(
        st.sampled_from("stu"),
        st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(-3, 3).map(float), min_size=1),
        st.integers(1, 6),
    ),
    max_size=15,
)


def events(drawn):
    pieces = [(source, values) for source, values, times in drawn for _ in range(times)]
    return [
        SensorRow(source, 1.7e9 + i, {name: None if x is None else x + i % 5 for name, x in values.items()})
        for i, (source, values) in enumerate(pieces)
    ]


@given(drawn, st.sets(st.integers(1, 80), max_size=10))
@settings(max_examples=80)
def test_channels_are_learned_in_the_order_of_their_coming_in_any_deliveries(drawn, cuts):
    rows = events(drawn)
    whole = run(EXTRAS, rows)
    for source in whole.monitor.sources():
        expected, mine = [], [row for row in rows if row.source == source]
        for row in mine:
            expected += sorted(name for name in row.values if name not in expected)
        assert channels_of(whole.monitor, source) == expected
        seen = [{name: x.hex() for name, x in row.values.items() if x is not None} for row in mine]
        assert [cells for _, cells in window(whole.monitor, source)] == seen[-EXTRAS.window_rows :]
    for restart in (False, True):
        cut = run(EXTRAS, rows, cuts, restart=restart)
        assert cut.said() == whole.said()
        assert packed(cut.monitor) == packed(whole.monitor)


@given(drawn)
@settings(max_examples=50)
def test_sources_with_the_same_channels_share_a_bank_and_no_bank_is_empty(drawn):
    monitor = run(EXTRAS, events(drawn)).monitor
    expected = {}
    for source in sorted(monitor.sources()):
        expected.setdefault(tuple(channels_of(monitor, source)), []).append(source)
    assert banks_of(monitor) == expected
    for source in monitor.sources():
        monitor.forget(source)
    assert banks_of(monitor) == {}
    assert len(monitor) == 0


@given(drawn)
@settings(max_examples=50)
def test_what_is_said_of_a_source_does_not_depend_on_those_beside_it(drawn):
    rows = events(drawn)
    # Those beside it share the budget, so their number must be the same.
    config = EXTRAS.model_copy(update={"expected_sources": 3})
    together = run(config, rows).monitor
    for source in together.sources():
        alone = run(config, [row for row in rows if row.source == source]).monitor
        assert together.features(source) == alone.features(source)
        ours, theirs = together.state(source), alone.state(source)
        assert (ours["record"], ours["channels"]) == (theirs["record"], theirs["channels"])


def test_the_order_of_names_within_an_event_does_not_matter():
    pairs = [{"b": float(i), "a": 1.0 + i % 2} for i in range(50)]
    ours, theirs = (
        run(EXTRAS, [SensorRow("s", 1.7e9 + i, dict(order(pair.items()))) for i, pair in enumerate(pairs)])
        for order in (list, sorted)
    )
    assert ours.said() == theirs.said()
    assert packed(ours.monitor) == packed(theirs.monitor)


def test_a_producer_of_ever_new_names_takes_no_memory_for_those_that_are_gone():
    monitor = SensorMonitor(SensorStream())
    for i in range(40):
        run_monitor([SensorRow("s", 1.7e9 + i, {f"c{i}": 1.0})], monitor=monitor)
    assert len(banks_of(monitor)) == 1
    for i in range(100):
        monitor.forget("s")
        run_monitor([SensorRow("s", 1.7e9 + i, {f"d{i}": 1.0})], monitor=monitor)
    assert banks_of(monitor) == {("d99",): ["s"]}


def test_features_of_a_late_channel_count_from_its_coming():
    rows = [
        SensorRow("s", 1.7e9 + i, {"a": float(i)} | ({"b": 10.0 * i} if i >= 6 else {})) for i in range(10)
    ]
    features = run(SensorStream(), rows).monitor.features("s")[1]
    assert (features["events"], features["a.count"], features["b.count"], features["b.mean"]) == (
        10,
        10,
        4,
        75.0,
    )
    assert features["b.missing"] == pytest.approx(0.6)


def test_features_of_several_sources_are_those_of_each():
    rows = [
        SensorRow("stu"[i % 3], 1.7e9 + i, dict.fromkeys("ab" if i % 3 else "c", float(i))) for i in range(30)
    ]
    monitor = run(EXTRAS, rows).monitor
    assert monitor.features_of(["u", "s", "t"]) == [monitor.features(source) for source in "ust"]


def test_declared_channels_keep_their_order_and_may_come_in_any():
    config = SensorStream(channels=("b", "a"))
    done = run(
        config, [SensorRow("s", 1.7e9, {"a": 1.0, "b": 2.0}), SensorRow("s", 1.7e9 + 1, {"b": 4.0, "a": 3.0})]
    )
    assert done.refusals == []
    assert channels_of(done.monitor, "s") == ["b", "a"]
    assert [features for _, features in window(done.monitor, "s")] == [
        {"a": (1.0).hex(), "b": (2.0).hex()},
        {"a": (3.0).hex(), "b": (4.0).hex()},
    ]


def test_a_refused_reading_between_good_ones_changes_nothing_but_itself():
    config = SensorStream(channels=("a",))
    good = [SensorRow("s", 1.7e9 + i, {"a": float(i)}) for i in range(6)]
    bad = SensorRow("s", 1.7e9 + 2.5, {"a": 1.0, "b": 2.0})
    with_bad = run(config, [*good[:3], bad, *good[3:]])
    assert [(refusal.offset, refusal.reason.value) for refusal in with_bad.refusals] == [(3, "channels")]
    assert with_bad.counted == {"s": 6}
    assert packed(with_bad.monitor) == packed(run(config, good).monitor)


def growing(rows=5000, comes=1500):
    """A source of two channels that grows a third one."""
    x = np.random.default_rng(2).normal(size=(rows, 3))
    return x, [
        SensorRow("s", 1.7e9 + i, dict(zip("abc" if i >= comes else "ab", row, strict=False)))
        for i, row in enumerate(x.tolist())
    ]


def test_a_fault_in_another_channel_is_still_found_after_a_late_one_came():
    x, events = growing()
    for i in range(4000, 4100):
        events[i].values["a"] = float(x[i, 0] + 10.0)
    found = [alert for alert in run_monitor(events).alerts if alert.kind == "anomaly"]
    assert any(4000 <= alert.offset < 4020 and alert.contributions[0][0] == "a" for alert in found)


def test_a_fault_in_a_late_channel_is_found():
    x, events = growing(9000, 1500)
    for i in range(8000, 8200):
        events[i].values["c"] = float(x[i, 2] + 12.0)
    run = run_monitor(events, SensorStream(budget="1 per 10000 events"), batch=777)
    found = [alert for alert in run.alerts if alert.kind == "anomaly"]
    assert [8000 <= alert.offset < 8020 and alert.contributions[0][0] == "c" for alert in found[:1]] == [True]


def test_a_late_channel_alone_is_no_alert():
    _, events = growing()
    assert [alert for alert in run_monitor(events).alerts if alert.kind != "quality"] == []


def test_declared_channels_share_one_bank_whatever_comes_first():
    rows = [reading(ts=1.7e9 + i, a=1.0 + i % 3, b=None if i < 60 else float(i % 5)) for i in range(120)]
    declared = run_monitor(rows, SensorStream(channels=("a", "b")))
    assert (channels_of(declared.monitor, "pump-1"), declared.refusals) == (["a", "b"], [])


def test_a_wide_source_is_watched_too():
    x = np.random.default_rng(0).normal(size=(60, 300))
    names = [f"c{i}" for i in range(300)]
    done = run_monitor(readings(x, names), SensorStream(channels=tuple(names)))
    assert done.refusals == []
    assert done.monitor.features("pump-1")[1]["c299.last"] == x[-1, 299]
