"""Settings tried over past data."""

import json
import tomllib

import numpy as np
import pytest

N = 1500
TRUTH = (np.arange(N) >= 1000) & (np.arange(N) < 1100)


@pytest.fixture
def plant(place):
    flow = np.random.default_rng(4).normal(32.0, 0.4, size=N) - 4.0 * TRUTH
    rows = [
        f"{1_700_000_000 + i},{x:.4f},{int(yes)}" for i, (x, yes) in enumerate(zip(flow, TRUTH, strict=True))
    ]
    path = place / "plant.csv"
    path.write_text("\n".join(["ts,flow,anomaly", *rows]) + "\n")
    return path


def test_each_setting_is_told_with_what_it_found_and_one_is_taken(call, plant):
    ended = call("tune", plant, "--quiet", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    tried = [(one["budget"], one["warmup"]) for one in told["settings"]]
    assert tried == [(f"1 per {unit}", warmup) for warmup in (400, 800) for unit in ("day", "week", "month")]
    assert (told["events"], told["scored"]) == (N, N - 400)
    for one in told["settings"]:
        assert (one["recall"], one["true_events"]) == (1.0, 1)
        assert one["told"] == sum(one["alerts"].values())
        assert 0.0 < one["delay"] < 60.0
    chosen = told["settings"][told["chosen"]]
    stream = tomllib.loads(told["toml"])["streams"]["sensors"]
    assert (stream["budget"], stream["warmup"]) == (chosen["budget"], chosen["warmup"])
    assert "1 of 1 true events told" in told["reason"]
    # The first setting is the stream's own: it tells what a backtest tells.
    own = json.loads(call("backtest", plant, "--json").out)
    assert told["settings"][0]["alerts"] == own["scored_alerts"]
    assert told["settings"][0]["false_alarms"] == sum(own["false_alarms"].values())


def test_the_table_marks_what_to_take_and_ends_with_lines_for_the_monitor_file(call, plant):
    ended = call("tune", plant, "--budget", "1 per week", "--warmup", "300", "--detector", "ks")
    begin = next(at for at, line in enumerate(ended.lines) if line.split()[:2] == ["budget", "warm-up"])
    heading, *rows = ended.lines[begin : begin + 4]
    assert heading.split()[:4] == ["budget", "warm-up", "detector", "allowed"]
    assert [row.removeprefix("→").split()[:5] for row in rows] == [
        ["1", "per", "day", "400", "-"],
        ["1", "per", "week", "300", "-"],
        ["1", "per", "day", "400", "ks"],
    ]
    assert sum(row.startswith("→") for row in rows) == 1
    assert tomllib.loads("\n".join(ended.lines[ended.lines.index("[streams.sensors]") :]))


def test_a_report_has_the_table_a_picture_and_the_alerts(call, plant, place):
    pytest.importorskip("matplotlib")
    ended = call("tune", plant, "--warmup", "400", "--report", "tuning")
    assert "written: tuning/summary.html" in ended.out
    page = (place / "tuning/summary.html").read_text()
    assert "<td>1 per month</td>" in page
    assert "[streams.sensors]" in page
    assert (place / "tuning/alerts.png").read_bytes().startswith(b"\x89PNG")


def test_a_warm_up_that_takes_all_rows_is_left_out_and_said(call, plant):
    ended = call("tune", plant, "--warmup", "400", "--warmup", "5000", "--budget", "1 per day")
    assert ended.code == 0
    assert "left out, as its warm-up takes all rows: budget '1 per day', warm-up 5,000" in ended.out


def test_where_nothing_is_judged_this_is_a_failure(call, place):
    (place / "short.csv").write_text("ts,flow\n" + "".join(f"{i},{i % 7}\n" for i in range(1000, 1100)))
    assert call("tune", "short.csv").failed("nothing was judged", "--warmup")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["missing.csv"], 1, "missing.csv: no such file"),
        (["plant.csv", "--budget", "often"], 2, "budget 'often' cannot be read"),
        (["plant.csv", "--warmup", "3"], 2, "--warmup: "),
        (["plant.csv", "--detector", "sorcery"], 2, "sorcery"),
        (["plant.csv", "--stream", "predictions"], 2, "only readings and images can be tuned"),
        (["plant.csv", *(part for n in range(30, 100) for part in ("--warmup", n))], 2, "are more than 64"),
    ],
)
def test_mistakes_are_told_before_anything_is_read(call, plant, arguments, code, says):
    ended = call("tune", *arguments)
    assert ended.code == code
    assert says in " ".join(ended.err.split()).replace(" │ │ ", " ")
    assert ended.out == ""
