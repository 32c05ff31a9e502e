"""``streamgauge backtest --kind predictions``: a table of answers and their truth, and what a worker would tell."""

import csv
import json
import re

import numpy as np
import pytest
from prediction_streams import CLASSES, START, arrivals, events, model

from stream_app.monitors.predictions import PredictionMonitor
from stream_app.settings import PredictionStream

N, DROP = 2000, 1400
BASELINE = '[streams.models]\nkind = "predictions"\nbaseline = 500\nwindow = 500\n'
PREDICTIONS = ("--kind", "predictions")


def answers(seed=1):
    """A model that is right nearly always, and from the drop on two times in three."""
    rng = np.random.default_rng(seed)
    good, bad = model(rng, DROP, 3.0), model(rng, N - DROP, 1.0)
    return (np.concatenate(parts) for parts in zip(good, bad, strict=True))


def write(path, *, seed=1, model_name=None, first=0, last=N, missing=0, time=True, delimiter=","):
    """Write a table of answers; every so many have no truth."""
    path.parent.mkdir(exist_ok=True)
    p, truth = answers(seed)
    with path.open("w", newline="") as file:
        out = csv.writer(file, delimiter=delimiter)
        heading = ["ts", "id", "prediction", "label", *(f"p_{name}" for name in CLASSES), "model"]
        columns = slice(0 if time else 1, len(heading) - (model_name is None))
        out.writerow(heading[columns])
        for i in range(first, last):
            label = "" if missing and i % missing == 0 else CLASSES[truth[i]]
            row = [START + i, f"id-{i}", CLASSES[p[i].argmax()], label, *p[i].tolist(), model_name]
            out.writerow(row[columns])
    return path


@pytest.fixture
def table(place):
    """One file of answers that get worse, and settings that expect a short baseline."""
    (place / "streamgauge.toml").write_text(BASELINE)
    return write(place / "answers.csv").name


@pytest.fixture
def told(call):
    """Run a backtest of predictions; gives what it prints as JSON."""

    def run(*arguments, unjudged=False):
        ended = call("backtest", *arguments, *PREDICTIONS, "--json")
        assert ended.code == int(unjudged), ended
        assert ended.err.startswith("streamgauge: nothing was judged: ") == unjudged
        return json.loads(ended.out)

    return run


def test_a_drop_is_told_after_it_and_nothing_before(call, table):
    ended = call("backtest", table, *PREDICTIONS)
    assert (ended.code, ended.err) == (0, "")
    lines = {line.split("  ")[0]: line for line in ended.lines}
    assert lines["rows"].split() == ["rows", "2,000"]
    assert "2,000 joined, 0 missing" in lines["labels"]
    assert "1 accuracy" in lines["alerts"]
    assert lines["answers"].split()[1:] == ["baseline", "(first", "500)", "all", "last", "500"]
    for name in ("accuracy", "precision", "recall", "F1", "log loss", "calibration error"):
        assert any(line.startswith(name) for line in ended.lines), name
    (begin,) = [at for at, line in enumerate(ended.lines) if line.startswith("began (UTC)")]
    alerts = ended.lines[begin + 1 :]
    drop = np.datetime64(int(START) + DROP, "s")
    assert np.datetime64(alerts[0][:19].replace(" ", "T")) > drop
    assert "critical" in "".join(alerts)
    assert any("points below the baseline" in line and "  answers  " in line for line in alerts)
    assert any(line.split("  ")[1].startswith("retrain answers: ") for line in alerts if "retrain" in line)


def test_alerts_and_figures_are_those_of_the_monitor_by_hand(told, table):
    figures = told(table)
    monitor = PredictionMonitor(PredictionStream(baseline=500, window=500), name="models")
    rows = events(*answers(), delay=0)
    for row in rows:
        row.source = "answers"
    outcome = monitor.update("answers", arrivals(rows))
    assert outcome.alerts
    assert figures["alerts"] == [json.loads(alert.model_dump_json()) for alert in outcome.alerts]
    assert figures["triggers"] == [json.loads(trigger.model_dump_json()) for trigger in outcome.triggers]
    assert figures["by_source"]["answers"]["features"] == monitor.features("answers")[1]


def test_alerts_go_into_a_file_a_row_each(told, table, tmp_path):
    figures = told(table, "--alerts", tmp_path / "alerts.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    began = [one for one in figures["alerts"] if one["state"] == "firing"]
    assert [(row["kind"], row["detector"], row["summary"], row["row"]) for row in rows] == [
        (one["kind"], one["detector"], one["summary"], one["offset"]) for one in began
    ]
    assert sum(row["ended_at"] is not None for row in rows) == len(figures["alerts"]) - len(began)


def test_where_answers_have_no_times_alerts_and_triggers_are_told_by_their_events(call, place):
    (place / "streamgauge.toml").write_text(BASELINE)
    write(place / "bare.csv", time=False)
    ended = call("backtest", "bare.csv", *PREDICTIONS, "--period", "1", "--alerts", "alerts.jsonl")
    began = json.loads((place / "alerts.jsonl").read_text().splitlines()[0])
    assert began["place"] == f"bare, id 'id-{began['row']}'"
    assert sum(line.lstrip("└ ").startswith(began["place"]) for line in ended.lines) >= 1
    assert any(line.startswith("bare, id 'id-") and "retrain bare" in line for line in ended.lines)
    assert "2023-" not in ended.out


def test_the_truth_may_come_later_as_an_event_of_its_own(told, table):
    at_once, later = told(table), told(table, "--label-delay", "5m")
    assert (later["rows"], later["events"]) == (N, 2 * N)
    assert later["by_source"]["answers"]["labels"]["joined"] == N

    def accuracy(figures):
        return next(one["started_at"] for one in figures["alerts"] if one["detector"] == "accuracy")

    assert accuracy(later) == accuracy(at_once) + 300.0
    too_late = told(table, "--label-delay", "7200", unjudged=True)["by_source"]["answers"]
    assert (too_late["labels"]["joined"], too_late["labels"]["missing"]) == (0, N)


def test_predictions_without_truth_are_missing_once_their_time_is_over(told, place):
    (place / "streamgauge.toml").write_text(BASELINE + 'label_within = "5m"\n')
    figures = told(write(place / "a.csv", missing=10).name)["by_source"]["a"]
    labels = figures["labels"]
    assert labels["joined"] == N - N // 10
    assert labels["missing"] + figures["waiting"] == N // 10
    assert 25 <= figures["waiting"] <= 35


def test_a_run_that_refuses_most_answers_names_the_first_of_them(call, place):
    (place / "a.csv").write_text("prediction,label\n" + "cat,dog\n" * 40)
    ended = call("backtest", "a.csv", *PREDICTIONS, "--task", "regression", "--period", "1")
    assert ended.failed(
        "40 rows were refused or left out", "(the first, ", "'cat' is no number", "--label-column"
    )


def test_rows_that_are_no_events_are_counted_and_the_first_of_each_sort_is_named(call, place):
    path = write(place / "a.csv", last=50)
    lines = path.read_text().splitlines()
    lines[10] = lines[10].replace(str(START + 9), "soon")
    lines[20] = ",".join([*lines[20].split(",")[:-1], "0.9999"])
    lines += [lines[45], lines[46], f"{START - 1000},early,cat,cat,1,0,0"]
    path.write_text("\n".join(lines) + "\n")
    ended = call("backtest", "a.csv", *PREDICTIONS)
    assert "rows                 53 (1 left out)" in ended.lines
    assert "refused              4 (2 duplicate, 1 late, 1 probabilities)" in ended.lines
    assert "left out 1: column 'ts': no moment between 1970 and 2099 (first: a.csv:11)" in ended.lines
    assert "first refused as probabilities: a, id 'id-19': probabilities: they sum to" in ended.out
    assert "first refused as duplicate: a, id 'id-44': " in ended.out
    figures = json.loads(call("backtest", "a.csv", *PREDICTIONS, "--json").out)
    assert figures["refused"] == {"duplicate": 2, "late": 1, "probabilities": 1}
    assert (figures["rows"], figures["events"]) == (53, 52)
    assert list(figures["first_left_out"].values()) == ["a.csv:11"]


def test_events_as_they_are_on_the_wire(told, place):
    (place / "own.jsonl").write_text(
        '{"source": "m", "ts": 1.7e9, "id": "a", "version": "v1", "prediction": 7, "probabilities": {"7": 0.9, "1": 0.1}}\n'
        '{"source": "m", "ts": 1700000001, "id": "b", "error": "timeout", "latency": 2.5}\n'
        '{"source": "m", "ts": 1700000600, "id": "a", "label": 7}\n'
    )
    figures = told("own.jsonl", unjudged=True)["by_source"]["m"]
    assert figures["labels"]["joined"] == 1
    assert figures["versions"] == ["v1"]
    features = figures["features"]
    assert (features["accuracy"], features["failures"], features["latency.p50"]) == (1.0, 1, 2.5)


def test_settings_of_the_stream_hold_and_the_call_wins(told, call, table, place):
    (place / "streamgauge.toml").write_text(
        BASELINE + 'budget = "1 per week"\n[streams.other]\nkind = "predictions"\n'
    )
    by_name = json.loads(call("backtest", table, "--stream", "models", "--json").out)
    assert (by_name["stream"], by_name["budget"], by_name["baseline"]) == ("models", "1 per week", 500)
    changed = told(table, "--stream", "models", "--budget", "2 per hour")
    assert (changed["kind"], changed["budget"]) == ("predictions", "2 per hour")
    (place / "streamgauge.toml").write_text("[streams.pumps]\n")
    defaults = told(table)
    assert (defaults["stream"], defaults["baseline"], defaults["budget"]) == (
        "predictions",
        PredictionStream().baseline,
        "1 per day",
    )


def test_each_file_is_a_model_unless_a_column_names_them(told, place):
    (place / "streamgauge.toml").write_text(BASELINE)
    for folder, seed in (("a", 1), ("b", 2)):
        write(place / folder / "x.csv", seed=seed)
    apart = told("a/x.csv", "b/x.csv")["by_source"]
    assert list(apart) == ["a/x", "b/x"]
    assert apart["a/x"]["features"] == told("a/x.csv")["by_source"]["x"]["features"]
    write(place / "one.csv", model_name="m", last=1200)
    write(place / "two.tsv", model_name="m", first=1200, delimiter="\t")
    cut = told("one.csv", "two.tsv")
    whole = told(write(place / "whole.csv", model_name="m").name)
    assert cut["by_source"] == whole["by_source"]
    assert cut["alerts"] == whole["alerts"]


def test_rows_without_a_time_are_counted_where_a_period_is_said(told, table, place):
    write(place / "bare" / "answers.csv", time=False)
    assert told("bare/answers.csv", "--period", "1") == told(table) | {
        name: pytest.approx(0, abs=float("inf"))
        for name in ("events_per_second", "events_per_second_overall")
    }


def test_versions_are_held_against_each_other(call, place):
    rng = np.random.default_rng(4)
    lines = ["ts,version,y_pred,y_true"]
    for i in range(800):
        version, share = ("v1", 0.7) if i % 2 else ("v2", 0.95)
        lines.append(f"{START + i},{version},a,{'a' if rng.random() < share else 'b'}")
    (place / "side.csv").write_text("\n".join(lines))
    assert (
        "to hold versions against each other: --versions v2,v1"
        in call("backtest", "side.csv", *PREDICTIONS).lines
    )
    ended = call("backtest", "side.csv", *PREDICTIONS, "--versions", "v1,v2")
    assert "verdict: switch" in ended.lines
    assert any(line.split()[:2] == ["v1", "400"] for line in ended.lines)
    assert call("backtest", "side.csv", *PREDICTIONS, "--versions", "v1,v9").failed(
        "--versions: no version 'v9'; there is 'v1', 'v2'"
    )


def test_a_report_is_written(call, table, place):
    ended = call("backtest", table, *PREDICTIONS, "--report", "report")
    assert ended.lines[-1] == "written: report/summary.html"
    assert {path.name for path in (place / "report").iterdir()} == {"01-answers.png", "summary.html"}
    page = (place / "report" / "summary.html").read_text()
    assert "points below the baseline" in page
    assert "retrain answers" in page


def demand(path, *, digits=2, change=1400):
    """Write forecasts with intervals of 90 % that are too low from a row on, and what came true."""
    rng = np.random.default_rng(6)
    rows = ["ts,prediction,label,q_0.05,q_0.95,region"]
    for i, (true, error) in enumerate(zip(rng.uniform(100, 200, N), rng.normal(0, 5, N), strict=True)):
        forecast = true + error - 15 * (i >= change)
        cells = (forecast, true, forecast - 8.2, forecast + 8.2)
        rows.append(",".join([str(START + i), *(f"{cell:.{digits}f}" for cell in cells), "ns"[i % 2]]))
    path.write_text("\n".join(rows))
    return path


def test_values_are_judged_by_their_errors(call, place):
    (place / "streamgauge.toml").write_text(BASELINE)
    ended = call("backtest", demand(place / "demand.csv"), *PREDICTIONS, "--config", "streamgauge.toml")
    assert ended.code == 0
    said = {line[:26].strip(): line[26:].split() for line in ended.lines}
    assert float(said["mean absolute error"][0]) == pytest.approx(4.0, rel=0.1)
    assert float(said["mean absolute error"][-1]) == pytest.approx(15.0, rel=0.1)
    assert float(said["coverage of 90 % intervals"][0]) == pytest.approx(90.0, abs=5.0)
    assert "alerts               3 (1 bias, 1 coverage, 1 error)" in ended.lines
    assert "retrain demand: " in ended.out


def test_whole_numbers_are_values_where_that_is_said(call, place):
    path = demand(place / "demand.csv", digits=0)
    call_it = ("backtest", path, *PREDICTIONS, "--json")
    assert "mae" not in json.loads(call(*call_it).out)["by_source"]["demand"]["features"]
    told = json.loads(call(*call_it, "--task", "regression").out)
    assert told["by_source"]["demand"]["features"]["baseline.mae"] == pytest.approx(4.0, rel=0.1)
    assert call(*call_it, "--task", "regression", "--versions", "a,b").code == 2


def test_a_report_draws_the_errors_of_values(call, place):
    ended = call("backtest", demand(place / "demand.csv"), *PREDICTIONS, "--report", "report")
    assert ended.code == 0
    assert (place / "report" / "01-demand.png").read_bytes().startswith(b"\x89PNG")
    assert "mean absolute error" in (place / "report" / "summary.html").read_text()


def test_what_came_with_the_rows_does_not_steer_the_terminal(call, place):
    (place / "odd.csv").write_text(
        f"ts,model,version,prediction,label\n{START},[red]m,[bold]v\x1b[2J,a,a\n{START},[red]m,[bold]w,a,a\n"
    )
    ended = call("backtest", "odd.csv", *PREDICTIONS, "--id-column", "prediction")
    assert ended.code == 1
    assert "\x1b[2J" not in ended.out
    assert "first refused as duplicate: [red]m, id 'a': " in ended.out
    assert any(line.startswith("[red]m  ") for line in ended.lines)
    assert "versions: [bold]v\\u001b[2J" in ended.lines


def mistake(ended):
    """What is said of a mistake, without the box around it."""
    assert ended.out == ""
    assert "Traceback" not in ended.err
    return re.sub(r"[│\s]+", " ", ended.err)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["missing.csv"], 1, "missing.csv: no such file"),
        (["readings.csv"], 1, "no column looks like the prediction or the truth"),
        (["bare.csv"], 1, "or count rows with --period"),
        (["text.csv"], 1, "'soon' is no moment in a form that is known"),
        (["answers.csv", "--label-column", "outcome"], 1, "no column 'outcome'"),
        (["answers.csv", "--warmup", "300"], 2, "--warmup: a model has no warm-up"),
        (["answers.csv", "--changepoint-column", "x"], 2, "--changepoint-column: predictions have one truth"),
        (["answers.csv", "--events", "out.csv"], 2, "--events: a monitor of predictions says nothing of"),
        (["answers.csv", "--label-delay", "soon"], 2, "--label-delay: 'soon'"),
        (["answers.csv", "--budget", "often"], 2, "the budget 'often'"),
        (["answers.csv", "--versions", "v1"], 2, "--versions: two or more"),
        (["answers.csv", "--period", "0"], 2, "--period 0: expected more"),
        (["answers.csv", "--period", "1", "--time-column", "ts"], 2, "exclude each other"),
    ],
)
def test_mistakes_are_told_in_a_line(call, place, arguments, code, says):
    write(place / "answers.csv", last=20)
    (place / "readings.csv").write_text("ts,flow\n1,2\n2,3\n")
    (place / "bare.csv").write_text("prediction,label\na,a\n")
    (place / "text.csv").write_text("ts,prediction\nsoon,a\nlater,b\n")
    ended = call("backtest", *arguments, *PREDICTIONS)
    assert ended.code == code
    assert says in mistake(ended)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--stream", "pumps", *PREDICTIONS],
            "--kind predictions contradicts --stream pumps, which is a stream of sensors",
        ),
        (["--stream", "models", "--kind", "sensors"], "--kind sensors contradicts --stream models"),
        (["--stream", "shop"], "shop is a stream of sessions, which has no monitor to try"),
        (["--stream", "nobody"], "no stream is called 'nobody'; there is models, other, pumps, shop"),
        ([*PREDICTIONS], "which stream of predictions? --stream: models, other"),
        (["--kind", "sessions"], "'sessions' is none of sensors, images, predictions"),
        (["--kind", "images", "--label-delay", "1h"], "--label-delay: belongs to streams of predictions"),
        (["--version-column", "v"], "--version-column: belongs to streams of predictions"),
        (["--attributes", "a"], "--attributes: belongs to streams of predictions"),
        (["--versions", "a,b"], "--versions: belongs to streams of predictions"),
    ],
)
def test_streams_and_options_that_do_not_go_together(call, place, arguments, says):
    write(place / "answers.csv", last=20)
    other = '[streams.other]\nkind = "predictions"\n[streams.pumps]\n[streams.shop]\nkind = "sessions"\n'
    (place / "streamgauge.toml").write_text(BASELINE + other)
    ended = call("backtest", "answers.csv", *arguments)
    assert ended.code == 2
    assert says in mistake(ended)


def test_without_a_stream_of_sensors_it_says_which_there_are(call, table):
    ended = call("backtest", table)
    assert ended.code == 2
    assert "of predictions there is models" in mistake(ended)
