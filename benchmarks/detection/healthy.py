"""Series in which nothing happens, by the data set they come from: for false alarms (A/A)."""

import gzip
from pathlib import Path

import numpy as np
from datasets import nab, smd
from series import Series, columns, numbers, seconds

from producers.water_loop import WaterLoop, simulate

__all__ = ["HEALTHY", "load_healthy"]

ORDERS = 20
CHANGE_OF_THE_MARKET = 17_424  # the row of Elec2 from which three columns move


def healthy(name, ts, values):
    return Series(name, ts, values, np.zeros(len(ts), dtype=bool))


def testbed(data):
    table = columns(data / "skab" / "anomaly-free.csv", ";")
    ts = seconds(table.pop("datetime"))
    return [healthy("anomaly-free", ts, np.column_stack([numbers(column) for column in table.values()]))]


def digits(data):
    """Return pixel statistics of MNIST's test digits in random orders: brightness, contrast, ink, place, size, edges."""
    with gzip.open(data / "mnist" / "t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), dtype=np.uint8, offset=16).reshape(-1, 28, 28) / 255.0
    mass = images.sum(axis=(1, 2)) + 1e-9
    place = np.arange(28.0)
    across, down = images.sum(axis=1) / mass[:, None], images.sum(axis=2) / mass[:, None]
    x, y = across @ place, down @ place
    width = np.sqrt(np.maximum(across @ place**2 - x * x, 0.0))
    height = np.sqrt(np.maximum(down @ place**2 - y * y, 0.0))
    edges = np.abs(np.diff(images, axis=2)).mean(axis=(1, 2))
    ink = (images > 0.5).sum(axis=(1, 2)).astype(float)
    values = np.column_stack(
        (images.mean(axis=(1, 2)), images.std(axis=(1, 2)), ink, x, y, width, height, edges)
    )
    ts = 1.7e9 + np.arange(len(values))
    return [
        healthy(f"order {seed}", ts, values[np.random.default_rng(seed).permutation(len(values))])
        for seed in range(ORDERS)
    ]


def simulated(rows, seeds):
    def plants(data):
        del data
        runs = [simulate(WaterLoop(), rows, seed=seed) for seed in seeds]
        return [healthy(f"plant {seed}", run.ts, run.values) for seed, run in zip(seeds, runs, strict=True)]

    return plants


def servers(data):
    return [healthy(one.name, 1.7e9 + 60.0 * np.arange(len(one.training)), one.training) for one in smd(data)]


def without_anomaly(data):
    return [healthy(one.name, one.ts, one.values) for one in nab(data) if not one.windows]


def market(data):
    """Return prices, demands and transfer of New South Wales' electricity market every half hour, before its change."""
    table = columns(data / "elec2" / "electricity.csv.gz")
    names = ("nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
    values = np.column_stack([numbers(table[name]) for name in names])[:CHANGE_OF_THE_MARKET]
    return [healthy("electricity", 1.7e9 + 1800.0 * np.arange(len(values)), values)]


HEALTHY = {
    "water testbed in normal mode (SKAB)": testbed,
    "digit statistics, 20 orders (MNIST)": digits,
    "simulated plant, 1,000,000 rows": simulated(1_000_000, (11,)),
    "ten simulated plants, 50,000 rows": simulated(50_000, range(12, 22)),
    "four servers' normal days (SMD)": servers,
    "NAB's files without an anomaly": without_anomaly,
    "electricity market before its change (Elec2)": market,
    "thirty simulated plants, 2,000 rows": simulated(2_000, range(100, 130)),
}
"""Loaders by what they load; each takes the folder of the data sets."""


def load_healthy(name, data):
    """Return the series of one of them."""
    return HEALTHY[name](Path(data))
