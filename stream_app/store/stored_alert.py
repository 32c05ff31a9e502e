"""Stored alerts, checked when they are read: others may have written to the same keys."""

from pydantic import ValidationError

from stream_app.errors import StateError
from stream_app.events import Alert

__all__ = ["parsed_alert"]


def parsed_alert(raw: bytes | None, key: str) -> Alert:
    """Read a stored alert.

    Parameters
    ----------
    raw : bytes or None
        The entry; None where a field is not there.
    key : str
        Where it stands.

    Raises
    ------
    StateError
        If it is something else; it names the key.
    """
    try:
        return Alert.model_validate_json(raw or b"")
    except ValidationError as error:
        raise StateError(f"{key}: an entry is not an alert; has something else written to it?") from error
