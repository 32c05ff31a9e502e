"""Which detectors of which sources compare with the reference of their stream."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from stream_app.core.alerting import detector_family
from stream_app.core.signals import Signal

__all__ = ["Comparisons"]


class Comparisons:
    """Says of each signal of drift against which version of the reference it is told.

    Drift detection begins a reference of its own with each alarm, and shares of categories are learned anew where they last. What they
    tell from then on is not against the reference of the stream.

    Parameters
    ----------
    version : str
        Version of the reference; empty where the stream has none.

    Examples
    --------
    >>> comparisons = Comparisons("0123456789ab")
    >>> told = []
    >>> drift = Signal(row=0, ts=0.0, kind="drift", detector="drift.level", channel="flow", statistic=2.0, threshold=1.0)
    >>> for _ in range(2):
    ...     comparisons.note(["pump-1"], lambda row, name, signal: told.append(signal.reference), 0, "drift", drift)
    >>> told
    ['0123456789ab', '']
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._ended: dict[str, set[str]] = {}
        self._changed: set[str] = set()

    def note(
        self,
        sources: Sequence[str],
        take: Callable[[int, str, Signal], None],
        row: int,
        name: str,
        signal: Signal,
    ) -> None:
        """Pass a signal of a row on, with the version of the reference that it is told against."""
        if self._version and signal.kind == "drift" and not signal.ended and not signal.reference:
            key = _compared(name, signal)
            ended = self._ended.setdefault(sources[row], set())
            if key is not None and key not in ended:
                signal = replace(signal, reference=self._version)
                ended.add(key)
        take(row, name, signal)

    def take_changed(self, sources: Sequence[str]) -> list[str]:
        """Return which of some sources have begun with another reference and were not returned before, in their order."""
        if not self._changed:
            return []
        found = [source for source in dict.fromkeys(sources) if source in self._changed]
        self._changed.difference_update(found)
        return found

    def forget(self, source: str) -> None:
        """Drop a source."""
        self._ended.pop(source, None)
        self._changed.discard(source)

    def state(self, source: str) -> list[Any]:
        """Plain values for `restore`."""
        return [self._version, sorted(self._ended.get(source, ()))]

    def restore(self, source: str, state: Any) -> bool:
        """Take a source; return whether it has to begin with this reference, because it has another one or none.

        One whose stream has no reference any more goes on with what it has learned.
        """
        version, ended = ("", ()) if state is None else (str(state[0]), map(str, state[1]))
        if self._version and version != self._version:
            self._changed.add(source)
            return True
        self._ended[source] = set(ended)
        return False


def _compared(name: str, signal: Signal) -> str | None:
    """Return what begins anew with a signal, or None where its detector is an extra one, which says itself what it is told against."""
    family = detector_family(signal.detector)
    if family == "categories":
        # A new category is new for good: others still are.
        shifted = signal.detector == "category_shares"
        return f"{signal.channel}" if shifted else f"{signal.channel}:{signal.contributions[0][0]}"
    return name if family is not None else None
