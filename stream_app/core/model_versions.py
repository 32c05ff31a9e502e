"""Versions of a model seen in the events."""

import math
from collections.abc import Mapping
from typing import Any, Self

from stream_app.core.versions import expect_version
from stream_app.errors import StateError

__all__ = ["ModelVersions"]

_VERSION = 1


class ModelVersions:
    """Versions of a model seen so far.

    Two versions may take turns (a challenger beside a champion): only one that was not among them counts as new. A
    dictionary look-up an event.

    Parameters
    ----------
    limit : int
        Versions that are remembered; beyond it, the one that is unused for longest is forgotten.

    Examples
    --------
    >>> versions = ModelVersions()
    >>> [versions.see(version, ts) for ts, version in enumerate(("v1", "v2", "v1", "", "v3"))]
    [True, True, False, False, True]
    >>> versions.newest, versions.times
    ('v3', {'v2': 1, 'v1': 2, 'v3': 4})
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._seen: dict[str, float] = {}
        self.newest = ""
        """The one that came up last as new; empty while none did."""

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def times(self) -> dict[str, float]:
        """Time of the last event of each version, in epoch seconds; NaN where an older program stored none."""
        return dict(self._seen)

    def see(self, version: str, ts: float) -> bool:
        """Record an event's version and its time; return whether it is new, which an empty one never is."""
        if not version:
            return False
        new = version not in self._seen
        # The order of the keys is the order of use.
        self._seen.pop(version, None)
        self._seen[version] = ts
        if new:
            self.newest = version
            if len(self._seen) > self._limit:
                del self._seen[next(iter(self._seen))]
        return new

    def state(self) -> dict[str, Any]:
        """Give the state as plain data; `from_state` continues from it."""
        return {
            "version": _VERSION,
            "limit": self._limit,
            "seen": list(self._seen),
            "times": list(self._seen.values()),
            "newest": self.newest,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the versions of a model")
        try:
            versions = cls(int(state["limit"]))
            seen = [str(version) for version in state["seen"]]
            times = [float(ts) for ts in state.get("times", [math.nan] * len(seen))]
            versions._seen = dict(zip(seen, times, strict=True))
            versions.newest = str(state["newest"])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the state of a model's versions is damaged: {error}") from error
        return versions
