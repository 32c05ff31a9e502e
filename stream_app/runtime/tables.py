"""Faust's tables, of which a worker has none."""

from faust.tables import TableManager

__all__ = ["NoTables"]


class NoTables(TableManager):
    """Starts at once; Faust's own sleeps for a second, in case tables are declared after the start."""

    async def on_start(self) -> None:
        """Start what the consumer waits for."""
        await self._update_channels()
        await self.recovery.start()
