"""``streamgauge backtest --kind platform``: files of metrics, queries and changes through the monitor of a worker."""

import json
import random
import sys

import numpy as np
import pytest
from platform_events import events_of

from stream_app.cli import main
from stream_app.model_registry import ModelRegistry
from stream_app.settings import load_settings

START = 1_770_000_000


@pytest.fixture
def backtest(capsys, monkeypatch, tmp_path):
    """Run the command; gives exit code, standard output and standard error in one line."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, kind="platform"):
        argv = ["streamgauge", "backtest", *map(str, arguments), "-q"]
        monkeypatch.setattr(sys, "argv", [*argv, "--kind", kind])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, " ".join(err.replace("│", " ").split())

    return run


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A metric a column, a row a minute: three incidents, of which the column ``label`` tells."""
    chance = random.Random(0)
    path = tmp_path_factory.mktemp("wide") / "metrics.csv"
    lines = ["timestamp,node_load1,node_disk_io_now,label"]
    for minute in range(300):
        bad = minute % 100 >= 96
        load, disk = (chance.gauss(5.0, 0.3) + 6.0 * bad for _ in range(2))
        lines.append(f"{START + 60 * minute},{load:.3f},{disk:.3f},{int(bad)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_truth_is_measured_against_and_never_watched(backtest, wide):
    code, out, err = backtest(wide, "--warmup", 60, "--json")
    assert code == 0, err
    result = json.loads(out)
    assert result["records"] == 300
    # Two metrics a row: the third is the truth.
    assert result["rows"] == 600
    assert result["models"] == {}
    assert "true incidents told" in backtest(wide, "--warmup", 60)[1]


def test_models_are_compared_and_a_report_is_written(backtest, wide, tmp_path):
    code, out, err = backtest(wide, "--warmup", 60, "--models", "--report", "report")
    assert code == 0, err
    for word in ("k-means", "DBSCAN", "random forest", "dbstream", "silhouette", "platform detector"):
        assert word in out
    page = (tmp_path / "report" / "summary.html").read_text()
    assert "Models side by side" in page
    pictures = sorted(path.name for path in (tmp_path / "report").glob("*.png"))
    assert pictures == ["01-platform.png", "models-01-platform.png"]
    assert all(name in page for name in pictures)


def test_records_of_the_wire_are_read_too_and_no_literal_of_a_query_is_told(backtest, tmp_path):
    path = tmp_path / "prod.jsonl"
    path.write_bytes(b"\n".join(events_of(60)) + b"\n")
    code, out, err = backtest(path, "--warmup", 40, "--json")
    assert code == 0, err
    assert list(json.loads(out)["by_source"]) == ["platform"]
    assert "select" not in out.casefold()


def test_a_file_that_is_shorter_than_the_warm_up_is_no_verdict(backtest, wide):
    code, _, err = backtest(wide)
    assert code == 1
    assert "the first 1,440 windows of 60 s are learned from, and there are 298 at most" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--task", "regression"], "--task: belongs to streams of predictions"),
        (["--sort"], "--sort: files of a platform are read side by side"),
        (["--warmup", "3"], "--warmup"),
        (["--label-column", "nothing", "--warmup", "60"], "no metric is called 'nothing'"),
    ],
)
def test_options_that_make_no_sense_are_told(backtest, wide, options, message):
    code, _, err = backtest(wide, *options)
    assert code != 0
    assert message in err


@pytest.mark.parametrize("kind", ["sensors", "predictions"])
def test_models_are_of_platforms_alone(backtest, wide, kind):
    code, _, err = backtest(wide, "--models", kind=kind)
    assert code == 2
    assert "say --kind platform" in err


@pytest.mark.slow
def test_classifiers_are_registered_with_what_they_can_do(backtest, wide, tmp_path, monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_REGISTRY", f"sqlite:///{tmp_path}/registry.db")
    code, _, err = backtest(wide, "--warmup", 60, "--register", "nodes")
    assert code == 2
    assert "--register: the classifiers of --models are registered" in err
    code, out, err = backtest(wide, "--warmup", 60, "--models", "--register", "nodes", "--json")
    assert code == 0, err
    assert "No store is set, so the audit log does not say so." in err
    assert json.loads(out)["registered"][0].partition(": ")[0].endswith(", challenger")
    versions = ModelRegistry.open(load_settings()).versions("nodes")
    assert {one.params["model"] for one in versions} == {"linear SVM", "RBF SVM", "random forest", "CatBoost"}
    best = max(versions, key=lambda one: one.metrics.get("f1", 0.0))
    (challenger,) = (one for one in versions if one.aliases)
    assert challenger.metrics["f1"] == best.metrics["f1"]
    loaded = ModelRegistry.open(load_settings()).load("nodes", challenger.number)
    assert loaded.classes == ("0", "1")
    assert all(" " in feature for feature in loaded.features)
    assert loaded.predict(np.zeros((2, len(loaded.features)))).tolist() == [0, 0]
