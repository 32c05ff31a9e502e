"""A row per event as CSV: what the monitor said of each row of the input."""

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stream_app.backtesting.csv_cells import csv_cell
from stream_app.errors import SettingsError
from stream_app.monitors.sensors import EventScores
from stream_app.replacing import replacing

__all__ = ["EVENT_COLUMNS", "EventFile"]

EVENT_COLUMNS = ("source", "ts", "score", "anomaly", "changepoint", "drift")


class EventFile:
    """A CSV file with the columns `EVENT_COLUMNS`; it appears under its name when it is complete.

    Parameters
    ----------
    path : Path
        File to write.

    Raises
    ------
    SettingsError
        If it cannot be written there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = self._stack.enter_context(replacing(path))
            self._file = self._stack.enter_context(part.open("w", encoding="utf-8", newline=""))
        except OSError as error:
            raise SettingsError(f"{path}: cannot be written: {error.strerror}") from None
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(EVENT_COLUMNS)

    def write(self, sources: Sequence[str], ts: Sequence[Any], scores: EventScores) -> None:
        """Add rows.

        Parameters
        ----------
        sources : sequence of str
            The source of each row.
        ts : sequence
            Its time, as the input has it.
        scores : EventScores
            What was said of each row.
        """
        self._writer.writerows(
            zip(
                map(csv_cell, sources),
                map(csv_cell, ts),
                [f"{score:.4f}" for score in scores.score.tolist()],
                scores.anomaly.astype(int).tolist(),
                scores.changepoint.astype(int).tolist(),
                scores.drift.astype(int).tolist(),
                strict=True,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
