"""What a record of an alert topic says."""

import msgspec
from pydantic import ValidationError

from stream_app.events import Alert

__all__ = ["read_alert"]


def read_alert(value: bytes | None) -> Alert | str:
    """Read an alert; a text says why there is none."""
    try:
        event = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"not JSON: {error}"
    if not isinstance(event, dict):
        return "not a JSON object"
    try:
        return Alert.from_cloudevent(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'data'}: {first['msg']}"
