"""An entity's log against the naive model: whatever comes, in whatever batches, read at whatever instant."""

import pytest
from feature_cases import OPTIONS, add, cut, event_lists, stored, view_with
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_features import Event, admitted, read

from stream_app.core.features import (
    EntityLog,
    Evaluator,
    Feature,
    FeatureView,
    Layout,
    Sliding,
    Verdict,
    micros,
)
from stream_app.errors import DataError, StateError

BORDERS = st.lists(st.integers(0, 40), max_size=6)
# Instants at the borders of windows, just beside them, and anywhere.
AFTER = st.one_of(
    st.sampled_from([1e-6, 0.5, 1.0, 3.0, 4.0, 4.000001, 5.0, 9.0, 10.0, 20.0, 20.5, 90.0, 91.0]),
    st.floats(1e-6, 200.0),
)


def by_name(evaluator, reading):
    return dict(zip(evaluator.names, reading.values, strict=True))


def borders_of(events, borders):
    return [border for border in borders if border <= len(events)]


@pytest.mark.slow
@settings(max_examples=300)
@given(OPTIONS, event_lists(), BORDERS, AFTER)
def test_a_reader_gets_what_the_definition_says(options, events, borders, after):
    view = view_with(**options)
    layout = Layout(view)
    taken = admitted(view, events)
    log = stored(layout, cut(events, borders_of(events, borders)))
    t = micros((taken[-1].ts if taken else 1000.0) + after) / 1e6
    evaluator = Evaluator(layout)
    found, expected = evaluator.read(log, micros(t)), read(view, taken, t)
    assert found.event_ts == (None if expected.event_ts is None else micros(expected.event_ts))
    values = by_name(evaluator, found)
    assert values == expected.values
    assert set(found.incomplete) == expected.incomplete


@pytest.mark.slow
@settings(max_examples=150)
@given(OPTIONS, event_lists(), st.lists(AFTER, min_size=1, max_size=5), st.data())
def test_history_is_what_a_reader_was_told_at_that_instant(options, events, steps, data):
    view = view_with(**options)
    layout = Layout(view)
    evaluator = Evaluator(layout)
    in_order = sorted(events, key=lambda event: event.ts)
    in_order = [Event(**{**vars(e), "offset": i, "partition": 0}) for i, e in enumerate(in_order)]
    endless = EntityLog(layout, endless=True)
    for event in in_order:
        add(endless, layout, event)
    endless.settle()
    for step in steps:
        i = data.draw(st.integers(0, len(in_order)))
        t = micros((in_order[i - 1].ts if i else 1000.0) + step)
        live = stored(layout, cut([e for e in in_order if micros(e.ts) < t], []))
        assert evaluator.read(endless, t) == evaluator.read(live, t)


@pytest.mark.slow
@settings(max_examples=150)
@given(OPTIONS, event_lists(), BORDERS, st.floats(0.0, 150.0))
def test_the_past_is_right_or_said_to_be_gone(options, events, borders, before):
    view = view_with(**options)
    layout = Layout(view)
    evaluator = Evaluator(layout)
    endless = EntityLog(layout, endless=True)
    for event in events:
        add(endless, layout, event)
    log = stored(layout, cut(events, borders_of(events, borders)))
    newest = log.ts[-1] if log.ts else 0
    t = newest - micros(before)
    found, right = evaluator.read(log, t), evaluator.read(endless, t)
    for name, value in by_name(evaluator, found).items():
        assert value == by_name(evaluator, right)[name] or name in found.incomplete
    if view.max_events > len(events) and t >= newest - micros(view.history):
        assert found == right


@pytest.mark.slow
@settings(max_examples=150)
@given(OPTIONS, event_lists(), BORDERS, BORDERS, st.integers(0, 40))
def test_batches_and_replays_change_nothing(options, events, borders, others, again):
    view = view_with(**options)
    layout = Layout(view)
    once = stored(layout, cut(events, borders_of(events, borders)))
    twice = stored(layout, [*cut(events, borders_of(events, others)), events[-again:] if again else []])
    assert once.encode() == twice.encode()


def view_of(**options):
    return FeatureView(
        "v", (Feature("n", "count", window=Sliding(10)),), **{"lateness": 5.0, "ttl": 100.0} | options
    )


def test_each_refusal_has_its_name():
    layout = Layout(view_of())
    log = EntityLog(layout)
    verdicts = [
        add(log, layout, event)
        for event in (
            Event(100.0, 1, id="a"),
            Event(95.0, 2, id="b"),
            Event(94.999999, 3),
            Event(99.0, 4, id="b"),
            Event(100.0, 2),
            Event(101.0, 2),
            Event(101.0, 5),
        )
    ]
    assert verdicts == [
        Verdict.COUNTED,
        Verdict.COUNTED,
        Verdict.LATE,
        Verdict.DUPLICATE,
        Verdict.REPEATED,
        Verdict.FOREIGN,
        Verdict.COUNTED,
    ]


def test_memory_is_bounded_by_retention_and_by_number():
    layout = Layout(view_of(max_events=50))
    log = EntityLog(layout)
    for i in range(10_000):
        add(log, layout, Event(1000.0 + i * 0.01, i, id=str(i)))
        if i % 100 == 99:
            log.settle()
    assert len(log) == 50
    assert len(log.encode()) < 51 + 50 * 17
    slow = EntityLog(layout)
    for i in range(1000):
        add(slow, layout, Event(1000.0 + i, i))
        slow.settle()
    assert len(slow) == 16  # 10 s of the window, 5 s of lateness, both borders


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-1], "bytes"),
        (lambda raw: raw + b"\0", "bytes"),
        (lambda raw: raw[:20], "is no log"),
        (lambda raw: b"", "is no log"),
        (lambda raw: b"{" + raw[1:], "is no log"),
        (lambda raw: raw[:-3] + bytes([raw[-3] ^ 1]) + raw[-2:], "checksum"),
        (lambda raw: raw[:3] + b"\2" + raw[4:], "format 2"),
        (lambda raw: raw[:8] + b"x" * 8 + raw[16:], "another definition"),
    ],
)
def test_damaged_bytes_are_refused(damage, message):
    layout = Layout(view_of())
    log = EntityLog(layout)
    add(log, layout, Event(1.0, 1, id="a"))
    with pytest.raises(StateError, match=message):
        EntityLog.decode(damage(log.encode()), layout)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_log_or_a_clear_error(noise):
    layout = Layout(view_of())
    log = EntityLog(layout)
    add(log, layout, Event(1.0, 1, id="a"))
    with pytest.raises(StateError):
        EntityLog.decode(log.encode()[:16] + noise, layout)


def test_a_reader_asks_for_some_features():
    layout = Layout(view_with(lateness=3.0))
    log = EntityLog(layout)
    add(log, layout, Event(1.0, 1, amount=4.0, type="bought"))
    some = Evaluator(layout, ["share", "sum_0"])
    assert some.read(log, micros(2.0)).values == [1.0, 4.0]
    with pytest.raises(DataError, match="has no feature 'sum_x'"):
        Evaluator(layout, ["sum_x"])


def test_events_of_one_instant_keep_the_order_of_their_arrival():
    layout = Layout(FeatureView("v", (Feature("last", "last", "amount", Sliding(10)),), lateness=5.0))
    log = EntityLog(layout)
    for offset, (ts, amount) in enumerate([(1.0, 1.0), (3.0, 2.0), (1.0, 3.0), (3.0, 4.0), (1.0, 5.0)]):
        add(log, layout, Event(ts, offset, amount=amount))
    evaluator = Evaluator(layout)
    assert [evaluator.read(log, micros(t)).values for t in (1.0, 2.0, 4.0)] == [[None], [5.0], [4.0]]


@pytest.mark.parametrize(("at", "value", "incomplete"), [(11.0, None, ("n",)), (11.000001, 1.0, ())])
def test_a_window_that_reaches_an_event_given_up_is_incomplete(at, value, incomplete):
    layout = Layout(view_of(max_events=1))
    log = EntityLog(layout)
    for offset, ts in enumerate([1.0, 5.0]):
        add(log, layout, Event(ts, offset))
    log.settle()
    reading = Evaluator(layout).read(log, micros(at))
    assert (reading.values, reading.incomplete) == ([value], incomplete)


def test_of_one_time_no_more_are_counted_than_are_kept():
    view = FeatureView("v", (Feature("n", "count", window=Sliding(60)),), max_events=1)
    layout = Layout(view)
    log = EntityLog(layout)
    cells = layout.cells(None, {}, {})
    # The second one makes the first one be given up, and what is as old as that is late.
    verdicts = [log.add(0, offset, 1_000_000, 0, cells) for offset in range(3)]
    assert verdicts == [Verdict.COUNTED, Verdict.COUNTED, Verdict.LATE]
