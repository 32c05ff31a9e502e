"""Cells of CSV files that people open in a spreadsheet, which takes some texts for formulas and runs them."""

__all__ = ["csv_cell"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(value: object) -> object:
    """Return a cell; one that a spreadsheet would take for a formula gets an apostrophe in front, all else stays as it is.

    Notes
    -----
    After OWASP, "CSV Injection". A number is no formula.

    Examples
    --------
    >>> csv_cell("=HYPERLINK(A1)"), csv_cell("@pump"), csv_cell("-1.5"), csv_cell("pump-1"), csv_cell(-1.5)
    ("'=HYPERLINK(A1)", "'@pump", '-1.5', 'pump-1', -1.5)
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
