"""What a kind of stream has to say of itself so that it can be replayed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from producers.batch import EventBatch, Source
from producers.images.options import ImageOptions
from producers.predictions import PredictionColumns
from producers.remote import Remote
from producers.sessions import SessionColumns
from producers.sources import Columns
from stream_app.errors import SettingsError
from stream_app.events import Topics

__all__ = ["Change", "Kind", "Selection", "refuse"]

Change: TypeAlias = Callable[[Iterator[Any]], Iterator[EventBatch]]
"""Takes the batches of one replay in order, gives those that are sent."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user asked to have replayed; a kind refuses what it has not.

    Parameters
    ----------
    paths : tuple of str
        Files, directories, globs.
    columns : Columns
        Meaning of their columns, for readings.
    sessions : SessionColumns
        Meaning of their columns, for session events.
    predictions : PredictionColumns
        Meaning of their columns, for predictions.
    preset : str or None
        A known shop that files are of.
    dataset : str or None
        A named data set instead of files.
    simulate : bool
        A simulation instead of files.
    pumps : int
        Simulated sources.
    faults : str or None
        Faults of the simulation.
    drift : str or None
        Changes to inject.
    seed : int
        Of everything that is drawn.
    limit : int or None
        Most events that will be asked for; a simulation draws its faults within them.
    images : ImageOptions
        What is said about images.
    remote : Remote
        What is said to the replay while it runs.
    note : callable
        Told what takes long.
    """

    paths: tuple[str, ...] = ()
    columns: Columns = field(default_factory=Columns)
    sessions: SessionColumns = field(default_factory=SessionColumns)
    predictions: PredictionColumns = field(default_factory=PredictionColumns)
    preset: str | None = None
    dataset: str | None = None
    simulate: bool = False
    pumps: int = 1
    faults: str | None = None
    drift: str | None = None
    seed: int = 0
    limit: int | None = None
    images: ImageOptions = field(default_factory=ImageOptions)
    remote: Remote = field(default_factory=lambda: Remote(""))
    note: Callable[[str], None] = lambda _: None

    @property
    def made(self) -> dict[str, object]:
        """Options of what is no file but made or shipped, each with something false where it was not given."""
        return {
            "--simulate": self.simulate,
            "--dataset": self.dataset,
            "--pumps": self.pumps != 1,
            "--faults": self.faults,
        }


class Kind(Protocol):
    """One kind of stream; a module of this package with a constant ``KIND`` of this form is found by itself."""

    @property
    def name(self) -> str:
        """As it is called on the command line."""

    @property
    def about(self) -> str:
        """One line for the help."""

    @property
    def keys(self) -> tuple[str, str]:
        """What its events are keyed by: one, and several of them."""

    @property
    def remote(self) -> bool:
        """Whether something can be said to it while it runs."""

    def topics(self, selection: Selection, topics: Topics) -> Mapping[str, str]:
        """Where its events go: topics by the kind of stream in the monitor file, in the order of the routes."""

    def share(self, selection: Selection) -> float:
        """Return how many events are sent for each of the source, about."""

    def open(self, selection: Selection) -> Source:
        """Find what is to be replayed; a `StreamgaugeError` says what cannot be."""

    def change(self, selection: Selection, source: Source) -> Change | None:
        """Make what changes the source's batches on their way, if anything does; a new one each time."""


def refuse(kind: str, options: Mapping[str, object]) -> None:
    """Refuse options that a kind has not.

    Parameters
    ----------
    kind : str
    options : mapping of option to its value
        One that was not given has a value that is false.

    Raises
    ------
    SettingsError
        At the first that was given.
    """
    for option, value in options.items():
        if value:
            raise SettingsError(f"replay {kind}: {option} belongs to another kind of stream")
