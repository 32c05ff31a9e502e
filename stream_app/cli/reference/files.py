"""References from files: rows of readings, or the features of predictions."""

from producers.predictions import PredictionColumns
from stream_app.cli.backtest.prediction_files import PredictionInput
from stream_app.core.reference import ReferenceTable
from stream_app.events import PredictionRow
from stream_app.kinds import SENSORS
from stream_app.kinds.references import (
    Referring,
    check_reference,
    feature_table,
    referring_stream,
    referring_streams,
)
from stream_app.settings import Settings
from stream_app.tables import Columns, read_reference

__all__ = ["read_features", "settings_references", "stream_reference"]


def stream_reference(settings: Settings, name: str, path: str) -> ReferenceTable:
    """Read a file of normal operation for a stream.

    Parameters
    ----------
    settings : Settings
        Of all streams. One that declares its channels names the columns; else they are found out.
    name : str
        Name of the stream.
    path : str
        A file that the reader of tables, or of predictions, reads.

    Raises
    ------
    SettingsError
        If there is no such stream, or its kind has no reference.
    SourceError
        If it cannot be read, or detectors cannot learn from it.
    """
    stream = referring_stream(settings, name)
    sensors = SENSORS.streams(settings).get(name)
    if sensors is not None:
        columns = Columns(channels=sensors.channel_names or ())
        return check_reference(name, stream, read_reference(path, columns, sensors.categories), path)
    return read_features(name, stream, path)


def read_features(name: str, stream: Referring, path: str) -> ReferenceTable:
    """Read the features of a file of predictions; for the parameters see `check_reference`."""
    rows = [
        row
        for events, _ in PredictionInput([path], PredictionColumns()).pieces()
        for row in events
        if isinstance(row, PredictionRow)
    ]
    return check_reference(name, stream, feature_table(rows), path)


def settings_references(settings: Settings) -> dict[str, tuple[str, ReferenceTable]]:
    """Read the files that the settings name: by stream the path and the rows.

    Raises
    ------
    SourceError
        See `stream_reference`.
    """
    return {
        name: (stream.reference, stream_reference(settings, name, stream.reference))
        for name, stream in referring_streams(settings).items()
        if stream.reference is not None
    }
