"""Sources of readings: files, data sets, a simulation."""

from producers.sources.files import Files
from producers.sources.simulated import Simulated
from producers.sources.waterflow import WaterFlow

__all__ = ["Files", "Simulated", "WaterFlow"]
