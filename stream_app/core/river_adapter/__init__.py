"""River's drift detectors behind our interface: batches in, signals out, explicit state."""

from stream_app.core.river_adapter.catalogue import SHORT_NAMES, known_detectors
from stream_app.core.river_adapter.detector import RiverDetector

__all__ = ["SHORT_NAMES", "RiverDetector", "known_detectors"]
