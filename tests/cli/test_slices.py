"""``streamgauge slices``: files of predictions in, weak slices out."""

import csv
import json

import numpy as np
import pytest

N = 3000


@pytest.fixture
def scored():
    """Predictions that are often wrong where the light is dim in the north."""
    rng = np.random.default_rng(1)
    light = rng.random(N).round(4)
    site = rng.choice(["north", "south"], N)
    weak = (light <= 0.3) & (site == "north")
    label = rng.choice(["cat", "dog"], N)
    wrong = rng.random(N) < np.where(weak, 0.4, 0.05)
    other = {"cat": "dog", "dog": "cat"}
    said = [other[truth] if miss else truth for truth, miss in zip(label, wrong, strict=True)]
    names = ("id", "ts", "prediction", "label", "light", "site", "floor")
    ids = [f"e{i}" for i in range(N)]
    columns = (ids, range(1_700_000_000, 1_700_000_000 + N), said, label, light, site, rng.integers(0, 3, N))
    cells = [column.tolist() if isinstance(column, np.ndarray) else list(column) for column in columns]
    return dict(zip(names, cells, strict=True)), wrong


def write_csv(path, columns, delimiter=","):
    with path.open("w", newline="") as file:
        out = csv.writer(file, delimiter=delimiter)
        out.writerow(columns)
        out.writerows(zip(*columns.values(), strict=True))
    return path


def weak(ended):
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    return told, [{part["feature"] for part in one["conditions"]} for one in told["slices"]]


def test_a_csv_file_needs_no_options(place, call, scored):
    columns, wrong = scored
    write_csv(place / "scored.csv", columns)
    told, features = weak(call("slices", "scored.csv", "--json"))
    assert (told["rows"], told["wrong"], told["left_out"]) == (N, wrong.sum(), 0)
    assert told["overall"] == wrong.mean()
    assert (told["numeric"], told["categorical"]) == (["light", "floor"], ["site"])
    assert features == [{"light", "site"}]
    (one,) = told["slices"]
    assert one["rule"].startswith("light <= 0.")
    assert one["rule"].endswith('and site = "north"')
    light, site = one["conditions"]
    assert (light["kind"], light["low"]) == ("interval", None)
    assert light["high"] == pytest.approx(0.3, abs=0.05)
    assert site == {"kind": "category", "feature": "site", "value": "north"}
    inside = (np.array(columns["light"]) <= light["high"]) & (np.array(columns["site"]) == "north")
    assert (one["n"], one["metric"]) == (inside.sum(), wrong[inside].mean())
    assert one["interval"][0] < one["metric"] < one["interval"][1]


def test_a_table_for_people(place, call, scored):
    columns, _ = scored
    write_csv(place / "scored.csv", columns)
    ended = call("slices", "scored.csv")
    assert ended.code == 0
    assert ended.lines[0].startswith("3,000 rows, ")
    assert ended.lines[1].split() == ["wrong", "95", "%", "interval", "rows", "p", "slice"]
    assert ended.lines[2].endswith('site = "north"')
    write_csv(place / "flawless.csv", columns | {"prediction": columns["label"]})
    assert call("slices", "flawless.csv").lines[1] == "no slice is significantly worse"


def test_the_exit_code_tells_when_asked_to(place, call, scored):
    columns, _ = scored
    write_csv(place / "scored.csv", columns)
    write_csv(place / "flawless.csv", columns | {"prediction": columns["label"]})
    assert call("slices", "scored.csv", "--check").code == 3
    assert call("slices", "flawless.csv", "--check").code == 0


def test_prediction_events_with_late_labels(place, call, scored):
    columns, wrong = scored
    lines = []
    for ident, ts, said, label, light, site, floor in zip(*columns.values(), strict=True):
        event = {"source": "pets", "ts": ts, "id": ident, "prediction": said, "probabilities": {said: 1.0}}
        late = int(ident[1:]) % 2 == 0
        event |= {"features": {"light": light, "floor": floor}, "categories": {"site": site}}
        lines.append(event if late else event | {"label": label})
        if late and ident != "e0":
            lines.append({"source": "pets", "ts": ts + 60, "id": ident, "label": label})
    (place / "events.jsonl").write_text("\n".join(map(json.dumps, lines)))
    told, features = weak(call("slices", "events.jsonl", "--json"))
    # One prediction never got its label, and labels are no predictions.
    assert (told["rows"], told["wrong"]) == (N - 1, wrong[1:].sum())
    assert told["left_out"] == len(lines) - (N - 1)
    assert set(told["numeric"]) == {"light", "floor"}
    assert set(told["categorical"]) == {"source", "site"}
    assert features == [{"light", "site"}]


def test_probabilities_are_no_features_but_what_only_looks_like_them_is(place, call, scored):
    columns, _ = scored
    more = {"p_cat": [0.5] * N, "p_dog": [0.5] * N, "p_in": columns["light"]}
    write_csv(
        place / "scored.csv", {name: cells for name, cells in columns.items() if name != "light"} | more
    )
    told, features = weak(call("slices", "scored.csv", "--json"))
    assert told["numeric"] == ["floor", "p_in"]
    assert features == [{"p_in", "site"}]


def test_parquet_and_a_column_that_says_where_it_was_wrong(place, call, scored):
    polars = pytest.importorskip("polars")
    columns, wrong = scored
    polars.DataFrame({"miss": wrong, "light": columns["light"], "site": columns["site"]}).write_parquet(
        place / "scored.parquet"
    )
    told, features = weak(call("slices", "scored.parquet", "--wrong", "miss", "--json"))
    assert told["wrong"] == wrong.sum()
    assert features == [{"light", "site"}]


def test_columns_of_other_names_and_limits(place, call, scored):
    columns, wrong = scored
    names = {"prediction": "says", "label": "paid"}
    write_csv(place / "s.csv", {names.get(name, name): cells for name, cells in columns.items()})
    said = ("slices", "s.csv", "--prediction-column", "says", "--label-column", "paid", "--json")
    assert weak(call(*said))[1] == [{"light", "site"}]
    told, features = weak(call(*said, "--features", "floor", "--categories", "floor"))
    assert (told["categorical"], features) == (["floor"], [])
    told, _ = weak(call(*said, "--window", "1000"))
    assert (told["rows"], told["wrong"]) == (1000, wrong[-1000:].sum())
    assert weak(call(*said, "--min-gap", "0.6", "--min-ratio", "9"))[1] == []
    told, _ = weak(call(*said, "--among", "cat"))
    assert told["rows"] == columns["label"].count("cat")


@pytest.fixture
def detector(place):
    """Two experiments in SKAB's format, and the rows that a backtest of them would write: a slow machine is overlooked."""
    rng = np.random.default_rng(2)
    (place / "valve").mkdir()
    events = {"source": [], "ts": [], "score": [], "anomaly": [], "changepoint": [], "drift": []}
    for name in ("0", "1"):
        truth = np.arange(N) % 500 >= 350
        speed = rng.normal(size=N)
        missed = truth & (rng.random(N) < np.where(speed < -0.7, 0.6, 0.05))
        times = [f"2020-03-09 {10 + i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}" for i in range(N)]
        columns = {
            "datetime": times,
            "speed": speed.round(4),
            "anomaly": truth.astype(float),
            "changepoint": [0.0] * N,
        }
        write_csv(place / "valve" / f"{name}.csv", columns, ";")
        events["source"] += [name] * N
        events["ts"] += times
        events["anomaly"] += (truth & ~missed).astype(int).tolist()
    for column in ("score", "changepoint", "drift"):
        events[column] = [0] * len(events["ts"])
    write_csv(place / "rows.csv", events)
    return place


def test_a_detector_of_anomalies_against_the_truth(detector, call):
    told, features = weak(call("slices", "valve", "--events", "rows.csv", "--among", "1", "--json"))
    assert (told["numeric"], told["categorical"]) == (["speed"], ["source"])
    assert told["rows"] == 2 * N * 3 // 10
    assert features == [{"speed"}]
    assert told["slices"][0]["conditions"][0]["high"] == pytest.approx(-0.7, abs=0.15)
    told, _ = weak(call("slices", "valve", "--events", "rows.csv", "--skip", "400", "--json"))
    assert (told["rows"], told["left_out"]) == (2 * (N - 400), 0)


def test_events_of_other_files_are_refused(detector, call):
    assert call("slices", "valve/0.csv", "--events", "rows.csv").failed(
        "6000 rows of events", "3000 of input"
    )


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("prediction,light\n1,2\n", (), ["no column looks like the truth", "--label-column"]),
        ("label,light\n1,2\n", (), ["no column looks like the prediction", "--prediction-column"]),
        ("prediction,label\n1,1\n", (), ["no column to slice by", "--features"]),
        ("prediction,label,x\n1,,2\n", (), ["no row has both a prediction and its truth"]),
        ("prediction,label,x\n1,1,2\n", ("--among", "7"), ["--among: no label '7'; there is '1'"]),
        ("prediction,label,x\n1,1,2\n", ("--features", "y"), ["--features: no column 'y'"]),
        ("prediction,y_pred,label,x\n1,1,1,2\n", (), ["both fit", "--prediction-column"]),
        (
            "miss,x\nperhaps,1\n0,1\n0.7,2\n",
            ("--wrong", "miss"),
            ["2, column 'miss': neither 0 nor 1", "like 'perhaps' (first: a.csv:2)", "1 were taken"],
        ),
        ("prediction,label,x\n", (), ["no rows"]),
        (
            "prediction,label,x\n1,1,inf\n",
            (),
            ["a.csv:2: column 'x': 'inf' is no number, as 1 of its 1 cells"],
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(place, call, text, options, told):
    (place / "a.csv").write_text(text)
    call("slices", "a.csv", *options).failed(*told)


def test_bad_cells_and_rows_are_counted_and_told(place, call):
    flags = "".join(f"{i % 2},{i}\n" for i in range(40))
    (place / "a.csv").write_text(f"miss,x\nperhaps,1\n{flags}0,3x1\n1,inf\n")
    ended = call("slices", "a.csv", "--wrong", "miss", "--json")
    assert ended.code == 0, ended
    told = json.loads(ended.out)
    assert (told["rows"], told["numeric"], told["problem"]) == (42, ["x"], None)
    first, second = told["notes"]
    assert first.startswith("left out 1: column 'miss': neither 0 nor 1")
    assert first.endswith("like 'perhaps' (first: a.csv:2)")
    assert second == "left out 2: column 'x': cell taken as missing, no number, like '3x1' (first: a.csv:43)"


def test_one_value_that_is_no_number_makes_no_classes_of_the_others(place, call):
    rows = "".join(f"{i}.5,{i}.25,{i}\n" for i in range(30))
    (place / "a.csv").write_text(f"prediction,label,x\n{rows}soon,1.5,1\n")
    told = json.loads(call("slices", "a.csv", "--json").out)
    assert (told["rows"], told["large"]) == (30, 0.25)
    assert told["notes"] == ["left out 1: column 'prediction': no number, like 'soon' (first: a.csv:32)"]


def test_a_column_of_numbers_and_texts_is_a_category_and_says_so(place, call):
    sizes = "".join(f"{i % 2},{'XL' if i % 5 == 0 else i}\n" for i in range(40))
    (place / "a.csv").write_text(f"miss,size\n{sizes}")
    told = json.loads(call("slices", "a.csv", "--wrong", "miss", "--json").out)
    assert told["categorical"] == ["size"]
    assert told["notes"] == ["column 'size': 8 of 40 cells are no numbers: taken for a category"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--alpha", "2"), "--alpha"),
        (("--min-rows", "1"), "--min-rows"),
        (("--window", "5"), "--window"),
        (("--wrong", "x", "--among", "1"), "--wrong-column"),
    ],
)
def test_options_that_make_no_sense_are_a_mistake_in_the_call(place, call, options, told):
    (place / "a.csv").write_text("prediction,label,x\n1,1,2\n")
    ended = call("slices", "a.csv", *options)
    assert ended.code == 2
    assert told in ended.err


def test_slices_of_values_are_those_with_large_errors(call, place):
    rows = [f"{100 + (i % 7) * (3 if i % 4 == 0 else 0.5)},100,{'nesw'[i % 4]}" for i in range(2000)]
    (place / "demand.csv").write_text("\n".join(["prediction,label,site", *rows]))
    told = json.loads(call("slices", "demand.csv", "--json").out)
    assert told["large"] == pytest.approx(12.0)
    assert [one["rule"] for one in told["slices"]] == ['site = "n"']
    assert "with errors above 12: " in call("slices", "demand.csv").lines[0]
