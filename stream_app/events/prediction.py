"""Prediction events: what a model answered, or a label that came later."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stream_app.events.probabilities import PERCENT, SUM_WITHIN, read_probabilities
from stream_app.events.quantiles import MAX_QUANTILES, read_quantiles
from stream_app.events.rejection import MAX_EVENT_BYTES, Rejected, read_parts, refused, unread
from stream_app.events.sensor import MAX_CHANNELS, MAX_NAME, MAX_TS, ChannelName, EventTime, SourceName
from stream_app.events.session import MAX_NUMBER, Amount
from stream_app.labels import label_text

__all__ = [
    "MAX_LABELS",
    "PredictionEvent",
    "PredictionRow",
    "as_text",
    "decode_prediction",
    "decode_predictions",
    "read_prediction",
]

MAX_LABELS = 1024
"""Most labels with a probability in one prediction: they wait in the worker's memory until the truth comes."""


def as_text(ident: str | int) -> str:
    """Return an id as it is kept: as text, booleans in JSON's words.

    Examples
    --------
    >>> as_text(7), as_text("7"), as_text(True)
    ('7', '7', 'true')
    """
    if isinstance(ident, bool):
        return "true" if ident else "false"
    return str(ident)


def _label(value: Any) -> Any:
    whole = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return label_text(value) if whole or (isinstance(value, str) and len(value) <= MAX_NAME) else value


def _ident(value: Any) -> Any:
    return as_text(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _some_label(labels: dict[str, float]) -> dict[str, float]:
    if not labels:
        raise ValueError("there is no label in them")
    return labels


def _levels(quantiles: dict[str, float]) -> dict[str, float]:
    read_quantiles(quantiles)
    return quantiles


_Text = StringConstraints(min_length=1, max_length=MAX_NAME, strict=True)
Label = Annotated[str, _Text, BeforeValidator(_label)]
Ident = Annotated[str, _Text, BeforeValidator(_ident)]
Probability = Annotated[Amount, Field(ge=0.0, le=PERCENT * (1.0 + SUM_WITHIN))]


class PredictionEvent(BaseModel):
    """An answer of a model, its failure to answer, or the true label; an event may have answer and truth together.

    Unknown top-level fields are kept. A label is a text, a number or a boolean, and is kept as `label_text` gives it:
    ``7``, ``7.0`` and ``"7"`` are the same one, and so are ``"Yes"`` and ``"yes"``.

    Parameters
    ----------
    source : str
        The model, as it is deployed; also the Kafka key, so that a label comes to where its prediction is.
    ts : float or str
        When, in epoch seconds or RFC 3339.
    id : str or int
        What is judged; the label that comes later has the same.
    version : str, optional
        Version of the model.
    prediction : str, number or bool, optional
        The predicted label.
    probabilities : dict of str to float, optional
        Of each label; they sum to 1 or, in percent, to 100, but for rounding, and the predicted label is among them.
    quantiles : dict of str to float, optional
        Of a predicted value: the value of each level, such as ``{"0.05": 9.5, "0.95": 14.0}``.
    label : str, number or bool, optional
        True label, or true value.
    features : dict of str to float or None
        Numbers that the model was given.
    categories : dict of str to str or None
        Texts that the model was given, or that say which group the case belongs to.
    latency : float, optional
        Seconds until the model answered.
    error : str, optional
        Why it did not answer; an empty text says nothing.

    Examples
    --------
    >>> event = PredictionEvent.model_validate_json(
    ...     '{"source": "digits", "ts": 10, "id": 1, "prediction": 7, "probabilities": {"7": 0.9, "1": 0.1}}'
    ... )
    >>> event.id, event.prediction, event.label
    ('1', '7', None)
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    source: SourceName
    ts: EventTime
    id: Ident
    version: Annotated[str, StringConstraints(max_length=MAX_NAME, strict=True)] | None = None
    prediction: Label | None = None
    probabilities: (
        Annotated[dict[ChannelName, Probability], Field(max_length=MAX_LABELS), AfterValidator(_some_label)]
        | None
    ) = None
    quantiles: (
        Annotated[dict[ChannelName, Amount], Field(max_length=MAX_QUANTILES), AfterValidator(_levels)] | None
    ) = None
    label: Label | None = None
    features: Annotated[dict[ChannelName, Amount | None], Field(max_length=MAX_CHANNELS)] = {}
    categories: Annotated[
        dict[ChannelName, Annotated[str, StringConstraints(max_length=MAX_NAME, strict=True)] | None],
        Field(max_length=MAX_CHANNELS),
    ] = {}
    latency: Annotated[Amount, Field(ge=0.0)] | None = None
    error: Annotated[str, StringConstraints(strict=True)] | None = None

    @model_validator(mode="after")
    def _hang_together(self) -> Self:
        if self.prediction is None and self.label is None and not self.error:
            raise ValueError("one of prediction, label, error is expected")
        if self.probabilities is not None:
            try:
                read_probabilities(self.prediction, self.probabilities)
            except ValueError as problem:
                raise PydanticCustomError("probabilities", "{problem}", {"problem": str(problem)}) from None
        return self


_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
_Word = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
_Number = Annotated[float, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
_Probability = Annotated[float, msgspec.Meta(ge=0.0, le=PERCENT * (1.0 + SUM_WITHIN))]


# Unknown fields would be skipped without a look, also where they are not UTF-8: pydantic looks at them.
class _Wire(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    source: _Name
    ts: Annotated[float, msgspec.Meta(ge=0.0, lt=MAX_TS)]
    id: _Name | int
    version: _Word | None = None
    prediction: _Name | int | _Number | bool | None = None
    probabilities: (
        Annotated[dict[_Name, _Probability], msgspec.Meta(min_length=1, max_length=MAX_LABELS)] | None
    ) = None
    quantiles: Annotated[dict[_Name, _Number], msgspec.Meta(max_length=MAX_QUANTILES)] | None = None
    label: _Name | int | _Number | bool | None = None
    features: Annotated[dict[_Name, _Number | None], msgspec.Meta(max_length=MAX_CHANNELS)] = {}
    categories: Annotated[dict[_Name, _Word | None], msgspec.Meta(max_length=MAX_CHANNELS)] = {}
    latency: Annotated[float, msgspec.Meta(ge=0.0, le=MAX_NUMBER)] | None = None
    error: str | None = None


class PredictionRow(msgspec.Struct, gc=False):
    """A valid prediction event, reduced to what the worker needs of a :class:`PredictionEvent`.

    Parameters
    ----------
    source, ts, id : str, float, str
        Model, event time in epoch seconds, and id.
    version : str
        Version of the model; empty if the event has none.
    prediction, label : str or None
        What the model said, and what is true.
    probabilities : tuple of (label, probability), or None
        In the order of the event.
    features, categories : dict
        Numbers and texts that belong to the case.
    latency : float
        Seconds; NaN if the event has none.
    failed : bool
        Whether the model failed to answer.
    quantiles : tuple of (level, value), or None
        Of a predicted value, by level.
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
    quantiles: tuple[tuple[float, float], ...] | None = None


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
    ('1', '0', False)
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


def read_prediction(parts: Mapping[str, Any], renamed: Mapping[int | str, str]) -> PredictionRow | Rejected:
    """Validate an event whose parts were found already.

    Parameters
    ----------
    parts : mapping of str to value
        Those that are there, by their names in a `PredictionEvent`.
    renamed : mapping of str to str
        Names of the parts as the producer has them.
    """
    return read_parts(
        parts,
        renamed,
        lambda parts: _row(msgspec.convert(parts, _Wire)),
        lambda parts: _whole_row(PredictionEvent.model_validate(parts)),
    )


def _whole_row(event: PredictionEvent) -> PredictionRow:
    row = _row(event)
    if row is None:
        raise AssertionError("an event that pydantic takes hangs together")
    return row


def _row(event: _Wire | PredictionEvent) -> PredictionRow | None:
    """Return the row of an event, unless what it says does not hang together."""
    predicted = None if event.prediction is None else label_text(event.prediction)
    label = None if event.label is None else label_text(event.label)
    ident = event.id
    if label is None and predicted is None and not event.error:
        return None
    if type(ident) is not str:
        ident = as_text(ident)
    probabilities = quantiles = None
    try:
        if event.probabilities is not None:
            probabilities = read_probabilities(predicted, event.probabilities)
        if event.quantiles:
            quantiles = read_quantiles(event.quantiles)
    except ValueError:
        return None
    return PredictionRow(
        event.source,
        event.ts,
        ident,
        event.version or "",
        predicted,
        probabilities,
        label,
        event.features,
        event.categories,
        math.nan if event.latency is None else event.latency,
        bool(event.error),
        quantiles,
    )


def _judge(raw: bytes) -> PredictionRow | Rejected:
    try:
        event = PredictionEvent.model_validate_json(raw)
    except ValidationError as error:
        return refused(error)
    return _whole_row(event)
