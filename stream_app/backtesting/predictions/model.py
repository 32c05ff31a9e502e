"""What a backtest knows of one model at its end."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

from stream_app.events import Alert, AlertState

__all__ = ["Challenge", "ModelFigures", "ModelTally"]


@dataclass(frozen=True, slots=True)
class Challenge:
    """Versions of a model held against each other, the one in use first.

    Parameters
    ----------
    verdict : {'keep', 'switch', 'undecided'}
        What to do.
    versions : tuple of str
        Names of the versions that are compared.
    labelled : tuple of int
        Answers of each whose truth is known.
    accuracy : tuple of float or None
        Share of right ones.
    best, loss : tuple of float
        Probability of each to be the most accurate, and the expected loss of choosing it.
    """

    verdict: str
    versions: tuple[str, ...]
    labelled: tuple[int, ...]
    accuracy: tuple[float | None, ...]
    best: tuple[float, ...]
    loss: tuple[float, ...]

    @classmethod
    def of(cls, versions: tuple[str, ...], features: Mapping[str, float | None]) -> "Challenge | None":
        """Read it from a model's live features; None where no versions are compared."""
        if not versions:
            return None
        verdict = "switch" if features["challenger.switch"] else "keep"

        def each(name: str) -> list[float | None]:
            return [features[f"version.{version}.{name}"] for version in versions]

        return cls(
            verdict if features["challenger.decided"] else "undecided",
            versions,
            tuple(int(n or 0) for n in each("labelled")),
            tuple(each("accuracy")),
            tuple(share or 0.0 for share in each("best")),
            tuple(share or 0.0 for share in each("loss")),
        )


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What was measured and told of one model.

    Parameters
    ----------
    ts : float or None
        Time of its newest event; None where all were refused.
    labels : mapping of str to int
        What became of its predictions and labels, by the fields of `JoinCounts`.
    alerts : mapping of str to int
        Alerts that began, by detector.
    triggers : int
        Number of retraining triggers.
    versions : tuple of str
        Those that came up, in their order.
    slices : tuple of str
        What is told of the parts of its input in which it was weak at the end.
    challenge : Challenge or None
        Versions that were compared.
    features : mapping of str to float or None
        Its live features at the end, as a worker serves them.
    """

    ts: float | None
    labels: Mapping[str, int]
    alerts: Mapping[str, int]
    triggers: int
    versions: tuple[str, ...]
    slices: tuple[str, ...]
    challenge: Challenge | None
    features: Mapping[str, float | None]

    @property
    def waiting(self) -> int:
        """Predictions that still waited for their label at the end."""
        return int(self.features["waiting"] or 0)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self) | {"waiting": self.waiting}


@dataclass(slots=True)
class ModelTally:
    """Counts of one model while a backtest runs; memory grows with alerts alone."""

    labels: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    triggers: int = 0
    versions: dict[str, None] = field(default_factory=dict)
    _weak: dict[str, str] = field(default_factory=dict)

    def tell(self, alert: Alert) -> None:
        """Take an alert that began or ended."""
        begins = alert.begins
        self.alerts[alert.detector] += begins
        if alert.detector == "slice":
            if begins:
                self._weak[alert.id] = alert.summary
            elif alert.state is AlertState.RESOLVED:
                self._weak.pop(alert.id, None)

    def figures(
        self, compared: tuple[str, ...], ts: float, features: Mapping[str, float | None]
    ) -> ModelFigures:
        """Return them with the live features at the end, and the time of the newest event."""
        return ModelFigures(
            ts if isfinite(ts) else None,
            dict(self.labels),
            dict(sorted((+self.alerts).items())),
            self.triggers,
            tuple(self.versions),
            tuple(self._weak.values()),
            Challenge.of(compared, features),
            features,
        )
