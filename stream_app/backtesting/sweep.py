"""The way of the rows of tables through a backtest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.backtesting.run import Backtest
from stream_app.monitors.sensors import Outcome
from stream_app.tables import InputRows, InputTable

__all__ = ["JudgedBlock", "sweep"]


@dataclass(frozen=True, slots=True)
class JudgedBlock:
    """Some rows of a table and what the monitor made of them.

    Parameters
    ----------
    rows : InputRows
        The rows.
    times : sequence
        The cell with the time of each, as the table has it.
    outcome : Outcome
        What the monitor made of them.
    """

    rows: InputRows
    times: Sequence[Any]
    outcome: Outcome

    @property
    def sources(self) -> list[str]:
        """The source of each row."""
        return [self.rows.names[code] for code in self.rows.source.tolist()]


def sweep(backtest: Backtest, table: InputTable) -> Iterator[JudgedBlock]:
    """Give the rows of a table to a backtest, block by block.

    A table that is a source of its own begins with a fresh monitor. Where a column names the sources, they go on from
    table to table, as a log does that is cut into days.

    Raises
    ------
    SourceError
        At the first row that cannot be read.
    """
    if not table.names_sources:
        backtest.forget()
    for rows, times in table.blocks():
        yield JudgedBlock(rows, times, backtest.update(rows))
