"""The version of the states of sensors, and what upgrades older ones; see `stream_app.monitors.versions`."""

from collections.abc import Mapping
from types import MappingProxyType

from stream_app.monitors.versions import Upgrade

__all__ = ["UPGRADES", "VERSION"]

VERSION = 2

UPGRADES: Mapping[int, Upgrade] = MappingProxyType({})
"""By the version that they take."""
