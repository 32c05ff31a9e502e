"""What a topic says of its stream: the layout of its messages, channels, sources, how often they send."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from stream_app.cli.init.platform import PlatformLook, look_at_platform
from stream_app.errors import DataError, SettingsError
from stream_app.events import record_times
from stream_app.kafka import nearest_topic, reading
from stream_app.kinds.guess import Messages, guess_mapping
from stream_app.kinds.guess_format import GuessedFormat, guess_format
from stream_app.kinds.sample import Sample
from stream_app.kinds.sensors import sample_readings
from stream_app.settings import KafkaSettings, SensorStream

__all__ = ["TopicLook", "look_into_topic"]

_NEWEST = 2000
"""Events that are looked at."""


@dataclass(frozen=True, slots=True)
class TopicLook:
    """What the newest events of a topic are.

    Parameters
    ----------
    topic : str
    mapping : dict
        Settings of the layout; empty where messages are laid out as our own.
    channels : tuple of str
    sample : Sample
        The events, read so.
    format : GuessedFormat
        How messages become values.
    """

    topic: str
    mapping: dict[str, Any]
    channels: tuple[str, ...]
    sample: Sample
    format: GuessedFormat


async def look_into_topic(
    topic: str, kafka: KafkaSettings, *, time: str | None, source: str | None, channels: tuple[str, ...]
) -> TopicLook | PlatformLook:
    """Read the newest events of a topic, and find out where the parts of a reading are in them.

    Parameters
    ----------
    topic : str
    kafka : KafkaSettings
    time, source : str or None
        Places that the user names.
    channels : tuple of str
        Those to watch; all where none are named.

    Raises
    ------
    SettingsError
        If there is no such topic.
    DataError
        If it has no event, or most cannot be read.
    BrokerError
        If Kafka cannot be reached or refuses.
    """
    async with reading(kafka) as reader:
        known = await reader.topics()
        if topic not in known:
            near = nearest_topic(topic, known)
            raise SettingsError(
                f"there is no file and no topic {topic}" + (f"; is it {near}?" if near else "")
            )
        records = await reader.newest(topic, _NEWEST)
    if not records:
        raise DataError(f"{topic} has no event yet: send some, or name a file")
    values = [record.value for record in records if record.value is not None]
    if (platform := look_at_platform(topic, values)) is not None:
        return platform
    form = guess_format(topic, [record.value for record in records])
    said = {} if form.said is None else {"format": form.said}
    if time is None and source is None:
        sample = sample_readings(topic, SensorStream.model_validate(said))(records)
        if 2 * len(sample.rejected) < len(records):
            return TopicLook(topic, {}, channels or sample.channels, sample, form)
    times = [each for each in record_times(records) if np.isfinite(each)]
    messages = Messages.of(
        [record.value for record in records],
        [record.key for record in records],
        float(np.median(times)) if times else 0.0,
        form.wire,
    )
    found = guess_mapping(messages, time=time, source=source)
    if found is None:
        paths = ", ".join(list(messages.columns)[:12]) or "no object"
        raise DataError(
            f"{topic}: found no source and numbers in its messages ({paths}); name the source with --source-column"
        )
    mapping, names = found
    names = channels or names
    try:
        stream = SensorStream.model_validate({**said, "mapping": mapping, "channels": list(names)})
    except ValidationError as error:
        raise DataError(f"{topic}: {error.errors(include_url=False)[0]['msg']}") from None
    sample = sample_readings(topic, stream)(records)
    if 2 * len(sample.rejected) >= len(records):
        record, why = sample.rejected[0]
        raise DataError(
            f"{topic}: {len(sample.rejected):,} of the newest {len(records):,} events cannot be read as guessed, the first for "
            f"{why.message} (partition {record.partition}, offset {record.offset}); name time and source with --time-column and "
            "--source-column"
        )
    return TopicLook(topic, mapping, names, sample, form)
