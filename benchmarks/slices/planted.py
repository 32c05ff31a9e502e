"""Planted weak slices found again, no slices where there are none, and what the search costs.

Usage: ``python benchmarks/slices/planted.py``. Data: numeric features that are normal, skewed, uniform, whole numbers and
correlated, categories with 4, 8 and 30 values of falling frequency, 2 % missing; the model errs at a base rate, and more
often in the planted slices. These are

one: an interval of one feature, 4 to 15 % of the rows, at an end of its range or anywhere in it;
two: intervals of two features, 20 to 40 % each;
category: one of 3 to 25 %;
mixed: an interval of 25 to 50 % within a category.

At least 2 % of the rows belong to a planted slice and to no other. A planted slice is found, and a reported one is right, if
some slice of the other side shares with it at least half of the rows that either of them has (Jaccard index of rows
at least 0.5). Recall is the share of planted slices that are found, precision the share of reported ones that are right.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from stream_app.core.slices import Slice, SliceConfig, SliceFinder

SEEDS = 50
EMPTY_RUNS = 20
MATCH = 0.5
OWN_SHARE = 0.02
CATEGORIES = (4, 8, 30)
MISSING = 0.02
BIG, BIG_NUMERIC, BIG_CATEGORICAL = 100_000, 16, 4


@dataclass(frozen=True)
class Table:
    """Features of some rows, and their names."""

    numeric: np.ndarray
    categorical: np.ndarray

    @property
    def names(self) -> tuple[list[str], list[str]]:
        """Of the numeric features, and of the categorical ones."""
        return (
            [f"x{i}" for i in range(self.numeric.shape[1])],
            [f"c{i}" for i in range(self.categorical.shape[1])],
        )

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """By name."""
        numbers, categories = self.names
        return dict(zip(numbers, self.numeric.T, strict=True)) | dict(
            zip(categories, self.categorical.T, strict=True)
        )


@dataclass(frozen=True)
class Scenario:
    """What is planted: kinds of slices, rows, error rate without and within them."""

    kinds: tuple[str, ...]
    rows: int
    base: float
    weak: float


SCENARIOS = {
    "one feature": Scenario(("one",), 10_000, 0.1, 0.3),
    "two features": Scenario(("two",), 10_000, 0.1, 0.3),
    "category": Scenario(("category",), 10_000, 0.1, 0.3),
    "feature in category": Scenario(("mixed",), 10_000, 0.1, 0.3),
    "three at once": Scenario(("one", "two", "category"), 10_000, 0.1, 0.3),
    "few rows": Scenario(("one", "two", "category"), 4000, 0.1, 0.4),
    "small effect": Scenario(("one", "two", "category"), 50_000, 0.2, 0.3),
    "rare errors": Scenario(("one", "two", "category"), 20_000, 0.02, 0.12),
}


def table(rng: np.random.Generator, rows: int, numeric: int = 8, categorical: int = 3) -> Table:
    numbers = np.empty((rows, numeric))
    for i in range(numeric):
        kind = i % 5
        if kind == 0:
            numbers[:, i] = rng.normal(size=rows)
        elif kind == 1:
            numbers[:, i] = rng.lognormal(size=rows)
        elif kind == 2:
            numbers[:, i] = rng.random(rows)
        elif kind == 3:
            numbers[:, i] = rng.integers(0, 24, rows)
        else:
            numbers[:, i] = (numbers[:, i - 4] + rng.normal(size=rows)) / np.sqrt(2.0)
    cells = np.empty((rows, categorical), dtype=object)
    for i in range(categorical):
        values = CATEGORIES[i % len(CATEGORIES)]
        weights = 1.0 / np.arange(1, values + 1)
        names = np.array([f"v{value}" for value in range(values)], dtype=object)
        cells[:, i] = names[rng.choice(values, rows, p=weights / weights.sum())]
    numbers[rng.random(numbers.shape) < MISSING] = np.nan
    cells[rng.random(cells.shape) < MISSING] = None
    return Table(numbers, cells)


def interval(rng: np.random.Generator, values: np.ndarray, share: float) -> np.ndarray:
    begin = (0.0, 1.0 - share, rng.uniform(0.0, 1.0 - share))[rng.integers(3)]
    low, high = np.nanquantile(values, [begin, begin + share])
    return (values >= low) & (values <= high)


def category(rng: np.random.Generator, cells: np.ndarray) -> np.ndarray:
    names, counts = np.unique(cells[cells != None], return_counts=True)  # noqa: E711 elementwise
    usual = names[(counts >= 0.03 * len(cells)) & (counts <= 0.25 * len(cells))]
    return cells == rng.choice(usual)


def planted(rng: np.random.Generator, data: Table, kind: str) -> np.ndarray:
    first, second = rng.choice(data.numeric.shape[1], 2, replace=False)
    cells = data.categorical[:, rng.integers(1, data.categorical.shape[1])]
    if kind == "one":
        return interval(rng, data.numeric[:, first], rng.uniform(0.04, 0.15))
    if kind == "two":
        return interval(rng, data.numeric[:, first], rng.uniform(0.2, 0.4)) & interval(
            rng, data.numeric[:, second], rng.uniform(0.2, 0.4)
        )
    if kind == "category":
        return category(rng, cells)
    return category(rng, cells) & interval(rng, data.numeric[:, first], rng.uniform(0.25, 0.5))


def slices(rng: np.random.Generator, data: Table, kinds: tuple[str, ...]) -> list[np.ndarray]:
    """Draw slices until each has rows enough of its own."""
    while True:
        drawn = [planted(rng, data, kind) for kind in kinds]
        shared = np.sum(drawn, axis=0) > 1
        if all((one & ~shared).mean() >= OWN_SHARE for one in drawn):
            return drawn


def search(data: Table, wrong: np.ndarray, window: int | None = None) -> tuple[Slice, ...]:
    finder = SliceFinder(*data.names, SliceConfig(window=window or len(wrong)))
    finder.update(data.numeric, data.categorical, wrong)
    return finder.find()


def overlaps(scenario: Scenario, seed: int) -> np.ndarray:
    """Return the Jaccard index of each reported slice, a line, with each planted one."""
    rng = np.random.default_rng(seed)
    data = table(rng, scenario.rows)
    truth = slices(rng, data, scenario.kinds)
    weak = np.logical_or.reduce(truth)
    wrong = rng.random(scenario.rows) < np.where(weak, scenario.weak, scenario.base)
    masks = [one.mask(data.columns) for one in search(data, wrong)]
    shares = [[(mask & one).sum() / (mask | one).sum() for one in truth] for mask in masks]
    return np.array(shares).reshape(len(masks), len(truth))


def score(scenario: Scenario, seeds: int = SEEDS) -> tuple[float, float, int, int]:
    """Return recall, precision, how many were planted and how many reported."""
    found = right = there = reported = 0
    for seed in range(seeds):
        shared = overlaps(scenario, seed)
        reported, there = reported + shared.shape[0], there + shared.shape[1]
        right += int((shared >= MATCH).any(axis=1).sum())
        found += int((shared >= MATCH).any(axis=0).sum())
    return found / there, right / max(reported, 1), there, reported


def unrelated(runs: int, rows: int = 10_000) -> int:
    """Return how many slices are reported in data whose errors have nothing to do with the features."""
    count = 0
    for seed in range(runs):
        rng = np.random.default_rng(10_000 + seed)
        data = table(rng, rows)
        count += len(search(data, rng.random(rows) < 0.1))
    return count


def costs() -> Iterator[tuple[str, float]]:
    """Give CPU seconds for a big table, and for a stream that is searched after each thousand rows."""
    rng = np.random.default_rng(1)
    data = table(rng, BIG, BIG_NUMERIC, BIG_CATEGORICAL)
    weak = np.logical_or.reduce(slices(rng, data, ("one", "two", "category")))
    for name, rate in (("no weak slice", np.full(BIG, 0.1)), ("three weak slices", np.where(weak, 0.3, 0.1))):
        wrong = rng.random(BIG) < rate
        yield f"{BIG:,} rows in one window, {name}", timed(lambda wrong=wrong: search(data, wrong))
        yield (
            f"{BIG:,} rows through a window of 10,000, searched each 1000, {name}",
            timed(lambda wrong=wrong: stream(data, wrong)),
        )


def stream(data: Table, wrong: np.ndarray) -> None:
    finder = SliceFinder(*data.names)
    for start in range(0, len(wrong), 1000):
        part = slice(start, start + 1000)
        finder.update(data.numeric[part], data.categorical[part], wrong[part])
        finder.find()


def timed(run: Callable[[], object]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


def main() -> None:
    print(f"{SEEDS} seeds each; a match is a Jaccard index of rows of at least {MATCH}")
    print(
        f"{'planted':<22}{'rows':>8}{'errors':>9}{'within':>9}{'recall':>9}{'precision':>11}{'reported':>10}"
    )
    for name, scenario in SCENARIOS.items():
        recall, precision, there, reported = score(scenario)
        print(
            f"{name:<22}{scenario.rows:>8,}{scenario.base:>9.0%}{scenario.weak:>9.0%}"
            f"{recall:>9.3f}{precision:>11.3f}{f'{reported}/{there}':>10}",
            flush=True,
        )
    print(f"nothing planted: {unrelated(EMPTY_RUNS)} slices reported in {EMPTY_RUNS} runs", flush=True)
    print(f"{BIG_NUMERIC} numbers and {BIG_CATEGORICAL} categories, CPU seconds:")
    for name, seconds in costs():
        print(f"  {name}: {seconds:.2f}", flush=True)


if __name__ == "__main__":
    main()
