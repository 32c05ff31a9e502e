"""Topics that must be there."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from stream_app.errors import BrokerError
from stream_app.kafka.clients import admin_client
from stream_app.kafka.refusal import refusal
from stream_app.settings import KafkaSettings

__all__ = ["ensure_topics", "nearest_topic"]

_KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_SHOWN_SECONDS = 5.0
_POLL_SECONDS = 0.05


def nearest_topic(name: str, known: Collection[str]) -> str | None:
    """Return the topic whose name is most like one that is not there, if any is like it.

    Examples
    --------
    >>> nearest_topic("sensor.reading", ["sensor.readings", "alerts"]), nearest_topic("a", ["alerts"])
    ('sensor.readings', None)
    """
    # Names differ in a letter, in case, or by a prefix that was left out.
    folded = {one.casefold(): one for one in sorted(known)}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.8)
    ending = [
        one for one in folded if one.endswith(f".{name.casefold()}") or name.casefold().endswith(f".{one}")
    ]
    return folded[(close or ending)[0]] if close or ending else None


async def ensure_topics(
    settings: KafkaSettings,
    wanted: Mapping[str, int],
    *,
    create: bool,
    kept: Collection[str] = (),
    note: Callable[[str, str | None], None] = lambda _topic, _nearest: None,
) -> dict[str, int]:
    """See that topics are there; those that are stay as they are.

    Parameters
    ----------
    settings : KafkaSettings
        Servers and credentials.
    wanted : dict of str to int
        Topic to the number of partitions it gets if it must be made.
    create : bool
        Make those that are missing; else they are an error.
    kept : collection of str
        Those that never lose a record, if they must be made: without a limit of age or size, whatever the broker's are.
    note : callable
        Told of each that is made, with the topic that has the nearest name, if any is like it.

    Returns
    -------
    dict of str to int
        Topic to the number of partitions it has.

    Raises
    ------
    BrokerError
        If Kafka cannot be reached, or a topic is missing and not to be made or can't be.
    """
    async with admin_client(settings) as admin:
        try:
            # Describing a topic that is missing would create it on many brokers, so look at the list first.
            known = set(await admin.list_topics())
            missing = sorted(set(wanted) - known)
            if missing and not create:
                hints = [_with_nearest(name, known) for name in missing]
                raise BrokerError(
                    f"Kafka at {settings.bootstrap} has no topic {', '.join(hints)}; "
                    "create it, or set worker.create_topics = true"
                )
            if missing:
                answer = await admin.create_topics(
                    [
                        NewTopic(name, wanted[name], 1, topic_configs=_KEPT if name in kept else None)
                        for name in missing
                    ]
                )
                for topic, code, *message in answer.topic_errors:
                    if code not in {0, TopicAlreadyExistsError.errno}:
                        reason = next(filter(None, message), f"error {code}")
                        raise BrokerError(
                            f"Kafka at {settings.bootstrap} refuses to make the topic {topic}: {reason}"
                        )
                for name in missing:
                    note(name, nearest_topic(name, known))
            return await _partitions(settings, admin, list(wanted)) if wanted else {}
        except (KafkaError, OSError) as error:
            refused = await refusal(settings)
            if refused is not None:
                raise refused from error
            raise BrokerError(
                f"Kafka at {settings.bootstrap}: cannot look up topics {', '.join(wanted)}: {error}"
            ) from error


def _with_nearest(name: str, known: Collection[str]) -> str:
    near = nearest_topic(name, known)
    return f"{name} (is it {near}?)" if near else name


async def _partitions(
    settings: KafkaSettings, admin: AIOKafkaAdminClient, topics: list[str]
) -> dict[str, int]:
    """Look up numbers of partitions, waiting until new topics are known everywhere."""
    for _ in range(round(_SHOWN_SECONDS / _POLL_SECONDS)):
        found = {topic["topic"]: topic for topic in await admin.describe_topics(topics)}
        if all(found[name]["error_code"] == 0 and found[name]["partitions"] for name in topics):
            return {name: len(found[name]["partitions"]) for name in topics}
        await asyncio.sleep(_POLL_SECONDS)
    raise BrokerError(
        f"Kafka at {settings.bootstrap} made topics {', '.join(topics)}, but does not show them after {_SHOWN_SECONDS:.0f} s"
    )
