"""Channel by Apprise: mail, chats, pagers and telephones, each by an address of its own form."""

import logging
from typing import Any

from stream_app.errors import DeliveryError, MissingExtraError, SettingsError
from stream_app.routes.channel import Channel, ChannelKind, Text
from stream_app.routes.message import Message
from stream_app.settings import AppriseChannel

__all__ = ["APPRISE"]


class Apprise:
    """Sends messages as text, each with its key as the last line: a receiver of mail can tell one that comes again.

    Parameters
    ----------
    settings : AppriseChannel
        Where to.

    Raises
    ------
    SettingsError
        If Apprise does not know the address.
    MissingExtraError
        If Apprise is not installed.
    """

    def __init__(self, settings: AppriseChannel) -> None:
        try:
            import apprise  # noqa: PLC0415 an extra
        except ImportError:
            raise MissingExtraError("channels of the kind apprise need", "apprise", "routes") from None
        # It logs addresses, and those hold passwords.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._shown = settings.shown
        self._apprise: Any = apprise.Apprise()
        if not self._apprise.add(settings.address):
            raise SettingsError(
                f"Apprise does not know an address of the form {self._shown}…; see its list of services"
            )

    async def send(self, message: Message, text: Text) -> None:
        """Send a message; see `Channel`."""
        kind = (
            "info"
            if message.test
            else "failure"
            if any(one.firing for one in message.tellings)
            else "success"
        )
        body = f"{text.body}\n\nmessage {message.key}"
        sent = await self._apprise.async_notify(
            title=text.subject, body=body, notify_type=kind, body_format="text"
        )
        if not sent:
            raise DeliveryError(f"{self._shown}… does not take the message; Apprise does not say why")

    async def close(self) -> None:
        """Disconnect: there is nothing to close."""


def _open(settings: AppriseChannel) -> Channel:
    return Apprise(settings)


APPRISE = ChannelKind(settings=AppriseChannel, open=_open, listed=20)
"""Everything that Apprise knows."""
