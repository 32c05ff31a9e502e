"""Sources of readings: files of several formats, data sets, a simulation."""

from producers.sources.columns import Columns
from producers.sources.files import Files
from producers.sources.simulated import Simulated
from producers.sources.waterflow import WaterFlow

__all__ = ["Columns", "Files", "Simulated", "WaterFlow"]
