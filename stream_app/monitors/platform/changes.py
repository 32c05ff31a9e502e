"""The newest changes of one platform: deployments and the like, bounded in number and in the nodes that they name."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from stream_app.core.platform import Change
from stream_app.core.platform.stored import stored_number

__all__ = ["Changes"]

_MOST = 200
_MOST_NODES = 10_000
"""Nodes of all changes together."""


class Changes:
    """Changes, the oldest first.

    Examples
    --------
    >>> changes = Changes()
    >>> deployed = Change(60.0, "deployment", "worker image", ("worker-1",), "475")
    >>> changes.add(deployed), changes.add(deployed), len(list(changes))
    (True, False, 1)
    """

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=_MOST)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._changes)

    def add(self, change: Change) -> bool:
        """Keep a change, and let the oldest leave where there are too many; return whether it is new."""
        if change in self._changes:
            return False
        self._changes.append(change)
        while len(self._changes) > 1 and sum(len(one.nodes) for one in self._changes) > _MOST_NODES:
            self._changes.popleft()
        return True

    def state(self) -> list[list[Any]]:
        """State as plain values, for `restore`."""
        return [list(change) for change in self._changes]

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Restore from `state`; raises a `StateError` where it is damaged."""
        self._changes.clear()
        for ts, kind, what, nodes, version in state:
            when = stored_number(ts, "changes")
            self._changes.append(Change(when, str(kind), str(what), tuple(map(str, nodes)), str(version)))
