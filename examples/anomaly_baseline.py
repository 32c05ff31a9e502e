"""A supervised baseline of anomaly detection in the registry, where it is weak, and the monitor on the same rows.

LightGBM learns from the earlier experiments of the Skoltech Anomaly Benchmark and is judged on the later ones. It knows
labels of faults of the same kind; Streamgauge's monitor knows none, only the 400 rows with which each experiment begins.

    python examples/anomaly_baseline.py [SKAB/valve1]
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

import stream_app as sg
from stream_app.core.slices import DetectionRates, SliceConfig, SliceFinder, detection_rates
from stream_app.model_registry import ModelRegistry, RegisteredVersion, fingerprint, reference_statistics
from stream_app.settings import Settings

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "skab" / "valve1"
WARMUP = 400  # rows for learning what is normal, by the benchmark's protocol; they are neither learned from nor judged
MINUTE, SHORT = 60, 10  # rows of a window, at one a second
LAG = 300  # rows after which errors no longer depend on each other: a usual length of an anomaly
NAME = "valve-anomalies"
MEAN = " of a minute"
FIGURES = ("precision", "recall", "f1", "false_alarms")
EARLIER = 0.6  # of the experiments are for training, as in `streamgauge backtest --models`

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Experiment:
    """The judged rows of a file: windows that end at each row, in the units of the sensors, and the truth."""

    path: Path
    ts: Numbers
    windows: Numbers
    truth: Flags


def read(path: Path) -> tuple[Experiment, tuple[str, ...]]:
    """Read a file; return it with the names of the features."""
    table = pl.read_csv(path, separator=";", try_parse_dates=True)
    ts = table["datetime"].dt.epoch("ms").to_numpy() / 1000.0
    truth = table["anomaly"].to_numpy() > 0.5
    readings = table.drop("datetime", "anomaly", "changepoint")
    # Windows look back only, and none reaches into another experiment.
    windows = readings.select(
        pl.all().rolling_mean(MINUTE).name.suffix(MEAN),
        pl.all().rolling_mean(SHORT).name.suffix(" of 10 s"),
        pl.all().rolling_std(MINUTE).name.suffix(" spread"),
    )
    judged = slice(WARMUP, None)
    return Experiment(path, ts[judged], windows.to_numpy()[judged], truth[judged]), tuple(windows.columns)


def rows_of(experiments: Sequence[Experiment]) -> tuple[Numbers, Flags]:
    """Return windows and truth of several experiments, one below the other."""
    return (
        np.concatenate([one.windows for one in experiments]),
        np.concatenate([one.truth for one in experiments]),
    )


def standardised(windows: Numbers, scale: Mapping[str, Sequence[float]]) -> Numbers:
    """Return windows in standard deviations of the training rows."""
    return np.asarray((windows - scale["mean"]) / scale["deviation"])


def train(experiments: Sequence[Experiment]) -> tuple[Any, dict[str, list[float]]]:
    """Fit LightGBM and the scale to experiments, and to nothing else."""
    from lightgbm import LGBMClassifier  # noqa: PLC0415 the extra `lightgbm`

    windows, truth = rows_of(experiments)
    scale = {"mean": windows.mean(axis=0).tolist(), "deviation": windows.std(axis=0).tolist()}
    # Small trees with large leaves: neighbouring windows say nearly the same, so there are far fewer than it seems.
    model = LGBMClassifier(
        n_estimators=200,
        learning_rate=0.05,
        num_leaves=15,
        min_child_samples=100,
        random_state=0,
        n_jobs=1,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    return model.fit(standardised(windows, scale), truth.astype(int)), scale


def monitored(experiments: Sequence[Experiment]) -> Flags:
    """Return what the monitor marks with its defaults; each file is a source that begins anew."""
    scores = sg.backtest([one.path for one in experiments]).scores
    source, marked = np.array(scores["source"]), np.array(scores["anomaly"], dtype=bool)
    return np.concatenate([marked[source == one.path.stem][WARMUP:] for one in experiments])


def weak_slices(windows: Numbers, features: Sequence[str], truth: Flags, marked: Flags) -> dict[str, Flags]:
    """Search for weak slices over intervals of the means of a minute; print them, and return them with their rows.

    Misses and false alarms may hide each other, so anomalies and normal rows are searched on their own, too.
    """
    means = {name: windows[:, at] for at, name in enumerate(features) if name.endswith(MEAN)}
    slices = {"all rows": np.ones(len(truth), dtype=bool)}
    for among, asked in {"all rows": slices["all rows"], "anomalies": truth, "normal rows": ~truth}.items():
        finder = SliceFinder(list(means), (), SliceConfig(window=int(asked.sum()), lag=LAG))
        numbers = np.column_stack(list(means.values()))[asked]
        finder.update(numbers, np.empty((len(numbers), 0), dtype=object), (marked != truth)[asked])
        weak = finder.find()
        print(f"weak slices of {among}: {len(weak) or 'none'}")
        for one in weak:
            print(
                f"  {one.rule}: {one.metric:.0%} of {one.n:,} rows wrong, {one.overall:.0%} of all; p = {one.p_value:.1g}"
            )
            slices[one.rule] = one.mask(means)
    return slices


def figures_of(rates: DetectionRates) -> dict[str, float]:
    """Return figures with the ends of their intervals; none where no row tells a rate."""
    table = {}
    for name in FIGURES:
        rate = getattr(rates, name)
        if rate.value is not None:
            table |= {name: rate.value, f"{name}_low": rate.low, f"{name}_high": rate.high}
    return table


def by_slice(truth: Flags, marked: Flags, slices: Mapping[str, Flags]) -> list[dict[str, str | float]]:
    """Return a row of figures for each slice, with the number of its rows."""
    return [
        {"slice": rule, "rows": int(inside.sum())}
        | figures_of(detection_rates(truth, marked, inside, lag=LAG))
        for rule, inside in slices.items()
    ]


def show(name: str, table: Sequence[Mapping[str, str | float]]) -> None:
    """Print figures in percent with their 95 % intervals."""
    print(f"\n{name:<24}" + "".join(f"{figure.replace('_', ' '):>22}" for figure in FIGURES))
    for row in table:
        print(f"{row['slice']} ({row['rows']:,} rows)")
        cells = [
            f"{row[figure]:.1%} [{row[f'{figure}_low']:.0%}, {row[f'{figure}_high']:.0%}]"
            if figure in row
            else "-"
            for figure in FIGURES
        ]
        print(" " * 24 + "".join(f"{cell:>22}" for cell in cells))


def register(
    model: Any,
    scale: Mapping[str, Sequence[float]],
    learned: Sequence[Experiment],
    features: Sequence[str],
    table: list[dict[str, str | float]],
    registry: ModelRegistry,
) -> RegisteredVersion:
    """Register the model with its figures, its slices, its scale, and what it learned from."""
    windows, truth = rows_of(learned)
    taken = standardised(windows, scale)
    overall = {name: value for name, value in table[0].items() if not isinstance(value, str)}
    return registry.log(
        NAME,
        model,
        params={"experiments": len(learned), **model.get_params()},
        metrics=overall,
        data=fingerprint(
            taken,
            features,
            labels=truth,
            times=np.concatenate([one.ts for one in learned]),
            source="SKAB valve1",
        ),
        slices=table,
        reference=reference_statistics(taken, features),
        attached={"scale": scale},
        alias="challenger",
    )


def main(folder: Path) -> None:
    """Train, search for weak slices, register, load again, and compare."""
    found = [read(path) for path in folder.glob("*.csv")]
    if not found:
        print(f"skipped: no experiments in {folder}; give the folder of the valve1 experiments")
        return
    features = found[0][1]
    experiments = sorted((one for one, _ in found), key=lambda one: float(one.ts[0]))
    split = round(EARLIER * len(experiments))
    earlier, later = experiments[:split], experiments[split:]
    model, scale = train(earlier)
    windows, truth = rows_of(later)
    marked = model.predict(standardised(windows, scale)) == 1
    slices = weak_slices(windows, features, truth, marked)
    table = by_slice(truth, marked, slices)

    with TemporaryDirectory() as place:  # `Settings.load()` in its place is the registry of your monitor file
        registry = ModelRegistry.open(Settings(registry=f"sqlite:///{place}/registry.db"))
        version = register(model, scale, earlier, features, table, registry)
        loaded = registry.load(NAME, "challenger")
        again = loaded.predict(standardised(windows, registry.attachment(version, "scale"))) == 1
        if registry.attachment(version, "slices") != by_slice(truth, again, slices):
            sys.exit("the loaded model gives other figures than the registered one")
        print(f"\n{version.label}, loaded again, gives the same figures")
    print(
        f"learned from {len(earlier)} experiments, judged on the {len(later)} after them: {len(truth):,} rows"
    )
    show("LightGBM", table)
    show("Streamgauge", by_slice(truth, monitored(later), slices))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
