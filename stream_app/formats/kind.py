"""What a format is, for settings. Formats of other packages are entry points, ``streamgauge.formats``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from stream_app.events import Format
from stream_app.settings import MessageFormat, load_format

__all__ = ["FormatKind", "make_format"]

S = TypeVar("S", bound=MessageFormat)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatKind(Generic[S]):
    """A format: its settings, and what is made from them.

    Parameters
    ----------
    settings : type of MessageFormat
        The model of its settings; the default of its field ``kind`` is its name.
    make : callable
        Makes what decodes messages. Raises `SettingsError` where a file cannot be used, `MissingExtraError` where a library is
        missing. What has an attribute ``schemas`` that is not None gets schemas from a registry.
    """

    settings: type[S]
    make: Callable[[S], Format]


def make_format(settings: MessageFormat) -> Format:
    """Return what decodes messages of a stream.

    Raises
    ------
    SettingsError
        If a file that the settings name cannot be used.
    MissingExtraError
        If a library is missing.
    """
    made: Format = load_format(settings.kind).make(settings)
    return made
