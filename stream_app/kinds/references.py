"""Which streams can have a reference, and what is one of them."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from stream_app.core.reference import ReferenceTable
from stream_app.errors import DataError, SettingsError, SourceError
from stream_app.events import PredictionRow
from stream_app.kinds.predictions import PREDICTIONS
from stream_app.kinds.sensors import SENSORS
from stream_app.settings import PredictionStream, SensorStream, Settings

__all__ = ["Referring", "check_reference", "feature_table", "referring_stream", "referring_streams"]

Referring: TypeAlias = SensorStream | PredictionStream
"""Settings of a stream that can have one."""


def referring_streams(settings: Settings) -> dict[str, Referring]:
    """Return the streams that can have a reference, by name."""
    return {**SENSORS.streams(settings), **PREDICTIONS.streams(settings)}


def referring_stream(settings: Settings, name: str) -> Referring:
    """Return the settings of a stream that can have a reference.

    Raises
    ------
    SettingsError
        If there is no such stream, or its kind has none.
    """
    found = referring_streams(settings)
    if name in found:
        return found[name]
    if name in settings.streams:
        raise SettingsError(
            f"streams.{name} is of the kind {settings.streams[name].kind}, which has no reference; streams of readings, of "
            "images and of predictions have one"
        )
    raise SettingsError(f"there is no stream {name!r}; there is {', '.join(sorted(settings.streams))}")


def check_reference(name: str, stream: Referring, table: ReferenceTable, origin: str) -> ReferenceTable:
    """Return a reference of a stream, after a look at its channels and values.

    Raises
    ------
    SourceError
        If detectors cannot learn from it; names the stream and where it is from.
    """
    try:
        table.check(least=stream.least_reference, declared=stream.channel_names)
    except DataError as error:
        raise SourceError(f"streams.{name}: {origin} is no reference: {error}") from error
    return table


def feature_table(rows: Sequence[PredictionRow]) -> ReferenceTable:
    """Return the features of predictions, in the order of their times; labels that come alone are left out.

    Examples
    --------
    >>> table = feature_table([PredictionRow("m", 2.0, "b", prediction="x", features={"age": 3.0}), PredictionRow("m", 1.0, "a", prediction="y")])
    >>> table.channels, table.ts.tolist(), table.values.tolist()
    (('age',), [1.0, 2.0], [[nan], [3.0]])
    """
    answers = sorted((row for row in rows if row.prediction is not None), key=lambda row: row.ts)
    channels = tuple(dict.fromkeys(name for row in answers for name in row.features))
    cells = [[row.features.get(name) for name in channels] for row in answers]
    values = np.array(cells, dtype=np.float64).reshape(len(answers), len(channels))
    return ReferenceTable(np.array([row.ts for row in answers], dtype=np.float64), channels, values)
