"""Decoding prediction events: a typed fast path for good ones, and pydantic to judge the others."""

import math
from collections.abc import Sequence
from typing import Annotated

import msgspec
from pydantic import ValidationError

from stream_app.events.prediction import MAX_LABELS, SUM_WITHIN, PredictionEvent, as_text, odd_probabilities
from stream_app.events.rejection import MAX_EVENT_BYTES, Rejected, refused, unread
from stream_app.events.sensor import MAX_CHANNELS, MAX_NAME, MAX_TS
from stream_app.events.session import MAX_NUMBER

__all__ = ["PredictionRow", "decode_prediction", "decode_predictions"]

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
_Word = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
_Number = Annotated[float, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
_Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0 + SUM_WITHIN)]


# Unknown fields would be skipped without a look, also where they are not UTF-8: pydantic looks at them.
class _Wire(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    source: _Name
    ts: Annotated[float, msgspec.Meta(ge=0.0, lt=MAX_TS)]
    id: _Name | int
    version: _Word | None = None
    prediction: _Name | int | bool | None = None
    probabilities: (
        Annotated[dict[_Name, _Probability], msgspec.Meta(min_length=1, max_length=MAX_LABELS)] | None
    ) = None
    label: _Name | int | bool | None = None
    features: Annotated[dict[_Name, _Number | None], msgspec.Meta(max_length=MAX_CHANNELS)] = {}
    categories: Annotated[dict[_Name, _Word | None], msgspec.Meta(max_length=MAX_CHANNELS)] = {}
    latency: Annotated[float, msgspec.Meta(ge=0.0, le=MAX_NUMBER)] | None = None
    error: str | None = None


class PredictionRow(msgspec.Struct, gc=False):
    """A valid prediction event, as light as it can be: what the worker needs of a :class:`PredictionEvent`.

    Parameters
    ----------
    source, ts, id : str, float, str
        Whose, when, and of what.
    version : str
        Version of the model; empty where none is told.
    prediction, label : str or None
        What the model said, and what is true.
    probabilities : tuple of (label, probability), or None
        In the order of the event.
    features, categories : dict
        Numbers and texts that belong to the case.
    latency : float
        Seconds; NaN where it is not told.
    failed : bool
        Whether the model failed to answer.
    """

    source: str
    ts: float
    id: str
    version: str = ""
    prediction: str | None = None
    probabilities: tuple[tuple[str, float], ...] | None = None
    label: str | None = None
    features: dict[str, float | None] = {}
    categories: dict[str, str | None] = {}
    latency: float = math.nan
    failed: bool = False


_decoder = msgspec.json.Decoder(_Wire)


def decode_prediction(raw: bytes | None) -> PredictionRow | Rejected:
    """Decode and validate one prediction event.

    Parameters
    ----------
    raw : bytes or None
        The value of a Kafka record; None is a tombstone.

    Returns
    -------
    PredictionRow or Rejected
        The event, or the reason why it can't be used.

    Examples
    --------
    >>> row = decode_prediction(b'{"source": "m", "ts": 1, "id": "a", "prediction": true, "label": false}')
    >>> row.prediction, row.label, row.failed
    ('true', 'false', False)
    >>> decode_prediction(
    ...     b'{"source": "m", "ts": 1, "id": "a", "prediction": "x", "probabilities": {"x": 0.4}}'
    ... ).message
    'probabilities: they sum to 0.4, not to 1'
    """
    return decode_predictions((raw,))[0]


def decode_predictions(raws: Sequence[bytes | None]) -> list[PredictionRow | Rejected]:
    """Decode a whole delivery; one bad event never spoils its neighbours.

    Parameters
    ----------
    raws : sequence of bytes or None
        Values of Kafka records.

    Returns
    -------
    list of PredictionRow or Rejected
        As many as were given, in their order.
    """
    decode = _decoder.decode
    out: list[PredictionRow | Rejected] = []
    append = out.append
    for raw in raws:
        if raw is None or len(raw) > MAX_EVENT_BYTES:
            append(unread(raw))
            continue
        try:
            append(_row(decode(raw)) or _judge(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            append(_judge(raw))
    return out


def _row(event: _Wire | PredictionEvent) -> PredictionRow | None:
    """Return the row of an event, unless what it says does not hang together."""
    predicted, label, ident = event.prediction, event.label, event.id
    if predicted is not None and type(predicted) is not str:
        predicted = as_text(predicted)
    if label is not None and type(label) is not str:
        label = as_text(label)
    elif label is None and predicted is None and not event.error:
        return None
    if type(ident) is not str:
        ident = as_text(ident)
    probabilities = event.probabilities
    if probabilities is not None and odd_probabilities(predicted, probabilities):
        return None
    return PredictionRow(
        event.source,
        event.ts,
        ident,
        event.version or "",
        predicted,
        None if probabilities is None else tuple(probabilities.items()),
        label,
        event.features,
        event.categories,
        math.nan if event.latency is None else event.latency,
        bool(event.error),
    )


def _judge(raw: bytes) -> PredictionRow | Rejected:
    try:
        event = PredictionEvent.model_validate_json(raw)
    except ValidationError as error:
        return refused(error)
    row = _row(event)
    if row is None:
        raise AssertionError("an event that pydantic takes hangs together")
    return row
