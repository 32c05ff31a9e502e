"""Control messages to a running replay."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stream_app.errors import DataError
from stream_app.events.sensor import SourceName

__all__ = ["MAX_CONTROL_BYTES", "ReplayControl", "decode_control"]

MAX_CONTROL_BYTES = 4096


class ReplayControl(BaseModel):
    """Something said to a replay, or to all that listen.

    Parameters
    ----------
    replay : str, optional
        Name of the replay, which is that of its camera; left out, all are meant.
    level : int, optional
        How bad images are from now on, 0 to 9.
    action : {'pause', 'resume', 'stop'}, optional

    Examples
    --------
    >>> ReplayControl.model_validate_json('{"replay": "camera-1", "level": 4}').level
    4
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    replay: SourceName | None = None
    level: Annotated[int, Field(ge=0, le=9, strict=True)] | None = None
    action: Literal["pause", "resume", "stop"] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "ReplayControl":
        if self.level is None and self.action is None:
            raise ValueError("a level or an action is expected")
        return self


def decode_control(raw: bytes | None) -> ReplayControl:
    """Decode and validate a message.

    Raises
    ------
    DataError
        Saying what is wrong.

    Examples
    --------
    >>> decode_control(b'{"level": 12}')
    Traceback (most recent call last):
    stream_app.errors.DataError: level: Input should be less than or equal to 9
    """
    if raw is None or len(raw) > MAX_CONTROL_BYTES:
        raise DataError(f"a JSON object of at most {MAX_CONTROL_BYTES} bytes is expected")
    try:
        return ReplayControl.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise DataError(f"{where}: {message}" if where else message) from None
