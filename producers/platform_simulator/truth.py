"""Exact truth of an incident: when it was, and what is to blame."""

from dataclasses import dataclass

from producers.platform_simulator.incidents import ON_A_WORKER, Incident
from producers.platform_simulator.model import SKEWED
from producers.platform_simulator.platform import COORDINATOR, SimulatedPlatform
from producers.platform_simulator.sql import filled, text_of

__all__ = ["Truth", "truth_of"]

_GROUPS: dict[str, tuple[str, ...]] = {
    "slow_s3": ("object store",),
    "throttling": ("object store",),
    "worker_lost": ("queries",),
    "memory_pressure": ("memory", "jvm", "disk"),
    "skewed_join": ("cpu", "network"),
    "noisy_neighbour": ("cpu",),
    "metadata_stall": ("latency",),
    "slow_leak": ("jvm", "memory"),
}

_SCANNING = 0.4
"""Share of the wall time with the object store, from which on a class is one that a slow store makes slow."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What was wrong.

    Parameters
    ----------
    kind : str
        Name of the incident.
    start, end : float
        Epoch seconds.
    severity, ramp : float
        As the incident has them.
    nodes : tuple of str
        Where it began; empty where it is of the whole platform.
    groups : tuple of str
        Groups of metrics that show the cause itself, the plainest first.
    classes : tuple of str
        Classes of queries that are to blame or hit most; empty where all are hit.
    queries : tuple of str
        The text of a query of each of `classes`: in a stream of events a class is known by its shape.
    """

    kind: str
    start: float
    end: float
    severity: float
    ramp: float
    nodes: tuple[str, ...]
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    queries: tuple[str, ...]


def truth_of(incident: Incident, platform: SimulatedPlatform, *, shift: float = 0.0) -> Truth:
    """Return what was wrong.

    Parameters
    ----------
    incident : Incident
    platform : SimulatedPlatform
    shift : float
        Seconds by which the events are later than the platform's.

    Examples
    --------
    >>> told = truth_of(Incident("noisy_neighbour", 60.0, 600.0, worker=3), SimulatedPlatform(start=0.0))
    >>> told.nodes, told.groups, told.start, told.end
    (('worker-3',), ('cpu',), 60.0, 660.0)
    """
    nodes: tuple[str, ...] = ()
    if incident.name in ON_A_WORKER:
        nodes = (f"worker-{incident.worker}",)
    elif incident.name == "metadata_stall":
        nodes = (COORDINATOR,)
    classes, start = _classes(incident, platform), platform.start + shift + incident.start
    return Truth(
        kind=incident.name,
        start=start,
        end=platform.start + shift + incident.end,
        severity=incident.severity,
        ramp=incident.duration if incident.name == "slow_leak" else incident.ramp,
        nodes=nodes,
        groups=_GROUPS[incident.name],
        classes=classes,
        queries=tuple(filled(text_of(name).template, start, (0.5, 0.5, 0.5, 0.5)) for name in classes),
    )


def _classes(incident: Incident, platform: SimulatedPlatform) -> tuple[str, ...]:
    if incident.name in ("slow_s3", "throttling"):
        return tuple(one.name for one in platform.query_classes if one.scanning >= _SCANNING)
    return (SKEWED,) if incident.name == "skewed_join" else ()
