"""A load as people describe it: ``sensors:sources=10000,channels=8,rate=5000``."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from stream_app.errors import DataError
from stream_app.settings import parse_duration

__all__ = ["StreamLoad", "parse_load"]

_OF_KIND = {"sensors": ("channels",), "sessions": ("fields", "kept")}


class StreamLoad(BaseModel):
    """The load of one stream.

    Parameters
    ----------
    kind : str
        ``sensors`` or ``sessions``: those whose costs are measured.
    sources : int
        Sources, or entities of sessions, that are remembered at the same time.
    rate : float
        Events a second, of all together, at the busiest time that is to be kept up with.
    channels : int
        Channels of a source.
    fields : int
        Numbers, and fields whose different values are counted, that a view's features are of.
    kept : int
        Events that a view keeps of an entity: its rate times the longest window.
    bytes : float, optional
        Size of an event in Kafka; by default that of its JSON without compression.
    retention : float
        Seconds for which Kafka keeps events.
    replicas : int
        Copies that Kafka keeps.

    Examples
    --------
    >>> parse_load("sensors:sources=1000,channels=8,rate=1000,retention=1 day").retention
    86400.0
    >>> parse_load("sensors:sources=1000,kept=3,rate=1")
    Traceback (most recent call last):
    stream_app.errors.DataError: load 'sensors:sources=1000,kept=3,rate=1': kept is not of sensors
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["sensors", "sessions"]
    sources: Annotated[int, Field(ge=1, le=10**10)]
    rate: Annotated[float, Field(gt=0.0, le=1e9, allow_inf_nan=False)]
    channels: Annotated[int, Field(ge=1, le=512)] = 1
    fields: Annotated[int, Field(ge=0, le=512)] = 1
    kept: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    bytes: Annotated[float, Field(gt=0.0, le=1e8)] | None = None
    retention: Annotated[float, BeforeValidator(parse_duration)] = 7 * 86_400.0
    replicas: Annotated[int, Field(ge=1, le=100)] = 3

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        for kind, names in _OF_KIND.items():
            foreign = [name for name in names if name in self.model_fields_set and kind != self.kind]
            if foreign:
                raise ValueError(f"{foreign[0]} is not of {self.kind}")
        return self


def parse_load(text: str) -> StreamLoad:
    """Read the description of a stream's load.

    Parameters
    ----------
    text : str
        The kind, a colon, and ``name=value`` with commas between them; the names are those of `StreamLoad`.

    Raises
    ------
    DataError
        If it cannot be read; it says which part.
    """
    kind, _, rest = text.partition(":")
    given: dict[str, Any] = {"kind": kind.strip()}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise DataError(f"load {text[:80]!r}: {part[:40]!r} is not name=value")
        given[name.strip()] = value.strip()
    try:
        return StreamLoad.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise DataError(f"load {text[:80]!r}: {where + ': ' if where else ''}{said}") from None
