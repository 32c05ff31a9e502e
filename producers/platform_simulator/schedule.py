"""Incidents as a person writes them: ``slow_s3@6h..7h; worker_lost/3@1d..90000; 8``."""

import re
from typing import cast

from producers.platform_simulator.incidents import INCIDENT_NAMES, Incident, IncidentName, draw_incidents
from producers.platform_simulator.platform import SimulatedPlatform
from stream_app.errors import DataError, SettingsError
from stream_app.settings import parse_duration

__all__ = ["parse_incidents"]

_INCIDENT = re.compile(
    r"(?P<name>\w+)(?:/(?:worker-)?(?P<worker>\d+))?(?:\*(?P<severity>\d+(?:\.\d+)?))?"
    r"@(?P<begin>[\w.]+?)\.\.(?P<end>[\w.]+?)(?:~(?P<ramp>[\w.]+))?"
)


def parse_incidents(
    text: str, platform: SimulatedPlatform, *, seed: int, days: float | None
) -> tuple[Incident, ...]:
    """Read a schedule of incidents.

    Parameters
    ----------
    text : str
        A number, of incidents to draw; or ``NAME[/WORKER][*SEVERITY]@FROM..TO[~RAMP]``, several separated by ``;``,
        times in seconds from the beginning or like ``90m``. Without RAMP an incident is there at once.
    platform : SimulatedPlatform
    seed : int
        Seed of the random numbers.
    days : float or None
        Length of the simulation, needed for drawing.

    Raises
    ------
    SettingsError
        Naming what is wrong and what was expected.

    Examples
    --------
    >>> one, = parse_incidents("noisy_neighbour/3*0.5@10m..1h~90", SimulatedPlatform(), seed=0, days=None)
    >>> one.name, one.worker, one.severity, one.start, one.duration, one.ramp
    ('noisy_neighbour', 3, 0.5, 600.0, 3000.0, 90.0)
    """
    if text.strip().isdigit():
        if days is None:
            raise SettingsError("--incident: to draw incidents the replay needs an end; give --days")
        try:
            return draw_incidents(
                int(text), days * 86_400.0, seed, workers=platform.workers, step=platform.step
            )
        except DataError as error:
            raise SettingsError(f"--incident: {error}; give more --days") from None
    return tuple(_incident(part.strip(), platform) for part in text.split(";") if part.strip())


def _incident(text: str, platform: SimulatedPlatform) -> Incident:
    match = _INCIDENT.fullmatch(text)
    if match is None or match["name"] not in INCIDENT_NAMES:
        raise SettingsError(
            f"--incident: {text!r}: expected a number of incidents, or NAME@FROM..TO like slow_s3@6h..7h, "
            f"NAME one of {', '.join(INCIDENT_NAMES)}"
        )
    begin, end = _seconds(match["begin"], text), _seconds(match["end"], text)
    worker = int(match["worker"] or 1)
    if worker > platform.workers:
        raise SettingsError(f"--incident: {text!r}: the platform has {platform.workers} workers")
    try:
        return Incident(
            cast("IncidentName", match["name"]),
            start=begin,
            duration=end - begin,
            severity=float(match["severity"] or 1.0),
            ramp=_seconds(match["ramp"], text) if match["ramp"] else 0.0,
            worker=worker,
        )
    except DataError as error:
        raise SettingsError(f"--incident: {text!r}: {error}") from None


def _seconds(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError:
        try:
            return parse_duration(word)
        except ValueError as error:
            raise SettingsError(f"--incident: {text!r}: {error}") from None
