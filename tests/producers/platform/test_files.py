"""Files of a platform, read in the order of time."""

import gzip
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from producers.platform import PlatformFiles
from stream_app.errors import SourceError
from stream_app.events import PlatformDecoder, Rejected
from stream_app.tables import FileFormat


def read(*paths, form=None):
    """Return what is sent of files, record by record."""
    files = PlatformFiles.find([str(path) for path in paths], "prod", form or FileFormat())
    raws = [raw for batch in files.batches() for raw in batch.encode()]
    # A worker takes whatever is sent.
    assert not [one for one in PlatformDecoder("x").decode(raws) if isinstance(one, Rejected)]
    return [json.loads(raw) for raw in raws], files.left_out


def flat(records):
    """Return samples as (time, name, labels, value)."""
    return [
        (record["ts"], one["name"], one["labels"], one["value"])
        for record in records
        for one in record["samples"]
    ]


def test_a_long_table_by_series_is_sent_in_the_order_of_time(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(
        "time,name,instance,device,value\n"
        "10,load1,w1,,1\n20,load1,w1,,2\n30,load1,w1,,3\n10,io_total,w2,sda,5\n30,io_total,w2,sda,\n20,io_total,w2,sda,7\n"
    )
    records, left = read(path)
    assert [record["source"] for record in records] == ["prod"] * 3
    assert flat(records) == [
        (10.0, "load1", {"instance": "w1"}, 1.0),
        (10.0, "io_total", {"device": "sda", "instance": "w2"}, 5.0),
        (20.0, "load1", {"instance": "w1"}, 2.0),
        (20.0, "io_total", {"device": "sda", "instance": "w2"}, 7.0),
        (30.0, "load1", {"instance": "w1"}, 3.0),
    ]
    assert left == {}


def test_rows_that_make_no_sense_are_left_out_with_their_place(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(
        "time,metric,value\n10,load1,1\n11,load1,high\n,load1,3\n13,,4\n14,load1,NaN\n15,load1,5\n"
    )
    records, left = read(path)
    assert [value for *_, value in flat(records)] == [1.0, 5.0]
    assert left == {
        f"column 'value': no number (first: {path}:3)": 1,
        f"column 'time': no moment between 1970 and 2099 (first: {path}:4)": 1,
        f"column 'metric': a metric without a name (first: {path}:5)": 1,
    }


@pytest.mark.parametrize("cell", ['{"job": "node", "x": null}', '{job="node"}', 'job="node"'])
def test_labels_may_be_in_one_cell(tmp_path, cell):
    path = tmp_path / "long.tsv"
    path.write_text("time\tname\tlabels\tvalue\n10\tup\t" + cell + "\t1\n")
    assert flat(read(path)[0]) == [(10.0, "up", {"job": "node"}, 1.0)]


def test_a_wide_table_has_a_series_a_column(tmp_path):
    path = tmp_path / "wide.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(
            'time;"load1{instance=""w1"",job=""node""}";latency p90\n2026-01-01 00:00;1;\n2026-01-01 00:01;2;3\n'
        )
    records, _ = read(path)
    assert flat(records) == [
        (1767225600.0, "load1", {"instance": "w1", "job": "node"}, 1.0),
        (1767225660.0, "load1", {"instance": "w1", "job": "node"}, 2.0),
        (1767225660.0, "latency p90", {}, 3.0),
    ]


def test_times_without_an_offset_are_of_the_named_zone_in_autumns_hour_too(tmp_path):
    path = tmp_path / "wide.csv"
    rows = ["02:00", "02:30", "02:00", "02:30", "03:00"]
    path.write_text("time,load\n" + "".join(f"2024-10-27 {row},{i}\n" for i, row in enumerate(rows)))
    records, _ = read(path, form=FileFormat(time_zone="Europe/Berlin"))
    assert np.diff([record["ts"] for record in records]).tolist() == [1800.0] * 4


def test_several_lines_of_names_are_labels(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(
        "microservice,PetSite,PetSite,Search\nmetric,latency,requests,latency\nstatistic,p90,,p50\nunix_timestamp,,,\n"
        "1681346400.0,0.5,,0.25\n1681346700.0,,12,\n"
    )
    assert flat(read(path)[0]) == [
        (1681346400.0, "latency", {"microservice": "PetSite", "statistic": "p90"}, 0.5),
        (1681346400.0, "latency", {"microservice": "Search", "statistic": "p50"}, 0.25),
        (1681346700.0, "requests", {"microservice": "PetSite"}, 12.0),
    ]
    path.write_text("a,x,y\nb,1,2\nt,,\n10,1,2\n")
    with pytest.raises(SourceError, match="no line above the table begins with metric or name"):
        read(path)
    path.write_text("metric,x,y\njob,1,2\nt,,\n10,1,2,3\n")
    with pytest.raises(SourceError, match=r"metrics\.csv:4: 4 cells, but the lines of names have 3"):
        read(path)


def test_queries_of_the_runtime_table(tmp_path):
    path = tmp_path / "queries.parquet"
    table = {
        "query_id": ["q2", "q1", "q3"],
        "state": ["FAILED", "FINISHED", "RUNNING"],
        "user": ["ann", "etl", "etl"],
        "query": ["SELECT secret FROM t WHERE k = 'SESAME'", "SELECT 4711", "SELECT 1"],
        "queued_time_ms": [5, 250, 0],
        "created": np.array(["2026-01-01T00:00:09", "2026-01-01T00:00:01", "2026-01-01T00:00:09"], "M8[ms]"),
        "end": np.array(["2026-01-01T00:00:12", "2026-01-01T00:00:03", "NaT"], "M8[ms]"),
        "error_code": ["EXCEEDED_MEMORY", None, None],
    }
    parquet.write_table(pa.table(table), path)
    records, left = read(path)
    assert [record["metadata"]["queryId"] for record in records] == ["q1", "q2"]
    first, second = records
    assert first["statistics"] == {"queuedTime": 0.25, "wallTime": 2.0}
    assert first["createTime"] == "2026-01-01T00:00:01.000Z"
    assert first["endTime"] == "2026-01-01T00:00:03.000Z"
    assert first["context"] == {"user": "etl"}
    assert second["metadata"]["queryState"] == "FAILED"
    assert second["failureInfo"] == {"errorCode": {"name": "EXCEEDED_MEMORY"}}
    assert list(left.values()) == [1]
    assert "a query that has not ended" in next(iter(left))
    assert "SESAME" not in json.dumps(records)
    assert "4711" not in json.dumps(records)


def test_metrics_queries_and_changes_are_merged_by_time(tmp_path):
    (tmp_path / "a.csv").write_text("time,load\n10,1\n20,2\n30,3\n")
    (tmp_path / "b.csv").write_text(
        "time,kind,what,version,nodes\n25,deployment,worker,475,w1 w2\n5,configuration,spill,,\n"
    )
    (tmp_path / "c.jsonl").write_text(
        '{"metadata": {"queryId": "q", "query": "SELECT 1", "queryState": "FAILED"}, "statistics": {}, "endTime": "1970-01-01T00:00:15Z"}\n'
        '{"source": "x", "ts": 22, "samples": [{"name": "up", "value": "NaN"}, {"name": "up", "labels": {"job": "n"}, "value": 1, "ts": 21}]}\n'
        '{"timestamp": "1970-01-01T00:00:27Z", "value": "1.5", "name": "up", "labels": {"__name__": "up", "job": "m"}}\n'
        '{"ts": 28, "name": "up", "labels": {}, "value": "often"}\n'
        '{"ts": 29\n'
    )
    records, left = read(tmp_path)
    order = [record.get("ts") or record["endTime"] for record in records]
    assert order == [5, 10, "1970-01-01T00:00:15.000Z", 20, 22, 25, 27, 30]
    assert records[0]["change"] == {"kind": "configuration", "what": "spill", "version": "", "nodes": []}
    assert records[5]["change"]["nodes"] == ["w1", "w2"]
    assert records[4]["samples"] == [{"name": "up", "labels": {"job": "n"}, "value": 1.0, "ts": 21.0}]
    assert records[6]["samples"] == [{"name": "up", "labels": {"job": "m"}, "value": 1.5}]
    assert sum(left.values()) == 2


def test_a_file_without_metrics_is_refused_in_a_line(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_text("time,note\n10,hello\n20,world\n")
    with pytest.raises(SourceError, match=r"notes\.csv: no column has numbers, so none is a metric"):
        read(path)
    path.write_text("time,metric,value\nten,load,1\n")
    with pytest.raises(SourceError, match=r"notes\.csv"):
        read(path)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 50), st.sampled_from("abc"), st.sampled_from(["w1", "w2", ""]), st.integers()
        ),
        min_size=1,
        max_size=60,
    )
)
def test_long_tables_lose_no_sample_and_keep_the_order_of_time(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("long") / "long.jsonl"
    lines = ({"time": 1e9 + ts, "metric": n, "node": node or None, "value": v} for ts, n, node, v in rows)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    expected = sorted(
        ((1e9 + ts, n, {"node": node} if node else {}, float(v)) for ts, n, node, v in rows),
        key=lambda row: row[0],
    )
    assert flat(read(path)[0]) == expected


def test_a_moment_with_many_samples_becomes_several_records_that_a_worker_takes(tmp_path):
    path = tmp_path / "many.jsonl"
    with path.open("w") as file:
        for number in range(5000):
            labels = {"instance": f"w{number}", "query": "x" * 50}
            file.write(json.dumps({"time": 10, "name": "m", "tags": labels, "value": number}) + "\n")
    files = PlatformFiles.find([str(path)], "prod", FileFormat())
    raws = [raw for batch in files.batches() for raw in batch.encode()]
    assert len(raws) > 1
    assert max(map(len, raws)) <= 262_144
    assert sum(len(json.loads(raw)["samples"]) for raw in raws) == 5000


def test_samples_that_a_worker_would_refuse_are_left_out_alone(tmp_path):
    path = tmp_path / "a.jsonl"
    many = {f"l{number}": "" for number in range(65)}
    samples = [
        {"name": "ok", "value": 1, "labels": {"a": "x" * 1024, "b" * 256: "y"}},
        {"name": "long", "value": 1, "labels": {"a": "x" * 1025}},
        {"name": "n" * 257, "value": 1},
        {"name": "", "value": 1},
        {"name": "empty", "value": 1, "labels": {"": "x"}},
        {"name": "many", "value": 1, "labels": many},
        {"name": "last", "value": 2},
    ]
    path.write_text(json.dumps({"ts": 10, "samples": samples}) + "\n")
    records, left = read(path)
    assert [one["name"] for one in records[0]["samples"]] == ["ok", "last"]
    assert left == {
        f"a label of more than 1024 characters (first: {path}:1)": 1,
        f"a name of a metric or label that has not 1 to 256 characters (first: {path}:1)": 2,
        f"a sample without a name (first: {path}:1)": 1,
        f"a sample of more than 64 labels (first: {path}:1)": 1,
    }


def test_batches_can_be_shifted_and_queries_become_others(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text(
        '{"ts": 10, "samples": [{"name": "up", "value": 1, "ts": 9}]}\n'
        '{"metadata": {"queryId": "q", "queryState": "FINISHED"}, "statistics": {}, "createTime": 5, "endTime": 12}\n{"ts": 14, "change": {"kind": "a", "what": "b"}}\n'
    )
    files = PlatformFiles.find([str(path)], "prod", FileFormat())
    (batch,) = files.batches()
    later = [json.loads(raw) for raw in batch.shifted(100.0).encode()]
    assert later[0]["ts"] == 110.0
    assert later[0]["samples"][0]["ts"] == 109.0
    assert later[1]["metadata"]["queryId"] == "q+100"
    assert later[1]["createTime"] == "1970-01-01T00:01:45.000Z"
    assert later[2]["ts"] == 114.0
    assert batch.take(slice(1, 3)).ts.tolist() == [12.0, 14.0]
