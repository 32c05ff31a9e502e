"""The tables of the fault suite: a row for each scenario."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from faults.oracle import Comparison

__all__ = ["AbuseRow", "Row", "rendered", "write"]

_FAULTS = ("fault", "events", "processed", "lost", "duplicated", "recovery", "verdict", "remarks")
_ABUSE = ("what comes in", "bound", "measured", "verdict")


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


@dataclass
class AbuseRow:
    """What came of one attempt at harm.

    Parameters
    ----------
    attempt : str
        What came in.
    bounds : dict of str to (float, float, str)
        By what was measured: the figure, the largest that is allowed, and the unit.
    verdict : str
        Empty where each figure is within its bound, and what else is asserted holds.
    """

    attempt: str
    bounds: dict[str, tuple[float, float, str]] = field(default_factory=dict)
    verdict: str = ""

    def bound(self, name: str, measured: float, most: float, unit: str) -> None:
        """Note a figure, and see that it is within its bound.

        Raises
        ------
        AssertionError
            If it is not.
        """
        self.bounds[name] = (measured, most, unit)
        assert measured <= most, f"{name}: {measured:g} {unit}, at most {most:g} allowed"

    def cells(self) -> tuple[str, ...]:
        """Texts of the row."""
        bounds = ", ".join(f"{name} {most:,.4g} {unit}" for name, (_, most, unit) in self.bounds.items())
        measured = ", ".join(f"{value:,.3g} {unit}" for value, _, unit in self.bounds.values())
        return (self.attempt, bounds, measured, self.verdict or "held")


def rendered(rows: Sequence[Row] | Sequence[AbuseRow]) -> str:
    """Return a table as Markdown, readable as text too."""
    faults = isinstance(rows[0], Row)
    numbers = range(1, 6) if faults else range(0)
    cells = [_FAULTS if faults else _ABUSE, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def line(texts: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if j in numbers else text.ljust(width)
            for j, (text, width) in enumerate(zip(texts, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * (width - 1) + ":") if j in numbers else "-" * width for j, width in enumerate(widths)]
    return "\n".join([line(cells[0]), line(rule), *(line(texts) for texts in cells[1:])])


def write(
    rows: Sequence[Row] | Sequence[AbuseRow], folder: Path, name: str, *, seed: int, scale: str
) -> None:
    """Write a table and what it was measured with."""
    folder.mkdir(parents=True, exist_ok=True)
    text = f"seed {seed}, scale {scale}\n\n{rendered(rows)}\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    content = {"seed": seed, "scale": scale, "rows": [asdict(row) for row in rows]}
    (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
