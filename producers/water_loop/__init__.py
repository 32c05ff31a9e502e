"""A simulated water loop: eight coupled sensors, seeded faults, exact ground truth."""

from .faults import CHANNELS, FAULT_NAMES, Fault, FaultName, Onset, draw_faults, envelope
from .physics import WaterLoop
from .simulate import Recording, simulate, stream

__all__ = [
    "CHANNELS",
    "FAULT_NAMES",
    "Fault",
    "FaultName",
    "Onset",
    "Recording",
    "WaterLoop",
    "draw_faults",
    "envelope",
    "simulate",
    "stream",
]
