"""Cells of one block as parts of events."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from producers.sessions import cells
from producers.sessions.left_out import Sieve
from producers.sources.table import Block
from stream_app.events.sensor import MAX_NAME

__all__ = ["Reader"]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the columns of one block; rows with a cell that makes no sense are left out.

    Parameters
    ----------
    block : Block
    sieve : Sieve
    """

    block: Block
    sieve: Sieve

    def texts(self, name: str, longest: int = MAX_NAME) -> list[str | None]:
        """Read texts, None where there is none."""
        out, bad = cells.texts(self.block.column(name), longest)
        self.sieve.refuse(bad, f"column {name!r}: no text of at most {longest} characters")
        texts: list[str | None] = out.tolist()
        return texts

    def numbers(self, name: str) -> list[float | None]:
        """Read finite numbers, None where there is none."""
        out, bad = cells.numbers(self.block.column(name))
        self.sieve.refuse(bad, f"column {name!r}: no number")
        self.sieve.refuse(np.isinf(out), f"column {name!r}: infinite")
        return [
            None if missing else value
            for value, missing in zip(out.tolist(), np.isnan(out).tolist(), strict=True)
        ]

    @staticmethod
    def group(named: Sequence[tuple[str, str]], read: Callable[[str], Sequence[Any]]) -> list[Any] | None:
        """Return an object a row, of the cells that are there, None where there are none; nothing without a name."""
        if not named:
            return None
        keys = [name for name, _ in named]
        rows = zip(*(read(column) for _, column in named), strict=True)
        return [
            {key: cell for key, cell in zip(keys, row, strict=True) if cell is not None} or None
            for row in rows
        ]

    def objects(self, name: str) -> list[dict[str, Any] | None]:
        """Read cells that hold an object each, as such or as JSON."""
        out: list[dict[str, Any] | None] = []
        bad = np.zeros(len(self.block.lines), dtype=np.bool_)
        for row, cell in enumerate(self.block.column(name)):
            found = cell
            if isinstance(cell, str):
                try:
                    found = json.loads(cell) if cell.strip() else None
                except ValueError:
                    found = cell
            bad[row] = not (found is None or isinstance(found, dict))
            out.append(found if isinstance(found, dict) else None)
        self.sieve.refuse(bad, f"column {name!r}: no object of JSON")
        return out
