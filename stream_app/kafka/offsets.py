"""First and last offsets of partitions, asked outside any group over a connection of its own.

The connection on which a consumer reads is no place for a question: Kafka answers in turn, and holds a fetch that
finds nothing until something comes. A worker that starts would wait a second for each.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError
from faust.types import TP

from stream_app.errors import BrokerUnavailableError
from stream_app.kafka import consumer_options, refusal
from stream_app.kafka.topic_ids import topic_ids
from stream_app.settings import KafkaSettings

__all__ = ["LogRange", "PartitionOffsets"]

T = TypeVar("T")


class LogRange(NamedTuple):
    """What a partition's log holds.

    Parameters
    ----------
    begin, end : int
        The first offset that is kept, and the one after the last.
    life : str
        Id of the topic; empty where the broker knows none.
    partitions : int
        How many partitions the topic has.
    """

    begin: int
    end: int
    life: str = ""
    partitions: int = 1


class PartitionOffsets:
    """Asks Kafka about topics and their partitions, one question at a time.

    Parameters
    ----------
    settings : KafkaSettings
        Servers and credentials.
    timeout : float
        Seconds that an answer may take.
    """

    def __init__(self, settings: KafkaSettings, *, timeout: float = 6.0) -> None:
        self._settings = settings
        self._timeout = timeout
        self._consumer: AIOKafkaConsumer | None = None
        # One that fails closes the connection, which must not happen under another; nor may that use one that still opens.
        self._asking = asyncio.Lock()

    async def ends(
        self, topics: Collection[str], partitions: Collection[TP]
    ) -> tuple[set[str], Mapping[TP, int], Mapping[str, str]]:
        """Return the topics that are missing, the end of each partition of the others, and the ids of those topics.

        Raises
        ------
        KafkaError, OSError, TimeoutError
            If Kafka does not answer.
        BrokerError
            If it answers, and refuses us.
        """

        async def ask(consumer: Any) -> tuple[set[str], Mapping[TP, int], Mapping[str, str]]:
            missing = set(topics) - await consumer.topics()
            asked = [TopicPartition(*tp) for tp in partitions if tp.topic not in missing]
            ends = await consumer.end_offsets(asked) if asked else {}
            lives = await topic_ids(consumer._client, set(topics) - missing)  # noqa: SLF001 the only way to it
            return missing, {TP(tp.topic, tp.partition): end for tp, end in ends.items()}, lives

        return await self._ask(ask)

    async def lives(self, topics: Collection[str], /) -> Mapping[str, str]:
        """Return the ids of topics; those that are missing are left out, and so are all where the broker knows none.

        Raises
        ------
        BrokerUnavailableError
            If Kafka does not answer.
        BrokerError
            If it answers, and refuses us.
        """

        async def ask(consumer: Any) -> Mapping[str, str]:
            return await topic_ids(consumer._client, topics)  # noqa: SLF001 as above

        try:
            return await self._ask(ask)
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(
                f"Kafka does not tell the ids of {', '.join(topics)}: {error!r}"
            ) from error

    async def ranges(self, partitions: Collection[TP], /) -> Mapping[TP, LogRange]:
        """Return for each what its log holds.

        Raises
        ------
        BrokerUnavailableError
            If Kafka does not answer.
        BrokerError
            If it answers, and refuses us.
        """
        asked = [TopicPartition(*tp) for tp in partitions]

        async def ask(consumer: Any) -> Mapping[TP, LogRange]:
            begins, ends = await asyncio.gather(
                consumer.beginning_offsets(asked), consumer.end_offsets(asked)
            )
            lives = await topic_ids(consumer._client, {tp.topic for tp in asked})  # noqa: SLF001 as above
            return {
                TP(tp.topic, tp.partition): LogRange(
                    begins[tp],
                    ends[tp],
                    lives.get(tp.topic, ""),
                    len(consumer.partitions_for_topic(tp.topic)),
                )
                for tp in asked
            }

        try:
            return await self._ask(ask)
        except (KafkaError, OSError, TimeoutError) as error:
            names = ", ".join(f"{tp.topic}/{tp.partition}" for tp in partitions)
            raise BrokerUnavailableError(f"Kafka does not tell where {names} begin: {error!r}") from error

    async def _ask(self, question: Callable[[Any], Awaitable[T]]) -> T:
        async with self._asking:
            return await self._ask_now(question)

    async def _ask_now(self, question: Callable[[Any], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout):
                if self._consumer is None:
                    self._consumer = AIOKafkaConsumer(
                        request_timeout_ms=int(self._timeout * 1000), **consumer_options(self._settings)
                    )
                    await self._consumer.start()
                return await question(self._consumer)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            # Clients only say that they cannot connect; a login that is refused now would be waited for in vain.
            if isinstance(error, KafkaConnectionError):
                refused = await refusal(self._settings)
                if refused is not None and not isinstance(refused, BrokerUnavailableError):
                    raise refused from error
            raise
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection; the next question opens another."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await consumer.stop()
