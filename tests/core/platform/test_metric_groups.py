"""Metrics understood by their names: where they belong, what they are about, which direction is bad, and what is left out."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.platform import WHOLE
from stream_app.core.platform.metric_groups import MetricMeaning, MetricRules, Unwatched
from stream_app.core.platform.series import Group

rules = MetricRules()


def read(name, rules=rules, **labels):
    return rules.read(name, tuple(sorted(labels.items())))


@pytest.mark.parametrize(
    ("name", "labels", "group", "worse", "form"),
    [
        ("node_cpu_seconds_total", {"mode": "idle", "cpu": "0"}, "cpu", False, "counter"),
        ("node_cpu_seconds_total", {"mode": "iowait"}, "cpu", True, "counter"),
        ("node_cpu_seconds_total", {"mode": "user"}, "cpu", None, "counter"),
        ("node_load1", {}, "cpu", True, "gauge"),
        ("node_memory_MemAvailable_bytes", {}, "memory", False, "gauge"),
        ("node_vmstat_pgmajfault", {}, "memory", True, "counter"),
        ("node_disk_io_time_seconds_total", {"device": "sda"}, "disk", True, "counter"),
        ("node_filesystem_avail_bytes", {"fstype": "ext4"}, "disk", False, "gauge"),
        ("node_network_receive_bytes_total", {"device": "eth0"}, "network", None, "counter"),
        ("node_netstat_Tcp_RetransSegs", {}, "network", True, "counter"),
        ("node_netstat_Tcp_CurrEstab", {}, "network", None, "gauge"),
        ("jvm_memory_used_bytes", {"area": "heap"}, "jvm", True, "gauge"),
        ("jvm_gc_collection_seconds_sum", {"gc": "G1"}, "jvm", True, "sum"),
        ("jvm_gc_collection_seconds_count", {"gc": "G1"}, "jvm", None, "counter"),
        ("jvm_gc_pause_seconds_sum", {}, "jvm", True, "sum"),
        ("java_lang_G1_Young_Generation_CollectionTime", {}, "jvm", True, "counter"),
        ("trino_execution_name_QueryManager_QueuedQueries", {}, "queries", True, "gauge"),
        ("trino_execution_name_QueryManager_FailedQueries_TotalCount", {}, "queries", True, "counter"),
        ("trino_memory_ClusterMemoryPool_FreeDistributedBytes", {}, "memory", False, "gauge"),
        ("trino_metastore_request_seconds_sum", {}, "latency", True, "sum"),
        ("trino_node_active_workers", {}, "queries", False, "gauge"),
        ("trino_s3_request_duration_seconds_sum", {}, "object store", True, "sum"),
        ("trino_s3_errors_total", {"code": "5xx"}, "object store", True, "counter"),
        ("trino_s3_throttled_requests_total", {}, "object store", True, "counter"),
        ("minio_s3_requests_total", {"api": "getobject"}, "object store", None, "counter"),
        ("minio_s3_requests_5xx_errors_total", {}, "object store", True, "counter"),
        ("minio_s3_traffic_sent_bytes", {}, "object store", None, "counter"),
        ("minio_cluster_drive_offline_total", {}, "object store", True, "gauge"),
        ("latency", {}, "latency", True, "gauge"),
        ("requests", {}, "requests", None, "gauge"),
        ("availability", {}, "errors", False, "gauge"),
        ("aws_elb_target_response_time_average", {}, "latency", True, "gauge"),
        ("aws_elb_request_count_sum", {}, "requests", None, "gauge"),
        ("aws_elb_httpcode_target_5xx_count_sum", {}, "errors", True, "gauge"),
        ("http_requests_total", {"code": "200"}, "requests", None, "counter"),
        ("http_requests_total", {"code": "503"}, "errors", True, "counter"),
        ("http_server_requests_seconds_sum", {}, "latency", True, "sum"),
        ("up", {}, "other", False, "gauge"),
        ("process_resident_memory_bytes", {}, "memory", True, "gauge"),
        ("kafka_consumer_lag", {}, "other", True, "gauge"),
        ("widgets", {}, "other", None, "gauge"),
    ],
)
def test_what_a_metric_of_an_exporter_is(name, labels, group, worse, form):
    found = read(name, **labels)
    assert isinstance(found, MetricMeaning), found
    assert (found.series.group, found.series.higher_is_worse, found.form) == (group, worse, form)


@pytest.mark.parametrize(
    ("name", "labels", "why"),
    [
        ("http_request_duration_seconds_bucket", {"le": "1"}, "bucket of a histogram"),
        ("minio_s3_requests_ttfb_seconds_distribution", {"le": "1"}, "bucket of a histogram"),
        ("process_start_time_seconds", {}, "a time"),
        ("node_time_seconds", {}, "a time"),
        ("jvm_info", {}, "a constant"),
        ("jvm_memory_max_bytes", {"area": "heap"}, "a constant"),
        ("scrape_duration_seconds", {}, "of scraping"),
        ("go_goroutines", {}, "of the exporter"),
        ("jvm_memory_pool_used_bytes", {"pool": "Eden"}, "a part"),
        ("trino_execution_QueryManager_FailedQueries_FifteenMinute_Count", {}, "an average over long"),
        ("node_cpu_guest_seconds_total", {}, "a detail"),
        ("node_memory_MemTotal_bytes", {}, "a detail"),
        ("node_cpu_seconds_total", {"mode": "softirq", "cpu": "0"}, "a detail"),
        ("node_load15", {}, "a detail"),
        ("node_network_receive_bytes_total", {"device": "veth12ab"}, "a virtual device"),
        ("node_filesystem_avail_bytes", {"fstype": "tmpfs", "device": "tmpfs"}, "a virtual device"),
    ],
)
def test_what_says_nothing_is_left_out_with_a_word(name, labels, why):
    found = read(name, **labels)
    assert isinstance(found, Unwatched), found
    assert why in found.why


def test_a_sum_and_its_count_belong_together():
    total, count = (
        read(f"trino_s3_request_duration_seconds_{part}", instance="w1:1", op="get")
        for part in ("sum", "count")
    )
    assert total.series.metric == 'trino_s3_request_duration_seconds{op="get"}'
    assert total.pair == "trino_s3_request_duration_seconds_count"
    assert (count.form, count.pair) == ("counter", "")
    assert count.series.higher_is_worse is None


@pytest.mark.parametrize(
    ("labels", "node", "of"),
    [
        ({"instance": "worker-1:9100", "node": "x", "service": "y"}, "worker-1", "node"),
        ({"instance": "10.0.0.7:9100"}, "10.0.0.7", "node"),
        ({"instance": "[fe80::1]:9100"}, "[fe80::1]", "node"),
        ({"instance": "fe80::1"}, "fe80::1", "node"),
        ({"instance": "", "host": "worker-2"}, "worker-2", "node"),
        ({"pod": "trino-0"}, "trino-0", "node"),
        ({"service": "cart:80"}, "cart:80", "service"),
        ({"job": "trino"}, WHOLE, "node"),
        ({}, WHOLE, "node"),
    ],
)
def test_whose_a_metric_is(labels, node, of):
    series = read("requests", **labels).series
    assert (series.node, series.of) == (node, of)
    assert series.metric == "requests"


def test_other_labels_may_name_the_node():
    mine = MetricRules(node_labels=["server"])
    series = read("requests", mine, server="minio-1:9000", instance="x").series
    assert (series.node, series.metric) == ("minio-1", 'requests{instance="x"}')


def test_groups_of_the_user_win_and_what_they_name_is_watched():
    mine = MetricRules(
        groups={"go_*": "memory", "node_memory_MemTotal_bytes": "other", "*_bucket": "other"},
        ignore=["go_info*"],
    )
    assert read("go_goroutines", mine).series.group == "memory"
    assert read("node_memory_MemTotal_bytes", mine).series.group == "other"
    assert read("go_info_x", mine) == Unwatched("its name is in ignore")
    assert isinstance(read("x_bucket", mine), Unwatched)
    assert isinstance(read("python_info", mine), Unwatched)


@given(
    st.text(max_size=40) | st.from_regex(r"\A(node|jvm|trino|minio|aws)_[a-z_]{0,20}(_total|_sum|_count|_seconds|_bytes)?\Z"),
    st.dictionaries(st.sampled_from(["instance", "service", "le", "mode", "device", "code", "x"]), st.text(max_size=8), max_size=4),
)  # fmt: skip
def test_any_name_with_any_labels_is_understood_alike_each_time(name, labels):
    found = read(name, **labels)
    assert found == read(name, MetricRules(), **labels)
    if isinstance(found, MetricMeaning):
        assert found.series.group in get_args(Group)
        assert (found.form == "sum") == bool(found.pair)
        assert found.series.node
