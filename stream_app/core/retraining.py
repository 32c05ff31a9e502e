"""Policy of retraining triggers."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

from stream_app.core.model_versions import ModelVersions
from stream_app.core.twosample.psi import PSI_SEVERE
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, SettingsError, StateError

__all__ = ["Evidence", "Reason", "ReasonKind", "RetrainingConfig", "RetrainingPolicy", "Trigger"]

ReasonKind: TypeAlias = Literal["performance", "features", "psi", "concept", "samples"]

_VERSION = 1
_AT_ONCE: tuple[ReasonKind, ...] = ("concept", "samples")
"""What does not flicker."""

_NAMED = 4
"""Features that a summary names."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence about a model at one instant; omitted fields are unknown.

    Parameters
    ----------
    ts : float
        Event time in epoch seconds.
    version : str
        Version of the model that answers now; empty where events name none.
    samples : int
        Labelled predictions that came since the evidence before.
    measure : str
        What performance is measured by.
    performance, limit : float
        It now, and what it must not fall below, or rise above; NaN where unknown.
    is_least : bool
        Whether it must not fall below its limit.
    worse : bool
        Whether it is credibly beyond its limit, as judged by whoever measures it.
    drifted : tuple of str
        Features that are in drift now.
    psi : tuple of (str, float)
        Population stability index of features now.
    concept_drift : tuple of str
        Detectors that found a change in the model's errors since the evidence before.
    """

    ts: float
    version: str = ""
    samples: int = 0
    measure: str = "accuracy"
    performance: float = math.nan
    limit: float = math.nan
    is_least: bool = True
    worse: bool = False
    drifted: tuple[str, ...] = ()
    psi: tuple[tuple[str, float], ...] = ()
    concept_drift: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason to retrain.

    Parameters
    ----------
    kind : {'performance', 'features', 'psi', 'concept', 'samples'}
        What it is about.
    since : float
        Event time from which it has held.
    statistic, threshold : float
        The figure, and what it had to pass.
    names : tuple of str
        Features or detectors that speak for it, the worst first.
    summary : str
        A few words for a person.
    """

    kind: ReasonKind
    since: float
    statistic: float
    threshold: float
    names: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A retraining trigger.

    Parameters
    ----------
    ts : float
        Event time.
    version : str
        Newest version of the model.
    reasons : tuple of Reason
        At least one.
    samples : int
        Labelled predictions since the last trigger or new version.
    """

    ts: float
    version: str
    reasons: tuple[Reason, ...]
    samples: int


@dataclass(frozen=True, slots=True)
class RetrainingConfig:
    """What counts as a reason, and how often a trigger may follow.

    Parameters
    ----------
    performance, concept_drift : bool
        Whether a credible drop, and a change in the errors, count.
    drifted_features : int or None
        Features that must be in drift at once; None is never. Three by default: one or two are often a sensor or a
        field that broke, which no training mends.
    psi : float or None
        Stability index that a feature must exceed; None is never.
    new_samples : int or None
        Labelled predictions that are worth a training by themselves; None is never, since how many that is depends on how
        many the model was trained on, which events do not say.
    hold : float
        Seconds for which a drop, drifted features or an index must last without a break before they count. What
        flickers begins anew. Counts of samples and changes in the errors do not flicker: they count at once.
    cool_down : float
        Seconds after a trigger, or after a new version came into use, without another trigger. What still holds then is reported
        then.

    Raises
    ------
    SettingsError
        If a number is out of its range.
    """

    performance: bool = True
    drifted_features: int | None = 3
    psi: float | None = PSI_SEVERE
    concept_drift: bool = True
    new_samples: int | None = None
    hold: float = 60.0
    cool_down: float = 86_400.0

    def __post_init__(self) -> None:
        for name in ("drifted_features", "new_samples"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise SettingsError(f"{name} is {count!r}; expected at least 1, or nothing")
        if self.psi is not None and not 0.0 < self.psi < math.inf:
            raise SettingsError(f"psi is {self.psi!r}; expected a number above 0, or nothing")
        for name in ("hold", "cool_down"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise SettingsError(f"{name} is {getattr(self, name)!r}; expected seconds, 0 or more")


class RetrainingPolicy:
    """Policy that turns evidence about one model into triggers with their reasons.

    Use it behind the monitors of performance and of features: they judge what is significant, the policy decides what of
    it lasts, what of it adds up and when it was reported last. Evidence is wanted at instants that depend on the events alone,
    such as every so many of them. A few µs each.

    A version that was never seen before restarts everything: the count of samples, how long reasons have lasted, and the
    cool-down, since windows still hold answers of the version before. Time that goes back is taken for the latest.

    Parameters
    ----------
    config : RetrainingConfig
        Reasons that count, and their limits.

    Examples
    --------
    >>> policy = RetrainingPolicy(RetrainingConfig(hold=60.0, cool_down=3600.0))
    >>> shifted = (("ink", 0.35), ("edges", 0.02))
    >>> [len(policy.update(Evidence(ts=t, psi=shifted))) for t in (0.0, 30.0, 60.0, 90.0)]
    [0, 0, 1, 0]
    >>> (again,) = policy.update(Evidence(ts=3660.0, psi=shifted))
    >>> again.reasons[0].since, again.reasons[0].summary
    (0.0, 'PSI of ink 0.35, above 0.2')
    """

    def __init__(self, config: RetrainingConfig | None = None) -> None:
        self.config = config or RetrainingConfig()
        self._now = -math.inf
        self._quiet_until = -math.inf
        self._samples = 0
        self._since: dict[str, float] = {}
        self._changes: dict[str, None] = {}
        """Detectors that found a change that was not reported yet."""
        self._versions = ModelVersions()

    def update(self, evidence: Evidence) -> tuple[Trigger, ...]:
        """Take the next evidence, and return what it triggers: nothing or one.

        Raises
        ------
        DataError
            If its time or its number of samples makes no sense.
        """
        if not math.isfinite(evidence.ts) or evidence.samples < 0:
            raise DataError(f"evidence of {evidence.samples} samples at {evidence.ts} makes no sense")
        self._now = now = max(self._now, float(evidence.ts))
        known = len(self._versions)
        if self._versions.see(evidence.version, now) and known:
            self._restart(now)
        self._samples += evidence.samples
        if self.config.concept_drift:
            self._changes |= dict.fromkeys(evidence.concept_drift)
        held = tuple(self._holding(evidence))
        self._since = {reason.kind: reason.since for reason in held}
        ripe = tuple(r for r in held if r.kind in _AT_ONCE or now - r.since >= self.config.hold)
        if not ripe or now < self._quiet_until:
            return ()
        trigger = Trigger(now, self._versions.newest, ripe, self._samples)
        self._quiet_until = now + self.config.cool_down
        self._samples = 0
        self._changes = {}
        for kind in _AT_ONCE:
            self._since.pop(kind, None)
        return (trigger,)

    def _restart(self, now: float) -> None:
        self._quiet_until = now + self.config.cool_down
        self._samples = 0
        self._since = {}
        self._changes = {}

    def _holding(self, evidence: Evidence) -> Iterator[Reason]:
        """Reasons that hold now, whether they lasted or not."""
        config = self.config
        if config.performance and evidence.worse:
            side = "below" if evidence.is_least else "above"
            summary = f"{evidence.measure} {evidence.performance:.3g}, {side} {evidence.limit:.3g}"
            yield self._reason("performance", evidence.performance, evidence.limit, (), summary)
        drifted = tuple(sorted(set(evidence.drifted)))
        if config.drifted_features is not None and len(drifted) >= config.drifted_features:
            many = "features" if len(drifted) > 1 else "feature"
            summary = f"{len(drifted)} {many} in drift ({_some(drifted)})"
            yield self._reason("features", len(drifted), config.drifted_features, drifted, summary)
        if config.psi is not None:
            limit = config.psi
            moved = sorted((-value, name) for name, value in evidence.psi if value > limit)
            if moved:
                names = tuple(name for _, name in moved)
                more = f" and {len(names) - 1} more" if len(names) > 1 else ""
                summary = f"PSI of {names[0]} {-moved[0][0]:.3g}{more}, above {limit:g}"
                yield self._reason("psi", -moved[0][0], limit, names, summary)
        if self._changes:
            names = tuple(self._changes)
            yield self._reason("concept", len(names), 1, names, f"concept drift ({_some(names)})")
        if config.new_samples is not None and self._samples >= config.new_samples:
            summary = f"{self._samples:,} new labelled samples"
            yield self._reason("samples", self._samples, config.new_samples, (), summary)

    def _reason(
        self, kind: ReasonKind, statistic: float, threshold: float, names: tuple[str, ...], summary: str
    ) -> Reason:
        return Reason(
            kind, self._since.get(kind, self._now), float(statistic), float(threshold), names, summary
        )

    def state(self) -> dict[str, Any]:
        """Give the state as plain data; `from_state` continues from it bit for bit."""
        return {
            "version": _VERSION,
            "now": self._now,
            "quiet_until": self._quiet_until,
            "samples": self._samples,
            "since": dict(self._since),
            "changes": list(self._changes),
            "versions": self._versions.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], config: RetrainingConfig | None = None) -> Self:
        """Rebuild from `state`; a changed configuration holds from now on.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the retraining policy")
        policy = cls(config)
        try:
            policy._now = float(state["now"])
            policy._quiet_until = float(state["quiet_until"])
            policy._samples = int(state["samples"])
            policy._since = {str(kind): float(ts) for kind, ts in state["since"].items()}
            policy._changes = dict.fromkeys(map(str, state["changes"]))
            policy._versions = ModelVersions.from_state(state["versions"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StateError(f"the state of the retraining policy is damaged: {error}") from error
        return policy


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
