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
        Labels that are good for whom they are given to.
    groups : list of str
        Categories of the events whose groups are held side by side.
    window : int
        Labelled predictions over which they are.
    reference : str
        Group that the others are held against; where none is named, the one with the most favourable answers.
    impact : float
        Least ratio of the shares of favourable answers: 0.8 is the four-fifths rule.
    opportunity : float
        Largest difference of the shares of those who deserve a favourable answer and get one.
    level : float
        Chance of any false violation in one window, at most.
    minimum : int
        Predictions below which a group is too small to judge.
    max_groups : int
        Groups that are told apart.
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
    """What is a reason to train a model again, and how often one may be told.

    Parameters
    ----------
    performance, concept_drift : bool
        Whether a credible drop of accuracy, and a change found in the errors, are.
    drifted_features : int or false
        So many features in drift at once are.
    psi : float or false
        A feature whose population stability index is above it is.
    new_samples : int or false
        So many new labelled predictions are.
    hold : duration
        For so long a drop, drifted features or an index must last before they count.
    cool_down : duration
        After a trigger, or a new version of the model, nothing is told for so long.
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
        Where it comes from; ``predictions`` under the prefix where none is named.
    labels : list of str, int or bool, optional
        The labels that there are; events with another one are dead letters. Any, where none are named.
    label_within : duration
        How long a prediction waits for its label, in event time; later it counts as missing.
    max_waiting : int
        Most predictions of a model that wait for their labels; of more, the oldest count as missing.
    window : int
        Predictions over which accuracy and the like are taken.
    baseline : int
        First labelled predictions of a model, which show how well it does.
    baseline_accuracy : float or false
        How well it should do; learned from the first predictions where nothing is said.
    max_drop : float
        An alert tells when the accuracy is credibly more than this below the baseline.
    max_overconfidence : float or false
        An alert tells when the model is credibly surer of itself than it is right, by more than this over the baseline.
    class_mix : str
        Whether the estimate of accuracy without labels may count on a ``stable`` mix of classes, or it is ``free``.
    max_failures : float or false
        An alert tells when credibly more than this share of the predictions fails.
    max_latency : duration or false
        An alert tells when credibly more than `slow_share` of the predictions take longer.
    slow_share : float
        See `max_latency`.
    budget : str
        False alarms that are allowed, over all models and detectors of the stream.
    expected_sources : int
        Over how many models the budget is divided.
    detectors : list of tables
        River detectors on the errors; ``adwin`` where none are named.
    feature_window : int
        Predictions in a window that is compared with the first ones, for drift of features.
    feature_alerts : bool
        Whether such drift raises alerts, or is only a reason to train again.
    slices : bool
        Whether to look for parts of the input in which the model errs more often than overall.
    slice_window, slice_every : int
        Labelled predictions that are searched, and from one search to the next.
    fairness : table, optional
        Groups that should be treated alike.
    versions : list of str
        Versions of the model to compare, the one in use first.
    retraining : table
        What is a reason to train again.
    lateness, max_future, source_ttl, max_sources, cooldown, resolve_after, feature_ttl
        As for sensors; a source is a model.
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
