"""What a backtest says of rows that nobody judged."""

import numpy as np
import pytest

from stream_app.backtesting import Backtest, ChangeWindow, InputRows
from stream_app.core.reference import ReferenceTable
from stream_app.errors import SettingsError
from stream_app.settings import SensorStream
from stream_app.tables import OptionNames

N = 600
FLOW = np.random.default_rng(3).normal(32.0, 0.4, size=(N, 1))


def judged(ts, *, warmup=100, flow=FLOW, **truth):
    run = Backtest(SensorStream(warmup=warmup))
    run.update(InputRows.of("a", ts, ("flow",), flow, **truth))
    return run


def test_refused_rows_are_neither_scored_nor_normal_nor_warm_up():
    on_time = 3600.0 + np.arange(N)
    # Behind each row comes one that is an hour old, in the warm-up too.
    ts = np.stack([on_time, on_time - 3600.0], axis=1).ravel()
    no = np.zeros(2 * N, dtype=bool)
    run = judged(ts, flow=np.repeat(FLOW, 2, axis=0), anomaly=no)
    clean = judged(on_time, anomaly=no[:N]).figures()
    figures = run.figures()
    assert figures.refused == {"late": N}
    assert (figures.events, figures.accepted, figures.scored) == (2 * N, N, N - 100)
    assert (figures.anomalies, figures.normal) == (clean.anomalies, clean.normal)


def test_newest_first_is_no_verdict_and_names_the_remedy():
    problem = judged(np.arange(N, dtype=float)[::-1]).verdict().problem
    assert problem.startswith("nearly nothing was judged: 539 of 600 rows were refused; ")
    assert problem.endswith("--sort sorts them")


def test_channels_that_nobody_declared_are_no_all_clear():
    run = Backtest(SensorStream(warmup=30))
    names = tuple(f"c{i}" for i in range(5000))
    run.update(InputRows.of("a", np.arange(40.0), names, np.ones((40, 5000))))
    problem = run.verdict(OptionNames(channels="channels=")).problem
    assert problem.endswith("40 of 40 rows were refused; name the columns to watch with channels=")


@pytest.mark.parametrize(
    ("rows", "remedy"),
    [(1, "there is 1 row; at least 60 are needed"), (59, "at least 60"), (90, "--warmup 45 fits")],
)
def test_fewer_rows_than_the_warm_up_say_which_one_would_fit(rows, remedy):
    run = judged(np.arange(float(rows)), flow=FLOW[:rows])
    assert remedy in run.verdict().problem
    assert run.judged == run.figures().scored == 0


def test_a_source_that_learns_anew_at_each_row_was_not_judged():
    run = judged(8 * 86_400.0 * np.arange(1, N + 1))
    assert (run.figures().accepted, run.figures().scored) == (N, 0)
    assert "more than source_ttl, 7 d" in run.verdict().problem


def test_rows_without_a_reading_were_not_judged():
    problem = judged(np.arange(float(N)), flow=np.full((N, 1), np.nan)).verdict().problem
    assert problem.startswith("nothing was judged: no row of 'a' has a reading in any channel")


def test_a_few_short_sources_are_told_and_most_are_no_verdict():
    run = judged(np.arange(float(N)))
    short = InputRows.of("b", np.arange(50.0), ("flow",), FLOW[:50])
    run.update(short)
    assert run.verdict().problem is None
    assert "1 of 2 sources have no more, 'b' the most, 50 rows" in run.verdict().notes[-1]
    run.update(InputRows.of("c", np.arange(50.0), ("flow",), FLOW[:50]))
    assert run.verdict().problem.startswith("nearly nothing was judged")


def test_true_faults_that_no_figure_counts_are_told():
    truth = (np.arange(N) >= 40) & (np.arange(N) < 60)
    run = judged(np.arange(float(N)), anomaly=truth)
    assert run.figures().unseen == {"warm-up": 20}
    (note,) = run.verdict().notes
    assert note.startswith("20 rows of true anomalies or changes lie in the warm-up")
    assert run.figures_by_source()["a"].delays.events == 0


def test_with_a_reference_rows_are_scored_from_the_first():
    normal = ReferenceTable(np.arange(300.0), ("flow",), FLOW[:300])
    run = Backtest(SensorStream(), None, normal)
    run.update(InputRows.of("a", 1e6 + np.arange(250.0), ("flow",), FLOW[300:550]))
    assert run.figures().scored == 150


@pytest.mark.parametrize("step", [1.0, 600.0])
def test_the_window_of_a_changepoint_is_in_rows_of_the_files_own_period(step):
    changes = np.arange(N) == 300
    flow = FLOW - 3.0 * (np.arange(N) >= 300)[:, None]
    found = judged(step * np.arange(N), flow=flow, changepoint=changes).figures()
    assert found.period == step
    assert found.delays.missed == 0
    assert found.changepoints["standard"].percent > 50.0
    run = Backtest(SensorStream(warmup=100), window=ChangeWindow.parse("1 rows"))
    run.update(InputRows.of("a", step * np.arange(N), ("flow",), flow, changepoint=changes))
    assert run.figures().changepoints["standard"].percent < found.changepoints["standard"].percent


@pytest.mark.parametrize("text", ["0 rows", "soon", "0 s", "-1 rows"])
def test_a_window_that_is_none_is_refused(text):
    with pytest.raises(SettingsError, match="--changepoint-window"):
        ChangeWindow.parse(text, "--changepoint-window")
