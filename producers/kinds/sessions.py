"""Session events: what customers, users or cards did, out of files."""

from dataclasses import dataclass
from functools import partial

from producers.batch import Source
from producers.drift import parse_schedule
from producers.kinds.kind import Change, Selection, refuse
from producers.sessions import SessionFiles, SessionInjector
from stream_app.errors import SettingsError
from stream_app.events import Topics

__all__ = ["KIND", "Sessions"]


@dataclass(frozen=True, slots=True)
class Sessions:
    """The kind ``sessions``."""

    name: str = "sessions"
    about: str = "what entities did: Online Retail, CDNOW, any CSV, JSONL or Parquet"
    keys: tuple[str, str] = ("entity", "entities")
    remote: bool = False

    def topics(self, selection: Selection, topics: Topics) -> dict[str, str]:  # noqa: ARG002 the same for all
        """Return ``session.events``."""
        return {self.name: topics.sessions}

    def share(self, selection: Selection) -> float:  # noqa: ARG002 the same for all
        """Return 1: each becomes one event."""
        return 1.0

    def open(self, selection: Selection) -> Source:
        """Find the files and the meaning of their columns.

        Raises
        ------
        SettingsError
            When there is none, there is no such preset, or an option belongs to another kind.
        SourceError
            When a file is not there, or a column is missing or in doubt.
        """
        columns = selection.columns
        refuse(
            self.name,
            selection.images.said
            | selection.predictions.own
            | selection.made
            | {
                "--source": columns.name,
                "--source-column": columns.source,
                "--channels": columns.channels,
                "--label-column": columns.labels,
                "--period": columns.period,
            },
        )
        if not selection.paths:
            raise SettingsError("replay sessions: give files to replay")
        return SessionFiles.find(selection.paths, selection.sessions, selection.preset)

    def change(self, selection: Selection, source: Source) -> Change | None:  # noqa: ARG002 the same for all
        """Make the injector of ``--drift``."""
        if not selection.drift:
            return None
        return partial(map, SessionInjector(parse_schedule(selection.drift), selection.seed).apply)


KIND = Sessions()
