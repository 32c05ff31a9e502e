"""The prediction monitor over events in memory, without Kafka."""

import re
from html import escape

import numpy as np
import pytest
from prediction_streams import CLASSES, START, arrivals, events, model

from stream_app.backtesting.predictions import PredictionBacktest, PredictionReport
from stream_app.events import AlertState, PredictionRow, Reason, Rejected
from stream_app.monitors.predictions import PredictionMonitor
from stream_app.settings import PredictionStream

N, DROP = 2400, 1500
CONFIG = PredictionStream(baseline=500, window=500)


def answers(seed=1, drop=DROP, **options):
    """A model that is right nearly always, and from the drop on two times in three."""
    rng = np.random.default_rng(seed)
    good, bad = model(rng, drop, 3.0), model(rng, N - drop, 1.0)
    p, truth = (np.concatenate(parts) for parts in zip(good, bad, strict=True))
    return events(p, truth, **options)


def in_pieces(backtest, rows, size):
    return [backtest.update(rows[at : at + size]) for at in range(0, len(rows), size)]


def test_a_drop_is_told_after_it_and_nothing_before():
    backtest = PredictionBacktest(CONFIG)
    backtest.update(answers(delay=0))
    begun = [alert for alert in backtest.alerts if alert.detector == "accuracy"]
    assert [alert.state for alert in begun] == [AlertState.FIRING]
    assert START + DROP < begun[0].started_at < START + DROP + 200
    assert min(alert.started_at for alert in backtest.alerts) > START + DROP
    assert backtest.triggers[0].ts > START + DROP
    assert {reason.kind.value for reason in backtest.triggers[0].reasons} <= {"performance", "concept"}
    figures = backtest.models()["m"]
    assert (figures.alerts["accuracy"], figures.triggers) == (1, len(backtest.triggers))
    assert figures.features["baseline.accuracy"] - figures.features["accuracy"] > 0.15
    untouched = PredictionBacktest(CONFIG)
    untouched.update(answers(drop=N, delay=0))
    assert (untouched.alerts, untouched.triggers) == ([], [])


def test_it_is_the_monitor_of_a_worker():
    rows = answers(delay=20.0)
    backtest, monitor = PredictionBacktest(CONFIG), PredictionMonitor(CONFIG)
    judged = backtest.update(rows)
    outcome = monitor.update("m", arrivals(rows))
    assert outcome.alerts
    assert judged.alerts == backtest.alerts == outcome.alerts
    assert judged.triggers == backtest.triggers == outcome.triggers
    assert backtest.models()["m"].features == monitor.features("m")[1]
    assert backtest.models()["m"].labels == outcome.labels


@pytest.mark.parametrize("size", [7, 64, 1999])
def test_pieces_do_not_matter(size):
    rows, looks = answers(delay=20.0), ([], [])
    rows[300:300] = [Rejected(Reason.NOT_JSON, "no"), rows[10]]
    whole, cut = (
        PredictionBacktest(CONFIG, lambda *look, seen=seen: seen.append(look[:2])) for seen in looks
    )
    whole.update(rows)
    parts = in_pieces(cut, rows, size)
    assert whole.alerts
    assert [alert for part in parts for alert in part.alerts] == cut.alerts == whole.alerts
    assert cut.triggers == whole.triggers
    assert cut.models() == whole.models()
    assert (cut.refused, cut.first_refusals) == (whole.refused, whole.first_refusals)
    assert looks[0] == looks[1]
    assert len(looks[0]) > 10


def test_models_between_each_other_are_judged_as_if_alone():
    one, two = answers(1, delay=0), answers(2, drop=N, delay=0)
    for row in two:
        row.source = "other"
    together, alone = PredictionBacktest(CONFIG), PredictionBacktest(CONFIG)
    together.update([row for pair in zip(one, two, strict=True) for row in pair])
    alone.update(one)
    assert list(together.models()) == ["m", "other"]
    assert together.models()["m"] == alone.models()["m"]
    assert [alert.started_at for alert in together.alerts] == [alert.started_at for alert in alone.alerts]
    assert not together.models()["other"].alerts


def test_what_a_worker_would_set_aside_is_counted_and_the_first_is_named():
    rows = answers(delay=0)[:100]
    late = PredictionRow("m", START - 100.0, "late", prediction="cat")
    backtest = PredictionBacktest(CONFIG)
    judged = backtest.update([*rows, rows[95], Rejected(Reason.SCHEMA, "ts: missing"), late, rows[97]])
    assert [refusal.offset for refusal in judged.refusals] == [100, 101, 102, 103]
    assert backtest.refused == {"duplicate": 2, "schema": 1, "late": 1}
    assert backtest.first_refusals["duplicate"].startswith("m, id 'id-95': ")
    assert backtest.first_refusals["schema"] == "event 102: ts: missing"
    named = PredictionBacktest(CONFIG)
    named.update([Rejected(Reason.SCHEMA, "ts: missing")], lambda at: f"row {at + 7}")
    assert named.first_refusals == {"schema": "row 7: ts: missing"}
    assert named.models() == {}


def test_versions_are_held_against_each_other_where_they_are_named():
    rng = np.random.default_rng(4)
    rows = []
    for first, version, strength in ((0, "v1", 1.2), (600, "v2", 3.0)):
        p, truth = model(rng, 600, strength)
        rows += events(p, truth, delay=0, first=first, start=START + first, version=version)
    compared = PredictionBacktest(PredictionStream(versions=("v1", "v2")))
    compared.update(rows)
    challenge = compared.models()["m"].challenge
    assert (challenge.verdict, challenge.labelled) == ("switch", (600, 600))
    assert challenge.best[1] > 0.99
    plain = PredictionBacktest(PredictionStream())
    plain.update(rows)
    assert plain.models()["m"].versions == ("v1", "v2")
    assert plain.models()["m"].challenge is None


def test_slices_that_are_weak_at_the_end_are_told():
    rng = np.random.default_rng(5)
    rows = []
    for i in range(N):
        site = "north" if rng.random() < 0.3 else "south"
        wrong = rng.random() < (0.5 if site == "north" else 0.05)
        label = CLASSES[0] if not wrong else CLASSES[1]
        rows.append(PredictionRow("m", START + i, str(i), prediction=CLASSES[0], label=label, categories={"site": site}))  # fmt: skip
    backtest = PredictionBacktest(PredictionStream(baseline=500, slice_window=1000, slice_every=1000))
    backtest.update(rows)
    (weak,) = backtest.models()["m"].slices
    assert "north" in weak
    assert weak in [alert.summary for alert in backtest.alerts]


def test_a_report_has_a_page_with_figures_and_a_picture_of_each_model(tmp_path):
    report = PredictionReport(tmp_path / "report")
    backtest = PredictionBacktest(CONFIG, report.watch)
    rows = answers(delay=0)
    for row in rows:
        row.source = "<b>$x_1$</b>"
    backtest.update([*rows, PredictionRow("../few", START, "a", prediction="cat", label="cat")])
    page = report.write(backtest, "two <models>").read_text(encoding="utf-8")
    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert len(pictures) == 2
    for picture in pictures:
        assert (tmp_path / "report" / picture).read_bytes().startswith(b"\x89PNG")
    assert "<b>$" not in page
    assert "two &lt;models&gt;" in page
    assert all(escape(alert.summary) in page for alert in backtest.alerts)
    assert f"retrain {rows[0].source}:".replace("<", "&lt;").replace(">", "&gt;") in page
