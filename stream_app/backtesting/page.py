"""The page of a report: tables, its frame, and where it lies."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import zip_longest
from pathlib import Path

from stream_app.backtesting.episodes import AlertEpisode
from stream_app.backtesting.incidents import IncidentEpisode
from stream_app.backtesting.listing import incident_rows
from stream_app.backtesting.plot import require_matplotlib
from stream_app.backtesting.sparkline import sparkline_svg
from stream_app.errors import SettingsError
from stream_app.replacing import replacing

__all__ = [
    "MOST_INCIDENTS",
    "MOST_PICTURES",
    "html_table",
    "incident_table",
    "open_directory",
    "picture_name",
    "told_first",
    "write_page",
]

MOST_PICTURES = 50
"""Sources that get a picture, in the order of their first rows: each is held in memory until the end."""
MOST_INCIDENTS = 500
"""Incidents that are listed."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 1400px; margin: 2.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.lead { color: #57606a; margin-top: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .28rem 1.1rem .28rem 0; border-bottom: 1px solid #e4e7eb; vertical-align: top; }
th, td.n, td:not(:last-child) { white-space: nowrap; } td:not(.n):last-child { min-width: 22rem; }
th { color: #57606a; font-weight: 600; } td.n, th.n { text-align: right; }
img { width: 100%; margin: .4rem 0 1.6rem; border: 1px solid #e4e7eb; }
.wide { overflow-x: auto; }
"""


def open_directory(directory: Path) -> None:
    """Make the directory of a report, if it is missing, and see that pictures can be drawn.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    SettingsError
        If the directory cannot be made.
    """
    require_matplotlib()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"--report {directory}: cannot be made: {error.strerror}") from None


def picture_name(number: int, name: str) -> str:
    """Return the name of a source's picture.

    Examples
    --------
    >>> picture_name(3, "../pump 1")
    '03-..-pump-1.png'
    """
    return f"{number:02d}-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:60]}.png"


def incident_table(incidents: Sequence[IncidentEpisode], most: int = MOST_INCIDENTS) -> list[str]:
    """Return a table of incidents with their alerts as HTML, and a line that says so where it leaves some out."""
    if not incidents:
        return ["<p>None.</p>"]
    headings, *rows = incident_rows(incidents[:most], members=True)
    pictures = [sparkline_svg(alert) for one in incidents[:most] for alert in _shown(one)]
    table = html_table(headings, rows, numbers=0, pictures=pictures if any(pictures) else ())
    left = len(incidents) - most
    return [table, f"<p>{left:,} more incidents are not listed.</p>"] if left > 0 else [table]


def _shown(incident: IncidentEpisode) -> list[AlertEpisode]:
    """Return the alert that the line of an incident shows, and those of the lines below it."""
    return [incident.first, *(incident.alerts if len(incident.alerts) > 1 else ())]


def told_first(problem: str | None, notes: Sequence[str] = ()) -> list[str]:
    """Return as HTML why a run is no verdict, and what else no figure counts.

    Examples
    --------
    >>> told_first("nothing was judged", ["first refused as late: <b>"])
    ['<p><strong>nothing was judged</strong></p>', '<p>first refused as late: &lt;b&gt;</p>']
    """
    strong = [] if problem is None else [f"<p><strong>{escape(problem)}</strong></p>"]
    return [*strong, *(f"<p>{escape(note)}</p>" for note in notes)]


def html_table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int, pictures: Sequence[str] = ()
) -> str:
    """Return a table whose last `numbers` columns are numbers; pictures, one a row, stand before the last column."""
    first = len(headings) - numbers

    def line(tag: str, cells: Sequence[str], picture: str | None = None) -> str:
        told = [
            f"<{tag}{' class=n' if i >= first else ''}>{escape(cell)}</{tag}>" for i, cell in enumerate(cells)
        ]
        if picture is not None:
            told.insert(-1, f"<{tag}>{picture}</{tag}>")
        return "".join(told)

    head = f"<tr>{line('th', headings, 'values' if pictures else None)}</tr>\n" if any(headings) else ""
    body = "\n".join(f"<tr>{line('td', row, picture)}</tr>" for row, picture in zip_longest(rows, pictures))
    return f'<div class="wide"><table>\n{head}{body}\n</table></div>'


def write_page(directory: Path, heading: str, lead: str, body: Sequence[str]) -> Path:
    """Write ``summary.html``: a heading, a line that says what this is, and what follows, as HTML."""
    page = directory / "summary.html"
    parts = [f"<h1>{escape(heading)}</h1>", f'<p class="lead">{escape(lead)}</p>', *body]
    text = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{escape(heading)}</title>\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"
    )
    with replacing(page) as part:
        part.write_text(text, encoding="utf-8")
    return page
