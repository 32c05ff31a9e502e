"""Detectors of a model's errors that the settings name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stream_app.core.arrays import FloatArray, IntArray
from stream_app.core.registry import Detector
from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.monitors.extra_detectors import ExtraDetector, restore_detector, stored_detector
from stream_app.monitors.predictions.signals import Named
from stream_app.settings.detectors import DetectorSettings
from stream_app.settings.predictions import PredictionStream

__all__ = ["ErrorDetectors", "error_detector_name", "error_detectors"]

_ERRORS = (WHOLE_SOURCE,)
"""Channels of a detector of errors."""

_USUAL_DETECTORS = (DetectorSettings(name="adwin", alert=False),)
"""Counted, without alerts: of River's detectors the one that raises fewest false alarms on steady errors."""


class ErrorDetectors:
    """Detectors of the errors of one source, each between 0 and 1.

    Parameters
    ----------
    config : PredictionStream
        Settings of the stream.
    """

    def __init__(self, config: PredictionStream) -> None:
        self._extras = {error_detector_name(extra): extra for extra in error_detectors(config)}
        self._detectors: dict[str, Detector] = {
            name: extra.build(_ERRORS) for name, extra in self._extras.items()
        }
        self.drifts = dict.fromkeys(self._detectors, 0)
        """Drifts of the errors so far, by detector."""
        self.cold: list[str] = []
        """Why detectors started cold when the state was restored."""

    def update(self, ts: FloatArray, rows: IntArray, errors: FloatArray) -> list[Named]:
        """Take errors, shape (n,), with their times and their places in the batch."""
        found: list[Named] = []
        for name, detector in self._detectors.items():
            for signal in detector.update(ts, errors[:, None]):
                if signal.detector.endswith(".warning") or not (signal.ended or _is_worse(signal)):
                    continue
                self.drifts[name] += not signal.ended
                row = int(rows[signal.row])
                found.append((name, replace(signal, row=row, kind="performance", detector=name)))
        return found

    def features(self) -> dict[str, float | None]:
        """Live figures."""
        return {f"{name}.signals": count for name, count in self.drifts.items()}

    def state(self) -> dict[str, Any]:
        """Plain values for `restore`."""
        return {
            "detectors": {
                name: stored_detector(self._extras[name], detector)
                for name, detector in self._detectors.items()
            },
            "drifts": dict(self.drifts),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore from `state`; detectors that are new in the settings start afresh."""
        for name in self._detectors.keys() & state["detectors"].keys():
            self.drifts[name] = int(state["drifts"][name])
            restored, reason = restore_detector(self._extras[name], _ERRORS, state["detectors"][name])
            self._detectors[name] = restored
            if reason is not None:
                self.cold.append(reason)


def error_detectors(config: PredictionStream) -> tuple[ExtraDetector, ...]:
    """Return the detectors on the errors of each model of a stream."""
    wanted = _USUAL_DETECTORS if config.detectors is None else config.detectors
    return tuple(ExtraDetector.of(detector) for detector in wanted)


def error_detector_name(extra: ExtraDetector) -> str:
    """Return the name of a detector that watches errors, as in alerts."""
    return f"errors.{extra.name}"


def _is_worse(signal: Signal) -> bool:
    """Whether errors rose; some detectors tell when they fall, too."""
    figures = dict(signal.context)
    before, after = figures.get("mean_before"), figures.get("mean_after")
    return before is None or after is None or after > before
