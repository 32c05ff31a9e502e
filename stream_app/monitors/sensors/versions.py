"""The version of the states of sensors, and what upgrades older ones; see `stream_app.monitors.versions`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stream_app.core.quality import in_columns
from stream_app.monitors.versions import Upgrade

__all__ = ["UPGRADES", "VERSION"]

VERSION = 4


def _quality_in_columns(state: Mapping[str, Any]) -> dict[str, Any]:
    return {**state, "quality": in_columns(state["quality"])}


# Windows of version 3 hold more than is read now.
UPGRADES: Mapping[int, Upgrade] = MappingProxyType({2: _quality_in_columns, 3: dict})
"""By the version that they take."""
