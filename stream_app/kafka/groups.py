"""Consumer groups: whether a worker may join one, and why Kafka does not let it."""

import contextlib
import math

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidSessionTimeoutError,
    KafkaError,
)

from stream_app.errors import BrokerError
from stream_app.kafka.clients import admin_client
from stream_app.settings import KafkaSettings

__all__ = ["check_group", "group_refusal"]

_ASSIGNOR = "faust"
"""What the consumers of a group of Faust agree on."""

_BOUNDS = ("group.min.session.timeout.ms", "group.max.session.timeout.ms")


async def check_group(settings: KafkaSettings, group: str, session_timeout: float) -> None:
    """See that a group may be joined: a consumer that may not would wait for its partitions for ever.

    Parameters
    ----------
    settings : KafkaSettings
        Servers and credentials.
    group : str
        The group; it need not exist yet.
    session_timeout : float
        Seconds after which a member that was not heard of is taken for dead.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached, or does not let us use the group.
    """
    async with admin_client(settings) as admin:
        for check in (_check_right, _check_members, _check_bounds):
            # What a broker does not answer, or not to us, is met again where the group is joined.
            with contextlib.suppress(KafkaError, OSError):
                await check(settings, admin, group, session_timeout)


async def _check_right(
    settings: KafkaSettings, admin: AIOKafkaAdminClient, group: str, session_timeout: float
) -> None:
    try:
        await admin.find_coordinator(group)
    except GroupAuthorizationFailedError as error:
        raise group_refusal(settings, group, session_timeout, error) from error


async def _check_members(settings: KafkaSettings, admin: AIOKafkaAdminClient, group: str, _: float) -> None:
    (answer,) = await admin.describe_consumer_groups([group])
    code, _, state, kind, protocol, members, *_ = answer.groups[0]
    if code == 0 and members and (kind != "consumer" or protocol not in ("", _ASSIGNOR)):
        raise BrokerError(
            f"Kafka at {settings.bootstrap}: the group {group} ({state}) has {len(members)} members of the protocol "
            f"{kind} {protocol!r}, which is not a worker's; set another worker.group"
        )


async def _check_bounds(
    settings: KafkaSettings, admin: AIOKafkaAdminClient, _: str, session_timeout: float
) -> None:
    brokers = [str(node.nodeId) for node in admin._client.cluster.brokers()]  # noqa: SLF001 there is no other way to them
    wanted = dict.fromkeys(_BOUNDS)
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, brokers[0], wanted)])
    _, _, _, _, entries = answer.resources[0]
    bounds = {name: float(value) / 1000.0 for name, value, *_ in entries if name in _BOUNDS}
    low, high = bounds.get(_BOUNDS[0], 0.0), bounds.get(_BOUNDS[1], math.inf)
    if not low <= session_timeout <= high:
        raise BrokerError(
            f"Kafka at {settings.bootstrap} takes session timeouts of {low:g} to {high:g} s, not of {session_timeout:g} s; "
            "set worker.session_timeout"
        )


def group_refusal(
    settings: KafkaSettings, group: str, session_timeout: float, error: BaseException
) -> BrokerError:
    """Say why Kafka does not let a worker join its group, and what to do.

    Parameters
    ----------
    settings, group, session_timeout
        As in `check_group`.
    error : BaseException
        What its client said.

    Examples
    --------
    >>> settings = KafkaSettings(bootstrap="localhost:9092")
    >>> print(group_refusal(settings, "night", 2.0, InvalidSessionTimeoutError()))
    Kafka at localhost:9092 does not take a session timeout of 2 s; set worker.session_timeout
    """
    broker = f"Kafka at {settings.bootstrap}"
    if isinstance(error, InvalidSessionTimeoutError):
        return BrokerError(
            f"{broker} does not take a session timeout of {session_timeout:g} s; set worker.session_timeout"
        )
    if isinstance(error, InconsistentGroupProtocolError):
        return BrokerError(
            f"{broker}: the group {group} has members of another protocol, which are no workers; set another worker.group"
        )
    if isinstance(error, GroupAuthorizationFailedError):
        return BrokerError(
            f"{broker} does not let {settings.username or 'us'} use the group {group}: "
            "it needs the right to read it (kafka-acls --operation Read --group)"
        )
    return BrokerError(f"{broker} does not let this worker join the group {group}: {error!r}")
