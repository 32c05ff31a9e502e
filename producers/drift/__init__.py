"""Injected drift: a schedule in a small language, applied to readings, with its truth in their labels."""

from producers.drift.grammar import Change, Moment, parse_levels, parse_schedule
from producers.drift.inject import Injector

__all__ = ["Change", "Injector", "Moment", "parse_levels", "parse_schedule"]
