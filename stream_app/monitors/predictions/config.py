"""What a prediction monitor is told."""

from dataclasses import dataclass, field

from stream_app.core.fairness import FairnessOptions
from stream_app.core.performance import ClassMix
from stream_app.core.retraining import RetrainingConfig
from stream_app.errors import SettingsError
from stream_app.monitors.extra_detectors import ExtraDetector

__all__ = ["ERROR_DETECTORS", "PredictionConfig"]

ERROR_DETECTORS = (ExtraDetector("adwin", alert=False),)
"""Run on the errors by default, counted and not told: the one of River's that raises fewest false alarms on steady errors."""

_LEAST_BASELINE = 100


@dataclass(frozen=True, slots=True)
class PredictionConfig:
    """Settings of a prediction monitor.

    Parameters
    ----------
    stream : str
        Name of the stream; part of each alert's identity.
    label_within : float
        Seconds of event time that a prediction waits for its label, and a label for its prediction.
    max_waiting : int
        Most predictions of a source that wait at once.
    labels : tuple of str or None
        The labels that there are; an event that names another one is refused. None to take them as they come.
    window : int
        Predictions over which accuracy and the like are taken: labelled ones, and for the estimate the newest.
    baseline : int
        First labelled predictions of a source, from which is learned how well it does; at least 100.
    baseline_accuracy : float or None
        How well it should do, where that is known; then the first predictions are judged, too.
    max_drop : float
        An alert tells when the accuracy is credibly more than this below the baseline.
    max_overconfidence : float or None
        An alert tells when confidence exceeds accuracy credibly by more than this above what it did in the baseline.
    class_mix : {'stable', 'free'}
        Whether the estimate of accuracy without labels may count on the true mix of classes staying as it was.
    max_failures : float or None
        An alert tells when credibly more than this share of the predictions fails.
    max_latency : float or None
        Seconds; an alert tells when credibly more than `slow_share` of the predictions take longer.
    slow_share : float
        See `max_latency`; 0.05 makes it a limit of the 95th percentile.
    budget : str
        False alarms allowed for the whole stream, such as ``"1 per day"``.
    sources : int
        Over how many sources the budget is divided.
    error_detectors : tuple of ExtraDetector
        River detectors that watch each source's errors; they keep no budget.
    feature_window : int
        Predictions in a window that is compared with the first two such windows, for drift of features and classes.
    feature_alerts : bool
        Whether such drift raises alerts, or is only counted as a reason to train again.
    slice_window : int
        Labelled predictions that are searched for slices in which the model is weak.
    slice_every : int
        Labelled predictions from one search to the next; 0 is never.
    favourable : tuple of str
        Labels that are good for whom they are given to; empty where no answer is.
    protected : tuple of str
        Categories whose groups should be treated alike.
    fairness_window : int
        Labelled predictions over which groups are held side by side; each such window is judged once.
    fairness : FairnessOptions
        Limits.
    versions : tuple of str
        Versions of the model to compare, the one in use first; empty for none.
    retraining : RetrainingConfig
        What is a reason to train again.
    lateness, max_future, cooldown, resolve_after : float
        Seconds, as for sensors; a label is never late but by `label_within`.
    source_ttl : float
        Seconds of its own event time after which a source that comes back starts cold.

    Raises
    ------
    SettingsError
        If a number is out of its range.
    """

    stream: str = "predictions"
    label_within: float = 3600.0
    max_waiting: int = 10_000
    labels: tuple[str, ...] | None = None
    window: int = 1000
    baseline: int = 1000
    baseline_accuracy: float | None = None
    max_drop: float = 0.05
    max_overconfidence: float | None = 0.1
    class_mix: ClassMix = "stable"
    max_failures: float | None = 0.05
    max_latency: float | None = None
    slow_share: float = 0.05
    budget: str = "1 per day"
    sources: int = 1
    error_detectors: tuple[ExtraDetector, ...] = ERROR_DETECTORS
    feature_window: int = 500
    feature_alerts: bool = False
    slice_window: int = 10_000
    slice_every: int = 5000
    favourable: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    fairness_window: int = 2000
    fairness: FairnessOptions = field(default_factory=FairnessOptions)
    versions: tuple[str, ...] = ()
    retraining: RetrainingConfig = field(default_factory=RetrainingConfig)
    lateness: float = 60.0
    max_future: float = 86_400.0
    source_ttl: float = 604_800.0
    cooldown: float = 300.0
    resolve_after: float = 300.0

    def __post_init__(self) -> None:
        fewest = {
            "window": 1,
            "baseline": _LEAST_BASELINE,
            "feature_window": 2,
            "slice_window": 100,
            "slice_every": 0,
            "fairness_window": 1,
        }
        for name, least in fewest.items():
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}; expected at least {least}")
        for name in ("baseline_accuracy", "max_drop", "max_overconfidence", "max_failures", "slow_share"):
            value = getattr(self, name)
            if value is not None and not 0.0 < value < 1.0:
                raise SettingsError(f"{name} is {value!r}; expected a number between 0 and 1")
        if bool(self.protected) != bool(self.favourable):
            raise SettingsError(
                "protected categories and favourable labels belong together; one of them is empty"
            )
