"""What the monitor file says of a stream of predictions."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from stream_app.settings.detectors import DetectorSettings
from stream_app.settings.durations import Duration
from stream_app.settings.table import Table

__all__ = ["FairnessSettings", "PredictionStream", "RetrainingSettings"]


def _off(value: Any) -> Any:
    # TOML has no null: what is off is false.
    return None if value is False else value


def _texts(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    return [
        str(item).lower() if isinstance(item, bool) else str(item) if isinstance(item, int) else item
        for item in value
    ]


Share = Annotated[float, Field(gt=0.0, lt=1.0)]
OptionalShare = Annotated[Share | None, BeforeValidator(_off)]
OptionalCount = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_off)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_texts)]


class FairnessSettings(Table):
    """Groups that should be treated alike, and what answers are good for them.

    Parameters
    ----------
    favourable : list of str, int or bool
        Labels that benefit the person they are given to.
    groups : list of str
        Categories of the events, such as region, whose groups are compared.
    window : int
        Labelled predictions over which groups are compared.
    reference : str
        The group that the others are compared with; by default the one with the highest share of favourable answers.
    impact : float
        Smallest allowed ratio of the shares of favourable answers; 0.8 is the four-fifths rule.
    opportunity : float
        Largest allowed difference of the true positive rates.
    level : float
        Probability of any false violation in one window, at most.
    minimum : int
        Predictions below which a group is too small to judge.
    max_groups : int
        Most groups of a category that are compared; predictions for others are left out.
    """

    favourable: Annotated[Names, Field(min_length=1)]
    groups: Annotated[Names, Field(min_length=1)]
    window: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    reference: Annotated[str, Field(max_length=256)] = ""
    impact: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    opportunity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    level: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.01
    minimum: Annotated[int, Field(ge=1)] = 30
    max_groups: Annotated[int, Field(ge=2, le=256)] = 64


class RetrainingSettings(Table):
    """What is a reason to train a model again, and how often one may be published.

    Parameters
    ----------
    performance : bool
        A credible drop of accuracy.
    concept_drift : bool
        A change found in the errors.
    drifted_features : int or false
        So many features in drift at once.
    psi : float or false
        A feature whose population stability index is above this.
    new_samples : int or false
        So many new labelled predictions.
    hold : duration
        A drop, drifted features or an index must last so long before they count.
    cool_down : duration
        No trigger follows for so long after a trigger or a new version of the model.
    """

    performance: bool = True
    concept_drift: bool = True
    drifted_features: OptionalCount = 3
    psi: Annotated[Annotated[float, Field(gt=0.0)] | None, BeforeValidator(_off)] = 0.2
    new_samples: OptionalCount = None
    hold: Duration = 60.0
    cool_down: Duration = 86_400.0


class PredictionStream(Table):
    """A stream of what models answer, with the truth beside it or later, and how it is watched.

    Parameters
    ----------
    topic : str, optional
        The topic to read; by default ``predictions`` under the prefix.
    labels : list of str, int or bool, optional
        The labels that exist; events with another one are dead letters. Any label by default.
    label_within : duration
        How long a prediction waits for its label, in event time; later it counts as missing.
    max_waiting : int
        Most predictions of a model that wait for their labels; of more, the oldest count as missing.
    window : int
        Predictions over which accuracy and the like are taken.
    baseline : int
        First labelled predictions of a model, from which its accuracy is learned.
    baseline_accuracy : float or false
        The expected accuracy, where it is known.
    max_drop : float
        An alert fires when the accuracy is credibly more than this below the baseline.
    max_overconfidence : float or false
        An alert fires when confidence exceeds accuracy credibly by more than this above what it did in the baseline.
    class_mix : {"stable", "free"}
        Whether the estimate of accuracy without labels may assume that the mix of classes stays as it was.
    max_failures : float or false
        An alert fires when credibly more than this share of the predictions fails.
    max_latency : duration or false
        An alert fires when credibly more than `slow_share` of the predictions take longer.
    slow_share : float
        See `max_latency`; 0.05 makes it a limit of the 95th percentile.
    budget : str
        False alarms allowed over all models and detectors of the stream.
    expected_sources : int
        The number of models over which the budget is divided.
    detectors : list of tables, optional
        River detectors on the errors, without `channels` and `every`; ``adwin``, only counted, by default.
    feature_window : int
        Predictions in a window that is compared with the first two, for drift of features and classes.
    feature_alerts : bool
        Whether such drift raises alerts, or is only a reason to train again.
    slices : bool
        Whether to search for parts of the input in which the model errs more often than overall.
    slice_window : int
        Labelled predictions that are searched.
    slice_every : int
        Labelled predictions from one search to the next.
    fairness : table, optional
        Groups that should be treated alike; see below.
    versions : list of str
        Versions of the model to compare, the one in use first.
    retraining : table
        What is a reason to train again; see below.
    lateness : duration
        Predictions that are older than the newest one of their model by more than this are dead letters.
    max_future : duration
        Events whose time is later than their record's own by more than this are dead letters.
    source_ttl : duration
        A model without events for longer is forgotten, and starts cold when it comes back. At least `lateness` and `label_within`.
    max_sources : int
        Most models of a partition; of more, the one without events for longest is forgotten.
    cooldown : duration
        An alert does not fire again for so long after it was resolved; what still lasts then fires then.
    resolve_after : duration
        An alert about a moment (drift, changepoint) is resolved after so long.
    feature_ttl : duration
        Live features of a model without events are kept for so long.
    """

    kind: Literal["predictions"] = "predictions"
    topic: str | None = None
    labels: Names | None = None
    label_within: Annotated[Duration, Field(gt=0)] = 3600.0
    max_waiting: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    window: Annotated[int, Field(ge=10, le=1_000_000)] = 1000
    baseline: Annotated[int, Field(ge=100, le=1_000_000)] = 1000
    baseline_accuracy: OptionalShare = None
    max_drop: Share = 0.05
    max_overconfidence: OptionalShare = 0.1
    class_mix: Literal["stable", "free"] = "stable"
    max_failures: OptionalShare = 0.05
    max_latency: Annotated[Annotated[Duration, Field(gt=0)] | None, BeforeValidator(_off)] = None
    slow_share: Share = 0.05
    budget: str = "1 per day"
    expected_sources: Annotated[int, Field(ge=1)] = 1
    detectors: tuple[DetectorSettings, ...] | None = None
    feature_window: Annotated[int, Field(ge=50, le=1_000_000)] = 500
    feature_alerts: bool = False
    slices: bool = True
    slice_window: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    slice_every: Annotated[int, Field(ge=100)] = 5000
    fairness: FairnessSettings | None = None
    versions: Names = ()
    retraining: RetrainingSettings = RetrainingSettings()
    lateness: Duration = 60.0
    max_future: Duration = 86_400.0
    source_ttl: Annotated[Duration, Field(gt=0)] = 604_800.0
    max_sources: Annotated[int, Field(ge=1)] = 100_000
    cooldown: Duration = 300.0
    resolve_after: Duration = 300.0
    feature_ttl: Duration = 604_800.0

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.source_ttl < max(self.lateness, self.label_within):
            raise ValueError(
                f"source_ttl {self.source_ttl:g} s must not be below lateness {self.lateness:g} s and label_within "
                f"{self.label_within:g} s: what is merely late would start its model cold"
            )
        if self.versions and (len(self.versions) < 2 or len(set(self.versions)) < len(self.versions)):
            raise ValueError("versions: two or more different ones are compared, or none")
        if self.labels is not None and len(set(self.labels)) < 2:
            raise ValueError("labels: two or more different ones are expected")
        return self
