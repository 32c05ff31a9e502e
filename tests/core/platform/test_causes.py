"""Causes of planted incidents are named; order, cycles, gaps and wild series do not change that."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stream_app.core.platform.amounts import Amounts
from stream_app.core.platform.blame import blame_down
from stream_app.core.platform.causes import rank_causes, top_causes
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.series import WHOLE, Change, Episode, Series

WINDOW = 60.0
BEFORE, SINCE = 10, 5
ONSET = BEFORE * WINDOW


def episode(rises, *, seed=0, noise=0.5, values=None, missing=()):
    """An episode of series with a mean normal score each since the onset."""
    series, rise = tuple(rises), np.array(list(rises.values()), dtype=float)
    rng = np.random.default_rng(seed)
    deviations = noise * rng.standard_normal((BEFORE + SINCE, len(series)))
    deviations[BEFORE:] += rise
    ends = WINDOW * np.arange(1.0, BEFORE + SINCE + 1.0)
    shown = 10.0 + deviations if values is None else values
    for i, one in enumerate(series):
        if one.node in missing:
            deviations[BEFORE:, i] = shown[BEFORE:, i] = math.nan
    low, high = np.full(len(series), 8.0), np.full(len(series), 12.0)
    return Episode(ends, shown, deviations, low, high, series, ONSET)


def named(causes, kind):
    return [cause.name for cause in causes if cause.kind == kind]


def service(name, group="latency", metric=""):
    return Series(name, metric or group, group, "service", group != "availability")


def workers(count=4):
    """Series of workers, four groups of two each."""
    groups = ("cpu", "memory", "disk", "object store")
    return [
        Series(f"worker-{i}", f"{group}_{j}", group, "node", higher_is_worse=True)
        for i in range(1, count + 1)
        for group in groups
        for j in (1, 2)
    ]


@given(st.integers(2, 7), st.data())
def test_the_deepest_service_that_deviates_is_to_blame(count, data):
    names = [f"s{i}" for i in range(count)]
    callers = {i: data.draw(st.integers(0, i - 1)) for i in range(1, count)}
    root = data.draw(st.integers(0, count - 1))
    above, at = {root}, root
    while at:
        at = callers[at]
        above.add(at)
    rises = {service(name): 8.0 if i in above else 0.0 for i, name in enumerate(names)}
    graph = CallGraph.from_edges((names[caller], names[i]) for i, caller in callers.items())
    ranked = rank_causes(episode(rises, seed=data.draw(st.integers(0, 99))), graph)
    assert named(ranked, "service")[0] == names[root]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=15), st.integers(0, 99))
def test_a_graph_with_cycles_gives_shares(pairs, seed):
    rng = np.random.default_rng(seed)
    rises = {service(f"s{i}"): 9.0 * rng.random() for i in range(6)}
    graph = CallGraph.from_edges((f"s{a}", f"s{b}") for a, b in pairs)
    shares = [
        cause.share for cause in rank_causes(episode(rises, seed=seed), graph) if cause.kind == "service"
    ]
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert sum(shares) <= 1.0
    assert shares == sorted(shares, reverse=True)


def pushed(symptoms, weights, calls, rounds=3000):
    """The flow of blame, step by step: what each holds goes on until nothing moves."""
    n = len(symptoms)
    explained = np.zeros((n, n))
    for i, j in calls:
        felt = symptoms[i].sum()
        others = np.array([max(np.delete(symptoms[j], k), default=0.0) for k in range(symptoms.shape[1])])
        if felt > 0.0:
            cover = np.maximum(symptoms[j], 0.5 * others)
            explained[i, j] = np.minimum(symptoms[i], cover).sum() / felt * weights[j]
    held, kept = symptoms.sum(axis=1) * weights, np.zeros(n)
    for _ in range(rounds):
        moved = np.zeros(n)
        for i in range(n):
            onward = 0.95 * explained[i].max() if explained[i].any() else 0.0
            kept[i] += held[i] * (1.0 - onward)
            if onward:
                moved += held[i] * onward * explained[i] / explained[i].sum()
        held = moved
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_blame_is_the_end_of_a_flow(seed):
    rng = np.random.default_rng(seed)
    symptoms, weights = rng.random((5, 3)), 0.5 + 0.5 * rng.random(5)
    # The last one calls nobody, all others one another: nobody is uncalled, so that all are felt.
    calls = [(i, j) for i in range(5) for j in range(5) if i != j and rng.random() < 0.6]
    calls = sorted({*calls, *((i, (i + 1) % 5) for i in range(5))})
    figures = Amounts(np.ones((len(calls), 3)), np.ones(len(calls)))
    found = blame_down(symptoms, weights, calls, figures)
    assert found == pytest.approx(pushed(symptoms, weights, calls), rel=1e-6)


def test_services_that_the_graph_does_not_know_and_that_send_nothing_change_nothing():
    rises = {service("shop"): 7.0, service("pay"): 8.0, service("alone"): 0.0}
    graph = CallGraph.from_edges([("shop", "pay")])
    more = CallGraph.from_edges([("shop", "pay"), ("shop", "silent"), ("silent", "gone"), ("gone", "silent")])
    assert rank_causes(episode(rises), graph) == rank_causes(episode(rises), more)


def test_a_small_delay_does_not_explain_a_long_one():
    """The database is as unusual as its caller, but 6 ms slower, not 400."""
    rises = {service("shop"): 7.0, service("pay"): 9.0, service("database"): 9.0}
    values = np.full((BEFORE + SINCE, 3), 0.1)
    values[BEFORE:] += [0.4, 0.4, 0.006]
    graph = CallGraph.from_edges([("shop", "pay"), ("pay", "database")])
    ranked = named(rank_causes(episode(rises, values=values), graph), "service")
    assert ranked[0] == "pay"
    alike = values.copy()
    alike[BEFORE:, 2] = 0.5
    assert named(rank_causes(episode(rises, values=alike), graph), "service")[0] == "database"


def test_requests_that_stay_away_are_no_cause():
    """An outage below sends fewer requests on; what gets fewer is not to blame."""
    fewer = Series("database", "requests", "requests", "service", None)
    rises = {
        service("shop", "errors"): 6.0,
        service("pay", "errors"): 8.0,
        service("database"): 0.0,
        fewer: -8.0,
    }
    graph = CallGraph.from_edges([("shop", "pay"), ("pay", "database")])
    assert named(rank_causes(episode(rises), graph), "service")[0] == "pay"


def test_a_fault_that_nobody_feels_stands_behind_one_that_is_felt():
    rises = {service("shop"): 6.0, service("pay"): 6.0, service("mail"): 0.0, service("smtp"): 9.0}
    graph = CallGraph.from_edges([("shop", "pay"), ("shop", "mail"), ("mail", "smtp")])
    assert named(rank_causes(episode(rises), graph), "service")[:2] == ["pay", "smtp"]


@given(st.integers(0, 3), st.integers(0, 99))
def test_one_node_that_suffers_is_the_cause_and_its_group_the_next(worker, seed):
    node = f"worker-{worker + 1}"
    rises = {one: 7.0 if one.node == node and one.group == "memory" else 0.0 for one in workers()}
    ranked = top_causes(rank_causes(episode(rises, seed=seed)))
    assert [(cause.kind, cause.name) for cause in ranked[:2]] == [("node", node), ("group", "memory")]
    assert all(cause.since == ONSET for cause in ranked[:2])


@given(st.integers(0, 99))
def test_what_all_nodes_show_is_the_groups_fault(seed):
    queries = Series(WHOLE, "log_wall", "queries", "node", higher_is_worse=True)
    rises = {**{one: 7.0 if one.group == "object store" else 0.0 for one in workers()}, queries: 7.0}
    first = top_causes(rank_causes(episode(rises, seed=seed)))[0]
    assert (first.kind, first.name) == ("group", "object store")


@given(st.integers(0, 99))
def test_a_query_class_is_blamed_for_what_other_classes_do_not_show(seed):
    classes = [
        Series(f"class {i}", metric, "queries", "query class", higher_is_worse=True)
        for i in range(4)
        for metric in ("wall", "cpu")
    ]
    rises = {one: 7.0 if one.node == "class 2" else 0.0 for one in classes}
    assert named(rank_causes(episode(rises, seed=seed)), "query class")[0] == "class 2"
    alike = dict.fromkeys(classes, 7.0)
    shares = [cause.share for cause in rank_causes(episode(alike, seed=seed)) if cause.kind == "query class"]
    assert max(shares, default=0.0) < 0.5


def test_one_wild_series_does_not_outweigh_several():
    rises = dict.fromkeys(workers(), 0.0)
    rises[Series("worker-1", "disk_1", "disk", "node", higher_is_worse=True)] = 1e6
    for metric in ("cpu_1", "cpu_2", "memory_1", "memory_2"):
        rises[Series("worker-2", metric, metric.split("_")[0], "node", higher_is_worse=True)] = 6.0
    assert named(rank_causes(episode(rises)), "node")[0] == "worker-2"


def test_who_deviates_first_leads():
    windows = episode({service("early"): 8.0, service("late"): 8.0})
    late = windows.deviations.copy()
    late[BEFORE : BEFORE + 2, 1] = 0.0
    wider = Episode(
        windows.ends, windows.values, late, windows.usual_low, windows.usual_high, windows.series, ONSET
    )
    ranked = rank_causes(wider)
    assert named(ranked, "service") == ["early", "late"]
    assert [cause.since for cause in ranked if cause.kind == "service"] == [ONSET, ONSET + 2 * WINDOW]


def test_what_deviated_before_the_onset_is_not_the_cause():
    windows = episode({service("always"): 8.0, service("new"): 5.0})
    windows.deviations[:BEFORE, 0] += 8.0
    assert named(rank_causes(windows), "service")[0] == "new"


def test_a_lost_worker_is_named():
    ranked = top_causes(rank_causes(episode(dict.fromkeys(workers(), 0.0), missing=("worker-3",))))
    assert (ranked[0].kind, ranked[0].name) == ("node", "worker-3")
    assert math.isnan(ranked[0].now)


@given(st.permutations(range(16)), st.integers(0, 99))
def test_the_order_of_series_does_not_matter(order, seed):
    rng = np.random.default_rng(seed)
    series = workers(2)
    rises = {one: 9.0 * rng.random() * (rng.random() < 0.3) for one in series}
    windows = episode(rises, seed=seed)
    other = Episode(
        windows.ends,
        windows.values[:, order],
        windows.deviations[:, order],
        windows.usual_low[list(order)],
        windows.usual_high[list(order)],
        tuple(series[i] for i in order),
        ONSET,
    )
    causes, again = rank_causes(windows), rank_causes(other)
    assert [(cause.kind, cause.name, cause.share) for cause in causes] == [
        (cause.kind, cause.name, pytest.approx(cause.share)) for cause in again
    ]


def test_equal_causes_stand_by_their_names():
    rises = {service(name): 0.0 for name in ("c", "a", "b")}
    windows = episode(rises, noise=0.0)
    windows.deviations[BEFORE:] = 6.0
    assert named(rank_causes(windows), "service") == ["a", "b", "c"]


@pytest.mark.parametrize("windows", [0, 1])
@pytest.mark.parametrize("series", [0, 3])
def test_episodes_without_windows_or_series_have_no_causes(windows, series):
    some = tuple(workers()[:series])
    nothing = np.full((windows, series), math.nan)
    edges = np.full(series, math.nan)
    empty = Episode(WINDOW * np.arange(1.0, windows + 1.0), nothing, nothing, edges, edges, some, math.nan)
    assert rank_causes(empty) == ()
    assert rank_causes(empty, CallGraph.from_edges([("worker-1", "worker-2")])) == ()


@given(st.floats(-7200.0, 7200.0))
def test_changes_within_an_hour_before_are_named(gap):
    assume(abs(gap + WINDOW) > 1e-6)
    changes = (Change(ONSET - gap, "deployment", "worker image", (), "475"),)
    found = named(rank_causes(episode(dict.fromkeys(workers(), 0.0)), None, changes), "change")
    assert found == (["deployment of worker image 475"] if -WINDOW <= gap <= 3600.0 else [])


def test_a_change_where_the_fault_is_stands_before_one_elsewhere():
    rises = {one: 8.0 if one.node == "worker-2" else 0.0 for one in workers()}
    changes = (
        Change(ONSET - 60.0, "configuration", "heap", ("worker-1",)),
        Change(ONSET - 300.0, "configuration", "heap", ("worker-2",)),
        Change(ONSET - 90_000.0, "configuration", "heap", ("worker-2",)),
    )
    ranked = rank_causes(episode(rises), None, changes)
    assert named(ranked, "change") == [
        "configuration of heap on worker-2",
        "configuration of heap on worker-1",
    ]
    assert top_causes(ranked)[0].kind == "node"
