"""Run a detector over a data set and say how good it was, in that set's own figures.

    judge("nab", load("nab", data), plain(detect))

`detect(ts, values, warmup, alarms_per_event)` gives a score a row, a mark a row, and the rows at which alarms begin;
NaN stands for a missing reading, and `alarms_per_event` is the whole budget as a rate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
from scoring import Verdict, allowed, best_f1, changepoint_score, confusion, f1, nab_best, nab_score, told
from series import Series

__all__ = ["BUDGETS", "Detector", "Figure", "aa", "judge", "plain"]

Detector = Callable[[Series, str], Verdict]
"""From a series and a budget, such as ``"1 per day"``, to a verdict."""

BUDGETS = ("1 per 1000 events", "1 per 10000 events", "1 per 100000 events")


@dataclass(frozen=True)
class Figure:
    """A measured figure, and the target where there is one.

    >>> Figure("F1", 0.93, at_least=0.91).missed
    False
    """

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    detail: str = ""

    @property
    def missed(self):
        """Whether the figure lies on the wrong side of its target."""
        low = self.at_least is not None and not self.value >= self.at_least
        return low or (self.at_most is not None and not self.value <= self.at_most)


def plain(detect: Callable) -> Detector:
    """Make a detector of a function of plain arrays."""

    def run(series: Series, budget: str) -> Verdict:
        score, marked, alarms = detect(series.ts, series.values, series.warmup, series.rate(budget))
        score = np.asarray(score, dtype=float)
        if not np.isfinite(score).all():
            raise ValueError(
                f"{series.name}: the score is not finite at {int((~np.isfinite(score)).sum())} rows"
            )
        return Verdict(score, np.asarray(marked, dtype=bool), np.asarray(alarms, dtype=int))

    return run


def judge(name: str, series: list[Series], detector: Detector) -> list[Figure]:
    """Return a data set's figures with the targets of the monitor."""
    return JUDGES[name](series, detector)


def skab(series, detector):
    verdicts = [detector(one, "1 per day") for one in series]
    tp, fp, fn, tn = confusion(series, verdicts)
    alarms = told(series, verdicts)
    after = sum(
        int((verdict.marked & ~one.truth)[one.windows[-1][1] :].sum())
        for one, verdict in zip(series, verdicts, strict=True)
    )
    return [
        Figure("F1 of marks", f1(tp, fp, fn), at_least=0.91),
        Figure("FAR of marks %", 100.0 * fp / max(fp + tn, 1), at_most=8.0, detail=f"{after}/{fp} after the fault"),
        Figure("MAR of marks %", 100.0 * fn / max(fn + tp, 1)),
        Figure(
            'told at "1 per day"', alarms.told, at_least=ceil(13 / 16 * alarms.windows),
            detail=f"of {alarms.windows}, {alarms.false} false",
        ),
        *_changepoints(series, verdicts),
    ]  # fmt: skip


def _changepoints(series, verdicts):
    """Score changepoints as SKAB does, where a detector names some: 60 s after each true one."""
    if any(verdict.changepoints is None for verdict in verdicts):
        return []
    found = []
    for one, verdict in zip(series, verdicts, strict=True):
        counts = np.arange(len(one)) >= one.scored_from
        found.append(
            (one.ts[one.changepoint & counts], one.ts[verdict.changepoints[counts[verdict.changepoints]]])
        )
    return [Figure("NAB of changepoints", changepoint_score(found))]


def nab(series, detector):
    verdicts = [detector(one, "1 per day") for one in series]
    score, hits, false = nab_score(series, [verdict.alarms for verdict in verdicts])
    windows = sum(len(one.windows) for one in series)
    best, threshold = nab_best(series, [verdict.score for verdict in verdicts])
    return [
        Figure("NAB of alarms", score, at_least=75.0, detail=f"{false} false"),
        Figure("windows told", hits, at_least=ceil(31 / 34 * windows), detail=f"of {windows}"),
        Figure("NAB of the score", best, at_least=65.0, detail=f"threshold {threshold:.4g}"),
    ]


def smd(series, detector):
    verdicts = [detector(one, "1 per day") for one in series]
    alarms = told(series, verdicts)
    truth, score = (
        np.concatenate([one.truth for one in series]),
        np.concatenate([verdict.score for verdict in verdicts]),
    )
    each = [best_f1(one.truth, verdict.score)[0] for one, verdict in zip(series, verdicts, strict=True)]
    return [
        Figure('told at "1 per day"', alarms.told, at_least=ceil(72 / 89 * alarms.windows), detail=f"of {alarms.windows}"),
        Figure(
            "false alarms", alarms.false, at_most=allowed(alarms.days, 1.0), detail=f"in {alarms.days:.1f} normal days"
        ),
        Figure("best point F1, one threshold", best_f1(truth, score)[0]),
        Figure("best point F1, mean of machines", float(np.mean(each))),
    ]  # fmt: skip


def cloud(series, detector):
    alarms = told(series, [detector(one, "1 per day") for one in series])
    return [
        Figure('told at "1 per day"', alarms.told, at_least=ceil(57 / 87 * alarms.windows), detail=f"of {alarms.windows}"),
        Figure("false a day", alarms.false_a_day, at_most=0.2, detail=f"{alarms.false} in {alarms.days:.0f} normal days"),
    ]  # fmt: skip


def blind_spots(series, detector):
    figures = []
    for one in series:
        weekly, daily = detector(one, "1 per week"), detector(one, "1 per day")
        if one.name == "veto":
            every = max(len(v.alarms) + sum(v.other.values()) for v in (weekly, daily))
            figures.append(Figure("veto: alerts of any kind", every, at_most=2))
            continue
        first, last = one.windows[-1]
        for what, at, most in (
            ("marked", np.flatnonzero(weekly.marked), 5),
            ('told at "1 per day"', daily.alarms, 30),
            ('told at "1 per week"', weekly.alarms, 30),
        ):
            inside = np.sort(at[(at >= first) & (at <= last)])
            after = float(inside[0] - first + 1) if len(inside) else float("inf")
            before = int((at < first).sum())
            figures.append(
                Figure(f"{one.name}: {what} after rows", after, at_most=most, detail=f"{before} before")
            )
    return figures


def plants(series, detector):
    verdicts = [detector(one, "1 per day") for one in series]
    tp, fp, fn, _ = confusion(series, verdicts)
    alarms = told(series, verdicts)
    missed = [o.name for o, v in zip(series, verdicts, strict=True) if not told([o], [v]).told]
    return [
        Figure("F1 of marks", f1(tp, fp, fn), at_least=0.93, detail=f"{fp} false rows, {fn} missed, {tp} found"),
        Figure('told at "1 per day"', alarms.told, at_least=len(series), detail=f"{alarms.false} false; not: {', '.join(missed) or 'none'}"),
    ]  # fmt: skip


JUDGES = {"skab": skab, "nab": nab, "smd": smd, "cloud": cloud, "blind-spots": blind_spots, "plants": plants}


def aa(series: list[Series], detector: Detector) -> list[Figure]:
    """Return false alarms at three budgets a decade apart, over series in which nothing happens."""
    events, figures = sum(map(len, series)), []
    for budget in BUDGETS:
        alarms = sum(len(detector(one, budget).alarms) for one in series)
        rate = series[0].rate(budget)
        figures.append(
            Figure(
                budget, alarms, at_most=allowed(events, rate), detail=f"{events * rate:.1f} expected at most"
            )
        )
    return figures
