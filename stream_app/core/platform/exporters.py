"""What the metrics of well-known exporters are about: tables that `metric_groups` reads. Names are compared in lower case."""

import re
from typing import NamedTuple

from stream_app.core.platform.series import Group

__all__ = ["BY_NAME", "BY_WORDS", "COUNTERS", "DETAILS", "GAUGES", "UNWATCHED", "Rule"]


class Rule(NamedTuple):
    """What metrics of a name are about.

    Parameters
    ----------
    name : pattern
        Found in the name.
    group : str
        What they are about.
    worse : bool or None
        Whether only a rise (True), only a fall (False), or both (None) are bad.
    labels : tuple of (str, str)
        Labels that they have.
    """

    name: re.Pattern[str]
    group: Group
    worse: bool | None
    labels: tuple[tuple[str, str], ...] = ()


_UP, _DOWN, _BOTH = True, False, None
"""Directions that are bad."""

_CPU = r"^node_cpu_seconds_total$"
_HEAP = (("area", "heap"),)

_NAMED: tuple[tuple[str, Group, bool | None, tuple[tuple[str, str], ...]], ...] = (
    (r"^up$", "other", _DOWN, ()),
    # node_exporter
    (_CPU, "cpu", _DOWN, (("mode", "idle"),)),
    (_CPU, "cpu", _UP, (("mode", "iowait"),)),
    (_CPU, "cpu", _UP, (("mode", "steal"),)),
    (_CPU, "cpu", _BOTH, (("mode", "user"),)),
    (_CPU, "cpu", _BOTH, (("mode", "system"),)),
    (r"^node_load1$|^node_procs_running$|^node_pressure_cpu_", "cpu", _UP, ()),
    (r"^node_context_switches_total$", "cpu", _BOTH, ()),
    (r"^node_memory_(?:memavailable|swapfree)_bytes$", "memory", _DOWN, ()),
    (r"^node_memory_cached_bytes$", "memory", _BOTH, ()),
    (r"^node_vmstat_(?:pgmajfault|oom_kill|pswpin|pswpout)$|^node_pressure_memory_", "memory", _UP, ()),
    (r"^node_disk_(?:io|read|write)_time(?:_weighted)?_seconds_total$|^node_procs_blocked$", "disk", _UP, ()),
    (r"^node_pressure_io_|^node_filesystem_(?:readonly|device_error)$", "disk", _UP, ()),
    (r"^node_disk_(?:read|written)_bytes_total$", "disk", _BOTH, ()),
    (r"^node_filesystem_(?:avail_bytes|files_free)$", "disk", _DOWN, ()),
    (r"^node_network_(?:receive|transmit)_bytes_total$|^node_netstat_tcp_currestab$", "network", _BOTH, ()),
    (r"^node_network_(?:receive|transmit)_(?:errs|drop)_total$", "network", _UP, ()),
    (r"^node_netstat_tcp(?:_retranssegs|ext_listendrops|ext_tcptimeouts)$", "network", _UP, ()),
    (r"^node_filefd_allocated$", "other", _BOTH, ()),
    # The JVM, by the JMX exporter's or Micrometer's names, and by its own beans.
    (r"^jvm_memory_used_bytes$", "jvm", _UP, _HEAP),
    (r"^jvm_memory_used_bytes$", "jvm", _BOTH, ()),
    (r"^jvm_gc_(?:collection|pause)_seconds|^jvm_gc_overhead|^jvm_threads_deadlocked", "jvm", _UP, ()),
    (r"^java_lang_.*collection(?:time|count)$|^java_lang_memory_heapmemoryusage_used$", "jvm", _UP, ()),
    (r"^java_lang_operatingsystem_(?:process|system)?cpuload$", "cpu", _UP, ()),
    (r"^java_lang_operatingsystem_free(?:physical)?memorysize$", "memory", _DOWN, ()),
    (r"^jvm_|^java_lang_", "jvm", _BOTH, ()),
    # Trino
    # As many are under way as come in times how long they take (Little's law): a rise is load or slowness.
    (r"^trino_.*running_?(?:queries|tasks|splits)", "queries", _UP, ()),
    (r"^trino_.*(?:submitted|started|completed|consumed)_?(?:queries|tasks|splits)", "queries", _BOTH, ()),
    (r"^trino_.*(?:queued|blocked|failed|abandoned|canceled|cancelled)_?(?:queries|tasks|splits|drivers)", "queries", _UP, ()),
    (r"^trino_.*(?:failures|errors)_?(?:totalcount|_total)?$(?<!s3_errors_total)", "queries", _UP, ()),
    (r"^trino_.*active_?(?:workers|nodes|nodecount|count)$", "queries", _DOWN, ()),
    (r"^trino_.*(?:planning|analysis|metastore|metadata|optimizer).*(?:_seconds|time|duration|latency)", "latency", _UP, ()),
    (r"^trino_memory_.*(?:free|available)", "memory", _DOWN, ()),
    (r"^trino_memory_.*(?:reserved|revocable|used|killed|leaked)", "memory", _UP, ()),
)  # fmt: skip

BY_NAME = tuple(Rule(re.compile(name), group, worse, labels) for name, group, worse, labels in _NAMED)
"""Exporters whose metrics are known; the first that fits counts."""

_WORDS: tuple[tuple[str, Group], ...] = (
    (r"(?:^|_)(?:s3|minio|gcs|blob|rgw|swift|object_?store|object_?storage)(?:_|$)|s3filesystem|s3client", "object store"),
    (r"(?:^|_)(?:jvm|gc|garbage|heap)(?:_|$)", "jvm"),
    (r"cpu|(?:^|_)load\d*$|(?:^|_)cores?(?:_|$)", "cpu"),
    (r"(?:^|_)(?:mem|memory|swap|oom|rss|working_set)(?:_|$)|memory", "memory"),
    (r"disk|filesystem|(?:^|_)fs_|iops|volume|drive", "disk"),
    (r"network|(?:^|_)(?:net|tcp|udp|packets?|sockets?)(?:_|$)", "network"),
    (r"err|fail|fault|exception|[45]xx|availability|reject|throttl", "errors"),
    (r"quer(?:y|ies)|splits?(?:_|$)|(?:^|_)tasks?(?:_|$)|workers", "queries"),
    (r"latency|duration|response_?time|ttfb|delay|_(?:milli|micro)?seconds(?:_sum|_count)?(?: |$)|_ms(?: |$)|time_?taken", "latency"),
    (r"request|calls|invocations?|throughput|(?:^|_)[qrt]ps(?:_|$)", "requests"),
)  # fmt: skip

BY_WORDS = tuple((re.compile(pattern), group) for pattern, group in _WORDS)
"""What words in a name say; the first that is there counts."""

COUNTERS = re.compile(
    r"^node_vmstat_|^node_netstat_(?!tcp_currestab)|^minio_.*(?:traffic_(?:received|sent)|io_[rw]char)_bytes$"
)
"""Counters whose names do not say so."""

GAUGES = re.compile(r"_(?:online|offline)_total$|^minio_cluster_(?:bucket|drive|nodes|usage)_")
"""Gauges whose names say that they are counters."""

DETAILS = re.compile(
    r"^node_(?:arp|bonding|boot|btrfs|cooling|cpu|disk|dmi|edac|entropy|exporter|filefd|filesystem|forks|hwmon|infiniband|intr|ipvs|load\d+|md|"
    r"memory|mountstats|netstat|network|nf|nfs|nfsd|nvme|os|power|pressure|processes|procs|qdisc|rapl|schedstat|selinux|sockstat|"
    r"softirqs|softnet|tape|textfile|thermal|time|timex|udp|uname|vmstat|xfs|zfs)(?:_|$)"
)
"""Collectors of node_exporter, of which the metrics above are watched: it has more than a thousand for a machine."""

UNWATCHED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), why)
    for pattern, why in (
        (r"_created$|_(?:timestamp|start_time|boot_time|time_of_day)(?:_seconds|_ms)?$|_time_seconds$(?<!io_time_seconds)|uptime", "a time, which goes on by itself"),
        (r"_info$|_version$|_build$|_(?:max|limit|init|committed|commit|capacity_raw_total)_(?:bytes|size|fds)$|_max_fds$", "a constant of the target"),
        (r"^(?:scrape|promhttp|prometheus|go|python|net_conntrack|jmx|alerts|process_virtual)_|^alerts$|^node_scrape_", "of the exporter itself, or of scraping"),
        (r"^jvm_(?:memory_pool|classes|class|compilation|buffer)_|^java_lang_(?:classloading|compilation|runtime|.*pool)_", "a part of what is watched as a whole"),
        (r"_(?:five|fifteen)_?minutes?_|_alltime_", "an average over long; a window's own tells sooner"),
    )
)  # fmt: skip
"""Metrics that say nothing about a window."""
