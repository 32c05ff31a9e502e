import csv
import json
import sys

import numpy as np
import pytest
from images import CHANNELS, blurred, features, strokes

from stream_app.cli.main import main
from stream_app.settings.durations import format_duration

N = 1000
TRUTH = (np.arange(N) >= 700) & (np.arange(N) < 850)


@pytest.fixture
def streamgauge(capsys, monkeypatch, tmp_path):
    """Run the program; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["streamgauge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return run


def write_skab(path, seed=1, shift=3.0):
    """Write an experiment in SKAB's format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal((32.0, 5.0), (0.4, 0.1), size=(N, 2))
    values[TRUTH, 0] -= shift
    with path.open("w", newline="") as file:
        out = csv.writer(file, delimiter=";")
        out.writerow(["datetime", "flow", "level", "anomaly", "changepoint"])
        for i, (flow, level) in enumerate(values):
            moment = f"2020-03-09 {10 + i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}"
            out.writerow([moment, f"{flow:.4f}", f"{level:.4f}", float(TRUTH[i]), float(i in (700, 850))])
    return path


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_figures_and_rows_of_one_file(streamgauge, tmp_path):
    write_skab(tmp_path / "valve" / "0.csv")
    code, out, _ = streamgauge("backtest", "valve/0.csv", "--events", "out.csv", "--json")
    figures = json.loads(out)
    assert code == 0
    rows = read(tmp_path / "out.csv")
    assert list(rows[0]) == ["source", "ts", "score", "anomaly", "changepoint", "drift"]
    assert [row["ts"] for row in rows] == [
        r.split(";")[0] for r in (tmp_path / "valve/0.csv").read_text().splitlines()[1:]
    ]
    said = np.array([row["anomaly"] == "1" for row in rows])
    assert {row["anomaly"] for row in rows} | {row["drift"] for row in rows} <= {"0", "1"}
    assert not said[:400].any()
    both = (said & TRUTH)[400:].sum()
    assert figures["f1"] == pytest.approx(2 * both / (said[400:].sum() + TRUTH[400:].sum()))
    assert figures["f1"] > 0.5
    assert figures["delay"] == {"events": 1, "missed": 0} | {
        name: pytest.approx(float(np.flatnonzero(said)[0] - 700)) for name in ("median", "p90")
    }
    assert figures["events"] == N
    assert figures["scored"] == N - 400
    assert figures["nab"]["standard"] <= 100.0


def test_a_file_each_or_one_for_all(streamgauge, tmp_path):
    for number in (0, 2, 10):
        write_skab(tmp_path / "valve" / f"{number}.csv", seed=number)
    assert streamgauge("backtest", "valve", "--events", "out", "--quiet")[0] == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "valve-0.csv",
        "valve-2.csv",
        "valve-10.csv",
    }
    assert streamgauge("backtest", "valve", "--events", "all.csv", "--quiet")[0] == 0
    each = [row for number in (0, 2, 10) for row in read(tmp_path / "out" / f"valve-{number}.csv")]
    assert read(tmp_path / "all.csv") == each
    # Each file begins afresh: its rows do not depend on the files before.
    assert streamgauge("backtest", "valve/10.csv", "--events", "alone.csv")[0] == 0
    assert read(tmp_path / "alone.csv") == read(tmp_path / "out" / "valve-10.csv")


def test_truth_of_any_name_stays_away_from_the_monitor(streamgauge, tmp_path):
    path = write_skab(tmp_path / "0.csv")
    renamed = tmp_path / "renamed.csv"
    renamed.write_text(path.read_text().replace("anomaly;changepoint", "broken;changepoint"))
    bare = tmp_path / "bare.csv"
    bare.write_text("".join(";".join(line.split(";")[:3]) + "\n" for line in path.read_text().splitlines()))
    streamgauge("backtest", path, "--events", "a.csv")
    code, out, _ = streamgauge("backtest", renamed, "--label-column", "broken", "--events", "b.csv", "--json")
    assert code == 0
    assert json.loads(out)["f1"] is not None
    streamgauge("backtest", bare, "--events", "c.csv")
    without_names = [[list(row.values())[1:] for row in read(tmp_path / f"{name}.csv")] for name in "abc"]
    assert without_names[0] == without_names[1] == without_names[2]


def test_a_source_goes_on_from_file_to_file_where_a_column_names_it(streamgauge, tmp_path):
    lines = write_skab(tmp_path / "0.csv").read_text().splitlines()
    named = ["source;" + lines[0], *(f"pump;{line}" for line in lines[1:])]
    (tmp_path / "whole.csv").write_text("\n".join(named) + "\n")
    (tmp_path / "day1.csv").write_text("\n".join(named[:601]) + "\n")
    (tmp_path / "day2.csv").write_text("\n".join([named[0], *named[601:]]) + "\n")
    streamgauge("backtest", "whole.csv", "--events", "whole-out.csv")
    streamgauge("backtest", "day1.csv", "day2.csv", "--events", "days-out.csv")
    assert read(tmp_path / "days-out.csv") == read(tmp_path / "whole-out.csv")


def test_refused_rows_have_their_row_and_are_told(streamgauge, tmp_path):
    lines = write_skab(tmp_path / "0.csv").read_text().splitlines()
    lines.insert(600, lines[100])
    (tmp_path / "late.csv").write_text("\n".join(lines) + "\n")
    code, out, _ = streamgauge("backtest", "late.csv", "--events", "out.csv")
    assert code == 0
    rows = read(tmp_path / "out.csv")
    assert len(rows) == N + 1
    assert list(rows[599].values()) == ["late", lines[600].split(";")[0], "0.0000", "0", "0", "0"]
    assert "1 late" in out
    assert "first refused as late: late.csv:601: " in out


def test_a_file_that_begins_with_its_newest_row_is_no_all_clear_until_it_is_sorted(streamgauge, tmp_path):
    header, *rows = write_skab(tmp_path / "0.csv").read_text().splitlines()
    (tmp_path / "newest.csv").write_text("\n".join([header, *rows[::-1]]) + "\n")
    for command in ("backtest", "tune"):
        code, _, err = streamgauge(command, "newest.csv")
        assert code == 1
        assert "of 1,000 rows were refused; the rows are not in order of time: --sort sorts them" in err
    code, out, err = streamgauge("backtest", "newest.csv", "--json", "--report", "report")
    assert "were refused; the rows are not in order of time" in (tmp_path / "report/summary.html").read_text()
    assert (code, json.loads(out)["problem"]) == (1, err.strip().removeprefix("streamgauge: "))
    in_order, sorted_ = (
        json.loads(streamgauge("backtest", *call, "--alerts", f"{call[0]}.alerts.csv", "--json")[1])
        for call in (["0.csv"], ["newest.csv", "--sort"])
    )
    assert [sorted_[name] for name in ("f1", "nab", "scored")] == [
        in_order[name] for name in ("f1", "nab", "scored")
    ]
    assert [row["started_at"] for row in read(tmp_path / "newest.csv.alerts.csv")] == [
        row["started_at"] for row in read(tmp_path / "0.csv.alerts.csv")
    ]
    # The place is the line in the file as it is.
    (first, *_) = read(tmp_path / "newest.csv.alerts.csv")
    assert first["place"] == f"newest.csv:{N + 1 - int(first['row'])}"


def test_files_of_one_log_are_sorted_by_their_first_rows(streamgauge, tmp_path):
    header, *rows = [
        line.replace(";", ";pump;", 1) for line in write_skab(tmp_path / "0.csv").read_text().splitlines()
    ]
    header = header.replace("pump", "source")
    (tmp_path / "a-later.csv").write_text("\n".join([header, *rows[:599:-1]]) + "\n")
    (tmp_path / "b-first.csv").write_text("\n".join([header, *rows[599::-1]]) + "\n")
    code, out, _ = streamgauge("backtest", "a-later.csv", "b-first.csv", "--sort", "--json")
    assert code == 0
    assert (json.loads(out)["accepted"], json.loads(out)["scored"]) == (N, N - 400)


def test_the_first_lines_say_what_was_understood(streamgauge, tmp_path):
    header, *rows = write_skab(tmp_path / "0.csv").read_text().splitlines()
    text = "\n".join([f"{header};note;code", *(f"{row};ok;" for row in rows)])
    (tmp_path / "notes.csv").write_text(text + "\n")
    code, out, _ = streamgauge("backtest", "notes.csv")
    assert code == 0
    assert "no row has a reading of 'code': nothing was looked at there" in out
    assert [" ".join(line.split()) for line in out.splitlines()[:6]] == [
        "file CSV, UTF-8, ';' between cells",
        "time datetime; a row every 1 s",
        "source no column, each file is one",
        "channels flow, level, code",
        "truth anomaly, changepoint, which the monitor does not see",
        "left out note (no number: 'ok')",
    ]


def test_settings_of_the_stream_hold_and_the_call_wins(streamgauge, tmp_path):
    write_skab(tmp_path / "0.csv")
    (tmp_path / "streamgauge.toml").write_text(
        '[streams.pumps]\nchannels = ["flow"]\nbudget = "1 per week"\n[streams.other]\n'
    )
    code, _, err = streamgauge("backtest", "0.csv")
    assert code == 2
    assert "pumps, other" in err
    told = json.loads(streamgauge("backtest", "0.csv", "--stream", "pumps", "--json")[1])
    assert (told["stream"], told["budget"], told["warmup"]) == ("pumps", "1 per week", 400)
    told = json.loads(
        streamgauge(
            "backtest", "0.csv", "--stream", "pumps", "--budget", "2 per hour", "--warmup", "300", "--json"
        )[1]
    )
    assert (told["budget"], told["warmup"], told["scored"]) == ("2 per hour", 300, N - 300)


def test_alerts_are_listed_with_beginning_end_and_what_changed(streamgauge, tmp_path):
    write_skab(tmp_path / "0.csv")
    code, out, _ = streamgauge("backtest", "0.csv", "--alerts", "out/alerts.csv")
    assert code == 0
    assert "written: out/alerts.csv" in out
    rows = read(tmp_path / "out" / "alerts.csv")
    (fault,) = [row for row in rows if row["kind"] == "anomaly"]
    assert (fault["source"], fault["channel"], fault["quantity"]) == ("0", "flow", "mean")
    assert float(fault["before"]) == pytest.approx(32.0, abs=0.2)
    assert float(fault["after"]) < float(fault["before"]) - 0.5
    row = int(fault["row"])
    assert 700 <= row < 850
    assert fault["started_at"] == f"2020-03-09T10:{row // 60:02d}:{row % 60:02d}.000Z"
    assert fault["started_at"] < fault["ended_at"]
    assert (fault["place"], fault["false"]) == (f"0.csv:{row + 2}", "False")
    began = fault["started_at"].replace("T", " ").removesuffix(".000Z")
    (line,) = [line for line in out.splitlines() if line.startswith(began) and "anomaly" in line]
    assert fault["summary"] in line
    assert f"{format_duration(float(fault['seconds']))}  0  " in line
    (budget,) = [line for line in out.splitlines() if line.startswith("budget 1 per day")]
    paging = sum(row["severity"] != "info" for row in rows)
    assert f"0.0069 allowed in 9 min 59 s, {paging} told" in budget
    code, out, _ = streamgauge("backtest", "0.csv", "--alerts", "alerts.jsonl", "--json")
    listed = json.loads(out)["alert_list"]
    assert [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()] == listed
    assert [str(one["before"]) for one in listed] == [row["before"] for row in rows]
    assert len(listed) == sum(json.loads(out)["alerts"].values())


def test_where_rows_have_no_times_alerts_are_told_by_their_lines(streamgauge, tmp_path):
    lines = write_skab(tmp_path / "0.csv").read_text().splitlines()
    (tmp_path / "bare.csv").write_text("".join(line.partition(";")[2] + "\n" for line in lines))
    code, out, _ = streamgauge("backtest", "bare.csv", "--period", "1")
    assert code == 0
    listed = json.loads(streamgauge("backtest", "bare.csv", "--period", "1", "--json")[1])["alert_list"]
    places = [line.split()[0] for line in out.splitlines() if line.startswith("bare.csv:")]
    assert places == [f"bare.csv:{one['row'] + 2}" for one in listed]
    assert "2023-" not in out


def test_an_alert_that_lasts_has_no_end(streamgauge, tmp_path):
    lines = write_skab(tmp_path / "0.csv").read_text().splitlines()
    (tmp_path / "cut.csv").write_text("\n".join(lines[:721]) + "\n")
    listed = json.loads(streamgauge("backtest", "cut.csv", "--json")[1])["alert_list"]
    # The file ends within the fault.
    assert [(one["kind"], one["ended_at"]) for one in listed] == [("anomaly", None)]


def test_a_report_is_written(streamgauge, tmp_path):
    write_skab(tmp_path / "0.csv")
    code, out, _ = streamgauge("backtest", "0.csv", "--report", "report")
    assert code == 0
    assert "summary.html" in out
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"01-0.png", "summary.html"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["missing.csv"], 1, "missing.csv: no such file"),
        (["0.csv", "--label-column", "broken"], 1, "no column 'broken'"),
        (["0.csv", "--changepoint-column", "flow2"], 1, "--changepoint-column: no column 'flow2'"),
        (["0.csv", "--channels", "flow,speed"], 1, "no column 'speed'"),
        (["0.csv", "--budget", "often"], 2, "budget"),
        (["0.csv", "--warmup", "3"], 2, "--warmup"),
        (["0.csv", "--stream", "pumps"], 2, "no stream is called 'pumps'"),
        (["0.csv", "0.csv", "--events", "out"], 2, "two inputs"),
        (["0.csv", "--events", "./0.csv"], 2, "would be overwritten"),
        (["0.csv", "--alerts", "./0.csv"], 2, "is an input or another output"),
        (["0.csv", "--events", "o.csv", "--alerts", "o.csv"], 2, "is an input or another output"),
        (["0.csv", "--alerts", "alerts.xls"], 2, "unknown format; expected a name in .csv or .jsonl"),
        (["0.csv", "--alerts", "0.csv/alerts.csv"], 2, "cannot be written"),
        (["text.csv"], 1, "text.csv:3: column 'anomaly': 'maybe' is neither"),
    ],
)
def test_mistakes_are_told_in_a_line(streamgauge, tmp_path, arguments, code, says):
    write_skab(tmp_path / "0.csv")
    (tmp_path / "text.csv").write_text("ts,flow,anomaly\n1,2,0\n2,3,maybe\n")
    ended, out, err = streamgauge("backtest", *arguments)
    assert ended == code
    assert says in " ".join(err.split()).replace(" │ │ ", " ")
    assert out == ""
    assert "Traceback" not in err
    assert not list(tmp_path.glob("**/*.part"))


def test_a_call_that_says_nothing_is_answered_by_the_help(streamgauge):
    code, out, _ = streamgauge("backtest")
    assert code == 2
    assert "streamgauge backtest answers.csv --kind predictions" in out


def test_a_report_without_matplotlib_says_what_to_install(streamgauge, tmp_path, monkeypatch):
    write_skab(tmp_path / "0.csv")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = streamgauge("backtest", "0.csv", "--report", "report")
    assert code == 2
    assert "matplotlib; install it in a checkout of Streamgauge: pip install '.[report]'" in err


def test_a_file_of_image_features_is_judged_as_a_stream_of_images(streamgauge, tmp_path):
    images = strokes(1000, seed=5)
    images[800:] = blurred(images[800:])
    with (tmp_path / "images.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["ts", *CHANNELS])
        out.writerows([1.6e9 + i, *row] for i, row in enumerate(features(images).tolist()))
    code, out, _ = streamgauge(
        "backtest", "images.csv", "--stream", "images", "--events", "out.csv", "--json"
    )
    assert code == 0
    assert json.loads(out)["scored"] == 500
    rows = read(tmp_path / "out.csv")
    drift = [i for i, row in enumerate(rows) if row["drift"] == "1"]
    assert 800 <= drift[0] < 900
    assert streamgauge("backtest", "images.csv", "--kind", "images", "--events", "kind.csv")[0] == 0
    assert read(tmp_path / "kind.csv") == rows


def test_no_cell_of_its_files_is_a_formula(streamgauge, tmp_path):
    rows = "".join(f"{1_700_000_000 + i},=1+1,{i % 7 + 500 * (i > 1500)}\n" for i in range(2000))
    (tmp_path / "plant.csv").write_text("ts,source,flow\n" + rows)
    code, *_ = streamgauge("backtest", "plant.csv", "--events", "rows.csv", "--alerts", "alerts.csv")
    assert code == 0
    for name in ("rows.csv", "alerts.csv"):
        assert {row["source"] for row in read(tmp_path / name)} == {"'=1+1"}


def test_files_that_it_writes_follow_no_link(streamgauge, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "report").mkdir()
    (tmp_path / "precious").write_text("kept")
    links = ["rows.csv", "rows.csv.part", "alerts.csv.part", "report/summary.html", "report/01-0.png"]
    for link in links:
        (tmp_path / link).symlink_to(tmp_path / "precious")
    write_skab(tmp_path / "0.csv")
    outputs = ("--events", "rows.csv", "--alerts", "alerts.csv", "--report", "report")
    assert streamgauge("backtest", "0.csv", *outputs)[0] == 0
    assert (tmp_path / "precious").read_text() == "kept"
    assert "Backtest of" in (tmp_path / "report/summary.html").read_text()
