"""Settings of a stream of predictions."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from stream_app.labels import label_text
from stream_app.settings.detectors import DetectorSettings
from stream_app.settings.durations import Duration
from stream_app.settings.formats import AnyMessageFormat, JsonFormat
from stream_app.settings.mapping import PredictionMapping
from stream_app.settings.table import Stream, Table, TopicName

__all__ = ["MODEL_BYTES", "FairnessSettings", "PredictionStream", "RetrainingSettings"]


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


def _labels(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value
    return [label_text(item) if isinstance(item, str | int | float) else item for item in value]


Share = Annotated[float, Field(gt=0.0, lt=1.0)]
OptionalShare = Annotated[Share | None, BeforeValidator(_off)]
OptionalCount = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_off)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_texts)]
LabelNames = Annotated[tuple[Name, ...], BeforeValidator(_labels)]


class FairnessSettings(Table):
    """Groups that should be treated alike, and the answers that are favourable.

    Parameters
    ----------
    favourable : list of str, number or bool
        Labels that benefit the person they are given to.
    groups : list of str
        Categories of the events, such as region, whose groups are compared.
    window : int
        Labelled predictions over which groups are compared.
    reference : str
        Group that others are compared with; by default the one with the highest share of favourable answers.
    impact : float
        Smallest allowed ratio of the shares of favourable answers; 0.8 is the four-fifths rule.
    opportunity : float
        Largest allowed difference of the true positive rates.
    level : float
        Highest probability of any false violation in one window.
    minimum : int
        Smallest number of predictions with which a group is judged.
    max_groups : int
        Most groups of a category that are compared; predictions about others are ignored.
    """

    favourable: Annotated[LabelNames, Field(min_length=1)]
    groups: Annotated[Names, Field(min_length=1)]
    window: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    reference: Annotated[str, Field(max_length=256)] = ""
    impact: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    opportunity: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    level: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.01
    minimum: Annotated[int, Field(ge=1)] = 30
    max_groups: Annotated[int, Field(ge=2, le=256)] = 64


class RetrainingSettings(Table):
    """Reasons to retrain a model, and how often one may be published.

    Parameters
    ----------
    performance : bool
        A credible drop of accuracy, or rise of the mean absolute error.
    concept_drift : bool
        A change of the error rate.
    drifted_features : int or false
        This many features drift at once.
    psi : float or false
        A feature whose population stability index is above this.
    new_samples : int or false
        This many new labelled predictions.
    hold : duration
        How long a drop, drifted features or an index must last to count.
    cool_down : duration
        Time after a trigger or a new model version without another trigger.
    """

    performance: bool = True
    concept_drift: bool = True
    drifted_features: OptionalCount = 3
    psi: Annotated[Annotated[float, Field(gt=0.0)] | None, BeforeValidator(_off)] = 0.2
    new_samples: OptionalCount = None
    hold: Duration = 60.0
    cool_down: Duration = 86_400.0


MODEL_BYTES = 250_000
"""Memory of a model, in a worker and in Redis: with 20 features it grows to this in 500 predictions, and with labels to 2 MB."""


class PredictionStream(Stream):
    """Settings of a stream of predictions, whose labels come with them or later.

    Parameters
    ----------
    topic : str, optional
        The topic to read; by default ``predictions`` under the prefix.
    task : {"classification", "regression"}
        Whether answers are classes, or values: numbers whose distance from the truth counts.
    labels : list of str, number or bool, optional
        Valid labels; events with another one are dead letters. Any label by default.
    label_within : duration
        How long a prediction waits for its label, in event time; then the label is missing.
    max_waiting : int
        Most predictions of a model that wait for labels; beyond, the oldest labels are missing.
    window : int
        Predictions over which accuracy and other figures are computed.
    baseline : int
        First labelled predictions of a model, from which its baseline is learned.
    baseline_accuracy : float or false
        The expected accuracy, if known.
    max_drop : float
        An alert fires if accuracy is credibly more than this below the baseline.
    max_overconfidence : float or false
        An alert fires if confidence exceeds accuracy credibly by more than this above the baseline's excess.
    max_error_rise : float
        Of values: an alert fires if the mean absolute error is credibly more than this share above the baseline's.
    max_bias : float
        Of values: an alert fires if the mean error is credibly further from the baseline's than this many of the
        baseline's mean absolute errors.
    max_undercoverage : float or false
        Of values with quantiles: an alert fires if credibly this many more truths than promised lie outside of the interval
        from the lowest to the highest quantile.
    class_mix : {"stable", "free"}
        Whether the accuracy estimate without labels assumes a stable mix of true classes.
    max_failures : float or false
        An alert fires if credibly more than this share of the predictions fails.
    max_latency : duration or false
        An alert fires if credibly more than `slow_share` of the predictions take longer.
    slow_share : float
        Share for `max_latency`; 0.05 limits the 95th percentile.
    budget : str
        False alarms allowed over all models and detectors of the stream.
    expected_sources : int
        Number of models that share the budget.
    detectors : list of tables, optional
        Detectors of the errors (0 or 1), without `channels` and `every`; by default ``adwin``, counted only.
    feature_window : int
        Predictions in a window for drift of features and classes; each is compared with the first two.
    feature_alerts : bool
        Whether such drift raises alerts, or is only a reason to retrain.
    reference : str, optional
        A CSV, JSONL or Parquet file of predictions on normal features, which windows of features are compared with instead of the first
        two. What somebody sets with ``streamgauge reference set`` comes before it.
    slices : bool
        Whether to search for weak slices of the input.
    slice_window : int
        Labelled predictions that are searched for slices.
    slice_every : int
        Labelled predictions between two searches.
    fairness : table, optional
        Groups that should be treated alike; see below.
    versions : list of str
        Versions of the model to compare, the one in use first.
    retraining : table
        Reasons to retrain; see below.
    lateness : duration
        Allowed lateness: predictions further behind their model's newest one are dead letters.
    max_future : duration
        Events whose time is further ahead of their record's time are dead letters.
    source_ttl : duration
        A model without events for longer is forgotten and later starts cold. At least `lateness` and `label_within`.
    max_store_bytes : int, optional
        Most that the models may take in Redis, in bytes, an equal share of it in each partition; events of new ones beyond it are
        dead letters. By default a share of `redis.max_bytes`, or what the `expected_sources` need where that is more.
    cooldown : duration
        Time after an alert resolved in which it does not fire again; a condition that still holds then fires.
    resolve_after : duration
        Time after which an alert about a moment (drift, changepoint) resolves.
    feature_ttl : duration
        How long live features of a model without events are kept.
    history : bool
        Whether a history of each model is kept for charts: accuracy and confidence, or error and bias, failures and latency.
    format : str or table
        How messages become values: ``"json"``, ``"json-schema"``, ``"avro"``, ``"protobuf"``, ``"messagepack"`` or ``"csv"``; a table
        with it as ``kind`` where more is to be said.
    on_unknown_schema : str
        ``stop`` or ``skip``: what becomes of a message whose schema the registry does not have. One that is skipped is a dead letter.
    mapping : table, optional
        Where the parts of an event are in a message, where they are not in our own places; see below.
    """

    kind: Literal["predictions"] = "predictions"
    topic: TopicName | None = None
    task: Literal["classification", "regression"] = "classification"
    labels: LabelNames | None = None
    label_within: Annotated[Duration, Field(gt=0)] = 3600.0
    max_waiting: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    window: Annotated[int, Field(ge=10, le=1_000_000)] = 1000
    baseline: Annotated[int, Field(ge=100, le=1_000_000)] = 1000
    baseline_accuracy: OptionalShare = None
    max_drop: Share = 0.05
    max_overconfidence: OptionalShare = 0.1
    max_error_rise: Annotated[float, Field(gt=0.0)] = 0.2
    max_bias: Annotated[float, Field(gt=0.0)] = 0.5
    max_undercoverage: OptionalShare = 0.05
    class_mix: Literal["stable", "free"] = "stable"
    max_failures: OptionalShare = 0.05
    max_latency: Annotated[Annotated[Duration, Field(gt=0)] | None, BeforeValidator(_off)] = None
    slow_share: Share = 0.05
    budget: str = "1 per day"
    expected_sources: Annotated[int, Field(ge=1)] = 1
    detectors: tuple[DetectorSettings, ...] | None = None
    feature_window: Annotated[int, Field(ge=50, le=1_000_000)] = 500
    feature_alerts: bool = False
    reference: str | None = None
    slices: bool = True
    slice_window: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    slice_every: Annotated[int, Field(ge=100)] = 5000
    fairness: FairnessSettings | None = None
    versions: Names = ()
    retraining: RetrainingSettings = RetrainingSettings()
    lateness: Duration = 60.0
    max_future: Duration = 86_400.0
    source_ttl: Annotated[Duration, Field(gt=0)] = 604_800.0
    max_store_bytes: Annotated[int, Field(ge=1)] | None = None
    cooldown: Duration = 300.0
    resolve_after: Duration = 300.0
    feature_ttl: Duration = 604_800.0
    history: bool = True
    format: AnyMessageFormat = JsonFormat()
    on_unknown_schema: Literal["stop", "skip"] = "stop"
    mapping: PredictionMapping | None = None

    @property
    def expected_bytes(self) -> int:
        """Memory that the states of the models that are expected take."""
        return self.expected_sources * MODEL_BYTES

    @property
    def least_reference(self) -> int:
        """Rows that a reference has at least: those of a window."""
        return self.feature_window

    @property
    def channel_names(self) -> None:
        """The declared features: none are."""
        return None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.source_ttl < max(self.lateness, self.label_within):
            raise ValueError(
                f"source_ttl {self.source_ttl:g} s must not be below lateness {self.lateness:g} s and label_within "
                f"{self.label_within:g} s: what is merely late would start its model cold"
            )
        if self.versions and (len(self.versions) < 2 or len(set(self.versions)) < len(self.versions)):
            raise ValueError("versions: two or more different ones are compared, or none")
        if self.task == "regression":
            classes = ("labels", "fairness", "versions", "baseline_accuracy")
            for name in (name for name in classes if getattr(self, name)):
                raise ValueError(f"{name}: a regression has values and no classes; leave it out")
        if self.labels is not None and len(set(self.labels)) < 2:
            raise ValueError("labels: two or more different ones are expected")
        return self
