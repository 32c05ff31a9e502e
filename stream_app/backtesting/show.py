"""Figures in words and numbers, for a terminal and a page alike."""

from collections.abc import Mapping

from stream_app.backtesting.figures import Allowance, Figures
from stream_app.settings.durations import format_duration

__all__ = ["count", "duration", "figure_rows", "listed", "number"]


def number(value: float | None, digits: int, *, scale: float = 1.0, unit: str = "") -> str:
    """Return a number with a fixed number of digits and its unit, or a dash where there is none.

    Examples
    --------
    >>> number(0.1234, 1, scale=100.0), number(None, 2)
    ('12.3', '-')
    """
    return "-" if value is None else f"{value * scale:,.{digits}f}{unit}"


def figure_rows(figures: Figures) -> list[tuple[str, str]]:
    """Return what was measured as pairs of a name and a text; what has no truth is left out."""
    rows = [
        ("sources", f"{figures.sources:,}"),
        ("events", f"{figures.events:,} ({figures.scored:,} scored)"),
    ]
    if figures.refused:
        rows.append(("refused", listed(figures.refused)))
    rows.append(("alerts", listed(figures.alerts) or "none"))
    rows.append(("incidents", f"{figures.scored_incidents:,}"))
    rows.append(("alerts per 100,000 events", number(figures.alerts_per_100k, 1)))
    if figures.allowance is not None:
        rows.append((f"budget {figures.allowance.budget}", _allowed(figures, figures.allowance)))
    if figures.false_alarms is not None:
        rows.append(("false alarms", listed(figures.false_alarms) or "none"))
        rate = number(figures.false_alarms_per_100k, 1)
        if figures.false_alarms.get("quality"):
            rate += f" ({number(figures.budgeted_false_alarms_per_100k, 1)} without quality checks)"
        rows.append(("false alarms per 100,000 normal events", rate))
    if said := figures.anomalies:
        rows.append(("F1", number(said.f1, 4)))
        rows.append(("FAR", number(said.false_alarm_rate, 2, scale=100.0, unit=" %")))
        rows.append(("MAR", number(said.missed_alarm_rate, 2, scale=100.0, unit=" %")))
    if figures.changepoints:
        titles = {"standard": "NAB standard", "low_fp": "NAB LowFP", "low_fn": "NAB LowFN"}
        rows += [(titles[name], number(score.percent, 2)) for name, score in figures.changepoints.items()]
    for name, delays in (("marked", figures.delays), ("alerted", figures.alert_delays)):
        if delays and delays.events:
            found = delays.events - delays.missed
            text = f"{found:,} of {delays.events:,}"
            if found:
                text += f", after {duration(delays.median)} (median), {duration(delays.p90)} (90 %)"
            rows.append((f"true events {name}", text))
    return rows


def duration(seconds: float | None) -> str:
    """Return a time in units that a person would choose, or a dash where there is none.

    Examples
    --------
    >>> duration(3900.0), duration(None)
    ('1 h 5 min', '-')
    """
    return "-" if seconds is None else format_duration(seconds)


def count(expected: float) -> str:
    """Return a number that need not be whole, with two digits where it is small.

    Examples
    --------
    >>> count(0.1361), count(2.0), count(12.34), count(1234.5)
    ('0.14', '2', '12', '1,234')
    """
    return f"{expected:,.0f}" if expected >= 10.0 else f"{expected:.2g}"


def _allowed(figures: Figures, allowance: Allowance) -> str:
    told = (
        f"{count(allowance.false_alarms)} allowed in {duration(allowance.seconds)}, {figures.paging:,} told"
    )
    if figures.false_paging is not None:
        told += f", {figures.false_paging:,} of them false"
    info = sum(figures.scored_alerts.values()) - figures.paging
    return f"{told}; {info:,} of severity info, which page nobody" if info else told


def listed(counts: Mapping[str, int]) -> str:
    """Return counts in words, with their sum; nothing where there is nothing.

    Examples
    --------
    >>> listed({"late": 2, "duplicate": 1}), listed({})
    ('3 (2 late, 1 duplicate)', '')
    """
    total = sum(counts.values())
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    return f"{total:,} ({parts})" if total else ""
