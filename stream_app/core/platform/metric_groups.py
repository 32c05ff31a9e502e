"""What a metric is of and about, told by its name and labels, as exporters of Prometheus choose them.

Names have no types with them, so their suffixes tell: ``_total`` is a counter, ``_sum`` and ``_count`` behind a unit are a histogram or
summary, anything else is a gauge. Groups and directions are those of node_exporter, the JVM by its JMX exporter or Micrometer, Trino,
MinIO and other stores behind S3's protocol, and of services: latency, requests, errors, availability.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias, cast

from stream_app.core.platform.exporters import BY_NAME, BY_WORDS, COUNTERS, DETAILS, GAUGES, UNWATCHED, Rule
from stream_app.core.platform.series import WHOLE, Group, Series

__all__ = ["NODE_LABELS", "Form", "Labels", "MetricMeaning", "MetricRules", "Unwatched"]

NODE_LABELS = ("instance", "node", "host", "pod", "service", "microservice")
"""Labels that name the node of a sample; the first that it has counts."""

_SERVICE_LABELS = ("service", "microservice")
_SERVICE_GRAPH = "traces_service_graph_request_"
"""OpenTelemetry's metrics of the requests between two services."""

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, sorted by name."""

Form: TypeAlias = Literal["gauge", "counter", "sum"]
"""How samples become the value of a window: their mean; their rate; or their rise divided by that of the count beside them."""


class MetricMeaning(NamedTuple):
    """What a metric is.

    Parameters
    ----------
    series : Series
        Node, metric, group and direction.
    form : {'gauge', 'counter', 'sum'}
        How its samples become a value.
    pair : str
        Of a sum the name of the metric that counts, which has the same labels; empty of others.
    """

    series: Series
    form: Form
    pair: str = ""


class Unwatched(NamedTuple):
    """A metric that is not watched.

    Parameters
    ----------
    why : str
        In words.
    """

    why: str


class MetricRules:
    """Rules by which metrics are understood.

    Parameters
    ----------
    node_labels : sequence of str
        Labels that name the node, the first that a sample has; a port behind it is cut off, so that exporters of a machine are one node.
        A sample whose only one is ``service`` or ``microservice`` is of a service; one without any is of the whole platform.
    groups : mapping of str to str
        Patterns of names (``*`` and ``?``) to groups; such metrics are watched whatever the rules say, unless they are buckets.
    ignore : sequence of str
        Patterns of names that are not watched.

    Examples
    --------
    >>> rules = MetricRules(groups={"shop_*": "requests"}, ignore=["test_*"])
    >>> rules.read("node_disk_io_time_seconds_total", (("device", "sda"), ("instance", "worker-1:9100"))).series
    Series(node='worker-1', metric='node_disk_io_time_seconds_total{device="sda"}', group='disk', of='node', higher_is_worse=True)
    >>> meaning = rules.read("http_request_duration_seconds_sum", (("service", "cart"),))
    >>> meaning.series.metric, meaning.series.of, meaning.form, meaning.pair
    ('http_request_duration_seconds', 'service', 'sum', 'http_request_duration_seconds_count')
    >>> rules.read("http_request_duration_seconds_bucket", (("le", "0.5"), ("service", "cart")))
    Unwatched(why='a bucket of a histogram; its sum and count are watched')
    """

    def __init__(
        self,
        node_labels: Sequence[str] = NODE_LABELS,
        groups: Mapping[str, str] | None = None,
        ignore: Sequence[str] = (),
    ) -> None:
        self._node_labels = tuple(node_labels)
        self._groups = [(_glob(glob), cast("Group", group)) for glob, group in (groups or {}).items()]
        self._ignored = [_glob(glob) for glob in ignore]

    def read(self, name: str, labels: Labels) -> MetricMeaning | Unwatched:
        """Tell what a metric is.

        Parameters
        ----------
        name : str
            Name of the metric.
        labels : tuple of (str, str)
            Its labels, sorted by name.
        """
        values = dict(labels)
        lower = name.lower()
        chosen = next((group for glob, group in self._groups if glob.fullmatch(name)), None)
        why = self._why_not(name, lower, values) or ("" if chosen else _why_not(lower, values))
        if why:
            return Unwatched(why)
        form, base = _form(lower, name)
        rule = _rule(lower, values)
        node, of = self._place(lower, values)
        series = Series(
            node,
            _text(
                base,
                [
                    pair
                    for pair in labels
                    if pair[0] not in self._node_labels and pair != ("server", node) and pair[0] != "job"
                ],
            ),
            chosen or rule.group,
            of,
            # What counts the observations of a duration says how many there are, not how long they take.
            None if form == "counter" and _COUNT.search(lower) and rule.group != "errors" else rule.worse,
        )
        return MetricMeaning(series, form, f"{base}_count" if form == "sum" else "")

    def _why_not(self, name: str, lower: str, labels: Mapping[str, str]) -> str:
        if any(glob.fullmatch(name) for glob in self._ignored):
            return "its name is in ignore"
        if lower.endswith("_bucket") or "le" in labels:
            return "a bucket of a histogram; its sum and count are watched"
        return ""

    def _place(self, lower: str, labels: Mapping[str, str]) -> tuple[str, Literal["node", "service"]]:
        if lower.startswith(_SERVICE_GRAPH) and labels.get("server"):
            # Not of the collector that is scraped.
            return labels["server"], "service"
        for label in self._node_labels:
            value = labels.get(label)
            if value and label in _SERVICE_LABELS:
                return value, "service"
            if value:
                return _without_port(value), "node"
        return WHOLE, "node"


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


_VIRTUAL = re.compile(
    r"lo|loop\d+|z?ram\d+|ifb\d+|sr\d+|veth.*|docker.*|br-.*|cali.*|cni.*|flannel.*|virbr.*|dummy.*"
)
_VIRTUAL_FILES = frozenset({"tmpfs", "devtmpfs", "overlay", "squashfs", "ramfs", "iso9660", "autofs", "nsfs"})


def _why_not(lower: str, labels: Mapping[str, str]) -> str:
    """Say why a metric is not watched unless it is named; nothing where it is."""
    for pattern, why in UNWATCHED:
        if pattern.search(lower):
            return why
    if DETAILS.match(lower) and _named(lower, labels) is None:
        return "a detail of the exporter; name it in groups to watch it"
    if _VIRTUAL.fullmatch(labels.get("device", "")) or labels.get("fstype", "") in _VIRTUAL_FILES:
        return "of a virtual device"
    return ""


_UNIT = r"(?:seconds|milliseconds|microseconds|millis|ms|us|bytes|duration|latency|delay|time|size|histogram|summary)"
_SUM = re.compile(rf"{_UNIT}_sum$")
_COUNT = re.compile(rf"{_UNIT}_count$")
_CLOUD = re.compile(r"^aws_|^azure_|^stackdriver_")
_COUNTER = re.compile(r"_total$|totalcount$|collectioncount$|collectiontime$")


def _form(lower: str, name: str) -> tuple[Form, str]:
    """Tell how samples become a value, and the name of what is valued."""
    if not _CLOUD.search(lower):  # clouds name the statistics of a period so: sums, and counts of samples
        if _SUM.search(lower):
            return "sum", name[: -len("_sum")]
        named = _COUNTER.search(lower) and not GAUGES.search(lower)
        if named or _COUNT.search(lower) or COUNTERS.search(lower):
            return "counter", name
    return "gauge", name


def _named(lower: str, labels: Mapping[str, str]) -> Rule | None:
    for rule in BY_NAME:
        if rule.name.search(lower) and all(labels.get(label) == value for label, value in rule.labels):
            return rule
    return None


def _rule(lower: str, labels: Mapping[str, str]) -> Rule:
    named = _named(lower, labels)
    if named is not None:
        return named
    code = labels.get("code") or labels.get("status") or labels.get("status_code") or ""
    words = f"{lower}_error" if code[:1] in ("4", "5") else lower
    group: Group = next((group for pattern, group in BY_WORDS if pattern.search(words)), "other")
    return Rule(_ANY, group, _worse(words, group))


_ANY = re.compile("")
_UP_IS_BAD = re.compile(
    r"err|fail|fault|exception|timeout|time_out|retr(?:y|ies|ans)|drop|reject|throttl|slow|refus|abort|killed|oom|lost|backlog|queued|"
    r"queue_(?:size|length|depth)|pending|waiting|blocked|stalled|pressure|lag(?:_|$)|latency|duration|delay|response_?time|ttfb|"
    r"saturat|utili[sz]ation|usage|used|resident|working_set|spill|unhealthy|offline|dead|evict|restart|[45]xx|iowait|steal"
)
_DOWN_IS_BAD = re.compile(
    r"avail|(?:^|_)free|idle|(?:^|_)up$|(?:^|_)healthy|online|active_?(?:workers|nodes)|activenodecount|alive|(?:^|_)ready|hit_?(?:ratio|rate)|success"
)


def _worse(words: str, group: Group) -> bool | None:
    if _UP_IS_BAD.search(words):
        return True
    if _DOWN_IS_BAD.search(words):
        return False
    return True if group in ("latency", "errors") else None


def _without_port(value: str) -> str:
    """Return a host without the port behind it.

    >>> [_without_port(one) for one in ("worker-1:9100", "[fe80::1]:9100", "fe80::1", "a:b")]
    ['worker-1', '[fe80::1]', 'fe80::1', 'a:b']
    """
    host, _, port = value.rpartition(":")
    return host if host and port.isdecimal() and (":" not in host or host.endswith("]")) else value


def _text(name: str, labels: Sequence[tuple[str, str]]) -> str:
    inside = ",".join(f'{label}="{value}"' for label, value in labels if value)
    return f"{name}{{{inside}}}" if inside else name
