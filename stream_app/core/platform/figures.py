"""Values of metrics as people write them: with the unit that the metric's name tells."""

import math

__all__ = ["figure", "figures", "metric_title"]

LOGARITHM = "log_"
"""Prefix of metrics that are natural logarithms of seconds."""
TITLES = {
    "count": "number of queries",
    "log_wall": "wall time",
    "log_cpu": "CPU time",
    "queued": "time in the queue",
    "failures": "share of failures",
}
"""Figures of query classes in words."""
SECONDS = frozenset({"queued", "log_wall", "log_cpu"})


def figure(metric: str, value: float) -> str:
    """Return a value with its unit.

    Parameters
    ----------
    metric : str
        Name of the metric, with labels or without.
    value : float
        Its value; of a counter, by second.

    Returns
    -------
    str
        Three digits and the unit; ``none`` where there is no value.

    Examples
    --------
    >>> figure("s3_request_duration_seconds", 0.18), figure('node_network_receive_bytes_total{device="eth0"}', 2.5e6)
    ('180 ms', '2.5 MB/s')
    >>> figure("log_wall", 2.0), figure("queued", 75.0), figure("count", 12.0), figure("count", float("nan"))
    ('7.39 s', '75 s', '12', 'none')
    """
    return figures(metric, (value,))[0]


def figures(metric: str, values: tuple[float, ...]) -> tuple[str, ...]:
    """Return values with one unit for all of them, that which suits the largest.

    Examples
    --------
    >>> figures("s3_request_duration_seconds", (0.012, 1.8))
    ('0.012 s', '1.8 s')
    """
    name = metric.split("{", 1)[0]
    if name.startswith(LOGARITHM):
        values = tuple(math.exp(min(value, 700.0)) if math.isfinite(value) else value for value in values)
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    factor, unit = _scale(name, largest)
    return tuple(f"{_digits(value * factor)}{unit}" if math.isfinite(value) else "none" for value in values)


def metric_title(metric: str) -> str:
    """Return the name of a metric as it stands in a sentence.

    Examples
    --------
    >>> metric_title("log_wall"), metric_title("failures"), metric_title("node_load1")
    ('wall time', 'share of failures', 'node_load1')
    """
    return TITLES.get(metric, metric)


def _scale(name: str, largest: float) -> tuple[float, str]:
    """Return by what a value is multiplied for the unit in which the largest is easy to read, and the unit."""
    counted = name.endswith("_total")
    base = name.removesuffix("_total")
    rate = "/s" if counted else ""
    if base.endswith("_bytes"):
        power = min(max(math.floor(math.log10(largest) / 3.0), 0), 4) if largest > 0.0 else 0
        return 1000.0**-power, f" {('B', 'kB', 'MB', 'GB', 'TB')[power]}{rate}"
    if base.endswith("_seconds") or name in SECONDS:
        return (1000.0, f" ms{rate}") if 0.0 < largest < 1.0 and not counted else (1.0, f" s{rate}")
    if base.endswith(("_ratio", "_share")) or name == "failures":
        return 100.0, f" %{rate}"
    return 1.0, rate


def _digits(value: float) -> str:
    """Return three significant digits, and no exponent where one is not needed."""
    if value == 0.0 or 1e-4 <= abs(value) < 1e9:
        digits = 2 - math.floor(math.log10(abs(value))) if value else 0
        text = f"{round(value, digits):,.{max(digits, 0)}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.3g}"
