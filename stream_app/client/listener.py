"""What the consumer tells of partitions that come and go."""

from collections.abc import Awaitable, Callable, Collection

from aiokafka import ConsumerRebalanceListener, TopicPartition

__all__ = ["Listener"]


class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Hands both on to functions."""

    def __init__(
        self,
        revoked: Callable[[Collection[TopicPartition]], Awaitable[None]],
        assigned: Callable[[Collection[TopicPartition]], None],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Tell before the partitions are another member's."""
        await self._revoked(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Tell before anything of them is read."""
        self._assigned(assigned)
