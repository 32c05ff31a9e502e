"""A retraining as a whole, with a real registry in a file; and the exercise "PSI above 0.2 retrains, compare AUC"."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from retraining.models import rows
from sklearn.metrics import roc_auc_score

from stream_app.errors import DataError, ModelRegistryUnavailableError, PluginError, UnusableModelError
from stream_app.events import AuditKind, LogId, PredictionRow
from stream_app.model_registry import CHALLENGER, CHAMPION, ModelRegistry, fingerprint
from stream_app.monitors.predictions import Arrivals, PredictionMonitor
from stream_app.retraining import World, find_job, retrain
from stream_app.retraining.table import table_of
from stream_app.retraining.trainers import train
from stream_app.settings import ModelRetraining, PredictionStream, Settings

MODELS = "retraining.models"


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory):
    """A registry with one version of the champion; made once, since MLflow takes seconds to make its tables."""
    folder = tmp_path_factory.mktemp("registry")
    settings = Settings(registry=f"sqlite:///{folder}/registry.db")
    registry = ModelRegistry.open(settings)
    table = table_of(rows(500, seed=9))
    model = train("logistic", table.values, table.labels)
    version = registry.log(
        "shop", model, params={}, metrics={}, data=fingerprint(table.values, table.features)
    )
    registry.promote("shop", version.number)
    return folder


@pytest.fixture
def world(tmp_path, empty_registry):
    return Shop(tmp_path, empty_registry)


class Shop:
    """Settings, recorded events, a registry and what was told."""

    def __init__(self, folder, original):
        # Artifacts have absolute places, which the copy shares with the original.
        shutil.copy(original / "registry.db", folder / "registry.db")
        self.place = f"sqlite:///{folder}/registry.db"
        self.file = folder / "registry.db"
        self.told, self.chosen = [], {}
        self.recorded, self.coming = rows(1200, turned=True), []
        self.registry = ModelRegistry.open(Settings(registry=self.place))

    async def retrain(self, *, promote=False, trial=True, name="shop", **chosen):
        chosen = ModelRetraining(**{"trainer": "logistic", "source": "shop", **chosen})
        settings = Settings(
            retraining={name: chosen},
            registry=self.place,
            trainer_modules=[MODELS],
            streams={"s": PredictionStream()},
        )

        async def labelled():
            return self.recorded

        async def tell(kind, subject, summary):
            self.told.append((kind, subject, summary))

        async def live():
            for batch in self.coming:
                yield batch
            while True:
                yield ()

        world = World(self.registry, labelled, tell, live=live if trial else None)
        return await retrain(find_job(settings, name), world, promote=promote, trigger="t1")

    def serving(self):
        return next(one.number for one in self.registry.versions("shop") if CHAMPION in one.aliases)

    @property
    def kinds(self):
        return [kind for kind, *_ in self.told]


async def test_a_better_model_wins_its_trial_and_is_promoted(world):
    world.coming = [rows(400, seed=5, turned=True, start=5000.0, first=5000)]
    outcome = await world.retrain(promote=True)
    assert (outcome.verdict, outcome.version, outcome.champion) == ("promoted", 2, 1)
    assert outcome.challenger_figures["accuracy"] > 0.9
    assert outcome.champion_figures["accuracy"] < 0.6
    assert outcome.trial.ended_by == "decision"
    assert "switch to challenger" in outcome.reason
    assert world.serving() == 2
    assert world.kinds == [AuditKind.REGISTERED, AuditKind.PROMOTED]
    version = world.registry.resolve("shop", "champion")
    assert version.params["trigger"] == "t1"
    assert version.metrics["champion.accuracy"] < 0.6
    assert version.manifest.data.rows == outcome.learned == 900
    assert world.registry.reference(version).keys() == set(version.manifest.features)
    world.registry.rollback("shop")
    assert world.serving() == 1


@pytest.mark.slow
async def test_without_leave_to_promote_the_champion_serves_on(world):
    world.coming = [rows(400, seed=5, turned=True, first=5000)]
    outcome = await world.retrain()
    assert outcome.verdict == "would promote"
    assert world.serving() == 1
    assert CHALLENGER in world.registry.resolve("shop", outcome.version).aliases
    assert world.kinds == [AuditKind.REGISTERED, AuditKind.KEPT]
    assert "would be promoted (--promote)" in world.told[-1][2]


@pytest.mark.slow
async def test_a_model_that_is_no_better_is_registered_and_not_tried(world):
    world.recorded = rows(1200)
    outcome = await world.retrain(promote=True, trainer=f"{MODELS}:worse")
    assert (outcome.verdict, outcome.trial) == ("kept", None)
    assert "keep champion" in outcome.reason
    assert world.serving() == 1
    version = world.registry.resolve("shop", outcome.version)
    assert version.aliases == ()
    # It always gives the more frequent answer, which the sign of `a` decides.
    (weak,) = world.registry.attachment(version, "slices")
    assert weak["where"].startswith("a >")
    assert (weak["error_rate"], weak["overall"]) == (1.0, 1 - outcome.challenger_figures["accuracy"])


@pytest.mark.slow
async def test_a_challenger_that_loses_on_the_live_stream_is_not_promoted(world):
    # By the time of the trial the world has turned back.
    world.coming = [rows(400, seed=5, turned=False, first=5000)]
    outcome = await world.retrain(promote=True)
    assert outcome.verdict == "kept"
    assert "on the live stream: keep champion" in outcome.reason
    assert world.serving() == 1


@pytest.mark.slow
async def test_a_trial_without_a_decision_ends_by_its_bounds_and_keeps(world):
    world.coming = [rows(150, seed=5, turned=True, first=5000)] * 3
    outcome = await world.retrain(promote=True, trial_for=0.2)
    assert outcome.verdict == "kept"
    assert outcome.trial.answers == 150
    assert "the trial ended after" in outcome.reason
    assert world.serving() == 1
    world.coming = [rows(150, seed=5, turned=True, first=9000)]
    bounded = await world.retrain(promote=True, trial_answers=100)
    assert bounded.trial.ended_by == "answers"
    assert world.serving() == 1


@pytest.mark.slow
async def test_rows_that_came_later_decide_where_there_is_no_trial(world):
    assert (await world.retrain(promote=True, trial=False)).verdict == "promoted"
    assert world.serving() == 2


@pytest.mark.slow
async def test_without_a_champion_the_answers_of_the_events_stand_for_it(world):
    outcome = await world.retrain(trial=False, name="new")
    assert outcome.champion is None
    assert 0.3 < outcome.champion_figures["accuracy"] < 0.7
    world.recorded = [
        PredictionRow(row.source, row.ts, row.id, label=row.label, features=row.features)
        for row in world.recorded
    ]
    unknown = await world.retrain(promote=True, name="newer")
    assert (unknown.verdict, unknown.champion_figures) == ("promoted", {})
    assert unknown.reason == "there is no champion to compare with"


BAD = {
    "too few rows": (
        {"min_rows": 5000},
        None,
        DataError,
        "1,200 labelled predictions of shop; at least 5,000",
    ),
    "too few later": ({"later": 0.1}, None, DataError, "120 rows came later; at least 200"),
    "one class": ({}, "one class", DataError, "nothing can be told apart"),
    "raises": ({"trainer": f"{MODELS}:raises"}, None, PluginError, "cannot reach the cluster"),
    "nan": ({"trainer": f"{MODELS}:odd"}, None, PluginError, "NaN"),
    "cannot be kept": (
        {"trainer": f"{MODELS}:odd", "parameters": {"how": "fine"}},
        None,
        UnusableModelError,
        "Odd",
    ),
    "no labels live": ({"trial_for": 0.1}, "no labels live", DataError, "400 predictions came and no label"),
    "no events live": ({"trial_for": 0.1}, "no events live", DataError, "no prediction came"),
    "other features": ({}, "other features", DataError, "no feature 'b', which the model takes"),
}


@pytest.mark.parametrize(
    "case", ["raises", *(pytest.param(name, marks=pytest.mark.slow) for name in BAD if name != "raises")]
)
async def test_what_goes_wrong_is_named_and_told_and_leaves_the_champion(world, case):
    chosen, twist, error, message = BAD[case]
    world.coming = [rows(400, seed=5, turned=True, first=5000)]
    if twist == "one class":
        world.recorded = [row for row in rows(4000) if row.label == "low"]
    elif twist == "no labels live":
        world.coming = [
            [
                PredictionRow(row.source, row.ts, row.id, prediction=row.prediction, features=row.features)
                for row in world.coming[0]
            ]
        ]
    elif twist == "no events live":
        world.coming = []
    elif twist == "other features":
        chosen = {"features": ["a"]}
    with pytest.raises(error, match=message):
        await world.retrain(promote=True, **chosen)
    assert world.serving() == 1
    kind, _, summary = world.told[-1]
    assert kind is AuditKind.RETRAINING_FAILED
    assert summary.startswith("shop: retraining failed: ")


@pytest.mark.slow
async def test_a_registry_that_is_away_is_named(world):
    world.registry = ModelRegistry.open(Settings(registry={"uri": "http://localhost:9", "timeout": 1}))
    with pytest.raises(ModelRegistryUnavailableError):
        await world.retrain(promote=True)
    assert world.kinds == [AuditKind.RETRAINING_FAILED]


@pytest.mark.slow
async def test_a_champion_that_cannot_be_loaded_is_named_and_stays(world):
    table = table_of(rows(500, seed=9))
    version = world.registry.log(
        "shop",
        train("logistic", table.values, table.labels),
        params={},
        metrics={},
        data=fingerprint(table.values, table.features),
    )
    world.registry.promote("shop", version.number)
    damage(world, version)
    with pytest.raises(UnusableModelError, match=r"model\.skops"):
        await world.retrain(promote=True)
    assert world.serving() == version.number
    assert world.kinds == [AuditKind.RETRAINING_FAILED]


def damage(world, version):
    run = MlflowClient(tracking_uri=world.place).get_run(version.run)
    (file,) = Path(run.info.artifact_uri.removeprefix("file://")).rglob("model.skops")
    file.write_bytes(b"something else")


@pytest.mark.slow
async def test_a_psi_above_its_limit_triggers_and_the_new_model_has_the_larger_auc(world):
    """The monitor's own trigger, and both areas on the same rows, which neither model has seen."""
    rng = np.random.default_rng(2)
    stream = PredictionStream(
        retraining={
            "psi": 0.2,
            "performance": False,
            "concept_drift": False,
            "drifted_features": False,
            "hold": 0,
        },
        feature_window=250,
        slices=False,
        baseline=500,
    )
    monitor = PredictionMonitor(stream)

    def shifted(n, first, shift):
        """Feature a moves away, and with it the border between the classes."""
        values = rng.normal(size=(n, 2)) + np.array([shift, 0.0])
        labels = np.where(values[:, 0] - shift + values[:, 1] * (shift > 0) > 0, "high", "low")
        answers = np.where(values[:, 0] > 0, "high", "low")
        return [
            PredictionRow(
                "shop",
                float(first + i),
                str(first + i),
                prediction=str(answers[i]),
                label=str(labels[i]),
                features=dict(zip("ab", values[i].tolist(), strict=True)),
            )
            for i in range(n)
        ]

    events = shifted(1000, 0, 0.0) + shifted(1500, 1000, 1.0)
    at = list(range(len(events)))
    outcome = monitor.update("shop", Arrivals(events, offsets=at, record_ts=[float(i) for i in at]), LogId(0))
    trigger = outcome.triggers[0]
    (reason,) = trigger.reasons
    assert reason.kind == "psi"
    assert reason.statistic > 0.2
    assert 1000 < trigger.offset < 2000
    world.recorded, held_out = events[1000:], table_of(shifted(2000, 9000, 1.0))
    done = await world.retrain(promote=True, trial=False)
    assert done.verdict == "promoted"
    before, after = (
        roc_auc_score(
            held_out.labels == "low", world.registry.load("shop", number).predict_proba(held_out.values)[:, 1]
        )
        for number in (done.champion, done.version)
    )
    assert after > before + 0.05, (before, after)
    assert done.champion_figures["auc"] == pytest.approx(before, abs=0.05)
    assert done.challenger_figures["auc"] == pytest.approx(after, abs=0.05)
