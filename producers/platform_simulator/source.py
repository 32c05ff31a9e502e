"""The simulated platform as a source of a replay."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from producers.platform.records import PlatformRecords
from producers.platform_simulator.changes import SimulatedChange
from producers.platform_simulator.events import windows_of_records
from producers.platform_simulator.incidents import Incident
from producers.platform_simulator.platform import SimulatedPlatform
from producers.platform_simulator.truth import truth_of
from stream_app.errors import SourceError

__all__ = ["PlatformRecords", "SimulatedPlatformSource", "with_truth"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

_WINDOWS = 5
"""Windows of a batch."""


@dataclass(frozen=True, slots=True)
class SimulatedPlatformSource:
    """Events of a simulated platform.

    Parameters
    ----------
    platform : SimulatedPlatform
    seed : int
    incidents : tuple of Incident
    changes : tuple of SimulatedChange
    days : float or None
        How long; None never ends.
    """

    platform: SimulatedPlatform
    seed: int
    incidents: tuple[Incident, ...] = ()
    changes: tuple[SimulatedChange, ...] = ()
    days: float | None = None
    total: int | None = field(default=None, init=False)

    @property
    def identity(self) -> str:
        """All settings."""
        return f"{self.platform} {self.seed} {self.incidents} {self.changes} {self.days}"

    @property
    def windows(self) -> int | None:
        """Number of windows, None without end."""
        return None if self.days is None else round(self.days * 86_400.0 / self.platform.step)

    def batches(self) -> Iterator[PlatformRecords]:
        """Simulate from the beginning."""
        held = []
        made = windows_of_records(
            self.platform, self.seed, self.incidents, self.changes, windows=self.windows
        )
        for number, records in enumerate(made, start=1):
            held.extend(records)
            if number % _WINDOWS == 0:
                yield self._batch(held)
                held = []
        if held:
            yield self._batch(held)

    def _batch(self, records: list[Any]) -> PlatformRecords:
        column = np.empty(len(records), dtype=np.object_)
        column[:] = records
        return PlatformRecords(self.platform.name, column, np.array([record.ts for record in records]))


def with_truth(
    source: SimulatedPlatformSource, path: Path
) -> Callable[[Iterator[PlatformRecords]], Iterator[PlatformRecords]]:
    """Write the truth of the incidents to a file as the records go by, one line of JSON an incident.

    Parameters
    ----------
    source : SimulatedPlatformSource
        Whose records they are.
    path : Path
        Of the file; it begins anew.

    Returns
    -------
    callable
        Takes the records of a replay and gives the same; a pass that is later than the one before it, as in a
        loop, adds its incidents with their own times.

    Raises
    ------
    SourceError
        When the file cannot be written.
    """

    def told(batches: Iterator[PlatformRecords]) -> Iterator[PlatformRecords]:
        shifts: set[float] = set()
        for batch in batches:
            if batch.shift not in shifts:
                lines = [
                    asdict(truth_of(one, source.platform, shift=batch.shift)) for one in source.incidents
                ]
                text = "".join(f"{json.dumps(line)}\n" for line in lines)
                try:
                    with path.open("a" if shifts else "w") as file:
                        file.write(text)
                except OSError as error:
                    raise SourceError(f"--truth: {path} cannot be written: {error.strerror}") from error
                shifts.add(batch.shift)
            yield batch

    return told
