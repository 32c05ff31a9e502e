"""The simulated platform: reproducible, incidents exactly where the truth says, and events that come to what the matrix says."""

import json
from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.platform_simulator import (
    CLASSES,
    INCIDENT_NAMES,
    LOADS,
    Incident,
    SimulatedChange,
    SimulatedPlatform,
    blocks,
    draw_changes,
    draw_incidents,
    simulate,
    truth_of,
)
from producers.platform_simulator.schedule import parse_incidents
from producers.platform_simulator.source import SimulatedPlatformSource, with_truth
from producers.platform_simulator.sql import filled, text_of
from stream_app.core.platform.metric_groups import MetricRules
from stream_app.core.platform.series import Series
from stream_app.errors import DataError, SettingsError, SourceError
from stream_app.events import MetricSample, PlatformDecoder, QueryCompletion
from stream_app.events.sql import query_class

PLATFORM = SimulatedPlatform(workers=3)
HOUR, DAY = 3600.0, 86_400.0
# In office hours of the first Monday.
BEGIN, LENGTH = 10.0 * HOUR, 2.0 * HOUR
MONDAY = simulate(PLATFORM, 1.0, seed=5)


def column(block, node, metric):
    (i,) = [i for i, one in enumerate(block.series) if (one.node, one.metric) == (node, metric)]
    return block.values[:, i]


def incident(name, **changed):
    return Incident(name, **{"start": BEGIN, "duration": LENGTH, "worker": 2} | changed)


def ratio(name, node, metric, *, rows=slice(600, 720)):
    """Mean of a series while an incident is there, over what it is without it."""
    sick = simulate(PLATFORM, 0.5, 5, [incident(name)])
    return np.nanmean(column(sick, node, metric)[rows]) / np.nanmean(column(MONDAY, node, metric)[rows])


def test_same_seed_same_numbers_and_another_seed_others():
    again, other = simulate(PLATFORM, 0.1, 5), simulate(PLATFORM, 0.1, 6)
    np.testing.assert_array_equal(again.values, MONDAY.values[:144])
    assert not np.array_equal(again.values, other.values, equal_nan=True)


@settings(max_examples=12)
@given(
    block=st.integers(1, 250),
    names=st.lists(st.sampled_from(INCIDENT_NAMES), max_size=3),
    start=st.integers(0, 300).map(lambda window: 60.0 * window),
)
def test_blocks_of_any_size_give_the_same_numbers(block, names, start):
    sick = [Incident(name, start, 1800.0) for name in names]
    whole = next(blocks(PLATFORM, 3, sick, windows=250, block=250))
    parts = list(blocks(PLATFORM, 3, sick, windows=250, block=block))
    assert max(len(part) for part in parts) == block
    for field in ("ends", "values", "incident", "lost"):
        np.testing.assert_array_equal(
            np.concatenate([getattr(part, field) for part in parts]), getattr(whole, field)
        )


def test_a_longer_simulation_begins_as_a_shorter_one_does():
    longer = list(blocks(PLATFORM, 5, windows=1500, block=1440))
    assert [len(block) for block in longer] == [1440, 60]
    np.testing.assert_array_equal(longer[0].values, MONDAY.values)
    np.testing.assert_allclose(np.diff(np.concatenate([block.ends for block in longer])), 60.0)
    assert longer[0].ends[0] == PLATFORM.start + 60.0


@pytest.mark.parametrize("name", INCIDENT_NAMES)
def test_an_incident_touches_its_own_windows_and_no_others(name):
    sick = simulate(PLATFORM, 1.0, 5, [incident(name)])
    present = sick.incident == 0
    assert np.flatnonzero(present).tolist() == list(range(600, 720))
    np.testing.assert_array_equal(sick.values[~present], MONDAY.values[~present])
    assert (sick.values[present] != MONDAY.values[present]).any(axis=1).all()


@pytest.mark.parametrize("name", INCIDENT_NAMES)
def test_what_is_of_no_size_changes_nothing(name):
    none = simulate(PLATFORM, 0.5, 5, [incident(name, severity=0.0)])
    np.testing.assert_array_equal(none.values, MONDAY.values[:720])


def test_a_slow_store_makes_requests_and_scanning_queries_slow():
    assert 3.5 < ratio("slow_s3", "worker-1", "trino_s3_request_duration_seconds") < 4.5
    assert ratio("slow_s3", "coordinator", "trino_query_running_queries") > 1.5
    late = {name: ratio("slow_s3", name, "log_wall") for name in ("dashboard", "ingest", "report_join")}
    assert late["dashboard"] > 1.5
    assert late["ingest"] > 1.3 > late["report_join"] > 1.0
    assert ratio("slow_s3", "worker-1", 'node_cpu_seconds_total{mode="user"}') == pytest.approx(1.0)


def test_a_store_that_refuses_is_asked_again():
    refused = column(
        simulate(PLATFORM, 0.5, 5, [incident("throttling")]), "worker-1", "trino_s3_throttled_requests_total"
    )
    assert refused[600:].min() > 0.4 > 10.0 * refused[:600].max()
    assert 1.1 < ratio("throttling", "worker-1", "trino_s3_request_duration_seconds_count") < 1.3
    assert ratio("throttling", "ingest", "log_wall") > 1.1
    assert ratio("throttling", "worker-1", "trino_s3_request_duration_seconds") == pytest.approx(1.0)


def test_a_lost_worker_shows_nothing_and_the_others_do_its_work():
    sick = simulate(PLATFORM, 0.5, 5, [incident("worker_lost")])
    shown = np.isfinite(column(sick, "worker-2", "node_load1"))
    assert not shown[600:].any()
    assert shown[:600].all()
    assert 1.3 < ratio("worker_lost", "worker-1", 'node_cpu_seconds_total{mode="user"}') < 1.6
    assert (column(sick, "coordinator", "trino_node_active_workers")[600:] == 2.0).all()
    failed = sick.queries.failed.sum(axis=1) / sick.queries.number.sum(axis=1)
    assert failed[600] > 0.3
    assert failed[601:].mean() < 0.05


def test_memory_pressure_is_of_its_worker():
    for metric, low, high in (
        ("node_memory_MemAvailable_bytes", 0.0, 0.5),
        ("node_vmstat_pgmajfault", 20.0, 200.0),
        ('node_disk_written_bytes_total{device="nvme0n1"}', 3.0, 50.0),
        ('jvm_gc_collection_seconds{gc="G1 Young Generation"}', 1.5, 20.0),
    ):
        assert low < ratio("memory_pressure", "worker-2", metric) < high
        assert ratio("memory_pressure", "worker-1", metric) == pytest.approx(1.0)


def test_a_skewed_join_has_one_slow_class_and_one_busy_worker():
    sick = simulate(PLATFORM, 0.5, 5, [incident("skewed_join")])
    slower = {
        one.name: np.nanmean(
            column(sick, one.name, "log_wall")[600:] - column(MONDAY, one.name, "log_wall")[600:720]
        )
        for one in PLATFORM.query_classes
        if one.when != "nightly"
    }
    assert max(slower, key=slower.__getitem__) == "report_join"
    assert slower["report_join"] > 1.0
    busy = [ratio("skewed_join", f"worker-{i}", 'node_cpu_seconds_total{mode="user"}') for i in (1, 2, 3)]
    assert busy[1] > 1.3 > max(busy[0], busy[2])


def test_a_noisy_neighbour_takes_processors_of_its_host():
    assert ratio("noisy_neighbour", "worker-2", 'node_cpu_seconds_total{mode="steal"}') > 50
    assert ratio("noisy_neighbour", "worker-1", 'node_cpu_seconds_total{mode="steal"}') == pytest.approx(1.0)
    assert ratio("noisy_neighbour", "rollup", "log_wall") > 1.05


def test_a_stalled_metastore_makes_planning_slow():
    assert ratio("metadata_stall", "coordinator", "trino_metastore_request_seconds") == pytest.approx(
        9.0, rel=0.1
    )
    assert ratio("metadata_stall", "coordinator", "trino_query_planning_seconds") > 5.0
    assert ratio("metadata_stall", "worker-1", "node_load1") == pytest.approx(1.0)


def test_a_leak_grows_up_to_its_end():
    leak = simulate(PLATFORM, 0.5, 5, [incident("slow_leak")])
    heap = column(leak, "worker-2", 'jvm_memory_used_bytes{area="heap"}')[600:]
    extra = heap - column(MONDAY, "worker-2", 'jvm_memory_used_bytes{area="heap"}')[600:720]
    hours = extra.reshape(8, 15).mean(axis=1)
    assert (np.diff(hours) > 0.0).all()
    assert hours[0] < 0.1 * hours[-1]


def test_a_ramp_grows_linearly_and_severity_scales():
    def late(**changed):
        sick = simulate(PLATFORM, 0.5, 5, [incident("slow_s3", **changed)])
        name = ("worker-1", "trino_s3_request_duration_seconds")
        return column(sick, *name)[600:720] / column(MONDAY, *name)[600:720] - 1.0

    np.testing.assert_allclose(late(severity=2.0), 6.0)
    np.testing.assert_allclose(late(ramp=LENGTH), 3.0 * (np.arange(120) + 0.5) / 120.0)


def test_truth_names_when_and_where():
    told = truth_of(incident("skewed_join", ramp=60.0), PLATFORM, shift=5.0)
    assert (told.start, told.end) == (PLATFORM.start + BEGIN + 5.0, PLATFORM.start + BEGIN + LENGTH + 5.0)
    assert (told.nodes, told.classes, told.ramp) == (("worker-2",), ("report_join",), 60.0)
    assert truth_of(incident("slow_s3"), PLATFORM).nodes == ()
    assert "dashboard" in truth_of(incident("slow_s3"), PLATFORM).classes
    assert told.queries[0].startswith("WITH paid AS")
    groups = {one.group for one in MONDAY.series}
    assert all(set(truth_of(incident(name), PLATFORM).groups) <= groups for name in INCIDENT_NAMES)


def test_queries_that_run_follow_littles_law():
    week = simulate(SimulatedPlatform(), 7.0, seed=9)
    running = column(week, "coordinator", "trino_query_running_queries")
    spread = np.array([one.spread for one in SimulatedPlatform().query_classes])
    wall = np.exp(np.nan_to_num(week.queries.log_wall) + 0.5 * np.square(spread))
    arrived = (week.queries.number * wall).sum() / (7.0 * DAY)
    assert running.mean() == pytest.approx(arrived, rel=0.06)


def test_a_healthy_platform_is_not_saturated():
    for load in LOADS:
        block = simulate(SimulatedPlatform(load=load), 2.0, seed=2)
        busy = column(block, "worker-1", 'node_cpu_seconds_total{mode="user"}')
        assert np.quantile(busy, 0.999) < 14.0
        assert np.nanmax(column(block, "dashboard", "queued")) < 30.0


def test_people_work_by_day_and_timers_by_night():
    week = simulate(SimulatedPlatform(), 7.0, seed=4)
    people = column(week, "dashboard", "count").reshape(7, 24, 60).mean(axis=2)
    assert people[:5, 15].min() > 3.0 * people[:5, 4].max()
    assert people[5:, 15].max() < 0.6 * people[:5, 15].min()
    nightly = column(week, "nightly_load", "count").reshape(7, 24, 60).sum(axis=2)
    assert (nightly[:, 2] > 500).all()
    assert not nightly[:, :2].any()
    assert not nightly[:, 4:].any()
    # It takes longer on some days than on others.
    assert nightly[:, 3].std() > 20.0


def test_noise_wanders_and_has_heavy_tails():
    free = np.log(
        column(
            simulate(PLATFORM, 8.0, seed=1), "coordinator", 'node_filesystem_avail_bytes{mountpoint="/data"}'
        )
    )
    z = (free - free.mean()) / free.std()
    assert 0.35 < np.corrcoef(z[1:], z[:-1])[0, 1] < 0.65
    assert np.mean(z**4) > 3.4


def test_a_deployment_moves_levels_for_good_and_is_no_incident():
    change = SimulatedChange(BEGIN, "deployment", "worker image", "476", (("heap", 1.1), ("cpu", 0.9)))
    moved = simulate(PLATFORM, 0.5, 5, changes=[change])
    name = ("worker-1", 'node_cpu_seconds_total{mode="user"}')
    np.testing.assert_array_equal(moved.values[:600], MONDAY.values[:600])
    assert np.mean(column(moved, *name)[600:] / column(MONDAY, *name)[600:720]) == pytest.approx(
        0.91, abs=0.01
    )
    assert (moved.incident == -1).all()


def test_changes_are_drawn_in_working_hours():
    changes = draw_changes(200 * DAY, seed=3, start=PLATFORM.start)
    hours = [(PLATFORM.start + one.start) % DAY / HOUR for one in changes]
    assert 26 <= len(changes) <= 29
    assert min(hours) >= 9.0
    assert max(hours) <= 16.0
    assert {one.kind for one in changes} == {"deployment", "configuration"}


@settings(max_examples=25)
@given(count=st.integers(0, 40), seed=st.integers(0, 10**6), days=st.integers(10, 60))
def test_drawn_incidents_lie_apart_and_after_the_clear_part(count, seed, days):
    drawn = draw_incidents(count, days * DAY, seed, workers=4)
    assert len(drawn) == count
    assert all(a.end < b.start for a, b in pairwise(drawn))
    assert all(one.start >= 0.1 * days * DAY and one.end <= days * DAY for one in drawn)
    assert all(one.start % 60.0 == 0.0 == one.duration % 60.0 and 1 <= one.worker <= 4 for one in drawn)


@settings(max_examples=10)
@given(
    workers=st.integers(1, 5),
    classes=st.integers(6, 12),
    load=st.sampled_from(LOADS),
    seed=st.integers(0, 10**6),
    names=st.lists(st.sampled_from(INCIDENT_NAMES), max_size=3),
    severity=st.floats(0.0, 3.0),
)
def test_all_numbers_make_sense_whatever_the_platform(workers, classes, load, seed, names, severity):
    platform = SimulatedPlatform(workers=workers, classes=classes, load=load)
    sick = [Incident(name, 3600.0, 7200.0, severity) for name in names]
    block = next(blocks(platform, seed, sick, windows=240))
    of_nodes = np.array([one.of == "node" for one in block.series])
    values = block.values[:, of_nodes]
    assert (values[np.isfinite(values)] >= 0.0).all()
    assert not np.isinf(block.values).any()
    missing = np.isnan(column(block, "worker-1", "node_load1"))
    assert missing.any() == ("worker_lost" in names and severity > 0.0)
    assert (block.queries.failed <= block.queries.number).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("3", "give --days"),
        ("fire@1..2", "NAME one of slow_s3"),
        ("slow_s3@2h..1h", "duration must be"),
        ("worker_lost/9@1h..2h", "3 workers"),
        ("slow_s3@soon..2h", "soon"),
    ],
)
def test_a_schedule_that_cannot_be_read_says_why(text, told):
    with pytest.raises(SettingsError, match=told):
        parse_incidents(text, PLATFORM, seed=0, days=None)


def test_a_schedule_is_read_as_it_is_written():
    one, two = parse_incidents(
        "slow_s3*1.5@6h..7h~5m; slow_leak/worker-2@0..3600", PLATFORM, seed=0, days=None
    )
    assert one == Incident("slow_s3", 6 * HOUR, HOUR, 1.5, 300.0)
    assert two == Incident("slow_leak", 0.0, HOUR, worker=2)
    assert len(parse_incidents("5", PLATFORM, seed=0, days=3.0)) == 5
    with pytest.raises(SettingsError, match="more --days"):
        parse_incidents("5000", PLATFORM, seed=0, days=1.0)


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(DataError, match="there are office"):
        SimulatedPlatform(load="none")
    with pytest.raises(DataError, match="classes"):
        SimulatedPlatform(classes=5)
    with pytest.raises(DataError, match="worker-7"):
        next(blocks(PLATFORM, 0, [Incident("worker_lost", 0.0, 60.0, worker=7)]))
    with pytest.raises(DataError, match="severity"):
        Incident("slow_s3", 0.0, 60.0, severity=-1.0)


# Events.

LOST = Incident("worker_lost", start=900.0, duration=600.0, worker=2)
LEAK = Incident("slow_leak", start=0.0, duration=1200.0, worker=1)
ROLLED = SimulatedChange(600.0, "deployment", "worker image", "476", (("cpu", 1.05),))
SOURCE = SimulatedPlatformSource(PLATFORM, 5, (LOST, LEAK), (ROLLED,), days=1.0 / 24.0)


@pytest.fixture(scope="module")
def told():
    """All records of an hour."""
    return [json.loads(raw) for batch in SOURCE.batches() for raw in batch.encode()]


@pytest.fixture(scope="module")
def scrapes(told):
    """Samples of each series, [(ts, value), ...]."""
    samples = defaultdict(list)
    for record in told:
        for one in record.get("samples", ()):
            labels = dict(one["labels"])
            node = labels.pop("instance").split(":")[0]
            labels.pop("job")
            inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
            series = f"{one['name']}{{{inside}}}" if inside else one["name"]
            samples[node, series].append((record["ts"], one["value"]))
    return samples


def is_counter(series):
    name = series.split("{")[0]
    return name.endswith(("_total", "_sum", "_count")) or name in (
        "node_vmstat_pgmajfault",
        "node_netstat_Tcp_RetransSegs",
    )


def rate(samples, begin, end):
    """What a counter rose by, by samples in [begin, end), over the time that it took."""
    rise = span = 0.0
    for (t0, v0), (t1, v1) in pairwise(samples):
        if begin <= t1 < end:
            rise += v1 - v0 if v1 >= v0 else v1
            span += t1 - t0
    return rise / span


def test_scrapes_come_to_what_the_matrix_says(scrapes):
    matrix = simulate(PLATFORM, 1.0 / 24.0, 5, SOURCE.incidents, SOURCE.changes)
    checked = 0
    for i, one in enumerate(matrix.series):
        if one.of != "node":
            continue
        for k in (7, 30, 55):
            begin, end = matrix.ends[k] - 60.0, matrix.ends[k]
            mean_of = scrapes.get((one.node, one.metric.replace("_seconds", "_seconds_sum", 1)))
            if (one.node, one.metric) not in scrapes:
                count_of = scrapes[one.node, one.metric.replace("_seconds", "_seconds_count", 1)]
                count = rate(count_of, begin, end)
                found = rate(mean_of, begin, end) / count if count else np.nan
            elif is_counter(one.metric):
                found = rate(scrapes[one.node, one.metric], begin, end)
            else:
                found = np.mean([v for t, v in scrapes[one.node, one.metric] if begin <= t < end])
            assert found == pytest.approx(matrix.values[k, i], rel=1e-6, nan_ok=True)
            checked += 1
    assert checked == 3 * sum(one.of == "node" for one in matrix.series)


def test_completions_come_to_what_the_matrix_says(told):
    matrix = simulate(PLATFORM, 1.0 / 24.0, 5, SOURCE.incidents, SOURCE.changes)
    queries = [record for record in told if "statistics" in record]
    assert len(queries) == matrix.queries.number.sum()
    failed = [one for one in queries if one["metadata"]["queryState"] == "FAILED"]
    assert len(failed) == matrix.queries.failed.sum()
    assert all("errorCode" in one["failureInfo"] for one in failed)
    lookups = [one for one in queries if "credit FROM sales.customers" in one["metadata"]["query"]]
    k = [one.name for one in PLATFORM.query_classes].index("point_lookup")
    number = matrix.queries.number[:, k]
    expected = np.nansum(number * matrix.queries.log_wall[:, k]) / number.sum()
    walls = [np.log(one["statistics"]["wallTime"]) for one in lookups]
    assert np.mean(walls) == pytest.approx(expected, abs=0.005)


def test_the_parts_of_a_query_add_up(told):
    for record in told:
        if "statistics" in record:
            parts = record["statistics"]
            total = parts["queuedTime"] + parts["planningTime"] + parts["executionTime"]
            assert total == pytest.approx(parts["wallTime"], abs=0.003)
            assert record["createTime"] <= record["executionStartTime"] <= record["endTime"]


def test_texts_of_a_class_differ_in_their_literals_alone(told):
    lookups = {
        record["metadata"]["query"] for record in told if "credit FROM" in str(record.get("metadata", ""))
    }
    assert len(lookups) > 20
    assert len({"".join(c for c in text if not c.isdigit()) for text in lookups}) == 1


def test_counters_rise_but_where_a_process_or_a_machine_begins_anew(scrapes):
    fell = defaultdict(set)
    for (node, series), samples in scrapes.items():
        for (_, v0), (t1, v1) in pairwise(samples):
            if is_counter(series) and v1 < v0:
                fell[node, series.startswith("node_")].add(round(t1 - PLATFORM.start, -2))
    # Worker 1: the deployment at 600 s and two minutes, the end of the leak at 1200 s.
    assert len(fell["worker-1", False]) == 2
    assert ("worker-1", True) not in fell
    # Worker 2: the deployment, and another machine from 1500 s on.
    assert len(fell["worker-2", False]) == 2
    assert len(fell["worker-2", True]) == 1
    assert ("coordinator", False) not in fell


def test_a_lost_worker_is_not_scraped(scrapes):
    times = np.array([t for t, _ in scrapes["worker-2", "node_load1"]]) - PLATFORM.start
    assert not ((times >= 900.0) & (times < 1500.0)).any()
    assert len(times) == 200
    assert len(scrapes["worker-3", "node_load1"]) == 240


def test_a_change_is_told_once(told):
    (change,) = [record for record in told if "change" in record]
    assert change["ts"] == PLATFORM.start + 600.0
    assert (change["change"]["version"], len(change["change"]["nodes"])) == ("476", 3)


def test_records_come_in_order_and_the_same_ones_each_time():
    first, again = ([b.encode() for b in SOURCE.batches()] for _ in range(2))
    assert first == again
    times = np.concatenate([batch.ts for batch in SOURCE.batches()])
    assert (np.diff(times) >= 0.0).all()


def test_shifted_records_are_later_in_all_that_they_say():
    batch = next(SOURCE.batches())
    rows = np.arange(20, 60)
    moved = batch.shifted(3600.0).take(rows)
    np.testing.assert_allclose(moved.ts, batch.ts[rows] + 3600.0)
    for raw, before in zip(moved.encode(), batch.take(rows).encode(), strict=True):
        now, then = json.loads(raw), json.loads(before)
        if "samples" in now:
            assert now["ts"] == pytest.approx(then["ts"] + 3600.0)
            assert now["samples"] == then["samples"]
        else:
            assert now["createTime"] > then["createTime"]
            assert now["statistics"] == then["statistics"]


def test_the_truth_is_written_with_the_times_that_are_sent(tmp_path):
    path = tmp_path / "truth.jsonl"
    batches = [batch.shifted(60.0) for batch in SOURCE.batches()]
    assert list(with_truth(SOURCE, path)(iter(batches))) == batches
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["worker_lost", "slow_leak"]
    assert lines[0]["start"] == PLATFORM.start + 960.0
    with pytest.raises(SourceError, match="--truth"):
        list(with_truth(SOURCE, tmp_path)(iter(batches)))


def test_the_monitor_understands_the_events_as_the_matrix_has_them():
    raws = [raw for batch in SOURCE.batches() for raw in batch.encode()]
    rows = [row for decoded in PlatformDecoder("p").decode(raws) for row in decoded]
    rules = MetricRules()
    series = {
        rules.read(*key).series for key in {(r.name, r.labels) for r in rows if isinstance(r, MetricSample)}
    }
    columns = {Series(*one) for one in MONDAY.series if one.of == "node"}
    assert series == columns
    classes = {row.query_class for row in rows if isinstance(row, QueryCompletion)}
    shown = simulate(PLATFORM, 1.0 / 24.0, 5).queries.number.sum(axis=0)
    assert len(classes) == np.count_nonzero(shown)


def test_every_class_of_queries_has_one_shape():
    rng = np.random.default_rng(1)
    shapes = {
        one.name: {query_class(filled(text_of(one.name).template, 1.7e9, rng.random(4))) for _ in range(30)}
        for one in CLASSES
    }
    assert all(len(found) == 1 for found in shapes.values())
    assert len(set.union(*shapes.values())) == len(CLASSES)
