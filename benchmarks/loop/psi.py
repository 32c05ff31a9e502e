"""A PSI above 0.2 retrains: the area under the ROC curve before and after, on the same rows, which neither model has seen.

python benchmarks/loop/psi.py DATA

New South Wales' electricity market: does the price go up or down? Three columns of the neighbouring state are constant until
row 17,424, a real change. The champion learns from rows before it. The monitor says when, the model is trained again
on what came since then, and both are judged on the 5,000 rows after that.
"""

import asyncio
import csv
import gzip
import sys
import tempfile
from pathlib import Path

from sklearn.metrics import roc_auc_score

from stream_app.events import LogId, PredictionRow
from stream_app.model_registry import ModelRegistry, fingerprint
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.retraining import World, find_job, retrain
from stream_app.retraining.table import table_of
from stream_app.retraining.trainers import train
from stream_app.settings import ModelRetraining, PredictionStream, Settings

CHANGE = 17_424
TAUGHT = slice(5_000, 15_000)  # rows that the champion learns from
LEARNED, HELD_OUT = 4_000, 5_000  # rows after the trigger: those learned from, and those after them
FEATURES = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
HALF_HOUR = 1800.0
NAME = "price"


def rows_of(folder: Path) -> list[PredictionRow]:
    with gzip.open(folder / "electricity.csv.gz", "rt", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return [
        PredictionRow(
            NAME,
            HALF_HOUR * i,
            str(i),
            label=line["class"].strip("'").lower(),
            features={name: float(line[name]) for name in FEATURES},
        )
        for i, line in enumerate(lines)
    ]


def psi_trigger(rows: list[PredictionRow]) -> tuple[int, str]:
    """Return the row at which the monitor asks for a new model because of an index alone, and what it says."""
    only_psi = {
        "psi": 0.2,
        "performance": False,
        "concept_drift": False,
        "drifted_features": False,
        "hold": "1 day",
    }
    stream = PredictionStream(retraining=only_psi, feature_window=500, slices=False, detectors=())
    monitor, first = PredictionMonitor(stream), TAUGHT.stop
    seen = rows[first:]
    found = monitor.update(
        NAME, Arrivals(seen, offsets=list(range(len(seen))), record_ts=[row.ts for row in seen]), LogId(0)
    ).triggers
    after = next((one for one in found if first + one.offset >= CHANGE), None)
    if after is None:
        raise SystemExit("MISSED: no trigger after the change")
    before = sum(first + one.offset < CHANGE for one in found)
    print(f"triggers before the change, in {CHANGE - first:,} rows: {before}")
    return first + after.offset, after.summary


async def run(rows: list[PredictionRow], folder: Path) -> int:
    settings = Settings(
        registry=f"sqlite:///{folder}/registry.db",
        streams={"market": PredictionStream()},
        retraining={NAME: ModelRetraining(trainer="forest", max_rows=LEARNED, recent="1 year")},
    )
    registry = ModelRegistry.open(settings)
    taught = table_of(rows[TAUGHT])
    model = train("forest", taught.values, taught.labels)
    data = fingerprint(
        taught.values, taught.features, labels=taught.labels, times=taught.times, source="elec2"
    )
    registry.promote(
        NAME, registry.log(NAME, model, params={"trainer": "forest"}, metrics={}, data=data).number
    )
    answers = model.predict(table_of(rows).values)
    for row, answer in zip(rows, answers.tolist(), strict=True):
        row.prediction = answer
    at, summary = psi_trigger(rows)
    print(f"trigger at row {at:,}, {at - CHANGE:,} rows after the change: {summary}")
    recent, held_out = rows[at : at + LEARNED], table_of(rows[at + LEARNED : at + LEARNED + HELD_OUT])

    async def labelled() -> list[PredictionRow]:
        return recent

    async def tell(kind: object, subject: str, text: str) -> None:
        print(f"audit: {kind} {subject}: {text}")

    outcome = await retrain(find_job(settings, NAME), World(registry, labelled, tell), promote=True)
    up = held_out.labels == "up"
    areas = []
    for number in (1, outcome.version):
        loaded = registry.load(NAME, number)
        areas.append(roc_auc_score(up, loaded.predict_proba(held_out.values)[:, loaded.classes.index("up")]))
    before, after = areas
    print(f"\n{'AUC on the same ' + format(len(held_out), ',') + ' later rows':40}{'measured':>10}  target")
    print(f"{'champion, before':40}{before:>10.4f}")
    print(f"{'new version, after':40}{after:>10.4f}  > {before:.4f}{'' if after > before else '   MISSED'}")
    promoted = outcome.verdict == "promoted"
    print(f"{'verdict':40}{outcome.verdict:>10}  promoted{'' if promoted else '   MISSED'}")
    return int(not (after > before and promoted))


def main() -> None:
    source = Path(sys.argv[1]) / "elec2"
    if not source.is_dir():
        raise SystemExit(f"skipped: {source} is not there")
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(asyncio.run(run(rows_of(source), Path(folder))))


if __name__ == "__main__":
    main()
