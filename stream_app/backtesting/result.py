"""What a backtest from Python gives back."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stream_app.backtesting.figures import Figures
from stream_app.backtesting.page import html_table, incident_table, told_first
from stream_app.backtesting.plot import draw_source, require_matplotlib
from stream_app.backtesting.report import source_line
from stream_app.backtesting.run import Backtest
from stream_app.backtesting.show import figure_rows, listed, number
from stream_app.backtesting.trace import Trace
from stream_app.backtesting.understood import Understood, understood_rows
from stream_app.errors import DataError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BacktestResult", "Table"]

Table = TypeVar("Table")
"""A frame, or plain columns."""

_LISTED_INCIDENTS = 20


@dataclass(frozen=True, repr=False, eq=False)
class BacktestResult(Generic[Table]):
    """What a backtest says of rows of a table.

    Notebooks show it: figures, alerts, and the picture of one source where matplotlib is installed.

    Parameters
    ----------
    alerts : frame or dict of lists
        A row per alert: ``source``, ``kind``, ``channel``, ``started_at``, ``ended_at`` (missing where it lasted to the end),
        ``seconds`` between them, what changed (``quantity``, ``before``, ``after``), ``severity``, ``detector``, ``summary``,
        the ``row`` at which it began, counted from 0, its ``place``, whether it is ``false`` (missing without truth), and the id of its
        ``incident``.
    scores : frame or dict of lists
        A row per event, in the order of the input: its time and source, ``score``, and whether it lies in an
        ``anomaly``, is a ``changepoint``, shows ``drift``.
    notes : tuple of str
        What no figure counts: the first refused row of each reason, sources that are too short, true events in the warm-up.
    """

    alerts: Table
    scores: Table
    _run: Backtest
    _traces: Mapping[str, Trace]
    _understood: Understood
    notes: tuple[str, ...]

    @property
    def figures(self) -> dict[str, Any]:
        """Figures over all sources, as ``streamgauge backtest --json`` names them; what has no truth is None."""
        return self._figures.to_dict()

    @property
    def figures_by_source(self) -> dict[str, dict[str, Any]]:
        """The same of each source, in the order of their first rows."""
        return {name: figures.to_dict() for name, figures in self._run.figures_by_source().items()}

    @property
    def refused(self) -> dict[str, str]:
        """Why rows were not judged (late, duplicate, …): for each reason the first such row."""
        return dict(self._run.first_refusals)

    @property
    def _figures(self) -> Figures:
        return self._run.figures()

    def plot(self, source: str | None = None) -> "Figure":
        """Draw a source: its channels, what was found in them and what is true, and the score.

        Parameters
        ----------
        source : str, optional
            Its name; the one with most alerts where none is given. The first fifty can be drawn.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        DataError
            If there is no such source.
        MissingExtraError
            If matplotlib is not installed.
        """
        require_matplotlib()
        name = max(self._traces, key=self._alerts_of) if source is None else source
        if name not in self._traces:
            known = ", ".join(list(self._traces)[:10])
            raise DataError(f"no source is called {name!r}; those that can be drawn are {known}")
        told = "; ".join(source_line(self._run.figures_by_source()[name]))
        return draw_source(name, self._traces[name], told=told, period=self._run.period)

    def _alerts_of(self, source: str) -> int:
        return len(self._traces[source].alerts)

    def __repr__(self) -> str:
        figures = self._figures
        parts = [
            f"{figures.sources:,} source{'s' * (figures.sources != 1)}",
            f"{figures.events:,} events",
            f"alerts: {listed(figures.alerts) or 'none'}",
        ]
        if figures.false_alarms is not None:
            parts.append(f"false alarms: {listed(figures.false_alarms) or 'none'}")
        if figures.anomalies is not None:
            parts.append(f"F1 {number(figures.anomalies.f1, 3)}")
        if figures.refused:
            parts.append(f"refused: {listed(figures.refused)}")
        return f"<BacktestResult: {'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        understood = understood_rows([self._understood], self._figures.period)
        parts = [
            html_table(("", ""), [*understood, *figure_rows(self._figures)], numbers=0),
            *told_first(None, self.notes),
            *incident_table(self._run.incidents(), _LISTED_INCIDENTS),
        ]
        if find_spec("matplotlib") is None:
            return "\n".join([*parts, "<p>Pictures need matplotlib.</p>"])
        out = BytesIO()
        self.plot().savefig(out, format="png", dpi=80)
        parts.append(f'<img src="data:image/png;base64,{b64encode(out.getvalue()).decode()}">')
        if len(self._traces) > 1:
            parts.append(
                f"<p>plot(source) draws the others: {escape(', '.join(list(self._traces)[:20]))}</p>"
            )
        return "\n".join(parts)
