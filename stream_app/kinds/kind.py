"""What the worker and the commands need to know of a kind of stream."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from stream_app.events import Topics
from stream_app.kinds.sample import ReadSample
from stream_app.plugins import load_object
from stream_app.settings import Settings, Stream

if TYPE_CHECKING:
    from stream_app.core.calibration import Calibration
    from stream_app.monitors.base import Monitor

__all__ = ["Kind"]

S = TypeVar("S", bound=Stream)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[S]):
    """A kind of stream: its settings, and what is made from them.

    Defining a kind imports none of its parts, so commands can list the kinds without loading monitors. Parts of upper
    layers are named as entry points are, ``module:attribute``, and are imported by the layer that uses them.

    Parameters
    ----------
    settings : type of Stream
        The model of a stream's settings. The default of its field ``kind`` is the kind's name. With a `monitor`, it has
        ``max_store_bytes``, ``source_ttl`` and ``feature_ttl``, as those of `SensorStream`.
    topic : callable
        Selects the topic of a stream that names none.
    check : callable
        Takes the name and the settings of a stream; raises `SettingsError` where no monitor can be made from them.
    agent : str
        Makes the agent of a worker that processes the stream: ``(name, topic, surroundings) -> StreamAgent``.
    monitor : callable, optional
        Takes name, settings and calibration of a stream; returns what makes the monitor of a partition. A kind
        without one keeps its state by entity, and its agent opens its partitions by itself.
    outputs : callable
        Selects topics that its agents write beside those of alerts and dead letters.
    features : {'source', 'entity'}
        Whether live features are those of a source, served under the stream's name, or those of an entity, served under
        the name of a feature view.
    sample : callable, optional
        Takes name and settings of a stream, and of readings what decodes their messages; returns what decodes some of its records,
        for a look at its topic.
    confidential : bool
        Whether messages hold what no page may show, such as texts of queries with what people look for.
    backtest : str, optional
        Prepares a backtest over files: ``(name, settings, call) -> callable``.
    """

    settings: type[S]
    topic: Callable[[Topics], str]
    check: Callable[[str, S], object]
    agent: str
    monitor: "Callable[[str, S, Calibration | None], Callable[[], Monitor]] | None" = None
    outputs: Callable[[Topics], tuple[str, ...]] = lambda _: ()
    features: Literal["source", "entity"] = "source"
    sample: Callable[..., ReadSample] | None = None
    confidential: bool = False
    backtest: str | None = None

    @property
    def name(self) -> str:
        """The value of ``kind`` in the settings."""
        return str(self.settings.model_fields["kind"].default)

    def streams(self, settings: Settings) -> dict[str, S]:
        """Return the streams that have this kind's settings, by name.

        Image streams have the settings of sensor streams, so they are among the latter.
        """
        return {name: one for name, one in settings.streams.items() if isinstance(one, self.settings)}

    def load(self, part: str) -> Any:
        """Import a part that is named ``module:attribute``.

        Raises
        ------
        PluginError
            If it cannot be imported.
        """
        return load_object(part, f"kind {self.name}: {part}")
