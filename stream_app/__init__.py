"""Streamgauge: a monitor for event streams with a false-alarm budget."""

__all__ = ["__version__"]

__version__ = "0.1.0"
