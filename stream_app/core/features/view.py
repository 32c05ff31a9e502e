"""A feature view: the features of an entity, and how they are computed from a stream of its events."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from stream_app.core.features.windows import ALL_TIME, DAY, AllTime, Session, Sliding, Window
from stream_app.errors import DataError

__all__ = ["Aggregation", "Condition", "Feature", "FeatureView"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MAX_FEATURES = 512
_MAX_EVENTS = 1_000_000


class Aggregation(StrEnum):
    """Aggregation of the events in a window."""

    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    DISTINCT = "distinct"
    TIME_SINCE_LAST = "time_since_last"
    RATE = "rate"
    RATIO = "ratio"


_NUMERIC = frozenset({Aggregation.SUM, Aggregation.MEAN, Aggregation.MIN, Aggregation.MAX, Aggregation.LAST})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_WINDOWS: Mapping[str, type[Window]] = {"sliding": Sliding, "session": Session, "all_time": AllTime}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on events.

    Parameters
    ----------
    field : str
        ``type``, or the name of an attribute or value of the event.
    comparison : str
        One of ``== != < <= > >= in``.
    value : str, float or tuple of them
        What it is compared with; a tuple for ``in``. An event without the field, or with a text where a number
        stands here, does not count.

    Examples
    --------
    >>> Condition("type", "in", ("purchase", "refund")).value
    ('purchase', 'refund')
    """

    field: str
    comparison: str
    value: str | float | tuple[str | float, ...]

    def __post_init__(self) -> None:
        if self.comparison not in _COMPARISONS:
            raise DataError(
                f"condition on {self.field!r}: no comparison {self.comparison!r}; there is {sorted(_COMPARISONS)}"
            )
        many = isinstance(self.value, list | tuple)
        # 1 and 1.0 must give the same fingerprint.
        values = tuple(
            float(value) if isinstance(value, int) else value
            for value in (self.value if isinstance(self.value, list | tuple) else (self.value,))
        )
        object.__setattr__(self, "value", values if many else values[0])
        if (self.comparison == "in") != many or not values:
            raise DataError(
                f"condition on {self.field!r}: {self.comparison!r} cannot compare with {self.value!r}"
            )
        if any(isinstance(value, float) and not math.isfinite(value) for value in values):
            raise DataError(f"condition on {self.field!r}: {self.value!r} is not finite")


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: a number about an entity at an instant.

    Over an empty window `count`, `sum`, `distinct` and `rate` are 0, the others are None.

    Parameters
    ----------
    name : str
        Letters, digits, ``_ . -``.
    aggregation : Aggregation or str
        ``sum mean min max last`` are of the numbers in `field`; ``count rate time_since_last`` of the events (of
        those that have `field`, if it is given); ``distinct`` counts the different texts or numbers in `field`;
        ``rate`` is events a second, over the window's length or, for sessions and all time, since its first event;
        ``time_since_last`` is in seconds; ``ratio`` divides one feature of the view by another.
    field : str, optional
        Name of a value (for ``distinct`` also of an attribute).
    window : Sliding, Session or AllTime
        Which events; not for a ratio.
    where : tuple of Condition
        All must hold.
    over : tuple of two str, optional
        For a ratio: names of the dividend and the divisor. None where the divisor is 0 or either is None.

    Examples
    --------
    >>> Feature("spent_30m", "sum", "amount", Sliding(1800)).aggregation.value
    'sum'
    >>> Feature("spent_30m", "sum")
    Traceback (most recent call last):
    stream_app.errors.DataError: feature spent_30m: sum needs a field
    """

    name: str
    aggregation: Aggregation
    field: str | None = None
    window: Window = ALL_TIME
    where: tuple[Condition, ...] = ()
    over: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DataError(f"feature {self.name!r}: a name has 1 to 128 letters, digits, '_', '.', '-'")
        try:
            object.__setattr__(self, "aggregation", Aggregation(self.aggregation))
        except ValueError:
            known = ", ".join(Aggregation)
            raise DataError(
                f"feature {self.name}: no aggregation {self.aggregation!r}; there is {known}"
            ) from None
        object.__setattr__(self, "where", tuple(self.where))
        problem = self._problem()
        if problem:
            raise DataError(f"feature {self.name}: {problem}")

    def _problem(self) -> str | None:
        kind = self.aggregation
        if kind is Aggregation.RATIO:
            if self.over is None or len(self.over) != 2:
                return "ratio needs over, the names of its dividend and its divisor"
            if self.field is not None or self.where or self.window != ALL_TIME:
                return "ratio has no field, window or condition of its own; those of its two features count"
        elif self.over is not None:
            return f"over is for ratio, not for {kind.value}"
        elif self.field is None and (kind in _NUMERIC or kind is Aggregation.DISTINCT):
            return f"{kind.value} needs a field"
        elif kind is Aggregation.DISTINCT and isinstance(self.window, AllTime):
            return "distinct over all time would remember everything for ever; give it a window"
        return None

    @property
    def numeric(self) -> bool:
        """Whether the aggregation needs a numeric field."""
        return self.aggregation in _NUMERIC


@dataclass(frozen=True, slots=True)
class FeatureView:
    """A feature view: features of an entity from one stream.

    Parameters
    ----------
    name : str
        Letters, digits, ``_ . -``.
    features : tuple of Feature
        With different names.
    version : int
        From 1. A change of the definition needs a new version; both can be live side by side.
    stream : str
        The stream its events come from.
    entity : str
        What an entity is, in a word; for people.
    where : tuple of Condition
        Events for which one does not hold are no part of the view.
    freshness : float
        Seconds after the newest event beyond which an entity's features are stale.
    lateness : float
        Seconds that an event may be older than the newest one of its entity; later ones are refused.
    history : float
        Seconds before the newest event for which a reader can still ask.
    ttl : float
        Seconds after its newest event when an entity is forgotten; not less than `retention`. 0 is twice that, and
        a day at least; a feature over all time needs it said.
    max_events : int
        Most events of an entity that are kept. Older ones are given up first, and a feature whose window reaches
        back to one of those is None and named incomplete.

    Raises
    ------
    DataError
        If a part is unusable, or they do not go together.

    Examples
    --------
    >>> view = FeatureView("purchases", (Feature("count_30m", "count", window=Sliding(1800)),), lateness=60)
    >>> view.key, view.retention, view.ttl
    ('purchases:v1', 1860.0, 86400.0)
    >>> FeatureView.from_definition(view.definition()) == view
    True
    """

    name: str
    features: tuple[Feature, ...]
    version: int = 1
    stream: str = "sessions"
    entity: str = "entity"
    where: tuple[Condition, ...] = ()
    freshness: float = DAY
    lateness: float = 3600.0
    history: float = 0.0
    ttl: float = 0.0
    max_events: int = 10_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", tuple(self.features))
        object.__setattr__(self, "where", tuple(self.where))
        for name in ("freshness", "lateness", "history", "ttl"):
            # 60 and 60.0 must give the same fingerprint.
            object.__setattr__(self, name, float(getattr(self, name)))
        if not self.ttl and not self._all_time:
            object.__setattr__(self, "ttl", max(2.0 * self.retention, DAY))
        problem = self._problem() or self._ratio_problem()
        if problem:
            raise DataError(f"feature view {self.name!r} v{self.version}: {problem}")

    @property
    def _all_time(self) -> list[str]:
        return [
            feature.name
            for feature in self.features
            if isinstance(feature.window, AllTime) and feature.aggregation is not Aggregation.RATIO
        ]

    def _problem(self) -> str | None:
        checks = [
            (_NAME.fullmatch(self.name), "a name has 1 to 128 letters, digits, '_', '.', '-'"),
            (self.version >= 1, "versions count from 1"),
            (
                1 <= len(self.features) <= _MAX_FEATURES,
                f"{len(self.features)} features; 1 to {_MAX_FEATURES} are possible",
            ),
            (
                len({feature.name for feature in self.features}) == len(self.features),
                "two features have the same name",
            ),
            *(
                (math.isfinite(seconds) and seconds >= 0, f"{what} must be finite and not negative, got {seconds}")
                for what, seconds in (
                    ("freshness", self.freshness), ("lateness", self.lateness), ("history", self.history)
                )
            ),
            (self.ttl, f"{self._all_time[:3]} count over all time: say with ttl when an entity is forgotten"),
            (
                math.isfinite(self.ttl) and self.ttl >= self.retention,
                f"ttl ({self.ttl} s) must be finite and not less than events are kept ({self.retention} s)",
            ),
            (
                1 <= self.max_events <= _MAX_EVENTS,
                f"max_events must be between 1 and {_MAX_EVENTS}, got {self.max_events}",
            ),
        ]  # fmt: skip
        return next((problem for holds, problem in checks if not holds), None)

    def _ratio_problem(self) -> str | None:
        plain = {f.name for f in self.features if f.aggregation is not Aggregation.RATIO}
        for feature in self.features:
            missing = [name for name in feature.over or () if name not in plain]
            if missing:
                return f"{feature.name} is over {missing[0]!r}, which is no other plain feature of the view"
        return None

    @property
    def key(self) -> str:
        """Name and version, such as ``purchases:v1``."""
        return f"{self.name}:v{self.version}"

    @property
    def retention(self) -> float:
        """Seconds before an entity's newest event for which its events are kept one by one."""
        longest = max((feature.window.reach for feature in self.features), default=0.0)
        return longest + max(self.lateness, self.history)

    def definition(self) -> dict[str, Any]:
        """Return the definition as plain values, for JSON."""
        return {
            **asdict(self),
            "where": [_condition(condition) for condition in self.where],
            "features": [
                {
                    "name": feature.name,
                    "aggregation": feature.aggregation.value,
                    "field": feature.field,
                    "window": {"kind": _kind(feature.window), **asdict(feature.window)},
                    "where": [_condition(condition) for condition in feature.where],
                    "over": None if feature.over is None else list(feature.over),
                }
                for feature in self.features
            ],
        }

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Self:
        """Make a view from its `definition`.

        Raises
        ------
        DataError
            If it is no definition.
        """
        try:
            features = tuple(
                Feature(
                    **{
                        **given,
                        "window": _window(given["window"]),
                        "where": tuple(Condition(**condition) for condition in given["where"]),
                        "over": None if given["over"] is None else tuple(given["over"]),
                    }
                )
                for given in definition["features"]
            )
            where = tuple(Condition(**condition) for condition in definition["where"])
            return cls(**{**definition, "features": features, "where": where})
        except (KeyError, TypeError) as error:
            raise DataError(f"not the definition of a feature view: {error}") from error

    @property
    def fingerprint(self) -> bytes:
        """Hash of everything that affects a value, 8 bytes; `freshness` and `entity` do not."""
        definition = self.definition()
        for name in ("freshness", "entity"):
            del definition[name]
        text = json.dumps(definition, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).digest()[:8]


def _condition(condition: Condition) -> dict[str, Any]:
    value = list(condition.value) if isinstance(condition.value, tuple) else condition.value
    return {"field": condition.field, "comparison": condition.comparison, "value": value}


def _kind(window: Window) -> str:
    return next(kind for kind, made in _WINDOWS.items() if isinstance(window, made))


def _window(given: Mapping[str, Any]) -> Window:
    return _WINDOWS[given["kind"]](**{name: value for name, value in given.items() if name != "kind"})
