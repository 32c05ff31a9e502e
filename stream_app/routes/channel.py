"""What a channel is: the way of a message to its receiver. Channels of other packages are entry points, ``streamgauge.channels``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from stream_app.routes.message import Message
from stream_app.settings import RouteChannel

__all__ = ["Channel", "ChannelKind", "Text"]

S = TypeVar("S", bound=RouteChannel)


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words.

    Parameters
    ----------
    subject, body : str
        One line, and several.
    """

    subject: str
    body: str


class Channel(Protocol):
    """Sends messages to one receiver."""

    async def send(self, message: Message, text: Text) -> None:
        """Send a message, and wait until the receiver has taken it.

        Parameters
        ----------
        message : Message
            What is told.
        text : Text
            The same in words.

        Raises
        ------
        DeliveryError
            If it did not arrive; it is sent again, under the same key. Says why, without any secret.
        """

    async def close(self) -> None:
        """Disconnect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKind(Generic[S]):
    """A kind of channel: its settings, and what is made from them.

    Parameters
    ----------
    settings : type of RouteChannel
        The model of its settings; the default of its field ``kind`` is its name.
    open : callable
        Makes a channel of its settings, inside of an event loop; raises `SettingsError` where they are wrong. Nothing is sent.
    told_at_once : int
        The most incidents that a message tells of; the next message tells of others.
    listed : int
        How many of these it lists one by one; of the others it has the number.
    repeat_seconds : float, optional
        The receiver takes for over what is not repeated within twice this time.
    """

    settings: type[S]
    open: Callable[[S], Channel]
    told_at_once: int = 5_000
    listed: int = 100
    repeat_seconds: float | None = None

    @property
    def name(self) -> str:
        """The value of ``kind`` in the settings."""
        return str(self.settings.model_fields["kind"].default)
