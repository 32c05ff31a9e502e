"""A session with an MQTT broker that outlives connections, on both sides.

The network is read by a thread of paho's. aiomqtt, which would do it in the event loop, acknowledges a message when it
arrives, and has no public way to do that later.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, topic_matches_sub
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from producers.mqtt.records import Arrived
from stream_app.backoff import backoff
from stream_app.errors import SourceError
from stream_app.settings import MqttSettings, tls_context, tls_problem

__all__ = ["Session"]

ATTEMPTS = 5
_WAIT_SECONDS = (0.25, 2.0)
_RECONNECT_SECONDS = (1, 30)
_ANSWER_SECONDS = 15.0
_LOOK_SECONDS = 0.2
_BRIEF_SECONDS, _BRIEF_IN_A_ROW = 5.0, 3
_QOS = 1
"""With 2, the acknowledgement that makes a message ours precedes its delivery: who is killed between loses it."""

_BUSY = frozenset({"Server unavailable", "Server busy", "Quota exceeded", "Connection rate exceeded"})
"""Answers after which it is tried again; others stay as they are."""


class Session:
    """Receives messages; those of QoS 1 come again until `done` is called with them.

    Parameters
    ----------
    settings : MqttSettings
        Where the broker is.
    client_id : str
        Name of the session.
    filters : sequence of str
        Topics, with wildcards.
    note : callable
        Told, in the event loop, when the connection is there, lost, or back.

    Attributes
    ----------
    arrivals : asyncio.Queue of Arrived
        At most ``settings.max_in_flight`` messages are here or in the caller's hands: no more is read until some are done.
    failed : asyncio.Future
        Gets an error that trying again does not mend.
    reconnects : int
        Connections after the first.
    """

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        filters: Sequence[str],
        *,
        note: Callable[[str], None],
    ) -> None:
        self.arrivals: asyncio.Queue[Arrived] = asyncio.Queue()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reconnects = 0
        self._settings, self._filters, self._note = settings, tuple(filters), note
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(settings.max_in_flight)
        self._connection = 0
        self._brief, self._connected_at = 0, 0.0
        self._subscribed = self._closing = False
        self._modern = settings.version == "5"
        self._client_id = client_id
        self._client = self._make()

    def _make(self) -> Client:
        settings = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if self._modern else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._modern else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        client.reconnect_delay_set(*_RECONNECT_SECONDS)
        if settings.username:
            client.username_pw_set(settings.username, settings.login_password)
        if settings.tls:
            client.tls_set_context(tls_context("mqtt", settings.tls_files))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    async def start(self) -> None:
        """Connect. What comes has to be taken from now on, since the answer to the subscription may come behind it.

        Raises
        ------
        SourceError
            If the address cannot be reached after a few attempts.
        """
        waits = backoff(*_WAIT_SECONDS)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await asyncio.to_thread(self._connect)
                break
            except OSError as error:
                problem = tls_problem(error)
                if problem is not None:
                    raise SourceError(f"MQTT broker at {self._settings.url}: {problem}") from None
                if attempt == ATTEMPTS:
                    raise SourceError(
                        f"the MQTT broker at {self._settings.url} cannot be reached (tried {ATTEMPTS} times): "
                        f"{error.strerror or error}"
                    ) from None
            await asyncio.sleep(next(waits))
        self._client.loop_start()
        self._loop.call_later(_ANSWER_SECONDS, self._expect_answer)

    def _expect_answer(self) -> None:
        if not self._connection:
            self._set_failed(
                f"{self._settings.url} does not answer as an MQTT {self._settings.version} broker does within "
                f"{_ANSWER_SECONDS:.0f} s; see mqtt.url and mqtt.version"
            )

    def done(self, message: Arrived) -> None:
        """Acknowledge a message, in the order of arrival; it will not come again."""
        # An identifier of an earlier connection may belong to another message by now. What it named comes again.
        if message.qos and message.connection == self._connection:
            self._client.ack(message.mid, message.qos)
        self._room.release()

    async def close(self) -> None:
        """Disconnect. The session stays at the broker, with what comes for it."""
        self._closing = True
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _connect(self) -> None:
        options: dict[str, Any] = {}
        if self._modern:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = int(self._settings.session_expiry)
            properties.ReceiveMaximum = self._settings.max_in_flight
            options = {"clean_start": False, "properties": properties}
        host, port = self._settings.address
        self._client.connect(host, port, int(self._settings.keepalive), **options)

    # What follows runs in paho's thread.

    def _on_connect(
        self, _client: Client, _data: Any, flags: Any, answer: ReasonCode, _properties: Any
    ) -> None:
        if answer.is_failure:
            text = f"the MQTT broker at {self._settings.url} refuses the connection: {answer}"
            if str(answer) in _BUSY:
                self._say(f"{text}; trying again")
            else:
                self._fail(f"{text}; see mqtt.username and mqtt.client_id")
            return
        self._connection += 1
        self._connected_at = monotonic()
        if self._subscribed:
            self.reconnects += 1
            lost = "" if flags.session_present else ", but it forgot the session: what came meanwhile is lost"
            self._say(f"connected to the MQTT broker again{lost}")
        # Each time: the broker may have lost the session, and the topics may be others than last time.
        if self._modern:
            options = SubscribeOptions(qos=_QOS, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
            self._client.subscribe([(name, options) for name in self._filters])
        else:
            self._client.subscribe([(name, _QOS) for name in self._filters])

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, answers: list[ReasonCode], _properties: Any
    ) -> None:
        refused = [
            f"{name} ({answer})"
            for name, answer in zip(self._filters, answers, strict=False)
            if answer.is_failure
        ]
        if refused:
            self._fail(
                f"the MQTT broker at {self._settings.url} refuses to send {', '.join(refused)} to "
                f"{self._settings.username or 'an anonymous user'}"
            )
            return
        if not self._subscribed:
            self._say(f"connected to the MQTT broker at {self._settings.url} as {self._client_id!r}")
        self._subscribed = True

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, why: ReasonCode, _properties: Any
    ) -> None:
        if self._closing or not self._subscribed:
            return
        # Brokers give a session to the client that came last, and not all of them say so to the other.
        self._brief = self._brief + 1 if monotonic() - self._connected_at < _BRIEF_SECONDS else 0
        shared = (
            f"; does another client call itself {self._client_id!r}? Give each its own mqtt.client_id"
            if self._brief >= _BRIEF_IN_A_ROW
            else ""
        )
        self._say(f"the connection to the MQTT broker is lost ({why}); trying again{shared}")

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        # A broker that keeps to the number it was told never makes this wait with QoS 1. With QoS 0 nothing more is read
        # from the connection meanwhile.
        while not self._room.acquire(timeout=_LOOK_SECONDS):
            if self._closing:
                return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self._fail(f"the MQTT broker at {self._settings.url} sends a topic that is not UTF-8")
            return
        arrived = Arrived(
            topic,
            bytes(message.payload),
            message.qos,
            message.mid,
            self._connection,
            retained=message.retain,
            repeated=message.dup,
        )
        self._loop.call_soon_threadsafe(self.arrivals.put_nowait, arrived)

    def wants(self, topic: str) -> bool:
        """Whether a topic is one of those that were asked for: a session may have subscriptions of an earlier run."""
        return any(topic_matches_sub(name, topic) for name in self._filters)

    def _say(self, text: str) -> None:
        self._loop.call_soon_threadsafe(self._note, text)

    def _fail(self, text: str) -> None:
        self._client.disconnect()
        self._loop.call_soon_threadsafe(self._set_failed, text)

    def _set_failed(self, text: str) -> None:
        if not self.failed.done():
            self.failed.set_exception(SourceError(text))
