"""Channel to a webhook: CloudEvents 1.0 as structured JSON, signed."""

import time
from typing import Any

import msgspec

from stream_app.events.cloudevent import rfc3339
from stream_app.routes.channel import Channel, ChannelKind, Text
from stream_app.routes.message import Message
from stream_app.routes.signature import sign
from stream_app.settings import WebhookChannel

__all__ = ["WEBHOOK"]

_TYPE = "io.streamgauge.message.v1"


class Webhook:
    """Posts messages; the receiver takes one for sent when it answers with 200 to 299.

    Parameters
    ----------
    settings : WebhookChannel
        Where to, and what to sign with.
    """

    def __init__(self, settings: WebhookChannel) -> None:
        from stream_app.routes.http import HttpSender  # noqa: PLC0415 settings are read without it

        self._url, self._secret = settings.address, settings.signing_secret
        if self._secret is not None:
            sign(self._secret, "", 0, b"")
        self._http = HttpSender(settings.shown, bearer=settings.bearer, ca_file=settings.ca_file)

    async def send(self, message: Message, text: Text) -> None:
        """Post a message; see `Channel`."""
        body = msgspec.json.encode(_event(message, text))
        sent = int(time.time())
        headers = {
            "Content-Type": "application/cloudevents+json",
            "webhook-id": message.key,
            "webhook-timestamp": str(sent),
            **message.trace,
        }
        if self._secret is not None:
            headers["webhook-signature"] = sign(self._secret, message.key, sent, body)
        await self._http.post(self._url, body, headers)

    async def close(self) -> None:
        """Disconnect."""
        await self._http.close()


def _event(message: Message, text: Text) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": message.key,
        "source": f"/streamgauge/routes/{message.route}",
        "type": _TYPE,
        "subject": ", ".join(message.group.values()) or message.route,
        "time": rfc3339(message.at),
        **message.trace,
        "datacontenttype": "application/json",
        "data": {
            "subject": text.subject,
            "body": text.body,
            "test": message.test,
            "group": message.group,
            "counts": message.counts,
            "firing": message.firing,
            "left_out": message.left_out,
            "incidents": message.tellings,
        },
    }


def _open(settings: WebhookChannel) -> Channel:
    return Webhook(settings)


WEBHOOK = ChannelKind(settings=WebhookChannel, open=_open)
"""Any receiver of one's own."""
