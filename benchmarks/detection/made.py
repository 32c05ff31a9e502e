"""Made recordings in which nothing is faulty, whatever it looks like: a wind turbine's year, an air-quality station's."""

import numpy as np

__all__ = ["AIR", "TURBINE", "air_quality_station", "wind_turbine"]

DAY = 86_400.0
BEGIN = 1_672_531_200.0  # 2023-01-01

TURBINE = (
    "wind", "yaw", "pitch", "air", "nacelle",
    *(f"{what}_{figure}" for what in ("power", "rotor", "generator", "reactive") for figure in ("mean", "std", "min", "max")),
)  # fmt: skip
AIR = (
    "co",
    "nmhc",
    "benzene",
    "nox",
    "no2",
    "o3",
    "pm10",
    "pm25",
    "temperature",
    "humidity",
    "pressure",
    "wind",
)


def _wandering(rng: np.random.Generator, rows: int, memory: float) -> np.ndarray:
    """Return an autoregression of order one of variance 1, that forgets within `memory` rows."""
    keep = np.exp(-1.0 / memory)
    steps = rng.normal(size=rows) * np.sqrt(1.0 - keep * keep)
    out = np.empty(rows)
    level = rng.normal()
    for i, step in enumerate(steps):
        level = keep * level + step
        out[i] = level
    return out


def wind_turbine(seed: int, days: int = 365) -> tuple[np.ndarray, np.ndarray]:
    """Return times and values of a turbine every ten minutes: mean, deviation, least and most, as its controller logs them.

    In calms the machine stands: power, speeds and reactive power are zero, the yaw rests and the pitch is that of a rotor at rest. Over the
    rated wind power and speeds stand at their rated values, below it the pitch is zero. Such plateaus last from minutes to days.
    """
    rng = np.random.default_rng(seed)
    rows = int(days * 144)
    ts = BEGIN + 600.0 * np.arange(rows)
    season = np.cos(2.0 * np.pi * (ts - BEGIN) / (365.0 * DAY))
    weather = _wandering(rng, rows, 300.0) + 0.35 * _wandering(rng, rows, 6.0)
    wind = np.maximum(np.exp(1.85 + 0.18 * season + 0.48 * weather) + 0.15 * rng.normal(size=rows), 0.2)
    running, rated = wind > 3.5, wind > 12.0
    power = np.where(rated, 2050.0, np.where(running, 2050.0 * (wind / 12.0) ** 3, 0.0))
    rotor = np.where(running, np.minimum(8.0 + 0.85 * wind, 16.7), 0.0)
    pitch = np.where(rated, 2.2 * np.sqrt(np.maximum(wind - 12.0, 0.0)), np.where(running, 0.0, 88.0))
    turned = np.where(rng.random(rows) < 0.35, 6.0 * rng.normal(size=rows), 0.0)
    yaw = np.mod(np.cumsum(np.where(running, turned, 0.0)), 360.0)
    air = 9.0 - 8.0 * season + 4.0 * np.sin(2.0 * np.pi * ts / DAY) + 2.5 * _wandering(rng, rows, 400.0)
    nacelle = air + 8.0 + 9.0 * power / 2050.0 + 0.4 * rng.normal(size=rows)
    part = running & ~rated
    columns = [np.round(wind, 1), np.round(yaw), np.round(pitch, 1), np.round(air, 1), np.round(nacelle, 1)]
    for level, noise, digits in (
        (power, 60.0, 0), (rotor, 0.4, 1), (112.0 * rotor, 45.0, 0), (0.06 * power, 5.0, 0),
    ):  # fmt: skip
        spread = np.where(part, noise * rng.lognormal(0.0, 0.3, rows), 0.0)
        most = np.where(part, level + spread * (2.0 + rng.random(rows)), level)
        least = np.where(part, np.maximum(level - spread * (2.0 + rng.random(rows)), 0.0), level)
        mean = level + spread * 0.1 * rng.normal(size=rows)
        columns += [np.round(x, digits) for x in (mean, spread, least, most)]
    return ts, np.column_stack(columns)


def air_quality_station(seed: int, days: int = 365) -> tuple[np.ndarray, np.ndarray]:
    """Return times and values of a station every hour, with calibrations and outages that belong to its life.

    Each analyser is calibrated at night, an hour every third day; once a week one is serviced for a day or two; about every
    third week the whole station is off, for hours or days; the nmhc analyser is away for weeks.
    """
    rng = np.random.default_rng(seed)
    rows, d = days * 24, len(AIR)
    ts = BEGIN + 3600.0 * np.arange(rows)
    hour = np.arange(rows) % 24
    traffic = np.exp(-((hour - 8) ** 2) / 8.0) + np.exp(-((hour - 19) ** 2) / 10.0)
    season = np.cos(2.0 * np.pi * np.arange(rows) / (365.0 * 24.0))
    air = _wandering(rng, rows, 30.0)
    values = np.empty((rows, d))
    for j in range(8):
        level = 0.35 * air + 0.25 * _wandering(rng, rows, 8.0) + 0.12 * rng.normal(size=rows)
        values[:, j] = (10.0 + 3.0 * j) * np.exp(0.5 * traffic + 0.2 * season + level)
    values[:, 8] = 14.0 - 9.0 * season + 4.0 * np.sin(2.0 * np.pi * (hour - 9) / 24.0) + 2.0 * air
    values[:, 9] = np.clip(60.0 - 1.2 * (values[:, 8] - 14.0) + 9.0 * _wandering(rng, rows, 20.0), 5.0, 100.0)
    values[:, 10] = 1013.0 + 7.0 * _wandering(rng, rows, 60.0)
    values[:, 11] = np.exp(0.9 + 0.5 * _wandering(rng, rows, 10.0))
    values = np.round(values, 1)
    for j in range(8):
        values[(np.arange(rows) + 24 * j) % 72 == 2, j] = np.nan
    at = 0.0
    while (at := at + rng.exponential(7 * 24.0)) < rows:
        values[int(at) : int(at + rng.lognormal(3.3, 0.5)), rng.integers(8)] = np.nan
    at = 0.0
    while (at := at + rng.exponential(21 * 24.0)) < rows:
        values[int(at) : int(at + rng.lognormal(2.5, 1.0))] = np.nan
    for begin in (2200, 4100, 6500):
        values[begin : begin + int(rng.integers(300, 900)), 1] = np.nan
    return ts, values
