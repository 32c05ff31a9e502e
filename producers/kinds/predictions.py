"""Predictions of any model, out of files, with the truth beside them or so much later."""

from dataclasses import dataclass

from producers.batch import Source
from producers.kinds.kind import Change, Selection, refuse
from producers.predictions import LabelDelay, PredictionFiles
from stream_app.errors import SettingsError
from stream_app.events import Topics

__all__ = ["KIND", "Predictions"]


@dataclass(frozen=True, slots=True)
class Predictions:
    """The kind ``predictions``."""

    name: str = "predictions"
    about: str = "what models answered, and the truth: any CSV, JSONL or Parquet"
    keys: tuple[str, str] = ("model", "models")
    remote: bool = False

    def topics(self, selection: Selection, topics: Topics) -> dict[str, str]:  # noqa: ARG002 the same for all
        """Return ``predictions``."""
        return {self.name: topics.predictions}

    def share(self, selection: Selection) -> float:
        """Return 1 for the prediction, and 1 for a label that is late."""
        return 2.0 if selection.images.label_delay else 1.0

    def open(self, selection: Selection) -> Source:
        """Find the files and the meaning of their columns.

        Raises
        ------
        SettingsError
            When there is none, or an option belongs to another kind.
        SourceError
            When a file is not there, or a column is missing or in doubt.
        """
        images = {
            option: value for option, value in selection.images.said.items() if option != "--label-delay"
        }
        sessions = {
            option: value
            for option, value in selection.sessions.own.items()
            if option not in {"--attributes", "--id-column"}
        }
        refuse(
            self.name,
            images
            | selection.made
            | {
                "--drift": selection.drift,
                "--period": selection.columns.period,
                "--preset": selection.preset,
            }
            | sessions,
        )
        if not selection.paths:
            raise SettingsError("replay predictions: give files to replay")
        if len(selection.columns.labels) > 1:
            raise SettingsError("--label-column: a prediction has one true label; name one column")
        return PredictionFiles.find(selection.paths, selection.predictions)

    def change(self, selection: Selection, source: Source) -> Change | None:  # noqa: ARG002 the same for all
        """Make what holds the labels back for ``--label-delay``."""
        delay = selection.images.label_delay
        return LabelDelay(delay) if delay else None


KIND = Predictions()
