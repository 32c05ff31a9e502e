"""Streams of models' predictions."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from stream_app.errors import SettingsError, StreamgaugeError
from stream_app.events import (
    DecodedRows,
    Format,
    PredictionRow,
    decode_mapped,
    decode_predictions,
    read_prediction,
)
from stream_app.formats import make_format
from stream_app.kinds.kind import Kind
from stream_app.kinds.layouts import prediction_layout
from stream_app.kinds.sample import ReadSample, sample_rows
from stream_app.settings import PredictionStream

if TYPE_CHECKING:
    from stream_app.core.calibration import Calibration
    from stream_app.monitors.predictions import PredictionMonitor

__all__ = ["PREDICTIONS", "check_stream", "prediction_rows"]


def check_stream(name: str, stream: PredictionStream) -> None:
    """Check the budget of a stream, and that its monitor can be built.

    Without an event nobody would hear of a mistake before the first one comes.

    Raises
    ------
    SettingsError
        If not: a budget that cannot be read, a detector that does not exist or takes no such parameter.

    Examples
    --------
    >>> check_stream("models", PredictionStream(detectors=[{"name": "adwin"}, {"name": "adwin"}]))
    Traceback (most recent call last):
    stream_app.errors.SettingsError: streams.models: detectors: adwin is there twice
    """
    from stream_app.core.budget import Budget
    from stream_app.monitors.predictions.source import SourceMonitor

    prediction_layout(name, stream)
    make_format(stream.format)
    try:
        _check_detectors(stream)
        Budget.parse(stream.budget)
        # The usual detectors are left out: they are right, and River takes its time to load.
        SourceMonitor("any", stream.model_copy(update={"detectors": stream.detectors or ()}))
    except StreamgaugeError as error:
        raise SettingsError(f"streams.{name}: {error}") from error


def _check_detectors(stream: PredictionStream) -> None:
    seen: set[str] = set()
    for detector in stream.detectors or ():
        if detector.channels is not None or detector.every is not None:
            raise SettingsError(
                f"detectors: {detector.name} is run on all errors; leave out channels and every"
            )
        if detector.name in seen:
            raise SettingsError(f"detectors: {detector.name} is there twice")
        seen.add(detector.name)


def _make_monitor(
    name: str, stream: PredictionStream, calibration: "Calibration | None"
) -> "Callable[[], PredictionMonitor]":
    from stream_app.monitors.predictions import PredictionMonitor

    check_stream(name, stream)
    return partial(PredictionMonitor, stream, calibration, name=name)


def prediction_rows(
    name: str, stream: PredictionStream, wire: Format | None = None
) -> Callable[[list[Any]], DecodedRows[PredictionRow]]:
    """Return what decodes the records of a stream.

    Parameters
    ----------
    name : str
        Name of the stream.
    stream : PredictionStream
        Settings of the stream.
    wire : Format, optional
        What decodes messages; made of the settings by default.
    """
    wire = wire or make_format(stream.format)
    layout = prediction_layout(name, stream, wire)
    if layout is None:
        return lambda records: DecodedRows.of(decode_predictions([record.value for record in records]))
    return lambda records: decode_mapped(records, layout, read_prediction, wire)


def sample_predictions(name: str, stream: PredictionStream, wire: Format | None = None) -> ReadSample:
    """Return what decodes some records of a stream; for its parameters see `prediction_rows`."""
    return sample_rows(prediction_rows(name, stream, wire), lambda row: (row.source, row.features))


PREDICTIONS = Kind(
    settings=PredictionStream,
    topic=lambda topics: topics.predictions,
    check=check_stream,
    agent="stream_app.runtime.assembly:prediction_agent",
    monitor=_make_monitor,
    sample=sample_predictions,
    outputs=lambda topics: (topics.triggers, topics.audit),
    backtest="stream_app.cli.backtest.predictions:prepare",
)
