"""River's WaterFlow: two months of hourly flow of a water utility's pipe, carried by the river package."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from producers.batch import Readings
from stream_app.tables.csv_file import CsvTable
from stream_app.tables.layout import Columns
from stream_app.tables.readings import ReadingTable

__all__ = ["WaterFlow"]


class WaterFlow:
    """The data set as source ``waterflow`` with one channel, ``flow``, in l/s.

    It has no labels; its description names three low moments and one peak. Hours are missing here and there.

    Parameters
    ----------
    name : str
        Name of the source.
    """

    def __init__(self, name: str = "waterflow") -> None:
        from river.datasets import WaterFlow as Dataset  # noqa: PLC0415  takes a quarter of a second

        dataset = Dataset()  # type: ignore[no-untyped-call]
        self.total: int | None = dataset.n_samples
        columns = Columns(time="Time", channels=("Water flow [l/s]",), name=name)
        self._table = ReadingTable(CsvTable(Path(dataset.path)), columns, name)

    @property
    def identity(self) -> str:
        """The data set and the source's name."""
        return self._table.identity

    def batches(self) -> Iterator[Readings]:
        """Read from the beginning."""
        for rows in self._table.batches():
            yield Readings.of_rows(replace(rows, channels=("flow",)))
