"""Detectors of the settings beside the default ones. They have no budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from stream_app.core.arrays import FloatArray
from stream_app.core.reference import ReferenceTable
from stream_app.core.registry import Detector, DetectorType, detector_type
from stream_app.core.signals import Signal
from stream_app.errors import DataError, StateError
from stream_app.monitors.alert_tracker import ExtraRule
from stream_app.settings.detectors import DetectorSettings

if TYPE_CHECKING:
    # At run time most workers need none of the tests with references, and do not wait for scipy.
    from stream_app.core.twosample.reference import Reference

__all__ = ["ExtraDetector", "ExtraDetectors", "restore_detector", "stored_detector"]


@dataclass(frozen=True, slots=True)
class ExtraDetector:
    """A detector that the settings add to a stream.

    Parameters
    ----------
    settings : DetectorSettings
        Its settings.
    type : DetectorType
        What they name.
    reference : ReferenceTable, optional
        Normal operation of the stream, which tests of windows compare with where it has their channels.
    """

    settings: DetectorSettings
    type: DetectorType
    reference: ReferenceTable | None = None

    @classmethod
    def of(cls, settings: DetectorSettings, reference: ReferenceTable | None = None) -> Self:
        """Return the detector that settings describe, told against a reference if it is one that can be.

        Raises
        ------
        DataError
            If there is none of that name, or every stream has it already.
        PluginError
            If it is from outside and cannot be used.
        """
        found = detector_type(settings.name)
        if found.always:
            raise DataError(f"detector {found.name} watches every stream already; leave it out")
        return cls(settings, found, None if found.against is None else reference)

    @property
    def name(self) -> str:
        """Name of the detector."""
        return self.settings.name

    @property
    def rule(self) -> ExtraRule:
        """Alert policy of its signals."""
        return ExtraRule(self.settings.alert, self.settings.consecutive, lasting=self.type.lasting)

    def watched(self, channels: Sequence[str]) -> tuple[str, ...]:
        """Return the channels that it watches."""
        wanted = self.settings.channels
        return tuple(name for name in channels if wanted is None or name in wanted)

    def most_bytes(self, channels: Sequence[str]) -> int:
        """Return the most that its state for a source takes in the store."""
        return int(len(self.watched(channels)) * self.type.max_kib * 1024 / 8)

    def groups(self, channels: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return channels in one group, or where the reference has some of them, those and the others: each has a detector."""
        if self.reference is None:
            return [channels] if channels else []
        there = tuple(name for name in channels if self.reference.sample((name,)) is not None)
        others = tuple(name for name in channels if name not in there)
        return [group for group in (there, others) if group]

    def sample(self, channels: tuple[str, ...]) -> "Reference | None":
        """Return what a detector of some channels compares with; None where it learns from its first events."""
        return None if self.reference is None else self.reference.sample(channels)

    def version(self, channels: tuple[str, ...]) -> str:
        """Return the version of the reference that a detector of some channels compares with; empty where it has none."""
        against = self.reference is not None and self.sample(channels) is not None
        return self.reference.version if against and self.reference is not None else ""

    def build(self, channels: tuple[str, ...]) -> Detector:
        """Build the detector for some channels."""
        sample = self.sample(channels)
        if sample is not None and self.type.against is not None:
            return self.type.against.build(channels, self.settings.parameters, self.settings.every, sample)
        return self.type.build(channels, self.settings.parameters, self.settings.every)

    def restore(self, channels: tuple[str, ...], state: Mapping[str, Any]) -> Detector:
        """Make the detector of some channels from its state."""
        sample = self.sample(channels)
        if sample is not None and self.type.against is not None:
            return self.type.against.restore(state, sample)
        return self.type.restore(state)

    def state(self, detector: Detector) -> dict[str, Any]:
        """Return the state of the detector; of one that compares with the reference, without it: sources share that."""
        if self.type.against is not None and self.version(detector.channels):
            return self.type.against.state(detector)
        return detector.state()


def stored_detector(extra: ExtraDetector, detector: Detector) -> dict[str, Any]:
    """Return the state of a detector with the parameters that it was made with, for `restore_detector`."""
    return {
        "parameters": dict(extra.settings.parameters),
        "every": extra.settings.every,
        "against": extra.version(detector.channels),
        "state": extra.state(detector),
    }


def restore_detector(
    extra: ExtraDetector, channels: tuple[str, ...], stored: Mapping[str, Any]
) -> tuple[Detector, str | None]:
    """Make a detector from what `stored_detector` returned, or a new one where that is not possible.

    Parameters
    ----------
    extra : ExtraDetector
        The detector.
    channels : tuple of str
        Channels of a new one.
    stored : mapping
        Its state and parameters.

    Returns
    -------
    detector : Detector
        The detector.
    reason : str or None
        Why it starts cold, if it does: its state is damaged, of another version, or of other parameters.
    """
    if (stored["parameters"], stored["every"]) != (extra.settings.parameters, extra.settings.every):
        return extra.build(channels), f"the parameters of detector {extra.name} have changed"
    if stored.get("against", "") != extra.version(channels):
        # It is told with the reference.
        return extra.build(channels), None
    try:
        detector = extra.restore(channels, stored["state"])
        if detector.channels == channels:
            return detector, None
        reason = f"the state of detector {extra.name} is of channels {list(detector.channels)[:5]}"
    except StateError as error:
        reason = str(error)
    # A forged state may lead anywhere; the rest of the source does not depend on it.
    except Exception as error:  # noqa: BLE001 as above
        reason = f"the state of detector {extra.name} is damaged: {type(error).__name__}: {error}"
    return extra.build(channels), reason


class ExtraDetectors:
    """The extra detectors of one source.

    Channels that come later get detectors of their own, which start to learn while the others go on.

    Parameters
    ----------
    extras : sequence of ExtraDetector
        The stream's extra detectors.
    """

    def __init__(self, extras: Sequence[ExtraDetector]) -> None:
        self._extras = {extra.name: extra for extra in extras}
        self._running: list[tuple[str, tuple[str, ...], Detector]] = []
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
            version = self._extras[name].version(watched)
            for signal in detector.update(ts, values[:, columns]):
                found.append((name, replace(signal, reference=version) if version else signal))
                if not signal.ended:
                    counts = self._counts[name]
                    counts[signal.channel] = counts.get(signal.channel, 0) + 1
        return found

    def _join(self, channels: tuple[str, ...]) -> None:
        self._known += channels
        for name, extra in self._extras.items():
            for watched in extra.groups(extra.watched(channels)):
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
            "running": [
                [name, list(watched), stored_detector(self._extras[name], detector)]
                for name, watched, detector in self._running
            ],
            # Which channel signalled first depends on what came in one delivery.
            "counts": {name: dict(sorted(counts.items())) for name, counts in self._counts.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> list[str]:
        """Go on where `state` was taken; detectors that are new in the settings start cold, others are dropped.

        Returns
        -------
        list of str
            Why others start cold, too; see `restore_detector`.
        """
        self._known = tuple(state["known"])
        self._running, cold = [], []
        for name, channels, stored in state["running"]:
            if name not in self._extras:
                continue
            watched = tuple(channels)
            detector, reason = restore_detector(self._extras[name], watched, stored)
            if reason is not None:
                cold.append(reason)
            self._running.append((name, watched, detector))
        self._counts |= {
            name: dict(counts) for name, counts in state["counts"].items() if name in self._extras
        }
        fresh = self._extras.keys() - {name for name, *_ in state["running"]}
        for name, extra in self._extras.items():
            if name in fresh:
                for watched in extra.groups(extra.watched(self._known)):
                    self._running.append((name, watched, extra.build(watched)))
        return cold
