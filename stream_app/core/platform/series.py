"""What windows, detection and causes of a data platform hand to each other."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from stream_app.core.arrays import FloatArray

__all__ = ["WHOLE", "Cause", "CauseKind", "Change", "Episode", "Group", "Series", "WindowResult"]

WHOLE = "*"
"""The node of a series that is of the whole platform."""

Group: TypeAlias = Literal[
    "cpu",
    "memory",
    "disk",
    "network",
    "jvm",
    "object store",
    "queries",
    "latency",
    "requests",
    "errors",
    "other",
]
"""What a metric is about."""

CauseKind: TypeAlias = Literal["group", "node", "query class", "service", "change"]


class Series(NamedTuple):
    """One metric of one node, or of one query class or service.

    Parameters
    ----------
    node : str
        The node, service or query class that it is of; ``WHOLE`` where it is of the platform.
    metric : str
        Its name with the labels that make it a series of its own, such as ``node_disk_io_time_seconds_total{device="sda"}``.
    group : str
        What it is about.
    of : {'node', 'query class', 'service'}
        What `node` names.
    higher_is_worse : bool or None
        Whether only a rise (True), only a fall (False), or both (None) are bad.
    """

    node: str
    metric: str
    group: Group
    of: Literal["node", "query class", "service"] = "node"
    higher_is_worse: bool | None = None


class Change(NamedTuple):
    """A deployment, or a change of configuration.

    Parameters
    ----------
    ts : float
        When, in epoch seconds.
    kind : str
        ``deployment``, ``configuration``, or another word.
    what : str
        What was changed.
    nodes : tuple of str
        Where; all where empty.
    version : str
        The version that came, where one did.
    """

    ts: float
    kind: str
    what: str
    nodes: tuple[str, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What the detector says of one window.

    Parameters
    ----------
    end : float
        End of the window, epoch seconds.
    score, threshold : float
        Evidence that the platform gets worse, and the bound by the false-alarm budget.
    deviations : ndarray of shape (n,)
        How unusual each series is, as signed normal scores (0 usual, NaN unknown), calibrated against its own past.
    usual_low, usual_high : ndarray of shape (n,)
        Where 99 % of the values of each series are at this time of its season; NaN unknown.
    began, open, ended : bool
        Whether an incident begins with this window, is open after it, ends with it.
    onset : float
        Estimated beginning of what is or was open, epoch seconds; NaN otherwise.
    """

    end: float
    score: float
    threshold: float
    deviations: FloatArray
    usual_low: FloatArray
    usual_high: FloatArray
    began: bool = False
    open: bool = False
    ended: bool = False
    onset: float = float("nan")


@dataclass(frozen=True, slots=True)
class Episode:
    """The windows from which the causes of an incident are ranked: some before its onset up to the newest.

    Parameters
    ----------
    ends : ndarray of shape (w,)
        Ends of the windows, epoch seconds.
    values, deviations : ndarray of shape (w, n)
        Values of the series and how unusual they are; NaN where missing.
    usual_low, usual_high : ndarray of shape (n,)
        Usual band of each series in the newest window.
    series : tuple of Series
        The series, n of them.
    onset : float
        Estimated beginning, epoch seconds.
    """

    ends: FloatArray
    values: FloatArray
    deviations: FloatArray
    usual_low: FloatArray
    usual_high: FloatArray
    series: tuple[Series, ...]
    onset: float


@dataclass(frozen=True, slots=True)
class Cause:
    """What is to blame for an incident, and how much.

    Parameters
    ----------
    kind : {'group', 'node', 'query class', 'service', 'change'}
        What `name` names.
    name : str
        The metric group, node, query class, service or change.
    share : float
        Its share among the causes of its kind, from 0 to 1.
    since : float
        When it began to deviate, epoch seconds; of a change, when it was made.
    metric : str
        The series of it that deviates most; empty for a change.
    before, now : float
        Typical value of that series before the onset and since; NaN for a change.
    """

    kind: CauseKind
    name: str
    share: float
    since: float
    metric: str = ""
    before: float = float("nan")
    now: float = float("nan")
