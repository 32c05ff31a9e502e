"""How the stored state of a source in an old version becomes one of this program's.

Each kind of monitor counts the versions of its own states (`versions` beside it). Whoever changes what a source's state
holds, at any depth, raises its `VERSION` by one. Where the old content can be carried over, a function from the old
version to the next goes into its `UPGRADES`; where it can't, there is none, and the source stops the worker by name or
starts cold, as it is set.
"""

from collections.abc import Callable, Mapping
from typing import Any

from stream_app.errors import OldStateError, StateError
from stream_app.monitors.restore_errors import restore_errors

__all__ = ["Upgrade", "upgraded"]

Upgrade = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes the state of a source in one version and gives it in the next; its ``version`` is set by the caller."""


def upgraded(
    state: Mapping[str, Any],
    source: str,
    *,
    version: int,
    upgrades: Mapping[int, Upgrade],
) -> Mapping[str, Any]:
    """Bring the state of a source to the version of this program, one version after the other.

    Parameters
    ----------
    state : mapping
        As it was stored.
    source : str
        Whose, for the message.
    version : int
        The version wanted.
    upgrades : mapping of int to callable
        By the version that they take.

    Raises
    ------
    OldStateError
        If it is older, and there is no way to the version wanted.
    StateError
        If it is newer, says no version, or is damaged.

    Examples
    --------
    >>> def rename(state):
    ...     return {"events": state["count"]}
    >>> upgraded({"version": 1, "count": 3}, "pump-1", version=2, upgrades={1: rename})
    {'events': 3, 'version': 2}
    """
    stored = state.get("version")
    if not isinstance(stored, int) or isinstance(stored, bool) or not 0 < stored <= version:
        raise StateError(
            f"state of {source}: version {stored}, this program reads {version}; was it written by a newer one?"
        )
    for number in range(stored, version):
        upgrade = upgrades.get(number)
        if upgrade is None:
            raise OldStateError(
                f"state of {source}: version {stored}, this program reads {version} and nothing upgrades {number}; "
                'set worker.on_old_state = "cold" to start such sources anew, or use another worker.group'
            )
        with restore_errors(source):
            state = {**upgrade(state), "version": number + 1}
    return state
