"""Which stream's settings a backtest takes: by its name, by its kind, or the one that there is."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TypeAlias

from stream_app.errors import SettingsError
from stream_app.settings import ImageStream, PredictionStream, SensorStream, Settings

__all__ = ["BacktestStream", "StreamKind", "choose_stream"]

BacktestStream: TypeAlias = SensorStream | PredictionStream


class StreamKind(StrEnum):
    """Kinds of streams that can be tried over files."""

    SENSORS = "sensors"
    IMAGES = "images"
    PREDICTIONS = "predictions"


def choose_stream(
    settings: Settings, name: str | None, kind: StreamKind | None
) -> tuple[str, BacktestStream]:
    """Return a stream's name and settings.

    Where a kind is asked for and the settings have no stream of it, its defaults are taken, under the name of the kind.
    Where nothing is asked for, it is the stream of sensors.

    Raises
    ------
    SettingsError
        If there is no such stream, there are several, or name and kind contradict each other.

    Examples
    --------
    >>> choose_stream(Settings(streams={}), None, StreamKind.PREDICTIONS)[1].kind
    'predictions'
    """
    if name is not None:
        return name, _named(settings, name, kind)
    streams = {
        one: said
        for one, said in settings.streams.items()
        if isinstance(said, SensorStream | PredictionStream)
    }
    if kind is None:
        sensors = [one for one, said in streams.items() if isinstance(said, SensorStream)]
        # Where nothing is set, sensors and images are both there; files of images are named as such.
        likely = [one for one in sensors if streams[one].kind == "sensors"] or sensors
        if len(likely) != 1:
            models = [one for one, said in streams.items() if isinstance(said, PredictionStream)]
            also = f"; of predictions there is {_listed(models)}" if models else ""
            raise SettingsError(f"which stream of sensors? --stream: {_listed(sensors)}{also}")
        return likely[0], streams[likely[0]]
    found = [one for one, said in streams.items() if said.kind == kind]
    if len(found) > 1:
        raise SettingsError(f"which stream of {kind}? --stream: {_listed(found)}")
    return (found[0], streams[found[0]]) if found else (str(kind), _defaults(kind))


def _named(settings: Settings, name: str, kind: StreamKind | None) -> BacktestStream:
    if name not in settings.streams:
        raise SettingsError(f"--stream: no stream is called {name!r}; there is {_listed(settings.streams)}")
    said = settings.streams[name]
    if kind is not None and said.kind != kind:
        raise SettingsError(
            f"--kind {kind} contradicts --stream {name}, which is a stream of {said.kind}; leave one of them out"
        )
    if not isinstance(said, SensorStream | PredictionStream):
        raise SettingsError(
            f"--stream: {name} is a stream of {said.kind}, which has no monitor to try; features history gives "
            "its features as of past instants"
        )
    return said


def _defaults(kind: StreamKind) -> BacktestStream:
    if kind is StreamKind.PREDICTIONS:
        return PredictionStream()
    return SensorStream() if kind is StreamKind.SENSORS else ImageStream()


def _listed(streams: Iterable[str]) -> str:
    return ", ".join(streams) or "none"
