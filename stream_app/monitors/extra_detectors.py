"""Detectors that a user adds to the default ones: River's, and windowed tests. They keep no budget."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from stream_app.core.arrays import FloatArray
from stream_app.core.signals import Signal
from stream_app.errors import OldStateError
from stream_app.monitors.alert_tracker import ExtraRule
from stream_app.settings.detectors import DetectorSettings

if TYPE_CHECKING:
    from stream_app.core.river_adapter import RiverDetector
    from stream_app.core.twosample import WindowedTest

__all__ = ["WINDOWED_TESTS", "ExtraDetector", "ExtraDetectors"]

WINDOWED_TESTS = frozenset({"ks", "psi", "wasserstein", "mann_whitney"})
"""Tests of one window after the other against a reference; each window says whether the change is still there."""


class ExtraDetector(DetectorSettings):
    """A detector to run on each channel beside the default ones, or on the errors of a model; for its fields see `DetectorSettings`."""

    @classmethod
    def of(cls, settings: DetectorSettings) -> Self:
        """Return the detector that settings describe."""
        return cls(**dict(settings))

    @property
    def rule(self) -> ExtraRule:
        """How its signals become alerts."""
        return ExtraRule(self.alert, self.consecutive, lasting=self.name in WINDOWED_TESTS)

    def watched(self, channels: Sequence[str]) -> tuple[str, ...]:
        """Of some channels, those that it is for."""
        return tuple(name for name in channels if self.channels is None or name in self.channels)

    def build(self, channels: tuple[str, ...]) -> "RiverDetector | WindowedTest":
        """Make one for some channels."""
        # Loaded when a user asks for one: together they take a tenth of the start of a worker.
        if self.name in WINDOWED_TESTS:
            from stream_app.core.twosample import WindowedTest, WindowedTestOptions  # noqa: PLC0415 as above

            options: Any = {**self.parameters, "tests": (self.name,)}
            return WindowedTest(channels, options=WindowedTestOptions(**options))
        from stream_app.core.river_adapter import RiverDetector  # noqa: PLC0415 as above

        return RiverDetector(channels, self.name, self.parameters, every=self.every, name=self.name)

    def restore(self, state: Mapping[str, Any]) -> "RiverDetector | WindowedTest":
        """Go on with one where its state was taken."""
        if self.name in WINDOWED_TESTS:
            from stream_app.core.twosample import WindowedTest  # noqa: PLC0415 as in `build`

            return WindowedTest.from_state(state)
        from stream_app.core.river_adapter import RiverDetector  # noqa: PLC0415 as in `build`

        return RiverDetector.from_state(state)


class ExtraDetectors:
    """The extra detectors of one source.

    Channels that come later get detectors of their own, which start to learn while the others go on.

    Parameters
    ----------
    extras : sequence of ExtraDetector
        Settings.
    """

    def __init__(self, extras: Sequence[ExtraDetector]) -> None:
        self._extras = {extra.name: extra for extra in extras}
        self._running: list[tuple[str, tuple[str, ...], RiverDetector | WindowedTest]] = []
        self._known: tuple[str, ...] = ()
        self._counts: dict[str, dict[str, int]] = {name: {} for name in self._extras}

    def update(
        self, ts: FloatArray, channels: tuple[str, ...], values: FloatArray
    ) -> list[tuple[str, Signal]]:
        """Take readings, shape (n,) and (n, d); return what was seen, with the name of the detector."""
        if channels != self._known:
            self._join(tuple(name for name in channels if name not in self._known))
        found = []
        for name, watched, detector in self._running:
            columns = [channels.index(channel) for channel in watched]
            for signal in detector.update(ts, values[:, columns]):
                found.append((name, signal))
                if not signal.ended:
                    counts = self._counts[name]
                    counts[signal.channel] = counts.get(signal.channel, 0) + 1
        return found

    def _join(self, channels: tuple[str, ...]) -> None:
        self._known += channels
        for name, extra in self._extras.items():
            watched = extra.watched(channels)
            if watched:
                self._running.append((name, watched, extra.build(watched)))

    def features(self) -> dict[str, float | None]:
        """Return how often each signalled, by channel."""
        return {
            f"{name}.{channel}.signals": count
            for name, counts in self._counts.items()
            for channel, count in counts.items()
        }

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "known": list(self._known),
            "running": [[name, list(watched), one.state()] for name, watched, one in self._running],
            # Which channel signalled first depends on what came in one delivery.
            "counts": {name: dict(sorted(counts.items())) for name, counts in self._counts.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> list[str]:
        """Go on where `state` was taken; detectors that are new in the settings start cold, others are dropped.

        Returns
        -------
        list of str
            Why others start cold, too: those that another version of River stored.
        """
        self._known = tuple(state["known"])
        self._running, cold = [], []
        for name, channels, stored in state["running"]:
            if name not in self._extras:
                continue
            extra, watched = self._extras[name], tuple(channels)
            try:
                detector = extra.restore(stored)
            except OldStateError as error:
                detector = extra.build(watched)
                cold.append(str(error))
            self._running.append((name, watched, detector))
        self._counts |= {
            name: dict(counts) for name, counts in state["counts"].items() if name in self._extras
        }
        fresh = self._extras.keys() - {name for name, *_ in state["running"]}
        for name, extra in self._extras.items():
            watched = extra.watched(self._known)
            if name in fresh and watched:
                self._running.append((name, watched, extra.build(watched)))
        return cold
