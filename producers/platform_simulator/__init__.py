"""A simulated data platform: a queueing model of coordinator, workers and object store, seeded incidents, exact truth."""

from producers.platform_simulator.changes import SimulatedChange, draw_changes
from producers.platform_simulator.incidents import INCIDENT_NAMES, Incident, IncidentName, draw_incidents
from producers.platform_simulator.metrics import Column
from producers.platform_simulator.platform import SimulatedPlatform
from producers.platform_simulator.simulate import Block, QueryWindow, blocks, simulate
from producers.platform_simulator.truth import Truth, truth_of
from producers.platform_simulator.workload import CLASSES, LOADS, Load, QueryClass

__all__ = [
    "CLASSES",
    "INCIDENT_NAMES",
    "LOADS",
    "Block",
    "Column",
    "Incident",
    "IncidentName",
    "Load",
    "QueryClass",
    "QueryWindow",
    "SimulatedChange",
    "SimulatedPlatform",
    "Truth",
    "blocks",
    "draw_changes",
    "draw_incidents",
    "simulate",
    "truth_of",
]
