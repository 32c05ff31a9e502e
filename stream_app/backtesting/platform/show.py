"""What a backtest of platforms found, in words and numbers, for a terminal and a page alike."""

from collections import Counter

import numpy as np

from stream_app.backtesting.listing import instant
from stream_app.backtesting.platform.comparison import Comparison, ModelRow
from stream_app.backtesting.platform.run import PlatformBacktest
from stream_app.backtesting.show import listed, number
from stream_app.core.arrays import BoolArray

__all__ = ["MODEL_HEADINGS", "comparison_notes", "explained", "model_rows", "summary_rows"]

MODEL_HEADINGS = ("model", "kind", "clusters", "silhouette", "precision", "recall", "F1", "remark")


def model_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return a row of text for each model, below `MODEL_HEADINGS`; a dash where there is no figure.

    Examples
    --------
    >>> model_rows(Comparison((ModelRow("DBSCAN", "clustering", 3, 0.412, outcome="the later part has no incidents"),)))
    [('DBSCAN', 'clustering', '3', '0.412', '-', '-', '-', 'the later part has no incidents')]
    """
    return [_row(row) for row in comparison.rows]


def _row(row: ModelRow) -> tuple[str, ...]:
    return (
        row.name,
        row.family,
        number(row.clusters, 0),
        *(number(value, 3) for value in (row.silhouette, row.precision, row.recall, row.f1)),
        row.outcome,
    )


def comparison_notes(comparison: Comparison) -> list[str]:
    """Return in sentences what was compared, and how.

    Examples
    --------
    >>> comparison_notes(Comparison((), windows=1000, earlier=600, incidents=12))[0]
    '1,000 windows, of which the first 600 are learned from; 12 of the later ones are of incidents.'
    """
    if comparison.problem:
        return [f"Nothing was compared: {comparison.problem}."]
    later = comparison.incidents
    truth = (
        "no labels, so there are no precision, recall and F1"
        if later is None
        else f"{later:,} of the later ones are of incidents"
    )
    notes = [
        f"{comparison.windows:,} windows, of which the first {comparison.earlier:,} are learned from; {truth}."
    ]
    if comparison.left_out:
        notes.append(f"{comparison.left_out:,} windows of which nothing was known yet are left out.")
    return notes


def summary_rows(backtest: PlatformBacktest) -> list[tuple[str, str]]:
    """Return what became of the records as pairs of a name and a text."""
    windows = [len(one.ends) for one in backtest.windows.values()]
    rows = [
        ("platforms", f"{len(windows):,}"),
        ("records", f"{backtest.records:,} ({backtest.rows:,} samples, queries and changes)"),
        ("windows", f"{sum(windows):,} of {backtest.config.window:g} s"),
    ]
    if backtest.refused:
        rows.append(("refused", listed(backtest.refused)))
    told = [alert for alert in backtest.alerts if alert.begins]
    rows.append(("alerts", listed(Counter(alert.detector for alert in told)) or "none"))
    rows += _truth_rows(backtest)
    return rows


def _truth_rows(backtest: PlatformBacktest) -> list[tuple[str, str]]:
    found = incidents = false = 0
    known = False
    for source, windows in backtest.windows.items():
        truth = backtest.truth(source)
        if truth is None:
            continue
        known = True
        opened = np.array(windows.open, dtype=bool)
        true_spans, told_spans = _spans(truth), _spans(opened)
        incidents += len(true_spans)
        found += sum(bool(opened[begin:end].any()) for begin, end in true_spans)
        false += sum(not truth[begin:end].any() for begin, end in told_spans)
    if not known:
        return []
    return [("true incidents told", f"{found:,} of {incidents:,}"), ("false incidents", f"{false:,}")]


def _spans(flags: BoolArray) -> list[tuple[int, int]]:
    turns = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=np.int8(0), append=np.int8(0)))
    return list(zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True))


def explained(backtest: PlatformBacktest) -> list[tuple[str, str]]:
    """Return when each incident of a platform began, and the paragraph that says what is to blame, as it was told last."""
    last = {alert.id: alert for alert in backtest.alerts if alert.explanation}
    return [(instant(alert.started_at), alert.explanation) for alert in last.values()]
