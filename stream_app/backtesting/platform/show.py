"""The comparison of models in words and numbers, for a terminal and a page alike."""

from stream_app.backtesting.platform.comparison import Comparison, ModelRow
from stream_app.backtesting.show import number

__all__ = ["MODEL_HEADINGS", "comparison_notes", "model_rows"]

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
