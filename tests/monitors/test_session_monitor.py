"""The session monitor behaves the same whatever is cut, killed, forgotten or told again."""

import pytest
from feature_cases import OPTIONS, event_lists, view_with
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_features import Event, admitted, read

from stream_app.core.features import STAMP, Evaluator, Feature, FeatureView, Layout, Sliding, micros, stamp
from stream_app.errors import DataError, StateError
from stream_app.events import LogId, Reason, SessionRow
from stream_app.monitors.base import Refusal
from stream_app.monitors.sessions import RefusedRun, SessionArrivals, SessionConfig, SessionMonitor

ENTITIES = ("a", "b")
COUNT = (Feature("n", "count", window=Sliding(10)),)


def row_of(entity, event):
    values = {} if event.amount is None else {"amount": event.amount}
    return SessionRow(entity, event.ts, event.type, values, {"item": event.item}, event.id)


def of(rows, *, first=0):
    return SessionArrivals(list(rows), list(range(first, first + len(rows))), [row.ts for row in rows])


def config_of(*views, **options):
    return SessionConfig(views or (FeatureView("v", COUNT, lateness=5.0),), **options)


class Store:
    """What a store keeps: a log is replaced only by one that was made of it."""

    def __init__(self):
        self.logs = {}
        self.position = 0

    def write(self, changes):
        for change in changes:
            key = change.entity, change.view
            last = self.logs.get(key, (None, None))[1]
            assert last in {change.base, change.last}
            assert change.log[STAMP] == stamp(*change.last)
            self.logs[key] = change.log, change.last

    def load(self, monitor, rows, views):
        for entity in {row.entity for row in rows}:
            if entity not in monitor:
                monitor.restore(
                    entity, {view.key: self.logs.get((entity, view.key), (None,))[0] for view in views}
                )


@st.composite
def partitions(draw):
    """Events of two entities in one partition, as rows in the order of their offsets."""
    streams = [[(entity, e) for e in draw(event_lists(most=15))] for entity in ENTITIES]
    mixed = []
    while any(streams):
        mixed.append(draw(st.sampled_from([s for s in streams if s])).pop(0))
    return [row_of(entity, event) for entity, event in mixed]


@pytest.mark.slow
@settings(max_examples=150)
@given(
    OPTIONS,
    partitions(),
    st.lists(
        st.tuples(st.integers(1, 8), st.sampled_from(["go on", "checkpoint", "kill", "forget"])), max_size=12
    ),
    st.floats(1e-6, 50.0),
)
def test_kills_and_batches_change_nothing(options, rows, steps, after):
    views = view_with(**options), view_with(**options | {"lateness": 3.0, "version": 2})
    config = SessionConfig(views)
    store, at, monitor = Store(), 0, SessionMonitor(config)
    for size, then in [*steps, (len(rows), "go on"), (len(rows), "go on")]:
        batch = rows[at : at + size]
        store.load(monitor, batch, views)
        store.write(monitor.update(of(batch, first=at)).changes)
        at += len(batch)
        if then == "checkpoint":
            store.position = at
        elif then == "kill":
            monitor, at = SessionMonitor(config), store.position
        elif then == "forget":
            monitor.forget(monitor.entities())
    whole = SessionMonitor(config)
    if at < len(rows):
        whole.update(of(rows[:at]))
    else:
        whole.update(of(rows))
    for entity in whole.entities():
        kept = {
            view.key: store.logs[entity, view.key][0] for view in views if (entity, view.key) in store.logs
        }
        assert whole.state(entity) == kept
        for view in views:
            mine = [
                Event(row.ts, i, row.values.get("amount"), row.attributes["item"], row.type, row.id)
                for i, row in enumerate(rows[:at])
                if row.entity == entity
            ]
            taken = admitted(view, mine)
            t = micros((taken[-1].ts if taken else 1000.0) + after) / 1e6
            evaluator = Evaluator(Layout(view))
            found = evaluator.read(whole.log(entity, view.key), micros(t))
            assert dict(zip(evaluator.names, found.values, strict=True)) == read(view, taken, t).values


def test_refusals_say_what_was_wrong():
    monitor = SessionMonitor(config_of(limits={"amount": (0.0, 1000.0)}, max_future=60.0))
    rows = [
        SessionRow("a", 100.0, id="1"),
        SessionRow("a", 99.0, id="1"),
        SessionRow("a", 94.0),
        SessionRow("a", 200.0),
        SessionRow("a", 101.0, values={"amount": -0.01}),
        SessionRow("a", 101.0, values={"amount": 1001.0}),
        SessionRow("b", 1.0, values={"amount": 0.0, "other": None}),
    ]
    outcome = monitor.update(SessionArrivals(rows, list(range(7)), [100.0] * 7))
    assert [(refusal.offset, refusal.reason, refusal.message) for refusal in outcome.refusals] == [
        (1, Reason.DUPLICATE, "an event with the id '1' came before"),
        (2, Reason.LATE, "ts 94.0 is 6.000 s older than the newest of this entity"),
        (3, Reason.TIMESTAMP, "ts 200.0 is 100 s after its record's own time"),
        (4, Reason.SCHEMA, "values.amount: -0.01 is below 0.0"),
        (5, Reason.SCHEMA, "values.amount: 1001.0 is above 1000.0"),
    ]
    assert [change.entity for change in outcome.changes] == ["a", "b"]
    assert [(c.base, c.last, c.event_ts) for c in outcome.changes] == [
        (None, (0, 2), 100.0),
        (None, (0, 6), 1.0),
    ]
    again = monitor.update(SessionArrivals(rows[:1], [0], [100.0]))
    assert (again.changes, again.refusals, again.repeated) == ([], [], 1)


def test_an_event_that_one_view_takes_is_not_refused():
    views = FeatureView("v", COUNT, lateness=5.0), FeatureView("v", COUNT, version=2, lateness=50.0)
    monitor = SessionMonitor(config_of(*views))
    outcome = monitor.update(of([SessionRow("a", 100.0), SessionRow("a", 80.0)]))
    assert (outcome.refusals, outcome.partly) == ([], 1)
    assert [len(monitor.log("a", view.key)) for view in views] == [1, 2]


def test_a_topic_made_anew_under_old_logs_is_noticed():
    monitor = SessionMonitor(config_of())
    monitor.update(of([SessionRow("a", 100.0)], first=50))
    with pytest.raises(StateError, match="offset 3 of partition 0 was passed before"):
        monitor.update(of([SessionRow("a", 101.0)], first=3))


def test_a_changed_definition_does_not_read_old_logs():
    monitor = SessionMonitor(config_of())
    monitor.update(of([SessionRow("a", 100.0)]))
    other = SessionMonitor(config_of(FeatureView("v", COUNT, lateness=6.0)))
    with pytest.raises(StateError, match="a changed definition needs a new version"):
        other.restore("a", monitor.state("a"))
    described = SessionMonitor(config_of(FeatureView("v", COUNT, lateness=5.0, freshness=1.0, entity="card")))
    described.restore("a", monitor.state("a"))
    assert described.state("a") == monitor.state("a")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: config_of(FeatureView("v", COUNT), FeatureView("v", COUNT)),
            "feature view v:v1 is defined twice",
        ),
        (
            lambda: config_of(FeatureView("v", COUNT, stream="clicks")),
            "is of stream 'clicks', not of 'sessions'",
        ),
        (
            lambda: SessionMonitor(config_of()).restore("a", {}) or SessionMonitor(config_of()).log("a", "v"),
            None,
        ),
    ],
)
def test_views_must_fit_their_stream(make, message):
    if message is None:
        assert make() is None
        return
    with pytest.raises(DataError, match=message):
        make()


def test_logs_stay_short():
    monitor = SessionMonitor(config_of())
    for i in range(100):
        outcome = monitor.update(of([SessionRow("a", 10.0 * i + j) for j in range(10)], first=10 * i))
    assert len(monitor.log("a", "v:v1")) == 16  # 10 s of the window, 5 s of lateness, both borders
    assert len(outcome.changes[0].log) < 1000


def test_several_deliveries_give_each_log_once():
    rows = [SessionRow("a", 100.0 + i, id=str(i % 3)) for i in range(6)]
    one, other = SessionMonitor(config_of()), SessionMonitor(config_of())
    taken = None
    for i, row in enumerate(rows):
        taken = one.take(of([row], first=i), taken=taken)
    assert one.outcome(taken) == other.update(of(rows))
    assert len(one.outcome(taken).changes) == 1


@given(
    reasons=st.lists(
        st.sampled_from([None, Reason.LATE, Reason.TIMESTAMP, Reason.SCHEMA]).flatmap(
            lambda reason: st.integers(1, 40).map(lambda times: [reason] * times)
        ),
        max_size=6,
    ).map(lambda runs: [reason for run in runs for reason in run]),
    cut=st.integers(0, 200),
    again=st.integers(0, 40),
)
@settings(max_examples=60)
def test_events_refused_in_a_row_raise_the_same_alerts_in_any_batch_and_after_a_crash(reasons, cut, again):
    def take(run, first, last):
        offsets = range(first, min(last, len(reasons)))
        rows = [SessionRow("a", 1.0) for _ in offsets]
        refusals = [Refusal(i, reasons[i], "why") for i in offsets if reasons[i]]
        arrivals = SessionArrivals(rows, list(offsets), [float(i) for i in offsets])
        return run.update(arrivals, refusals, LogId(2, "life"))

    def told(alerts):
        return [(alert.id, alert.state, alert.offset, alert.end_offset) for alert in alerts]

    run = RefusedRun("s")
    alerts = take(run, 0, cut)
    stored = run.count
    alerts += take(run, cut, cut + again)
    # A worker starts again at the cut; what was told since is in the store.
    ended = {alert.id for alert in alerts if alert.state == "resolved"}
    firing = [alert for alert in alerts if alert.id not in ended]
    alerts += take(RefusedRun("s", stored, firing[0] if firing else None), cut, 1000)
    assert list(dict.fromkeys(told(alerts))) == told(take(RefusedRun("s"), 0, 1000))


def test_events_of_one_record_count_each_and_once():
    rows = [SessionRow("a", 1.0), SessionRow("b", 1.0), SessionRow("a", 2.0), SessionRow("a", 3.0)]
    arrivals = SessionArrivals(rows, [7, 7, 7, 8], [9.0] * 4)
    monitor = SessionMonitor(config_of())
    monitor.update(arrivals)
    assert [len(monitor.log(name, "v:v1").ts) for name in ENTITIES] == [3, 1]
    # Read again, as after a crash, by a monitor that has what was stored.
    other = SessionMonitor(config_of())
    for name in ENTITIES:
        other.restore(name, monitor.state(name))
    assert other.take(arrivals).repeated == 4
    assert other.state("a") == monitor.state("a")
