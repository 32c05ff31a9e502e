"""Faults as a person writes them: ``leak@600..720; sensor_stuck/current@1h..2h; 3``."""

import re
from typing import cast

from producers.water_loop.faults import FAULT_NAMES, Fault, FaultName, draw_faults
from stream_app.errors import DataError, SettingsError
from stream_app.settings import parse_duration

__all__ = ["parse_faults"]

_FAULT = re.compile(
    r"(?P<name>\w+)(?:/(?P<channel>\w+))?(?:\*(?P<magnitude>\d+(?:\.\d+)?))?"
    r"@(?P<begin>[\w.]+?)\.\.(?P<end>[\w.]+?)(?:~(?P<rise>[\w.]+))?"
)


def parse_faults(text: str, *, seed: int, span: float | None) -> tuple[Fault, ...]:
    """Read a schedule of faults.

    Parameters
    ----------
    text : str
        A number, of faults to draw; or ``NAME[/CHANNEL][*MAGNITUDE]@FROM..TO[~RISE]``, several separated by ``;``,
        times in seconds from the first event or like ``90m``. Without RISE a fault is there at once.
    seed : int
        Seed of the random numbers.
    span : float or None
        Length of the recording in seconds, needed for drawing.

    Raises
    ------
    SettingsError
        Naming what is wrong and what was expected.

    Examples
    --------
    >>> fault, = parse_faults("leak*0.5@10m..12m~30", seed=0, span=None)
    >>> fault.name, fault.start, fault.duration, fault.magnitude, fault.rise
    ('leak', 600.0, 120.0, 0.5, 30.0)
    """
    if text.strip().isdigit():
        if span is None:
            raise SettingsError("--faults: to draw faults the replay needs an end; give --limit")
        return draw_faults(int(text), span, seed)
    return tuple(_fault(part.strip()) for part in text.split(";") if part.strip())


def _fault(text: str) -> Fault:
    match = _FAULT.fullmatch(text)
    if match is None or match["name"] not in FAULT_NAMES:
        raise SettingsError(
            f"--faults: {text!r}: expected a number of faults, or NAME@FROM..TO like leak@600..720, "
            f"NAME one of {', '.join(FAULT_NAMES)}"
        )
    begin, end = _seconds(match["begin"], text), _seconds(match["end"], text)
    rise = _seconds(match["rise"], text) if match["rise"] else 0.0
    try:
        return Fault(
            cast("FaultName", match["name"]),
            start=begin,
            duration=end - begin,
            magnitude=float(match["magnitude"] or 1.0),
            onset="linear" if rise else "sudden",
            rise=rise,
            channel=match["channel"] or "flow",
        )
    except DataError as error:
        raise SettingsError(f"--faults: {text!r}: {error}") from None


def _seconds(word: str, text: str) -> float:
    try:
        return float(word)
    except ValueError:
        try:
            return parse_duration(word)
        except ValueError as error:
            raise SettingsError(f"--faults: {text!r}: {error}") from None
