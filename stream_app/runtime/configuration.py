"""From the settings of a stream to what its monitor is told."""

from stream_app.errors import SettingsError, StreamgaugeError
from stream_app.monitors.sensors import ExtraDetector, SensorConfig
from stream_app.monitors.sensors.detectors import build_detectors
from stream_app.settings import SensorStream

__all__ = ["monitor_config"]


def monitor_config(name: str, stream: SensorStream) -> SensorConfig:
    """Translate the settings of a stream, and see that its detectors can be made.

    Raises
    ------
    SettingsError
        If they can't: a budget that cannot be read, a detector that does not exist or takes no such parameter.

    Examples
    --------
    >>> monitor_config("pumps", SensorStream(channels=["flow"], budget="1 per week")).channels
    ('flow',)
    """
    config = SensorConfig(
        stream=name,
        channels=stream.channel_names,
        limits=stream.limits,
        budget=stream.budget,
        sources=stream.expected_sources,
        warmup=stream.warmup,
        window_seconds=stream.window,
        window_rows=stream.window_rows,
        lateness=stream.lateness,
        max_future=stream.max_future,
        source_ttl=stream.source_ttl,
        silent_after=stream.silent_after,
        cooldown=stream.cooldown,
        resolve_after=stream.resolve_after,
        extra=tuple(ExtraDetector(**detector.model_dump()) for detector in stream.detectors),
    )
    _check_names(name, config)
    named = [channel for extra in config.extra for channel in extra.channels or ()]
    try:
        # Without an event nobody would hear of a mistake before the first one comes.
        build_detectors(config.channels or tuple(named) or ("any",), config, period=1.0, share=1.0)
    except StreamgaugeError as error:
        raise SettingsError(f"streams.{name}: {error}") from error
    except (TypeError, ValueError) as error:
        reason = str(error).rpartition("() ")[2]
        raise SettingsError(f"streams.{name}.detectors: the parameters do not fit: {reason}") from error
    return config


def _check_names(name: str, config: SensorConfig) -> None:
    seen: set[str] = set()
    for extra in config.extra:
        if extra.name in seen:
            raise SettingsError(
                f"streams.{name}.detectors: {extra.name} is there twice; name all its channels in one"
            )
        seen.add(extra.name)
        unknown = set(extra.channels or ()) - set(config.channels or extra.channels or ())
        if unknown:
            raise SettingsError(
                f"streams.{name}.detectors: {extra.name} is for {', '.join(sorted(unknown))}, "
                f"which is none of the channels {', '.join(config.channels or ())}"
            )
