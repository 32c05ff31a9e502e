"""Ids of topics, which tell one life of a topic from the next.

A topic that is deleted and made again under its name counts its offsets from 0 again. Kafka gives each a random id since
version 2.8 (KIP-516) and tells it from version 10 of its Metadata answers on; aiokafka speaks version 5, so that one is
written down here, from the definitions in Kafka's `clients/src/main/resources/common/message`.
"""

import base64
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

__all__ = ["topic_ids"]

_NO_ID = bytes(16)
_METADATA = 3
_NOT_WANTED = (False, False, False)
"""To make topics, and the rights of whoever asks over the cluster and each topic."""


class _Uuid:
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: Any) -> bytes:
        return bytes(data.read(16))


class _IdsResponse(Response):  # type: ignore[misc] # aiokafka has no types
    API_KEY = _METADATA
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString()),
                ("port", Int32),
                ("rack", CompactString()),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString()),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString()),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _IdsRequestStruct(RequestStruct):  # type: ignore[misc] # as above
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = 10
    RESPONSE_TYPE = _IdsResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid),
                ("name", CompactString()),
                ("tags", TaggedFields),
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _IdsRequest(Request[_IdsRequestStruct]):  # type: ignore[misc] # as above
    API_KEY: ClassVar[int] = _METADATA

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_IdsRequestStruct]) -> _IdsRequestStruct:
        return request_struct_class([(_NO_ID, topic, {}) for topic in self._topics], *_NOT_WANTED, {})


async def topic_ids(client: Any, topics: Collection[str]) -> Mapping[str, str]:
    """Ask a broker for the ids of topics.

    Parameters
    ----------
    client : aiokafka.client.AIOKafkaClient
        Connected.
    topics : collection of str
        Names of topics; none of them is made by the question.

    Returns
    -------
    mapping of str to str
        Topic to its id, as Kafka's tools write it. Topics that are missing are left out, and so are all where the broker
        knows no ids.

    Raises
    ------
    KafkaError, OSError
        If Kafka does not answer.
    """
    try:
        answer = await client.send(client.get_random_node(), _IdsRequest(topics))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return {}
    return {
        name: base64.urlsafe_b64encode(topic_id).decode().rstrip("=")
        for error, name, topic_id, *_ in answer.topics
        if error == 0 and topic_id != _NO_ID
    }
