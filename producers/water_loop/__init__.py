"""A simulated water loop: eight coupled sensors, seeded faults, exact ground truth."""

from producers.water_loop.faults import CHANNELS, FAULT_NAMES, Fault, FaultName, Onset, draw_faults, envelope
from producers.water_loop.physics import WaterLoop
from producers.water_loop.simulate import Recording, simulate, stream

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
