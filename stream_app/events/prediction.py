"""The prediction event: what a model answered, or the truth that came to light about it."""

from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from stream_app.events.sensor import MAX_CHANNELS, MAX_NAME, ChannelName, EventTime, SourceName
from stream_app.events.session import Amount

__all__ = ["MAX_LABELS", "SUM_WITHIN", "PredictionEvent", "as_text", "odd_probabilities"]

MAX_LABELS = 1024
"""Most labels with a probability in one prediction: they wait in the worker's memory until the truth comes."""

SUM_WITHIN = 1e-3
"""How far the sum of probabilities may be from one: models round."""


def as_text(label: str | int) -> str:
    """Return a label or an id as it is kept: as text, booleans in JSON's words.

    Examples
    --------
    >>> as_text(7), as_text("7"), as_text(True)
    ('7', '7', 'true')
    """
    if isinstance(label, bool):
        return "true" if label else "false"
    return str(label)


def odd_probabilities(predicted: str | None, probabilities: dict[str, float]) -> str | None:
    """Say what is wrong with probabilities that are each between 0 and 1, if anything is.

    Parameters
    ----------
    predicted : str or None
        The predicted label.
    probabilities : dict of str to float
        By label.
    """
    if predicted is None:
        return "probabilities belong to a prediction, and there is none"
    total = sum(probabilities.values())
    if abs(total - 1.0) > SUM_WITHIN:
        return f"they sum to {total:.6g}, not to 1"
    if predicted not in probabilities:
        return f"the predicted label {predicted[:80]!r} has none"
    return None


def _label(value: Any) -> Any:
    return as_text(value) if isinstance(value, int) else value


def _ident(value: Any) -> Any:
    return value if isinstance(value, bool) else _label(value)


def _some_label(labels: dict[str, float]) -> dict[str, float]:
    if not labels:
        raise ValueError("there is no label in them")
    return labels


_Text = StringConstraints(min_length=1, max_length=MAX_NAME, strict=True)
Label = Annotated[str, _Text, BeforeValidator(_label)]
Ident = Annotated[str, _Text, BeforeValidator(_ident)]
Probability = Annotated[Amount, Field(ge=0.0, le=1.0 + SUM_WITHIN)]


class PredictionEvent(BaseModel):
    """An answer of a model, its failure to answer, or the true label; an event may have answer and truth together.

    Unknown top-level fields are kept. A label is a text, an integer or a boolean, and is kept as its text: ``7`` and
    ``"7"`` are the same one.

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
    prediction : str, int or bool, optional
        The predicted label.
    probabilities : dict of str to float, optional
        Of each label; they sum to one, and the predicted label is among them.
    label : str, int or bool, optional
        The truth.
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
            problem = odd_probabilities(self.prediction, self.probabilities)
            if problem:
                raise PydanticCustomError("probabilities", "{problem}", {"problem": problem})
        return self
