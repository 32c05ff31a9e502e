"""Files of predictions become events: columns are found or said, rows that are none left out, labels held back."""

import json

import pytest

from producers.predictions import LabelDelay, PredictionColumns, PredictionFiles
from stream_app.errors import SourceError
from stream_app.events import PredictionRow, decode_predictions

CSV = """\
ts,id,model,prediction,p_cat,p_dog,truth,version,latency,age,site,note_id
2024-01-01 00:00:00,a,pets,cat,0.75,0.25,dog,v1,0.02,31,north,x
2024-01-01 00:00:10,b,pets,dog,0.1,0.9,,v1,,,south,
2024-01-01 00:00:20,,pets,cat,1.0,,cat,v2,0.03,40,,x
"""


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


def events(path, said=None, delay=None):
    source = PredictionFiles.find([path], said or PredictionColumns())
    batches = source.batches() if delay is None else LabelDelay(delay)(source.batches())
    wire = [event for batch in batches for event in batch.encode()]
    rows = decode_predictions(wire)
    assert all(isinstance(row, PredictionRow) for row in rows), rows
    return [json.loads(event) for event in wire], source


def test_columns_are_found_by_their_names_and_kinds(write):
    found, source = events(write("answers.csv", CSV))
    assert found[0] == {
        "source": "pets",
        "ts": 1704067200.0,
        "id": "a",
        "version": "v1",
        "prediction": "cat",
        "probabilities": {"cat": 0.75, "dog": 0.25},
        "label": "dog",
        "features": {"age": 31.0},
        "categories": {"site": "north", "note_id": "x"},
        "latency": 0.02,
    }
    assert found[1] == {
        "source": "pets",
        "ts": 1704067210.0,
        "id": "b",
        "version": "v1",
        "prediction": "dog",
        "probabilities": {"cat": 0.1, "dog": 0.9},
        "categories": {"site": "south"},
    }
    assert found[2]["id"] == "answers:4"
    assert found[2]["probabilities"] == {"cat": 1.0}
    assert not source.left_out


def test_a_pressure_is_no_probability(write):
    found, _ = events(write("a.csv", "ts,prediction,p_a,p_b,p_in\n1,a,0.7,0.3,1.2\n2,b,0.4,0.6,0.9\n"))
    assert found[0]["probabilities"] == {"a": 0.7, "b": 0.3}
    assert found[0]["features"] == {"p_in": 1.2}


def test_columns_can_be_said(write):
    said = PredictionColumns(
        prediction="answer",
        label="site",
        id="note_id",
        features=("p_cat",),
        categories=("version",),
        probabilities="",
        name="kennel",
    )
    found, _ = events(write("a.csv", CSV.replace(",prediction,", ",answer,")), said)
    assert found[0]["source"] == "kennel"
    assert found[0]["label"] == "north"
    assert found[0]["id"] == "x"
    assert found[0]["features"] == {"p_cat": 0.75}
    assert found[0]["categories"] == {"version": "v1"}
    assert "probabilities" not in found[0]
    assert "label" not in found[2]


def test_events_on_the_wire_come_back_as_they_were(write):
    lines = [
        {"source": "m", "ts": 1.0, "id": "a", "prediction": "1", "probabilities": {"1": 0.5, "0": 0.5}},
        {"source": "m", "ts": 2.0, "id": "b", "error": "out of memory", "features": {"x": 1.5}},
        {"source": "m", "ts": 3.0, "id": "a", "label": "0", "categories": {"sex": "f"}},
    ]
    found, _ = events(write("wire.jsonl", "\n".join(map(json.dumps, lines))))
    assert found == lines


def test_probabilities_may_be_one_column_of_json(write):
    text = 'ts,prediction,probabilities\n1,a,"{""a"": 0.6, ""b"": 0.4}"\n2,b,\n3,a,0.6\n'
    found, source = events(write("a.csv", text))
    assert [event.get("probabilities") for event in found] == [{"a": 0.6, "b": 0.4}, None]
    assert list(source.left_out) == [
        f"column 'probabilities': no object of JSON (first: {source.tables[0].table.path}:4)"
    ]


def test_parquet_keeps_the_labels_whole(tmp_path):
    pl = pytest.importorskip("polars")
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {"ts": [1, 2], "y_pred": [7.0, 1.0], "y_true": [7, None], "ok": [True, False], "x": [0.5, None]}
    ).write_parquet(path)
    found, _ = events(str(path), PredictionColumns(categories=("ok",)))
    assert [(event["prediction"], event.get("label")) for event in found] == [("7", "7"), ("1", None)]
    assert [event["categories"] for event in found] == [{"ok": "true"}, {"ok": "false"}]
    assert [event.get("features") for event in found] == [{"x": 0.5}, None]


def test_rows_that_are_no_events_are_left_out_and_counted(write):
    text = "ts,prediction,label,latency\n1,a,b,0.1\nsoon,a,b,0.1\n3,,,0.1\n4,a,,slow\n5,,b,\n"
    found, source = events(write("a.csv", text))
    assert [event["ts"] for event in found] == [1.0, 5.0]
    assert sorted(source.left_out.values()) == [1, 1, 1]
    assert {reason.split(" (first")[0] for reason in source.left_out} == {
        "column 'ts': no moment between 1970 and 2099",
        "neither a prediction, nor a label, nor an error",
        "column 'latency': no number",
    }


def test_a_prefix_of_probabilities_that_no_column_has_is_refused(write):
    with pytest.raises(
        SourceError, match=r"--probabilities: no column .* begins with 'q_'; the table has 'ts'"
    ):
        events(write("a.csv", "ts,prediction,p_a\n1,a,0.7\n"), PredictionColumns(probabilities="q_"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ts,age\n1,2\n", "no column looks like the prediction or the truth"),
        ("ts,prediction,y_pred\n1,a,b\n", "could each be the prediction; choose with --prediction-column"),
        ("ts,prediction\nsoon,a\n", "column 'ts': 'soon' is no moment .*--time-format"),
        ("ts,prediction\n", "no rows"),
    ],
)
def test_what_cannot_be_replayed_is_said(write, text, message):
    with pytest.raises(SourceError, match=message):
        events(write("a.csv", text))


def test_labels_held_back_come_in_the_order_of_time_and_all_of_them(write):
    found, _ = events(write("answers.csv", CSV), delay=15.0)
    assert [
        (event["ts"] - 1704067200, event["id"], "prediction" in event, event.get("label")) for event in found
    ] == [
        (0, "a", True, None),
        (10, "b", True, None),
        (15, "a", False, "dog"),
        (20, "answers:4", True, None),
        (35, "answers:4", False, "cat"),
    ]


def test_another_pass_is_of_other_cases(write):
    source = PredictionFiles.find([write("answers.csv", CSV)], PredictionColumns())
    (batch,) = source.batches()
    later = [json.loads(event) for event in batch.shifted(60.0).encode()]
    assert [event["id"] for event in later] == ["a+60.0", "b+60.0", "answers:4+60.0"]
    assert later[0]["ts"] == 1704067260.0
