"""An incident in words: the figures with their units, when, where, what came before; never a NaN."""

import math
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stream_app.core.platform.causes import rank_causes
from stream_app.core.platform.explanation import explain
from stream_app.core.platform.figures import figure, figures
from stream_app.core.platform.graph import CallGraph
from stream_app.core.platform.series import WHOLE, Change, Episode, Series

WINDOW = 60.0
BEFORE, SINCE = 8, 4
BEGIN = 1_770_000_000.0 - 1_770_000_000.0 % 3600.0
ONSET = BEGIN + BEFORE * WINDOW


def episode(told):
    """An episode of series with a value before, a value since and a mean normal score since."""
    series = tuple(told)
    values, deviations = np.zeros((BEFORE + SINCE, len(series))), np.zeros((BEFORE + SINCE, len(series)))
    for i, (before, now, score) in enumerate(told.values()):
        values[:BEFORE, i], values[BEFORE:, i], deviations[BEFORE:, i] = before, now, score
    first = np.array([before for before, _, _ in told.values()])
    ends = BEGIN + WINDOW * np.arange(1.0, BEFORE + SINCE + 1.0)
    return Episode(ends, values, deviations, 0.9 * first, 1.1 * first, series, ONSET)


def node(name, metric, group):
    return Series(name, metric, group, "node", higher_is_worse=True)


def test_a_slow_store_is_told_with_its_figures_on_all_workers():
    told = {
        node(f"worker-{i}", "s3_request_duration_seconds", "object store"): (0.012, 0.18, 8.0)
        for i in range(8)
    }
    told |= {node(f"worker-{i}", "node_load1", "cpu"): (2.0, 2.0, 0.0) for i in range(8)}
    windows = episode(told)
    changes = [Change(ONSET - 180.0, "deployment", "worker image", (), "475")]
    said = explain(rank_causes(windows, None, changes), windows)
    assert said == (
        "In object store, s3_request_duration_seconds rose from 12 ms to 180 ms on all 8 nodes at 02:08"
        " (usually 10.8 ms to 13.2 ms). A deployment of worker image 475 came 3 minutes before, at 02:05."
    )


def test_a_slow_query_class_is_told_by_its_pattern_in_seconds():
    told = {
        Series(f"c{i}", "log_wall", "queries", "query class", higher_is_worse=True): (0.3, 0.3, 0.0)
        for i in range(3)
    }
    slow = Series("f3a9", "log_wall", "queries", "query class", higher_is_worse=True)
    windows = episode({**told, slow: (math.log(1.3), math.log(9.1), 8.0)})
    said = explain(rank_causes(windows), windows, patterns={"f3a9": "select * from orders where day = ?"})
    assert said.startswith(
        "Queries of class `select * from orders where day = ?`: wall time rose from 1.3 s to 9.1 s at "
    )


def test_a_service_is_told_with_the_callers_that_follow_it():
    graph = CallGraph.from_edges([("shop", "pay"), ("app", "pay"), ("pay", "bank")])
    told = {
        Series(name, "latency", "latency", "service", higher_is_worse=True): (0.1, now, score)
        for name, now, score in (("shop", 0.3, 6.0), ("app", 0.1, 0.0), ("pay", 0.4, 8.0), ("bank", 0.1, 0.0))
    }
    windows = episode(told)
    said = explain(rank_causes(windows, graph), windows, graph=graph)
    assert said.startswith("At pay, latency rose from 0.1 to 0.4 at ")
    assert "it is called by shop, which deviates, too." in said


def test_times_are_those_of_the_zone():
    windows = episode({node("worker-1", "node_load1", "cpu"): (1.0, 9.0, 8.0)})
    causes = rank_causes(windows)
    utc, tokyo = explain(causes, windows), explain(causes, windows, zone=ZoneInfo("Asia/Tokyo"))
    minutes = [int(said.split(" at ")[1][:2]) for said in (utc, tokyo)]
    assert (minutes[1] - minutes[0]) % 24 == 9


def test_a_silent_worker_and_an_incident_without_a_cause_are_told():
    told = {
        node(f"worker-{i}", "node_load1", "cpu"): (1.0, math.nan if i == 2 else 1.0, 0.0) for i in range(4)
    }
    windows = episode(told)
    assert explain(rank_causes(windows), windows).startswith("On worker-2, node_load1 has had no value since")
    assert explain((), windows) == "No metric deviates clearly enough to be blamed."


figures_or_none = st.floats(allow_nan=True, allow_infinity=False, width=32)


@given(
    hnp.arrays(np.float64, (6, 8), elements=figures_or_none),
    hnp.arrays(np.float64, (6, 8), elements=st.floats(-9, 9)),
)
def test_no_episode_is_told_with_a_nan(values, deviations):
    kinds = ("node", "node", "node", "node", "query class", "query class", "service", "service")
    series = tuple(
        Series(WHOLE if i == 3 else f"n{i}", metric, "other", kind)
        for i, (kind, metric) in enumerate(
            zip(kinds, ("a_seconds", "b_bytes", "c_ratio", "log_wall") * 2, strict=True)
        )
    )
    deviations[np.isnan(values)] = math.nan
    windows = Episode(np.arange(6.0) * 60.0, values, deviations, values[0], values[1], series, 120.0)
    graph = CallGraph.from_edges([("n6", "n7")])
    said = explain(rank_causes(windows, graph), windows, graph=graph)
    assert said.endswith(".")
    assert "nan" not in said.lower().split()
    assert "inf" not in said.lower().split()


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("node_memory_MemAvailable_bytes", 7.25e9, "7.25 GB"),
        ('node_disk_read_bytes_total{device="sda"}', 1500.0, "1.5 kB/s"),
        ("node_cpu_seconds_total", 0.93, "0.93 s/s"),
        ("s3_requests_total", 35.0, "35/s"),
        ("heap_used_ratio", 0.375, "37.5 %"),
        ("node_load1", 12_345.6, "12,300"),
        ("node_load1", 0.0, "0"),
        ("request_seconds", 0.0, "0 s"),
        ("request_seconds", 0.99999, "1,000 ms"),
        ("log_wall", 1e9, figure("request_seconds", math.exp(700.0))),
    ],
)
def test_figures_have_the_unit_of_the_metric(metric, value, text):
    assert figure(metric, value) == text


@given(
    st.sampled_from(["a_seconds", "b_bytes", "b_bytes_total", "log_wall", "load"]),
    st.lists(st.floats(), min_size=1),
)
def test_figures_of_any_values_have_one_unit(metric, values):
    said = figures(metric, tuple(values))
    assert len({text.partition(" ")[2] for text in said if text != "none"}) <= 1
    assert all(
        (text == "none") == (not math.isfinite(value)) for text, value in zip(said, values, strict=True)
    )
