"""References of streams from files, checked against what the stream says of its channels."""

from stream_app.core.reference import ReferenceTable
from stream_app.errors import DataError, SettingsError, SourceError
from stream_app.kinds.sensors import SENSORS
from stream_app.settings import SensorStream, Settings
from stream_app.tables import Columns, read_reference

__all__ = ["check_reference", "referring_stream", "settings_references", "stream_reference"]


def referring_stream(settings: Settings, name: str) -> SensorStream:
    """Return the settings of a stream that can have a reference.

    Raises
    ------
    SettingsError
        If there is no such stream, or its kind has none.
    """
    found = SENSORS.streams(settings)
    if name in found:
        return found[name]
    if name in settings.streams:
        raise SettingsError(
            f"streams.{name} is of the kind {settings.streams[name].kind}, which has no reference; streams of readings and of "
            "images have one"
        )
    raise SettingsError(f"there is no stream {name!r}; there is {', '.join(sorted(settings.streams))}")


def check_reference(name: str, stream: SensorStream, table: ReferenceTable, origin: str) -> ReferenceTable:
    """Return a reference of a stream, after a look at its channels and values.

    Raises
    ------
    SourceError
        If detectors cannot learn from it; names the stream and where it is from.
    """
    try:
        table.check(least=stream.least_warmup(), declared=stream.channel_names)
    except DataError as error:
        raise SourceError(f"streams.{name}: {origin} is no reference: {error}") from error
    return table


def stream_reference(
    name: str, stream: SensorStream, path: str, columns: Columns | None = None
) -> ReferenceTable:
    """Read a file of normal operation for a stream.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : SensorStream
        Its settings.
    path : str
        A file that the table reader reads.
    columns : Columns, optional
        The meaning of its columns; found out by default. A stream that declares its channels names the columns.

    Raises
    ------
    SourceError
        If it cannot be read, or detectors cannot learn from it.
    """
    known = Columns(channels=stream.channel_names or ()) if columns is None else columns
    return check_reference(name, stream, read_reference(path, known, stream.categories), path)


def settings_references(settings: Settings) -> dict[str, tuple[str, ReferenceTable]]:
    """Read the files that the settings name: by stream the path and the rows.

    Raises
    ------
    SourceError
        See `stream_reference`.
    """
    return {
        name: (stream.reference, stream_reference(name, stream, stream.reference))
        for name, stream in SENSORS.streams(settings).items()
        if stream.reference is not None
    }
