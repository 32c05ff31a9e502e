"""From the settings of a stream of predictions to what its monitor is told."""

from dataclasses import replace
from typing import Any

from stream_app.core.budget import Budget
from stream_app.core.fairness import FairnessOptions
from stream_app.core.retraining import RetrainingConfig
from stream_app.errors import SettingsError, StreamgaugeError
from stream_app.monitors.extra_detectors import ExtraDetector
from stream_app.monitors.predictions import PredictionConfig
from stream_app.monitors.predictions.config import ERROR_DETECTORS
from stream_app.monitors.predictions.source import SourceMonitor
from stream_app.settings import FairnessSettings, PredictionStream

__all__ = ["prediction_config"]


def prediction_config(name: str, stream: PredictionStream) -> PredictionConfig:
    """Translate the settings of a stream, and see that its monitor can be made.

    Raises
    ------
    SettingsError
        If it can't: a budget that cannot be read, a detector that does not exist or takes no such parameter.

    Examples
    --------
    >>> prediction_config("models", PredictionStream(labels=[0, 1], max_drop=0.1)).labels
    ('0', '1')
    """
    try:
        config = PredictionConfig(
            stream=name,
            label_within=stream.label_within,
            max_waiting=stream.max_waiting,
            labels=stream.labels,
            window=stream.window,
            baseline=stream.baseline,
            baseline_accuracy=stream.baseline_accuracy,
            max_drop=stream.max_drop,
            max_overconfidence=stream.max_overconfidence,
            class_mix=stream.class_mix,
            max_failures=stream.max_failures,
            max_latency=stream.max_latency,
            slow_share=stream.slow_share,
            budget=stream.budget,
            sources=stream.expected_sources,
            error_detectors=_error_detectors(stream),
            feature_window=stream.feature_window,
            feature_alerts=stream.feature_alerts,
            slice_window=stream.slice_window,
            slice_every=stream.slice_every if stream.slices else 0,
            **_fairness(stream.fairness),
            versions=stream.versions,
            retraining=RetrainingConfig(**stream.retraining.model_dump()),
            lateness=stream.lateness,
            max_future=stream.max_future,
            source_ttl=stream.source_ttl,
            cooldown=stream.cooldown,
            resolve_after=stream.resolve_after,
        )
        Budget.parse(stream.budget)
        # Without an event nobody would hear of a mistake before the first one comes. The usual detectors are none, and
        # River takes its time to load.
        SourceMonitor("any", replace(config, error_detectors=()) if stream.detectors is None else config)
    except StreamgaugeError as error:
        raise SettingsError(f"streams.{name}: {error}") from error
    except (TypeError, ValueError) as error:
        reason = str(error).rpartition("() ")[2]
        raise SettingsError(f"streams.{name}.detectors: the parameters do not fit: {reason}") from error
    return config


def _error_detectors(stream: PredictionStream) -> tuple[ExtraDetector, ...]:
    if stream.detectors is None:
        return ERROR_DETECTORS
    seen: set[str] = set()
    for detector in stream.detectors:
        if detector.channels is not None or detector.every is not None:
            raise SettingsError(
                f"detectors: {detector.name} is run on all errors; leave out channels and every"
            )
        if detector.name in seen:
            raise SettingsError(f"detectors: {detector.name} is there twice")
        seen.add(detector.name)
    return tuple(ExtraDetector(**detector.model_dump()) for detector in stream.detectors)


def _fairness(said: FairnessSettings | None) -> dict[str, Any]:
    if said is None:
        return {}
    options = said.model_dump(exclude={"favourable", "groups", "window"})
    return {
        "favourable": said.favourable,
        "protected": said.groups,
        "fairness_window": said.window,
        "fairness": FairnessOptions(**options),
    }
