"""Content of a fairness report."""

import math
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

from stream_app.core.performance.credible import BetaBinomial
from stream_app.errors import SettingsError

__all__ = [
    "Criterion",
    "FairnessOptions",
    "FairnessReport",
    "FourFifths",
    "GroupMetrics",
    "Measured",
    "Violation",
]

FourFifths: TypeAlias = Literal["kept", "below, not significant", "violated", "none selected", "too few"]
Criterion: TypeAlias = Literal["disparate impact", "equal opportunity"]


@dataclass(frozen=True, slots=True)
class FairnessOptions:
    """Limits, and the level at which a violation is significant.

    Parameters
    ----------
    reference : str
        Group that the others are compared with; empty is the one with the highest selection rate, as in the four-fifths rule.
    impact : float
        Least ratio of selection rates: 0.8 is the four-fifths rule.
    opportunity : float
        Largest difference of true positive rates.
    level : float
        Chance of any false violation in one report, at most, over all groups and both criteria.
    minimum : int
        Predictions (for true positive rates: those whose truth is favourable) below which a group is too small to judge.
    max_groups : int
        Groups that are distinguished; members of others are counted as left out.

    Raises
    ------
    SettingsError
        If a number is out of its range.

    References
    ----------
    Uniform Guidelines on Employee Selection Procedures, 29 CFR 1607.4 D: the four-fifths rule.
    """

    reference: str = ""
    impact: float = 0.8
    opportunity: float = 0.1
    level: float = 0.01
    minimum: int = 30
    max_groups: int = 64

    def __post_init__(self) -> None:
        if not 0.0 < self.impact <= 1.0:
            raise SettingsError(f"impact is {self.impact!r}; expected above 0, at most 1")
        if not 0.0 < self.level < 0.5:
            raise SettingsError(f"level is {self.level!r}; expected above 0, below 0.5")
        if not 0.0 <= self.opportunity < 1.0:
            raise SettingsError(f"opportunity is {self.opportunity!r}; expected from 0, below 1")
        if self.minimum < 1:
            raise SettingsError(f"minimum is {self.minimum!r}; expected at least 1 prediction")
        if not 2 <= self.max_groups <= 256:
            raise SettingsError(f"max_groups is {self.max_groups!r}; expected from 2 to 256")


@dataclass(frozen=True, slots=True)
class Measured:
    """A rate with its credible interval at 95 %.

    Parameters
    ----------
    value : float
        The observed rate; NaN where `n` is 0.
    low, high : float
        Interval, from Jeffreys' prior.
    n : int
        Predictions that it rests on.
    """

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, successes: int, trials: int) -> Self:
        """Measure a rate."""
        value = successes / trials if trials else math.nan
        return cls(value, *BetaBinomial(successes, trials).interval(), trials)


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """Figures of one group.

    Parameters
    ----------
    group : str
        Name of the group.
    n, labelled : int
        Predictions, and those whose truth is known.
    selection : Measured
        Share of favourable answers.
    accuracy, tpr, fpr, precision : Measured
        Over the labelled: right answers; favourable answers among those whose truth is favourable, and among the others;
        favourable truths among the favourable answers.
    ratio : float
        Selection rate over that of the reference; NaN without one.
    too_small : bool
        Whether it has too few predictions to be judged.
    """

    group: str
    n: int
    labelled: int
    selection: Measured
    accuracy: Measured
    tpr: Measured
    fpr: Measured
    precision: Measured
    ratio: float
    too_small: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """A significant violation of a limit.

    Parameters
    ----------
    criterion : {'disparate impact', 'equal opportunity'}
        The criterion whose limit is violated.
    group, against : str
        The group that fares worse, and the one that fares better.
    statistic, limit : float
        The ratio or difference, and its limit.
    p_value : float
        One-sided, of the limit being kept; corrected for all comparisons of the report.
    summary : str
        One line for a person.
    """

    criterion: Criterion
    group: str
    against: str
    statistic: float
    limit: float
    p_value: float
    summary: str


@dataclass(frozen=True, slots=True)
class FairnessReport:
    """Comparison of all groups.

    Ratios and differences are over the groups that are not too small; NaN with fewer than two such.

    Parameters
    ----------
    groups : tuple of GroupMetrics
        Figures of each group, sorted by name.
    reference : str
        The group that ratios are taken against; empty if there is none.
    disparate_impact : float
        Lowest selection rate over the highest.
    lowest_ratio : float
        Lowest selection rate over the reference's.
    parity_difference : float
        Highest minus lowest selection rate: the demographic parity difference.
    opportunity_difference : float
        Highest minus lowest true positive rate: the equal opportunity difference.
    four_fifths : {'kept', 'below, not significant', 'violated', 'none selected', 'too few'}
        How the rule on selection rates stands; without a favourable answer there is nothing to compare.
    violations : tuple of Violation
        The most significant first.
    too_small : tuple of str
        Groups with too few predictions.
    left_out : int
        Predictions of no group, or of one too many, since the start.
    """

    groups: tuple[GroupMetrics, ...]
    reference: str
    disparate_impact: float
    lowest_ratio: float
    parity_difference: float
    opportunity_difference: float
    four_fifths: FourFifths
    violations: tuple[Violation, ...]
    too_small: tuple[str, ...]
    left_out: int
