"""Sensor readings: files with a column mapping, the simulated water loop, WaterFlow."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from producers.batch import Source
from producers.drift import Injector, parse_schedule
from producers.kinds.kind import Change, Selection, refuse
from producers.sources import Files, Simulated, WaterFlow
from producers.water_loop import WaterLoop
from producers.water_loop.schedule import parse_faults
from stream_app.errors import SettingsError
from stream_app.events import Topics

__all__ = ["KIND", "Sensors"]

DATASETS: dict[str, Callable[[str], Source]] = {"waterflow": WaterFlow}


@dataclass(frozen=True, slots=True)
class Sensors:
    """The kind ``sensors``."""

    name: str = "sensors"
    about: str = "readings of sensors: SKAB, any CSV, JSONL or Parquet, a simulated water loop, WaterFlow"

    keys: tuple[str, str] = ("source", "sources")
    remote: bool = False

    def topics(self, selection: Selection, topics: Topics) -> dict[str, str]:  # noqa: ARG002 the same for all
        """Return ``sensor.readings``."""
        return {self.name: topics.sensors}

    def share(self, selection: Selection) -> float:  # noqa: ARG002 the same for all
        """Return 1: each becomes one event."""
        return 1.0

    def open(self, selection: Selection) -> Source:
        """Find the files, the data set or the simulation.

        Raises
        ------
        SettingsError
            When not exactly one of them was asked for, or an option belongs to another one or another kind.
        SourceError
            When a file is not there.
        """
        refuse(
            self.name,
            selection.images.said
            | selection.predictions.own
            | {"--preset": selection.preset}
            | selection.sessions.own,
        )
        asked = [bool(selection.paths), selection.dataset is not None, selection.simulate]
        if sum(asked) != 1:
            raise SettingsError(
                "replay sensors: give files to replay, or --simulate, or --dataset; one of them"
            )
        if selection.faults is not None and not selection.simulate:
            raise SettingsError("--faults belong to --simulate; to change other data use --drift")
        if selection.paths:
            return Files.find(selection.paths, selection.columns)
        if selection.dataset is not None:
            if selection.dataset not in DATASETS:
                raise SettingsError(f"--dataset: no {selection.dataset!r}; there is {', '.join(DATASETS)}")
            return DATASETS[selection.dataset](selection.columns.name or selection.dataset)
        return self._simulated(selection)

    def change(self, selection: Selection, source: Source) -> Change | None:  # noqa: ARG002 the same for all
        """Make the injector of ``--drift``."""
        if not selection.drift:
            return None
        return partial(map, Injector(parse_schedule(selection.drift), selection.seed).apply)

    def _simulated(self, selection: Selection) -> Simulated:
        config = WaterLoop(period=selection.columns.period or WaterLoop().period)
        span = None if selection.limit is None else selection.limit / selection.pumps * config.period
        faults = parse_faults(selection.faults, seed=selection.seed, span=span) if selection.faults else ()
        name = selection.columns.name or "pump"
        return Simulated(config, selection.seed, faults, selection.pumps, name, events=selection.limit)


KIND = Sensors()
