"""What a sensor monitor takes: the readings of one source as columns."""

from dataclasses import dataclass

from stream_app.core.arrays import FloatArray, IntArray

__all__ = ["SensorBatch"]


@dataclass(frozen=True, slots=True)
class SensorBatch:
    """Readings of one source, in the order of their offsets.

    Parameters
    ----------
    source : str
        Whose.
    channels : tuple of str
        Names of the columns.
    ts : array, shape (n,)
        Event times in epoch seconds.
    values : array, shape (n, d)
        Readings; NaN where there is none.
    offsets : array, shape (n,)
        Offsets of the events.
    """

    source: str
    channels: tuple[str, ...]
    ts: FloatArray
    values: FloatArray
    offsets: IntArray

    def __len__(self) -> int:
        return len(self.ts)
