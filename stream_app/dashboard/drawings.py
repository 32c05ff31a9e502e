"""Parts of a page that are drawn: a matrix of deviations, a course over time, points in a plane; ``assets/drawings.js`` draws them."""

from collections.abc import Sequence
from typing import Any

__all__ = ["course", "matrix", "points"]


def matrix(
    title: str,
    heads: Sequence[str],
    rows: Sequence[tuple[str, Sequence[float | None]]],
    *,
    note: str = "",
    nothing: str = "",
) -> dict[str, Any]:
    """Return a part with a coloured cell for each row and column, the stronger the further it is from 0.

    Parameters
    ----------
    title : str
        Heading of the part.
    heads : sequence of str
        Names of the columns.
    rows : sequence of (str, sequence of float or None)
        Name of each row, and its values; None where there is none.
    note, nothing : str
        What stands above it; what stands there instead where it has no rows.
    """
    return {
        "title": title,
        "note": note,
        "nothing": nothing,
        "wide": True,
        "matrix": {"heads": list(heads), "rows": [[name, list(values)] for name, values in rows]},
    }


def course(
    title: str,
    values: Sequence[tuple[float, float | None, float | None, bool]],
    *,
    marks: Sequence[tuple[float, str]] = (),
    note: str = "",
) -> dict[str, Any]:
    """Return a part with a value and its bound over time.

    Parameters
    ----------
    title : str
        Heading of the part.
    values : sequence of (time, value, bound, open)
        In the order of time, epoch seconds; whether something lasted then, which is marked.
    marks : sequence of (time, text)
        What happened meanwhile.
    note : str
        What stands above it.
    """
    return {
        "title": title,
        "note": note,
        "wide": True,
        "course": {"values": [list(one) for one in values], "marks": [list(one) for one in marks]},
    }


def points(title: str, places: Sequence[tuple[float, float, bool]], *, note: str = "") -> dict[str, Any]:
    """Return a part with points in a plane, of which some are marked: x, y, and whether it is."""
    return {"title": title, "note": note, "points": [list(one) for one in places]}
