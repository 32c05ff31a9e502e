"""The call graph: its forms agree, cycles end, and what is malformed is said."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.platform.graph import CallGraph, call_of
from stream_app.errors import DataError

SERVICES = [f"s{i}" for i in range(6)]
edges = st.sets(st.tuples(st.sampled_from(SERVICES), st.sampled_from(SERVICES)))


def as_matrix(pairs):
    """A file with a row of each caller."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["", *SERVICES])
    for caller in SERVICES:
        writer.writerow([caller, *(int((caller, callee) in pairs) for callee in SERVICES)])
    return file.getvalue().splitlines()


def passing(graph, caller, callee, kept, seen=()):
    """Whether a path leads from one to the other through services that are not kept."""
    return any(
        one == callee
        or (one not in kept and one not in seen and passing(graph, one, callee, kept, (*seen, one)))
        for one in graph.callees(caller)
    )


@given(edges)
def test_all_forms_of_a_graph_are_one(pairs):
    graph = CallGraph.from_edges(pairs)
    table = {caller: [callee for one, callee in pairs if one == caller] for caller in SERVICES}
    assert CallGraph.from_csv(as_matrix(pairs)) == graph
    assert (
        CallGraph.from_csv(["caller,callee", *(f"{caller}, {callee}" for caller, callee in pairs)]) == graph
    )
    assert CallGraph.from_depends_on(table) == graph
    assert all(caller != callee for caller, callee in graph.calls)


@given(edges, st.sets(st.sampled_from(SERVICES)))
def test_calls_through_services_that_are_not_asked_about_are_kept(pairs, kept):
    graph = CallGraph.from_edges(pairs)
    expected = {(a, b) for a in kept for b in kept if a != b and passing(graph, a, b, kept)}
    assert graph.among(kept).calls == expected


def test_service_graph_metrics_are_told_from_others():
    metrics = [
        ("traces_service_graph_request_total", {"client": "shop", "server": "pay"}),
        ("traces_service_graph_request_total", {"client": "", "server": "user"}),
        ("traces_service_graph_request_failed_total", {"client": "shop", "server": "failed"}),
    ]
    assert [call_of(name, labels.items()) for name, labels in metrics] == [("shop", "pay"), None, None]


def test_empty_lines_are_no_calls():
    assert CallGraph.from_csv([",a,b", "", "a,0,1"]).callees("a") == ("b",)
    assert CallGraph.from_csv(["from,to", "", "a,b"]).callees("a") == ("b",)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no columns"),
        (["caller"], "no columns"),
        ([",a,b", "a,0"], "line 2 .* 2 cells under a head of 3"),
        ([",a,b", "a,0,yes"], "line 2 .*'yes' under 'b'"),
        (["caller,callee", "a"], "line 2 .* no caller and callee"),
        (["caller,callee", "a, "], "line 2 .* no caller and callee"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(lines, said):
    with pytest.raises(DataError, match=said):
        CallGraph.from_csv(lines)
