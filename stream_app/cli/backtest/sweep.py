"""The way of the rows through a backtest: read, judged, written."""

from collections.abc import Sequence
from contextlib import nullcontext

from producers.progress import Progress
from stream_app.backtest import Backtest, EventFile
from stream_app.cli.backtest.files import InputFile
from stream_app.cli.backtest.output import EventFiles

__all__ = ["sweep"]


def sweep(
    backtest: Backtest, files: Sequence[InputFile], events: EventFiles | None, progress: Progress
) -> None:
    """Give all files to the monitor, one after another, block by block.

    A file that is a source of its own begins with a fresh monitor. Where a column names the sources, they go on from
    file to file, as a log does that is cut into days.

    Raises
    ------
    StreamgaugeError
        At the first row that cannot be read, or if a result cannot be written.
    """
    totals = [file.total for file in files]
    known = [total for total in totals if total is not None]
    progress.begin(sum(known) if len(known) == len(totals) else None, 0)
    try:
        with events or nullcontext():
            for file in files:
                if not file.names_sources:
                    backtest.forget()
                with nullcontext() if events is None else events.of(file) as out:
                    _sweep_one(backtest, file, out, progress)
    finally:
        progress.end()


def _sweep_one(backtest: Backtest, file: InputFile, out: EventFile | None, progress: Progress) -> None:
    for rows, times in file.blocks():
        judged = backtest.update(rows)
        if out is not None:
            out.write([rows.names[code] for code in rows.source.tolist()], times, judged.scores)
        progress.update(backtest.rows)
