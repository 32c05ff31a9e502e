"""A directory that one can show a colleague: a page with what was measured and told, and a picture of each model."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from stream_app.backtesting.page import (
    MOST_INCIDENTS,
    MOST_PICTURES,
    html_table,
    incident_table,
    open_directory,
    picture_name,
    told_first,
    write_page,
)
from stream_app.backtesting.predictions.model import ModelFigures
from stream_app.backtesting.predictions.plot import Timeline, plot_model
from stream_app.backtesting.predictions.run import PredictionBacktest
from stream_app.backtesting.predictions.show import (
    challenge_rows,
    model_headings,
    model_rows,
    summary_rows,
    trigger_rows,
)
from stream_app.backtesting.show import listed

__all__ = ["PredictionReport"]


class PredictionReport:
    """Gathers what a report shows while a backtest runs, and writes it at the end.

    Parameters
    ----------
    directory : Path
        Where to; made if it is missing.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    SettingsError
        If the directory cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        open_directory(directory)
        self._directory = directory
        self._timelines: dict[str, Timeline] = {}

    def watch(self, model: str, ts: float, features: Mapping[str, float | None]) -> None:
        """Take a model's live features at a time; for `PredictionBacktest`."""
        if model in self._timelines or len(self._timelines) < MOST_PICTURES:
            self._timelines.setdefault(model, Timeline()).look(ts, features)

    def write(self, backtest: PredictionBacktest, title: str, problem: str | None = None) -> Path:
        """Draw the pictures and write the page; `problem` is why nothing was judged, see `PredictionBacktest.unjudged`.

        Returns
        -------
        Path
            The page.
        """
        models = backtest.models()
        for name, figures in models.items():
            if figures.ts is not None:
                self.watch(name, figures.ts, figures.features)
        for alert in backtest.alerts:
            if alert.source in self._timelines:
                self._timelines[alert.source].alerts.append(alert)
        for trigger in backtest.triggers:
            if trigger.source in self._timelines:
                self._timelines[trigger.source].triggers.append(trigger)
        pictures: dict[str, str] = {}
        for number, (name, timeline) in enumerate(self._timelines.items(), start=1):
            pictures[name] = picture_name(number, name)
            plot_model(
                name,
                timeline,
                backtest.config,
                self._directory / pictures[name],
                period=backtest.period,
                told=f"alerts: {listed(models[name].alerts) or 'none'}; retraining triggers: {models[name].triggers}",
            )
        config = backtest.config
        lead = f"stream {backtest.name}, budget {config.budget}; the first {config.baseline:,} labelled predictions of each model are its baseline"
        summary = html_table(("", ""), summary_rows(backtest, models), numbers=0)
        body = [*told_first(problem), summary, *_alerts(backtest)]
        for name, figures in models.items():
            body += _model(name, figures, backtest, pictures.get(name))
        return write_page(self._directory, f"Backtest of {title}", lead, body)


def _alerts(backtest: PredictionBacktest) -> list[str]:
    body = ["<h2>Incidents and their alerts</h2>", *incident_table(backtest.incidents())]
    if backtest.triggers:
        rows = trigger_rows(backtest)[:MOST_INCIDENTS]
        body += ["<h2>Reasons to train again</h2>", html_table(("when", "why"), rows, numbers=0)]
    return body


def _model(name: str, figures: ModelFigures, backtest: PredictionBacktest, picture: str | None) -> list[str]:
    body = [f"<h2>{escape(name)}</h2>"]
    if picture is not None:
        body.append(
            f'<img src="{escape(picture)}" alt="{escape(name)}: performance over time" loading="lazy">'
        )
    headings = ("", *model_headings(name, backtest.config)[1:])
    body.append(html_table(headings, model_rows(figures), numbers=3))
    if figures.challenge is not None:
        heading, *rows = challenge_rows(figures.challenge)
        body += [
            f"<p>Versions compared: {figures.challenge.verdict}.</p>",
            html_table(heading, rows, numbers=4),
        ]
    return body
