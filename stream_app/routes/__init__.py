"""Routes: the way of an alert to people.

A route takes alerts from their topics (`notifier`), groups their incidents, decides what to tell of them (`judging`), writes it down
in Redis together with the message (`sender`, `stream_app.store.RouteStore`), and sends that by a channel, one module each, until it
has arrived. A channel of another package is an entry point ``streamgauge.channels``, a `ChannelKind`.
"""

from stream_app.routes.channel import Channel, ChannelKind, Text
from stream_app.routes.message import Message, News, Telling
from stream_app.routes.signature import verify

__all__ = ["Channel", "ChannelKind", "Message", "News", "Telling", "Text", "verify"]
