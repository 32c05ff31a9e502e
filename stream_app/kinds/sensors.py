"""Streams of sensor readings."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from stream_app.errors import SettingsError, StreamgaugeError
from stream_app.events import Format, ReadingDecoder, record_times
from stream_app.formats import make_format
from stream_app.kinds.kind import Kind
from stream_app.kinds.layouts import sensor_layout
from stream_app.kinds.sample import ReadSample, Sample
from stream_app.settings import SensorStream

if TYPE_CHECKING:
    from stream_app.core.calibration import Calibration
    from stream_app.monitors.base import Monitor

__all__ = ["SENSORS", "changed_stream", "check_stream", "make_monitor", "sample_readings"]


def check_stream(name: str, stream: SensorStream) -> None:
    """Check the budget of a stream, and that its detectors can be built.

    Without an event nobody would hear of a mistake before the first one comes.

    Raises
    ------
    SettingsError
        If not: a budget that cannot be read, a detector that does not exist or takes no such parameter, a file of schemas that is none.

    Examples
    --------
    >>> check_stream("pumps", SensorStream(budget="1 per chance"))
    Traceback (most recent call last):
    stream_app.errors.SettingsError: streams.pumps: ...
    """
    from stream_app.core.budget import Budget
    from stream_app.monitors.extra_detectors import ExtraDetector

    _check_names(name, stream)
    sensor_layout(name, stream)
    make_format(stream.format)
    try:
        Budget.parse(stream.budget)
        for settings in stream.detectors:
            detector = ExtraDetector.of(settings)
            detector.build(detector.watched(stream.channel_names or settings.channels or ("any",)))
    except StreamgaugeError as error:
        raise SettingsError(f"streams.{name}: {error}") from error


def changed_stream(
    name: str, stream: SensorStream, changes: Mapping[str, Any], option: str = "{}="
) -> SensorStream:
    """Return the settings of a stream, some of them changed, after a check.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : SensorStream
        Settings of the stream.
    changes : mapping of str to value
        Settings to change; None and an empty tuple of channels change nothing. Channels are names alone: they keep
        their limits.
    option : str
        How messages name a setting that was changed.

    Raises
    ------
    SettingsError
        If they make no sense.

    Examples
    --------
    >>> changed_stream("pumps", SensorStream(), {"warmup": 3})
    Traceback (most recent call last):
    stream_app.errors.SettingsError: warmup=: Input should be greater than or equal to 30
    """
    from stream_app.core.budget import Budget

    said = {key: value for key, value in changes.items() if value is not None and value != ()}
    try:
        if "channels" in said:
            limits = stream.channels or {}
            said["channels"] = {channel: limits.get(channel, {}) for channel in said["channels"]}
        if "budget" in said:
            Budget.parse(said["budget"])
        changed = type(stream).model_validate(dict(stream) | said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SettingsError(f"{option.format(first['loc'][0])}: {first['msg']}") from None
    check_stream(name, changed)
    return changed


def _check_names(name: str, stream: SensorStream) -> None:
    seen: set[str] = set()
    for detector in stream.detectors:
        if detector.name in seen:
            raise SettingsError(
                f"streams.{name}.detectors: {detector.name} is there twice; name all its channels in one"
            )
        seen.add(detector.name)
        channels = stream.channel_names or detector.channels or ()
        unknown = set(detector.channels or ()) - set(channels)
        if unknown:
            raise SettingsError(
                f"streams.{name}.detectors: {detector.name} is for {', '.join(sorted(unknown))}, "
                f"which is none of the channels {', '.join(channels)}"
            )


def make_monitor(
    name: str, stream: SensorStream, calibration: "Calibration | None"
) -> "Callable[[], Monitor]":
    """Return what makes the monitor of a partition."""
    from stream_app.monitors.sensors import AssembledMonitor, SensorMonitor

    check_stream(name, stream)
    make = partial(SensorMonitor, stream, calibration, name=name)
    if stream.mapping is None or stream.mapping.channel is None:
        return make
    return lambda: AssembledMonitor(make(), stream)


def sample_readings(name: str, stream: SensorStream, wire: Format | None = None) -> ReadSample:
    """Return what decodes some records of a stream.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : SensorStream
        Settings of the stream.
    wire : Format, optional
        What decodes messages, with the schemas that the records name; made of the settings by default.
    """
    decoder = ReadingDecoder(
        stream.categories, layout=sensor_layout(name, stream), wire=wire or make_format(stream.format)
    )

    def read(records: list[Any]) -> Sample:
        readings, rejected = decoder.decode(
            [record.value for record in records],
            [record.key for record in records],
            [record.offset for record in records],
            record_times(records),
            [record.headers for record in records],
        )
        return Sample(
            readings.sources,
            readings.ts.tolist(),
            readings.record_ts.tolist(),
            [(records[place], why) for place, why in rejected],
            tuple(dict.fromkeys(name for group in readings.groups for name in group.channels)),
        )

    return read


SENSORS = Kind(
    settings=SensorStream,
    topic=lambda topics: topics.sensors,
    check=check_stream,
    agent="stream_app.runtime.assembly:reading_agent",
    monitor=make_monitor,
    sample=sample_readings,
    backtest="stream_app.cli.backtest.sensors:prepare",
)
