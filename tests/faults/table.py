"""The table of the fault suite: a row for each scenario."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from faults.oracle import Comparison

__all__ = ["Row", "rendered", "write"]

_HEAD = ("fault", "events", "processed", "lost", "duplicated", "recovery", "verdict", "remarks")


@dataclass
class Row:
    """What came of one scenario.

    Parameters
    ----------
    fault : str
        What was done.
    events, processed, lost, duplicated : int or None
        As `Comparison` counts them; None where nothing was compared.
    recovery : float or None
        Seconds from the end of the fault until work goes on, the longest where there were several; with many sources and
        after a cut, until all that had come meanwhile is processed.
    verdict : str
        ``equal``, ``stopped clearly``, or what went wrong.
    remarks : str
        Figures of this scenario alone.
    """

    fault: str
    events: int | None = None
    processed: int | None = None
    lost: int | None = None
    duplicated: int | None = None
    recovery: float | None = None
    verdict: str = ""
    remarks: str = ""

    def tell(self, result: Comparison) -> None:
        """Take over a comparison."""
        self.events = result.truth.events
        self.processed = result.processed
        self.lost = result.lost
        self.duplicated = result.duplicated
        self.verdict = result.verdict
        if result.repeated:
            self.remark(f"{result.repeated} records repeated on the topics")

    def remark(self, text: str) -> None:
        """Add a remark."""
        self.remarks = f"{self.remarks}; {text}" if self.remarks else text

    def cells(self) -> tuple[str, ...]:
        """Texts of the row."""

        def number(value: int | None) -> str:
            return "" if value is None else f"{value:,}"

        recovery = "" if self.recovery is None else f"{self.recovery:.1f} s"
        return (
            self.fault,
            *map(number, (self.events, self.processed, self.lost, self.duplicated)),
            recovery,
            self.verdict,
            self.remarks,
        )


def rendered(rows: Sequence[Row]) -> str:
    """Return the table as Markdown, readable as text too."""
    cells = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[j]) for line in cells) for j in range(len(_HEAD))]

    def line(texts: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if 1 <= j <= 5 else text.ljust(width)
            for j, (text, width) in enumerate(zip(texts, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * (width - 1) + ":") if 1 <= j <= 5 else "-" * width for j, width in enumerate(widths)]
    return "\n".join([line(_HEAD), line(rule), *(line(texts) for texts in cells[1:])])


def write(rows: Sequence[Row], folder: Path, *, seed: int, scale: str) -> None:
    """Write the table and what it was measured with."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(f"seed {seed}, scale {scale}\n\n{rendered(rows)}\n", encoding="utf-8")
    content = {"seed": seed, "scale": scale, "rows": [asdict(row) for row in rows]}
    (folder / "rows.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
