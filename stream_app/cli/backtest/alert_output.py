"""The alerts of a backtest: on a terminal, and in a file."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from stream_app.backtesting import EPISODE_COLUMNS, AlertEpisode
from stream_app.backtesting.csv_cells import csv_cell
from stream_app.backtesting.incidents import IncidentEpisode
from stream_app.backtesting.listing import incident_rows
from stream_app.cli.show import console, print_columns
from stream_app.errors import SettingsError
from stream_app.replacing import replacing

__all__ = ["AlertFile", "print_incidents"]

MOST_INCIDENTS = 50
"""Incidents that are printed."""

_ENDINGS = (".csv", ".jsonl")


class AlertFile:
    """A file of alerts, a row each: CSV, or lines of JSON where its name ends in ``.jsonl``.

    Parameters
    ----------
    path : Path
        The file; its directory is made if it is missing.
    taken : iterable of str or Path
        Files that it must not be: those that are read, and others that are written.

    Raises
    ------
    SettingsError
        If its name has another ending, it is one of these, or the directory cannot be made.
    """

    def __init__(self, path: Path, taken: Iterable[str | Path]) -> None:
        if any(path.resolve() == Path(other).resolve() for other in taken):
            raise SettingsError(f"--alerts: {path} is an input or another output and would be overwritten")
        if path.suffix.casefold() not in _ENDINGS:
            raise SettingsError(
                f"--alerts {path}: unknown format; expected a name in {' or '.join(_ENDINGS)}"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"--alerts {path}: cannot be written: {error.strerror}") from None
        self.path = path

    def write(self, episodes: Sequence[AlertEpisode]) -> None:
        """Write all alerts.

        Raises
        ------
        SettingsError
            If the file cannot be written.
        """
        rows = [episode.to_dict() for episode in episodes]
        try:
            with replacing(self.path) as part, part.open("w", encoding="utf-8", newline="") as file:
                if self.path.suffix.casefold() == ".jsonl":
                    file.writelines(msgspec.json.encode(row).decode() + "\n" for row in rows)
                else:
                    out = csv.DictWriter(file, EPISODE_COLUMNS, lineterminator="\n")
                    out.writeheader()
                    out.writerows({name: csv_cell(cell) for name, cell in row.items()} for row in rows)
        except OSError as error:
            raise SettingsError(f"--alerts {self.path}: cannot be written: {error.strerror}") from None


def print_incidents(incidents: Sequence[IncidentEpisode], *, members: bool) -> None:
    """Print incidents, a line each; `members` says whether their alerts stand below."""
    if not incidents:
        return
    console.print()
    print_columns(incident_rows(incidents[:MOST_INCIDENTS], members=members))
    if len(incidents) > MOST_INCIDENTS:
        console.print(f"{len(incidents) - MOST_INCIDENTS:,} more incidents: see --report or --json")
