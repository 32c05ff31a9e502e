"""Which stream's settings a backtest takes: by its name, by its kind, or the one that there is."""

from collections.abc import Callable, Iterable
from typing import cast

from stream_app.cli.backtest.call import Call
from stream_app.errors import SettingsError
from stream_app.kinds import IMAGES, KINDS, PLATFORM, PREDICTIONS, SENSORS, kind_of
from stream_app.settings import Settings, StreamSettings

__all__ = ["BACKTESTED", "choose_stream", "prepare"]

BACKTESTED = (SENSORS.name, IMAGES.name, PREDICTIONS.name, PLATFORM.name)
"""Our kinds of streams that can be tried over files; those of other packages are imported when they are named."""


def choose_stream(settings: Settings, name: str | None, kind: str | None) -> tuple[str, StreamSettings]:
    """Return a stream's name and settings.

    Where a kind is asked for and the settings have no stream of it, its defaults are taken, under the name of the kind.
    Where nothing is asked for, it is the stream of sensors.

    Raises
    ------
    SettingsError
        If there is no such stream or kind, there are several, or name and kind contradict each other.

    Examples
    --------
    >>> choose_stream(Settings(streams={}), None, "predictions")[1].kind
    'predictions'
    """
    if kind is not None and (kind not in KINDS or KINDS[kind].backtest is None):
        raise SettingsError(f"--kind: {kind!r} is none of {_listed(BACKTESTED)}")
    if name is not None:
        return name, _named(settings, name, kind)
    if kind is None:
        sensors = SENSORS.streams(settings)
        # Where nothing is set, sensors and images are both there; files of images are named as such.
        likely = [one for one, stream in sensors.items() if kind_of(stream) is SENSORS] or list(sensors)
        if len(likely) != 1:
            models = PREDICTIONS.streams(settings)
            also = f"; of predictions there is {_listed(models)}" if models else ""
            raise SettingsError(f"which stream of sensors? --stream: {_listed(sensors)}{also}")
        return likely[0], sensors[likely[0]]
    found = [one for one, stream in settings.streams.items() if stream.kind == kind]
    if len(found) > 1:
        raise SettingsError(f"which stream of {kind}? --stream: {_listed(found)}")
    return (found[0], settings.streams[found[0]]) if found else (kind, KINDS[kind].settings())


def prepare(name: str, stream: StreamSettings, call: Call) -> Callable[[], None]:
    """Settle everything that can be wrong with a call; what is returned does it.

    Raises
    ------
    SettingsError
        If an option makes no sense.
    SourceError
        If a file cannot be read, or a column is missing or in doubt.
    """
    kind = kind_of(stream)
    if kind.backtest is None:
        raise SettingsError(
            f"--stream: {name} is a stream of {kind.name}, which has no monitor to try; features history gives "
            "its features as of past instants"
        )
    made = kind.load(kind.backtest)(name, stream, call)
    return cast(Callable[[], None], made)


def _named(settings: Settings, name: str, kind: str | None) -> StreamSettings:
    if name not in settings.streams:
        raise SettingsError(f"--stream: no stream is called {name!r}; there is {_listed(settings.streams)}")
    stream = settings.streams[name]
    if kind is not None and stream.kind != kind:
        raise SettingsError(
            f"--kind {kind} contradicts --stream {name}, which is a stream of {stream.kind}; leave one of them out"
        )
    return stream


def _listed(streams: Iterable[str]) -> str:
    return ", ".join(streams) or "none"
