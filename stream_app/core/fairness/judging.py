"""From counts of outcomes by group to a report: ratios, differences and their significance."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import TypeAlias

import numpy as np

from stream_app.core.arrays import IntArray
from stream_app.core.correction import holm
from stream_app.core.fairness.figures import (
    Criterion,
    FairnessOptions,
    FairnessReport,
    FourFifths,
    GroupMetrics,
    Measured,
    Violation,
)
from stream_app.core.proportions import difference_test, ratio_test

__all__ = ["CORRECT", "DESERVING", "LABELLED", "SELECTED", "judge"]

SELECTED, LABELLED, DESERVING, CORRECT = 1, 2, 4, 8
"""Bits of an outcome: the answer was favourable; the truth is known; it is favourable; the answer was right."""

Rates: TypeAlias = Mapping[str, tuple[int, int]]
"""Successes and trials by group."""

_ALL = np.arange(16)


def judge(counts: Mapping[str, IntArray], options: FairnessOptions, *, left_out: int = 0) -> FairnessReport:
    """Compare groups, and find violated limits.

    Parameters
    ----------
    counts : mapping of str to ndarray of int, shape (16,)
        Of each group, how many predictions had each outcome: the sum of the bits above.
    options : FairnessOptions
        Limits, level and smallest group size.
    left_out : int
        For the report.
    """
    counts = {name: row for name, row in sorted(counts.items()) if row.any()}
    selected = {name: (_total(row, SELECTED), int(row.sum())) for name, row in counts.items()}
    deserving = {
        name: (_total(row, SELECTED | DESERVING), _total(row, DESERVING)) for name, row in counts.items()
    }
    judged = {name: rate for name, rate in selected.items() if rate[1] >= options.minimum}
    heard = {name: rate for name, rate in deserving.items() if rate[1] >= options.minimum}
    reference = _reference(judged, options.reference)
    rates = {name: rate[0] / rate[1] for name, rate in judged.items()}
    base = rates.get(reference, math.nan)
    lowest, highest = _ends(rates)
    lowest_hits, highest_hits = _ends({name: rate[0] / rate[1] for name, rate in heard.items()})
    violations = _violations(judged, heard, options)
    lowest_ratio = min(
        (_ratio(rate, base) for name, rate in rates.items() if name != reference), default=math.nan
    )
    return FairnessReport(
        groups=tuple(
            _metrics(name, row, _ratio(selected[name][0] / selected[name][1], base), name not in judged)
            for name, row in counts.items()
        ),
        reference=reference,
        disparate_impact=_ratio(lowest, highest) if highest else math.nan,
        lowest_ratio=lowest_ratio,
        parity_difference=highest - lowest,
        opportunity_difference=highest_hits - lowest_hits,
        four_fifths=_standing(lowest_ratio, highest, violations, options.impact),
        violations=violations,
        too_small=tuple(name for name in counts if name not in judged),
        left_out=left_out,
    )


def _violations(selected: Rates, deserving: Rates, options: FairnessOptions) -> tuple[Violation, ...]:
    tests: list[tuple[float, Criterion, str, str]] = []
    criteria: tuple[tuple[Criterion, Rates, Callable[..., float], float, float, float], ...] = (
        ("disparate impact", selected, ratio_test, options.impact, options.impact, 0.0),
        ("equal opportunity", deserving, difference_test, options.opportunity, 1.0, options.opportunity),
    )
    for criterion, rates, test, limit, times, less in criteria:
        shares = {name: rate[0] / rate[1] for name, rate in rates.items()}
        for group, against in permutations(rates, 2):
            # Without a reference the data choose whom to compare, so that each pair counts as a test.
            if options.reference not in {"", against}:
                continue
            # Within the limit the test gives one half or more: for many groups it is quicker not to ask.
            within = shares[group] >= times * shares[against] - less
            p_value = 1.0 if within else test(*rates[group], *rates[against], limit)
            tests.append((p_value, criterion, group, against))
    adjusted = holm([p_value for p_value, *_ in tests])
    worst: dict[tuple[Criterion, str], Violation] = {}
    for p_value, (_, criterion, group, against) in sorted(zip(adjusted, tests, strict=True)):
        if p_value <= options.level and (criterion, group) not in worst:
            rates = selected if criterion == "disparate impact" else deserving
            worst[criterion, group] = _violation(criterion, group, against, rates, options, float(p_value))
    return tuple(worst.values())


def _violation(
    criterion: Criterion,
    group: str,
    against: str,
    rates: Rates,
    options: FairnessOptions,
    p_value: float,
) -> Violation:
    rate, other = (rates[name][0] / rates[name][1] for name in (group, against))
    if criterion == "disparate impact":
        limit, statistic = options.impact, rate / other
        summary = (
            f"{group} is selected at {100 * rate:.1f}%, {statistic:.2g} times the rate of {against} "
            f"({100 * other:.1f}%); limit {limit:g}"
        )
    else:
        limit, statistic = options.opportunity, other - rate
        summary = (
            f"true positive rate of {group} is {100 * rate:.1f}%, {100 * statistic:.1f} points below that of {against} "
            f"({100 * other:.1f}%); limit {100 * limit:g}"
        )
    return Violation(criterion, group, against, statistic, limit, p_value, summary)


def _total(row: IntArray, bits: int) -> int:
    """Count outcomes that have all of some bits."""
    return int(row[(_ALL & bits) == bits].sum())


def _metrics(name: str, row: IntArray, ratio: float, too_small: bool) -> GroupMetrics:  # noqa: FBT001 a plain field
    labelled, deserving, selected = _total(row, LABELLED), _total(row, DESERVING), _total(row, SELECTED)
    hits, chosen = _total(row, SELECTED | DESERVING), _total(row, SELECTED | LABELLED)
    return GroupMetrics(
        group=name,
        n=int(row.sum()),
        labelled=labelled,
        selection=Measured.of(selected, int(row.sum())),
        accuracy=Measured.of(_total(row, CORRECT), labelled),
        tpr=Measured.of(hits, deserving),
        fpr=Measured.of(chosen - hits, labelled - deserving),
        precision=Measured.of(hits, chosen),
        ratio=ratio,
        too_small=too_small,
    )


def _reference(judged: Rates, wanted: str) -> str:
    if wanted or not judged:
        return wanted if wanted in judged else ""
    return max(judged, key=lambda name: judged[name][0] / judged[name][1])


def _ends(rates: Mapping[str, float]) -> tuple[float, float]:
    return (min(rates.values()), max(rates.values())) if len(rates) > 1 else (math.nan, math.nan)


def _ratio(rate: float, base: float) -> float:
    """Return a ratio of rates; none selected anywhere is an equal treatment."""
    if base == 0.0:
        return 1.0 if rate == 0.0 else math.inf
    return rate / base


def _standing(ratio: float, highest: float, violations: Sequence[Violation], limit: float) -> FourFifths:
    if math.isnan(ratio):
        return "too few"
    if highest == 0.0:
        return "none selected"
    if any(violation.criterion == "disparate impact" for violation in violations):
        return "violated"
    return "kept" if ratio >= limit else "below, not significant"
