"""Sources: every format gives the same readings, meaning is found or asked for, errors name file and line."""

import builtins
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.batch import Readings
from producers.sources import Files, Simulated, WaterFlow
from producers.water_loop import CHANNELS, Fault, WaterLoop, simulate
from stream_app.errors import DataError, MissingExtraError, SourceError
from stream_app.events import SensorReading
from stream_app.tables import Columns
from stream_app.tables.clock import find_clock

SKAB = """datetime;Accelerometer1RMS;Volume Flow RateRMS;anomaly;changepoint
2020-03-09 10:14:33;0.0265878;32.0;0.0;0.0
2020-03-09 10:14:34;;32.5;1.0;1.0
"""
FIRST = datetime(2020, 3, 9, 10, 14, 33, tzinfo=UTC).timestamp()


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write


def events(source):
    """All events as they go on the wire, each checked against the schema of the worker."""
    raw = [event for batch in source.batches() for event in batch.encode()]
    for event in raw:
        SensorReading.model_validate_json(event)
    return [json.loads(event) for event in raw]


def read(path, **said):
    return events(Files.find([path], Columns(**said)))


def test_skab_files_need_no_options(write):
    assert read(write("7.csv", SKAB)) == [
        {
            "source": "7",
            "ts": FIRST,
            "values": {"Accelerometer1RMS": 0.0265878, "Volume Flow RateRMS": 32.0},
            "labels": {"anomaly": 0, "changepoint": 0},
        },
        {
            "source": "7",
            "ts": FIRST + 1,
            "values": {"Accelerometer1RMS": None, "Volume Flow RateRMS": 32.5},
            "labels": {"anomaly": 1, "changepoint": 1},
        },
    ]


def test_all_formats_give_the_same_events(write, tmp_path):
    rows = [
        {"ts": 1000.0 + i, "source": "ab"[i % 2], "flow": i / 3, "label": ["ok", "bad"][i % 2]}
        for i in range(9)
    ]
    rows[3]["flow"] = None
    lines = ["ts,source,flow,label"]
    lines += [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    wire = [
        {"source": r["source"], "ts": r["ts"], "values": {"flow": r["flow"]}, "labels": {"label": r["label"]}}
        for r in rows
    ]
    for path in (
        write("a.csv", "\n".join(lines)),
        write("a.tsv", "\n".join(lines).replace(",", "\t")),
        write("a.jsonl", "\n".join(map(json.dumps, rows))),
        write("wire.jsonl", "\n".join(map(json.dumps, wire))),
        str(tmp_path / "a.parquet"),
    ):
        assert read(path) == wire, path


def test_columns_can_be_given_their_meaning(write):
    path = write("a.csv", "when|who|a|b|class\n1000|x|1|2|up\n1001|y|3|4|down\n")
    got = read(path, time="when", source="who", channels=("b",), labels=("class",))
    assert [(e["source"], e["values"], e["labels"]) for e in got] == [
        ("x", {"b": 2.0}, {"class": "up"}),
        ("y", {"b": 4.0}, {"class": "down"}),
    ]


def test_one_name_can_be_given_to_all_rows(write):
    got = read(write("a.csv", "ts,source,a\n1,x,1\n2,y,2\n"), name="plant")
    assert {e["source"] for e in got} == {"plant"}


def test_rows_without_a_time_are_counted(write):
    got = read(write("a.csv", "a,b\n1,2\n3,4\n5,6\n"), period=60.0)
    assert np.diff([e["ts"] for e in got]).tolist() == [60.0, 60.0]


def test_columns_of_text_are_no_channels(write):
    got = read(write("a.csv", "ts,a,state\n1,1,idle\n2,2,busy\n"))
    assert got[0]["values"] == {"a": 1.0}


@pytest.mark.parametrize(
    "text", ["1583748873", "1583748873000", "1583748873.0", "2020-03-09T10:14:33Z", "2020-03-09T12:14:33+02:00",
             "2020-03-09 10:14:33", "2020-03-09T10:14:33", "1583748873000000", "1583748873000000000"],
)  # fmt: skip
def test_forms_of_time(text):
    assert find_clock([text], "ts", "a.csv").times([text]).tolist() == [FIRST]


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001
def test_a_text_without_offset_is_utc(moment):
    expected = moment.replace(tzinfo=UTC).timestamp()
    cells = [str(moment), moment.isoformat() + "Z"]
    assert find_clock(cells, "ts", "a.csv").times(cells).tolist() == [expected, expected]


@pytest.mark.parametrize(
    ("name", "text", "said", "message"),
    [
        ("a.csv", "ts,a\n1,1\n2,x\n", {}, "a.csv:3: column 'a': 'x' is not a number"),
        ("a.csv", "ts,a\n1,1\nsoon,2\n", {}, "a.csv:3: column 'ts': .*soon"),
        ("a.csv", "ts,a\n1,1\n,2\n", {}, "a.csv:3: column 'ts'"),
        ("a.csv", "ts,a\n1,1\n2,2,3\n3\n", {}, "a.csv:3: 3 cells, but the header has 2; 2 lines are no rows, and 1 are"),
        ("a.csv", "ts,a,a\n1,1,1\n", {"channels": ("a",)}, "--channels: no column 'a'; the table has .*'a#1', 'a#2'"),
        ("a.csv", "ts;x,a;x\n1;x,1;x\n", {}, "',' and ';' both fit; choose with --delimiter"),
        ("a.csv", "alone\n1\n2\n", {}, "no delimiter"),
        ("a.csv", "", {}, "empty; a header line is expected"),
        ("a.csv", "ts,a\n", {}, "no rows"),
        ("a.csv", "date,time,a\n1,1,1\n", {}, "'date', 'time' could each be the event time; .*--time-column"),
        ("a.csv", "x,a\n1,1\n", {}, "no column looks like the event time .*'x', 'a'"),
        ("a.csv", "ts,a\n1,1\n", {"time": "when"}, "--time-column: no column 'when'; the table has 'ts', 'a'"),
        ("a.csv", "ts,a\n1,1\n", {"channels": ("b",)}, "--channels: no column 'b'"),
        ("a.csv", "ts,a\n1,x\n", {}, "no numeric column"),
        ("a.csv", "ts,source,a\n1,p,1\n2,,1\n", {}, "a.csv:3: column 'source': the source is missing"),
        ("a.jsonl", '{"ts": 1, "a": 1}\n{"ts"\n{\n', {}, "a.jsonl:2: not JSON"),
        ("a.jsonl", '{"ts": 1, "a": 1}\n[1]\n[2]\n', {}, "a.jsonl:2: an object is expected"),
        ("a.jsonl", '{"ts": 1, "a": 1}\n{"ts": 2, "a": {}}\n', {}, "a.jsonl:2: column 'a'"),
        ("a.parquet", "not parquet", {}, "a.parquet: not readable as Parquet"),
        ("a.xml", "<a/>", {}, "a.xml: unknown format"),
    ],
)  # fmt: skip
def test_errors_name_file_line_and_cure(write, name, text, said, message):
    with pytest.raises(SourceError, match=message):
        read(write(name, text), **said)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(bytes(range(256)) + bytes(100))
    with pytest.raises(SourceError, match=r"a\.csv: unknown format; no text"):
        read(str(tmp_path / "a.csv"))


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch, tmp_path):
    pl.DataFrame({"ts": [1.0], "a": [1.0]}).write_parquet(tmp_path / "a.parquet")
    whole = builtins.__import__

    def without(name, *rest):
        if name == "pyarrow":
            raise ImportError(name)
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"Parquet needs pyarrow; install it .*\[parquet\]"):
        read(str(tmp_path / "a.parquet"))


def test_directories_and_globs_are_read_in_natural_order(write, tmp_path):
    for name in ("10", "2", "1", "deep/3"):
        write(f"{name}.csv", SKAB)
    write("readme.txt", "not data")
    assert [e["source"] for e in read(str(tmp_path))] == [
        n for n in ("1", "2", "10", "deep/3") for _ in range(2)
    ]
    assert [e["source"] for e in read(str(tmp_path / "*.csv"))] == [
        n for n in ("1", "2", "10") for _ in range(2)
    ]
    with pytest.raises(SourceError, match="no file matches"):
        read(str(tmp_path / "*.jsonl"))


def test_identity_changes_with_the_file_and_with_the_meaning(write):
    path = write("a.csv", SKAB)
    first = Files.find([path], Columns()).identity
    assert Files.find([path], Columns()).identity == first
    assert Files.find([path], Columns(name="x")).identity != first
    write("a.csv", SKAB + "2020-03-09 10:14:35;1;1;0;0\n")
    assert Files.find([path], Columns()).identity != first


def test_waterflow_is_two_months_of_hours():
    got = events(WaterFlow())
    assert len(got) == WaterFlow().total == 1268
    assert {e["source"] for e in got} == {"waterflow"}
    assert got[0]["values"] == {"flow": 100.59}
    assert got[0]["ts"] == datetime(2022, 3, 20, 10, tzinfo=UTC).timestamp()
    assert np.median(np.diff([e["ts"] for e in got])) == 3600.0


def test_simulated_loops_stand_side_by_side_in_event_time():
    fault = Fault("leak", start=10, duration=5)
    got = events(Simulated(WaterLoop(), seed=3, faults=[fault], pumps=3, events=100))
    assert len(got) == 100
    assert [e["source"] for e in got[:4]] == ["pump-1", "pump-2", "pump-3", "pump-1"]
    assert np.diff([e["ts"] for e in got]).min() >= 0
    told = {(e["source"], round(e["ts"] - got[0]["ts"])) for e in got if e["labels"].get("fault") == "leak"}
    assert told == {("pump-1", s) for s in range(10, 15)}
    one = simulate(WaterLoop(), 34, seed=[3, 0], faults=[fault]).values
    mine = [list(e["values"].values()) for e in got if e["source"] == "pump-1"]
    np.testing.assert_array_equal(mine, one)
    assert list(got[0]["values"]) == list(CHANNELS)


def test_a_simulation_without_loops_is_refused():
    with pytest.raises(DataError, match="at least one pump"):
        Simulated(WaterLoop(), seed=1, pumps=0)


def test_a_batch_keeps_types_of_labels_and_leaves_out_those_that_are_missing():
    batch = Readings.of("p", [1, 2], ["a"], [[1], [2]], {"x": [True, None], "y": ["t", 1.5]})
    assert [json.loads(e).get("labels") for e in batch.encode()] == [{"x": True, "y": "t"}, {"y": 1.5}]


@pytest.mark.shared_data
def test_the_real_skab_files_read_whole():
    folder = Path(__file__).parents[3] / "shared" / "data" / "skab"
    if not folder.is_dir():
        pytest.skip("needs the SKAB data beside the checkout")
    batches = list(Files.find([str(folder / "valve1")], Columns()).batches())
    assert sum(len(b) for b in batches) == 18_160
    assert {len(b.channels) for b in batches} == {8}
    assert sorted({b.names[0] for b in batches}, key=int) == [str(i) for i in range(16)]
