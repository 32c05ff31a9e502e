"""Records of the platform as they go on the wire: a scrape of a node, the completion of a query, a change."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from producers.platform_simulator.changes import SimulatedChange
from producers.platform_simulator.metrics import Metric
from producers.platform_simulator.sql import Text
from producers.platform_simulator.workload import QueryClass

__all__ = ["ChangeRecord", "Completion", "Record", "Scrape", "scrape_template"]

_ERRORS: dict[str, tuple[int, str, str]] = {
    # Code, name and type as Trino has them; the text of a message may hold literals of the query, and so may ours.
    "": (7, "DIVISION_BY_ZERO", "USER_ERROR"),
    "throttling": (16777219, "HIVE_CURSOR_ERROR", "EXTERNAL"),
    "worker_lost": (65543, "REMOTE_HOST_GONE", "INTERNAL_ERROR"),
    "memory_pressure": (131079, "EXCEEDED_LOCAL_MEMORY_LIMIT", "INSUFFICIENT_RESOURCES"),
    "slow_leak": (131079, "EXCEEDED_LOCAL_MEMORY_LIMIT", "INSUFFICIENT_RESOURCES"),
}
_encode = msgspec.json.Encoder().encode


class Record(Protocol):
    """What goes on the wire as one record."""

    @property
    def ts(self) -> float:
        """Event time in the simulation, epoch seconds."""

    def encode(self, source: str, shift: float) -> bytes:
        """Return it as JSON, `shift` seconds later."""


@lru_cache(maxsize=65_536)
def scrape_template(node: str, metrics: tuple[Metric, ...], source: str) -> str:
    """Return the JSON of a node's scrapes, with places for the time and the values.

    Examples
    --------
    >>> scrape_template("worker-1", (Metric("node_load1", "gauge", "cpu"),), "prod") % (5.0, 1.5)
    '{"source":"prod","ts":5.0,"samples":[{"name":"node_load1","labels":{"instance":"worker-1:9100","job":"node"},"value":1.5}]}'
    """
    samples = []
    for metric in metrics:
        job, port = ("node", 9100) if metric.name.startswith("node_") else ("trino", 9404)
        labels = {"instance": f"{node}:{port}", "job": job, **dict(metric.labels)}
        name = f"{metric.name}_sum" if metric.kind == "mean" else metric.name
        samples.append(
            f'{{"name":{json.dumps(name)},"labels":{_compact(labels)},"value":%r}}'.replace("%", "%%")
        )
    inside = ",".join(samples).replace("%%r", "%r")
    return f'{{"source":{_compact(source).replace("%", "%%")},"ts":%r,"samples":[{inside}]}}'


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Scrape:
    """What a node's exporters show at a moment.

    Parameters
    ----------
    ts : float
    node : str
    metrics : tuple of Metric
    values : sequence of float
        Of the metrics; counters as what they came to.
    """

    ts: float
    node: str
    metrics: tuple[Metric, ...]
    values: Sequence[float]

    def encode(self, source: str, shift: float) -> bytes:
        """Return it as JSON."""
        return (scrape_template(self.node, self.metrics, source) % (self.ts + shift, *self.values)).encode()


@dataclass(frozen=True, slots=True)
class Completion:
    """A query that ended, as Trino's event listeners tell of it.

    Parameters
    ----------
    ts : float
        Its end.
    number : int
        Counted over the simulation, for its id.
    query_class : QueryClass
    asked : Text
    text : str
    wall, queued, planning, cpu : float
        Seconds.
    failed : bool
    incident : str
        Name of the incident that was present; empty for none.
    """

    ts: float
    number: int
    query_class: QueryClass
    asked: Text
    text: str
    wall: float
    queued: float
    planning: float
    cpu: float
    failed: bool
    incident: str

    def encode(self, source: str, shift: float) -> bytes:
        """Return it as JSON."""
        end = self.ts + shift
        create = end - self.wall
        one, asked = self.query_class, self.asked
        size = self.cpu / one.cpu
        catalog = "lake"
        event: dict[str, Any] = {
            "source": source,
            "metadata": {
                "queryId": f"{_instant(create)[:19].translate(_PLAIN)}_{self.number % 100_000:05d}_simul",
                "transactionId": None,
                "query": self.text,
                "queryState": "FAILED" if self.failed else "FINISHED",
            },
            "statistics": {
                "cpuTime": round(self.cpu, 3),
                "wallTime": round(self.wall, 3),
                "queuedTime": round(self.queued, 3),
                "analysisTime": round(0.4 * self.planning, 3),
                "planningTime": round(self.planning, 3),
                "executionTime": round(max(self.wall - self.queued - self.planning, 0.0), 3),
                "peakUserMemoryBytes": round(one.memory * size),
                "physicalInputBytes": round(one.read * size),
                "physicalInputRows": round(one.read * size / 120.0),
                "outputRows": 1 if self.failed else round(20.0 * size),
                "completedSplits": round(one.splits),
                "complete": not self.failed,
            },
            "context": {
                "user": asked.user,
                "principal": asked.user,
                "source": asked.source,
                "catalog": catalog,
                "schema": "default",
                "resourceGroupId": ["global", asked.group],
                "serverVersion": "475",
                "environment": "production",
                "queryType": asked.kind,
            },
            "createTime": _instant(create),
            "executionStartTime": _instant(min(create + self.queued + self.planning, end)),
            "endTime": _instant(end),
        }
        if self.failed:
            code, name, kind = _ERRORS.get(self.incident, _ERRORS[""])
            event["failureInfo"] = {
                "errorCode": {"code": code, "name": name, "type": kind, "fatal": False},
                "failureType": "io.trino.spi.TrinoException",
                "failureMessage": f"Query failed: {self.text[:60]}",
            }
        return _encode(event)


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A change that was made.

    Parameters
    ----------
    ts : float
    change : SimulatedChange
    nodes : tuple of str
        Where; everywhere if empty.
    """

    ts: float
    change: SimulatedChange
    nodes: tuple[str, ...]

    def encode(self, source: str, shift: float) -> bytes:
        """Return it as JSON."""
        one = self.change
        told = {"kind": one.kind, "what": one.what, "version": one.version, "nodes": self.nodes}
        return _encode({"source": source, "ts": self.ts + shift, "change": told})


_PLAIN = str.maketrans({"-": "", ":": "", "T": "_"})


def _instant(ts: float) -> str:
    return datetime.fromtimestamp(round(ts, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
