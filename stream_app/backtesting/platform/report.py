"""A directory that one can show a colleague: a page with what was told of platforms, pictures, and the models side by side."""

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
from stream_app.backtesting.platform.comparison import Comparison
from stream_app.backtesting.platform.picture import plot_models
from stream_app.backtesting.platform.run import PlatformBacktest
from stream_app.backtesting.platform.show import (
    MODEL_HEADINGS,
    comparison_notes,
    explained,
    model_rows,
    summary_rows,
)
from stream_app.backtesting.platform.timeline import plot_timeline

__all__ = ["PlatformReport"]


class PlatformReport:
    """Writes what a backtest of platforms found.

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

    def write(
        self,
        backtest: PlatformBacktest,
        title: str,
        comparisons: Mapping[str, Comparison],
        problem: str | None = None,
    ) -> Path:
        """Draw the pictures and write the page.

        Parameters
        ----------
        backtest : PlatformBacktest
        title : str
            What was read.
        comparisons : mapping of str to Comparison
            Models side by side, by platform; empty where none were asked for.
        problem : str, optional
            Why nothing was judged; see `PlatformBacktest.unjudged`.

        Returns
        -------
        Path
            The page.
        """
        config = backtest.config
        lead = (
            f"stream {backtest.name}, budget {config.budget}; the first {config.warmup:,} windows of "
            f"{config.window:g} s of each platform are learned from"
        )
        body = [
            *told_first(problem),
            html_table(("", ""), summary_rows(backtest), numbers=0),
            "<h2>Incidents and their alerts</h2>",
            *incident_table(backtest.incidents()),
        ]
        causes = explained(backtest)[:MOST_INCIDENTS]
        if causes:
            body += ["<h2>What is to blame</h2>", html_table(("since", "causes"), causes, numbers=0)]
        for number, source in enumerate(list(backtest.windows)[:MOST_PICTURES], start=1):
            body += self._platform(number, source, backtest, comparisons.get(source))
        return write_page(self._directory, f"Backtest of {title}", lead, body)

    def _platform(
        self, number: int, source: str, backtest: PlatformBacktest, comparison: Comparison | None
    ) -> list[str]:
        body = [f"<h2>{escape(source)}</h2>"]
        windows = backtest.windows[source]
        if windows.ends:
            name = picture_name(number, source)
            plot_timeline(source, windows, self._directory / name, truth=backtest.truth(source))
            body.append(_image(name, f"{source}: evidence and incidents over time"))
        if comparison is None:
            return body
        body.append("<h3>Models side by side</h3>")
        body += [f"<p>{escape(note)}</p>" for note in comparison_notes(comparison)]
        body.append(html_table(MODEL_HEADINGS, model_rows(comparison), numbers=0))
        if comparison.clusters:
            name = f"models-{picture_name(number, source)}"
            plot_models(comparison, self._directory / name, source)
            body.append(_image(name, f"{source}: clusters of each model"))
        return body


def _image(file: str, said: str) -> str:
    return f'<img src="{escape(file)}" alt="{escape(said)}" loading="lazy">'
