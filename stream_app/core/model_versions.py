"""Versions of a model seen in the events."""

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
    >>> [versions.see(version) for version in ("v1", "v2", "v1", "", "v3")]
    [True, True, False, False, True]
    >>> versions.newest
    'v3'
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._seen: dict[str, None] = {}
        self.newest = ""
        """The one that came up last as new; empty while none did."""

    def __len__(self) -> int:
        return len(self._seen)

    def see(self, version: str) -> bool:
        """Record an event's version and return whether it is new; an empty one never is."""
        if not version:
            return False
        new = version not in self._seen
        # The order of the keys is the order of use.
        self._seen.pop(version, None)
        self._seen[version] = None
        if new:
            self.newest = version
            if len(self._seen) > self._limit:
                del self._seen[next(iter(self._seen))]
        return new

    def state(self) -> dict[str, Any]:
        """Give the state as plain data; `from_state` continues from it."""
        return {"version": _VERSION, "limit": self._limit, "seen": list(self._seen), "newest": self.newest}

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
            versions._seen = dict.fromkeys(map(str, state["seen"]))
            versions.newest = str(state["newest"])
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"the state of a model's versions is damaged: {error}") from error
        return versions
