"""Session events out of files: what columns mean, which rows are no events, and the two shops' records."""

import csv
import gzip
import json
import math
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from producers.batch import FilteredSource
from producers.drift import parse_schedule
from producers.passes import limited, looped
from producers.publish import partition_of
from producers.replay import Replay, run
from producers.sessions import SessionColumns, SessionFiles, SessionInjector
from stream_app.cli.replay import replay_app
from stream_app.errors import SettingsError, SourceError
from stream_app.events import SessionEvent
from stream_app.events.session import SessionRow, decode_session, decode_sessions
from stream_app.tables import FileFormat

ORDERS = """customer,date,units,price,kind,note
a,2011-12-09 12:50:00,2,3.5,buy,x
b,2011-12-09 12:51:00,-1,4,return,
"""
FIRST = datetime(2011, 12, 9, 12, 50, tzinfo=UTC).timestamp()

RETAIL = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,"HOLDER, WHITE",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
C536379,D,Discount,-1,2010-12-01 09:41:00,27.5,14527.0,United Kingdom
536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom
A563186,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,,United Kingdom
"""
CDNOW = """ customer_id  date number_of_cds  dollar_value\r
 00001 19970101  1   11.77\r
 00002 19970112  1   12.00\r
 00002 19970112  5   77.00\r
 00003 19970102  2   20.76\r
"""


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return str(path)

    return write


def events(source):
    """All events as they go on the wire, each checked against the schema of the worker."""
    raw = [event for batch in source.batches() for event in batch.encode()]
    for event in raw:
        SessionEvent.model_validate_json(event)
    return [json.loads(event) for event in raw]


def read(path, preset=None, **said):
    return events(SessionFiles.find([path], SessionColumns(**said), preset))


def counts(source):
    """Reasons why rows are left out, without the first places."""
    return {reason.partition(" (first")[0]: count for reason, count in source.left_out.items()}


def test_columns_are_found_where_there_is_no_doubt(write):
    got = read(write("orders.csv", ORDERS))
    ids = [event.pop("id") for event in got]
    assert got == [
        {"entity": "a", "ts": FIRST, "values": {"units": 2.0, "price": 3.5}},
        {"entity": "b", "ts": FIRST + 60, "values": {"units": -1.0, "price": 4.0}},
    ]
    assert [id_.rpartition(":")[2] for id_ in ids] == ["2", "3"]
    assert all(id_.startswith("orders-") for id_ in ids)


def test_columns_are_given_their_meaning_and_amounts_are_computed(write):
    got = read(
        write("orders.csv", ORDERS),
        entity="kind",
        values=("amount=units * price", "n=units"),
        attributes=("note", "who=customer"),
        type="kind",
        id="customer",
    )
    assert got == [
        {"entity": "buy", "ts": FIRST, "type": "buy", "values": {"amount": 7.0, "n": 2.0},
         "attributes": {"note": "x", "who": "a"}, "id": "a"},
        {"entity": "return", "ts": FIRST + 60, "type": "return", "values": {"amount": -4.0, "n": -1.0},
         "attributes": {"who": "b"}, "id": "b"},
    ]  # fmt: skip


def test_a_column_may_have_the_signs_of_a_formula_in_its_name(write):
    got = read(write("a.csv", "user,ts,a=b*c,b,c\nx,1,5,2,3\n"), values=("a=b*c",))
    assert got[0]["values"] == {"a=b*c": 5.0}


def test_all_formats_give_the_same_events(write, tmp_path):
    rows = [
        {
            "user": "ab"[i % 2],
            "ts": 1000 + i,
            "amount": i / 3 if i != 4 else None,
            "type": ["buy", None][i % 2],
        }
        for i in range(9)
    ]
    lines = ["user,ts,amount,type"]
    lines += [",".join("" if v is None else str(v) for v in row.values()) for row in rows]
    text = "\n".join(lines)
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    wire = [
        {
            "entity": r["user"],
            "ts": r["ts"],
            "type": r["type"],
            "values": {"amount": r["amount"]},
            "id": str(i),
        }
        for i, r in enumerate(rows)
    ]
    expected = [
        {key: value for key, value in event.items() if value is not None}
        | {"values": {key: value for key, value in event["values"].items() if value is not None}}
        for event in wire
    ]
    assert read(write("wire.jsonl", "\n".join(map(json.dumps, wire)))) == expected
    for path in (
        write("a.csv", text),
        write("a.csv.gz", text),
        write("a.tsv", text.replace(",", "\t")),
        write("a.jsonl", "\n".join(map(json.dumps, rows))),
        write("a.jsonl.gz", "\n".join(map(json.dumps, rows))),
        str(tmp_path / "a.parquet"),
    ):
        got = read(path)
        assert all(event.pop("id") for event in got)
        assert got == [{key: v for key, v in event.items() if key != "id"} for event in expected], path


def test_events_on_the_wire_may_have_other_values_further_down(write):
    many = [{"entity": "a", "ts": i, "values": {"x": i}} for i in range(5000)]
    last = {"entity": "b", "ts": 9000.0, "values": {"y": 2.0}, "attributes": {"at": "home"}, "id": "last"}
    got = read(write("a.jsonl", "\n".join(map(json.dumps, [*many, last]))))
    assert len(got) == 5001
    assert got[-1] == last


def test_parquet_keeps_dates_decimals_and_numbers_as_people_write_them(tmp_path):
    pl.DataFrame(
        {
            "user": [17.0, 18.0],
            "date": [date(2011, 12, 9), date(2011, 12, 10)],
            "paid": [Decimal("1.25"), Decimal("2.50")],
            "new": [True, False],
        }
    ).write_parquet(tmp_path / "a.parquet")
    got = read(str(tmp_path / "a.parquet"), values=("paid",), attributes=("new",))
    assert [(e["entity"], e["ts"], e["values"]["paid"], e["attributes"]["new"]) for e in got] == [
        ("17", FIRST // 86400 * 86400, 1.25, "true"),
        ("18", FIRST // 86400 * 86400 + 86400, 2.5, "false"),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",10,1,x", "no entity"),
        ("null,10,1,x", "no entity"),
        ("e" * 257 + ",10,1,x", "entity of more than 256 characters"),
        ("a\x07,10,1,x", "entity with unprintable characters"),
        ('"a\nb",10,1,x', "entity with unprintable characters"),
        ("a,soon,1,x", "column 'ts': no moment between 1970 and 2099"),
        ("a,,1,x", "column 'ts': no moment between 1970 and 2099"),
        ("a,-5,1,x", "column 'ts': no moment between 1970 and 2099"),
        ("a,inf,1,x", "column 'ts': no moment between 1970 and 2099"),
        ("a,10,one,x", "column 'paid': no number"),
        ("a,10,-inf,x", "column 'paid': infinite or larger than 1e+200"),
        ("a,10,1e201,x", "column 'paid': infinite or larger than 1e+200"),
        ("a,10,1e150,x", "value 'square': infinite or larger than 1e+200"),
        ("a,10,1," + "x" * 1025, "column 'note': no text of at most 1024 characters"),
    ],
)
def test_rows_that_are_no_events_are_left_out_counted_and_named(write, row, reason):
    path = write("a.csv", f'user,ts,paid,note\na:{{}},1,-2.5,"a\nb"\n{row}\nb,2,,x\n{row}\n')
    source = SessionFiles.find(
        [path], SessionColumns(values=("paid", "square=paid*paid"), attributes=("note",))
    )
    got = events(source)
    assert [(e["entity"], e["values"]) for e in got] == [("a:{}", {"paid": -2.5, "square": 6.25}), ("b", {})]
    (told,) = source.left_out
    line = 5 if "\n" in row else 4
    assert counts(source) == {reason: 2}
    assert told.endswith(f"(first: {path}:{line})")
    assert isinstance(source, FilteredSource)


WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
MOMENTS = st.one_of(st.integers(-10, 10**10).map(str), st.datetimes().map(str), WORDS)
NUMBERS = st.one_of(st.floats().map(repr), WORDS)


@given(st.lists(st.tuples(WORDS, MOMENTS, NUMBERS, NUMBERS, WORDS), min_size=1, max_size=20))
def test_whatever_cells_hold_a_row_is_an_event_of_the_schema_or_counted(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("user", "ts", "a", "b", "note"), ("sure", "1", "1", "1", "1"), *rows])
    source = SessionFiles.find(
        [str(path)],
        SessionColumns(
            values=("a", "ab=a*b"), attributes=("note",), format=FileFormat(delimiter=",", time_format="s")
        ),
    )
    got = events(source)
    assert len(got) + sum(source.left_out.values()) == 1 + len(rows)
    for event in got:
        assert isinstance(decode_session(json.dumps(event).encode()), SessionRow)


@pytest.mark.parametrize("cell", ["[1]", '{"a": 1}'])
def test_lists_and_objects_are_no_entities_times_numbers_or_texts(write, cell):
    good = {"user": "a", "ts": 1, "paid": 2, "note": "x"}
    lines = [json.dumps(good)] + [json.dumps({**good, key: "@"}).replace('"@"', cell) for key in good]
    source = SessionFiles.find([write("a.jsonl", "\n".join(lines))], SessionColumns(attributes=("note",)))
    assert len(events(source)) == 1
    assert sum(source.left_out.values()) == 4


def test_a_file_without_one_event_is_an_error_that_says_why(write):
    path = write("a.csv", "user,ts,a\nx,soon,1\n,2,1\n")
    with pytest.raises(SourceError, match=r"no row was taken: 1, no entity \(first: .*a\.csv:3\); 1, "):
        read(path)


def test_rows_without_an_entity_can_be_given_one(write):
    got = read(write("a.csv", "user,ts,a\nx,1,1\n,2,1\n"), anonymous="nobody")
    assert [e["entity"] for e in got] == ["x", "nobody"]


def test_times_can_have_a_form_of_their_own(write):
    path = write("a.csv", "user,at,a\nx,9/12/2011 12:50,1\ny,soon,1\n")
    assert [e["ts"] for e in read(path, time="at", format=FileFormat(time_format="%d/%m/%Y %H:%M"))] == [
        FIRST
    ]


@pytest.mark.parametrize(
    ("text", "said", "message"),
    [
        ("who,ts,a\nx,1,1\n", {}, "no column looks like the entity; name it with --entity-column"),
        ("user,customer,ts,a\nx,y,1,1\n", {}, "'user', 'customer' could each be the entity"),
        ("user,a\nx,1\n", {}, "no column looks like the event time .*name it with --time-column$"),
        ("user,ts,a\nx,1,1\n", {"entity": "who"}, "--entity-column: no column 'who'; the table has 'user'"),
        ("user,ts,a\nx,1,1\n", {"time": "at"}, "--time-column: no column 'at'"),
        ("user,ts,a\nx,1,1\n", {"values": ("b",)}, "--values: no column 'b'"),
        ("user,ts,a\nx,1,1\n", {"values": ("c=a*b",)}, "--values: no column 'b'"),
        ("user,ts,a\nx,1,1\n", {"values": ("=a",)}, "a name has 1 to 256 characters"),
        ("user,ts,a\nx,1,1\n", {"values": ("a", "a")}, "--values: 'a' is there twice"),
        ("user,ts,a\nx,1,1\n", {"values": tuple(f"v{i}=a" for i in range(65))}, "65 of them; an event has 64"),
        ("user,ts,a\nx,1,1\n", {"attributes": ("b",)}, "--attributes: no column 'b'"),
        ("user,ts,a\nx,1,1\n", {"type": "b"}, "--type-column: no column 'b'"),
        ("user,ts,a\nx,1,1\n", {"id": "b"}, "--id-column: no column 'b'"),
        ("user,ts,a\nx,1,1\n", {"preset": "cdnow"}, "--preset cdnow: no column 'customer_id'"),
        ("user,ts,a\nx,1,1,1\n", {}, "a.csv:2: 4 cells, but the header has 3"),
        ("user,ts,a\n", {}, "no rows"),
    ],
)  # fmt: skip
def test_columns_that_are_missing_or_in_doubt_are_told_before_anything_is_sent(write, text, said, message):
    with pytest.raises(SourceError, match=message):
        SessionFiles.find([write("a.csv", text)], SessionColumns(**{k: v for k, v in said.items() if k != "preset"}),
                          said.get("preset"))  # fmt: skip


def test_a_damaged_compressed_file_is_named(tmp_path):
    whole = gzip.compress(ORDERS.encode() * 1000)
    for name, content in (("cut.csv.gz", whole[:-20]), ("no.csv.gz", b"not compressed")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=rf"{name}: damaged"):
            read(str(tmp_path / name))


def test_an_unknown_preset_is_a_mistake_in_the_call(write):
    with pytest.raises(SettingsError, match="no 'tesco'; there is online-retail, cdnow"):
        read(write("a.csv", ORDERS), preset="tesco")


def test_online_retail_is_known_by_its_columns(write):
    source = SessionFiles.find([write("shop.csv.gz", RETAIL)], SessionColumns())
    got = events(source)
    assert counts(source) == {"no entity": 2}
    assert [(e["entity"], e["type"], e["values"], e["attributes"]) for e in got] == [
        ("17850", "purchase", {"quantity": 6.0, "price": 2.55, "amount": 6 * 2.55},
         {"invoice": "536365", "item": "85123A", "country": "United Kingdom"}),
        ("14527", "cancellation", {"quantity": -1.0, "price": 27.5, "amount": -27.5},
         {"invoice": "C536379", "item": "D", "country": "United Kingdom"}),
    ]  # fmt: skip
    assert got[0]["ts"] == datetime(2010, 12, 1, 8, 26, tzinfo=UTC).timestamp()
    everyone = read(write("shop.csv", RETAIL), anonymous="nobody")
    assert [e["type"] for e in everyone] == ["purchase", "cancellation", "purchase", "adjustment"]
    assert [e["id"] for e in everyone[:2]] == [e["id"] for e in got]


def test_what_the_user_says_wins_over_a_preset_and_is_no_shop_without_one(write):
    path = write("shop.csv", RETAIL)
    (first, _) = read(path, preset="online-retail", values=("Quantity",))
    assert (first["entity"], first["values"], first["type"]) == ("17850", {"Quantity": 6.0}, "purchase")
    (first, _) = read(path, entity="CustomerID", values=("Quantity",))
    assert (first["entity"], first["values"], "type" in first) == ("17850.0", {"Quantity": 6.0}, False)


def test_cdnow_is_known_by_its_columns_and_sorted_by_date(write):
    got = read(write("CDNOW_master.txt", CDNOW))
    assert [(e["entity"], e["values"], e["id"].rpartition(":")[2]) for e in got] == [
        ("00001", {"units": 1.0, "dollars": 11.77}, "2"),
        ("00003", {"units": 2.0, "dollars": 20.76}, "5"),
        ("00002", {"units": 1.0, "dollars": 12.0}, "3"),
        ("00002", {"units": 5.0, "dollars": 77.0}, "4"),
    ]
    assert {e["type"] for e in got} == {"purchase"}
    assert got[0]["ts"] == datetime(1997, 1, 1, tzinfo=UTC).timestamp()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(-5, 5)), min_size=1))
def test_sorting_is_stable_over_all_files(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("sorted")
    half = len(rows) // 2
    for name, part, column in (("1", rows[:half], "x"), ("2", rows[half:], "y")):
        lines = [f"user,ts,{column}", *(f"{who},{ts},{value}" for who, ts, value in part)]
        if part:
            (folder / f"{name}.csv").write_text("\n".join(lines))
    got = read(str(folder), sort=True)
    expected = sorted(
        [(ts, who, {"x": float(v)}) for who, ts, v in rows[:half]]
        + [(ts, who, {"y": float(v)}) for who, ts, v in rows[half:]],
        key=lambda row: row[0],
    )
    assert [(e["ts"], e["entity"], e["values"]) for e in got] == expected


def test_the_same_row_has_the_same_id_wherever_its_file_is_and_another_file_another(write):
    def ids(path):
        return [event["id"] for event in read(path)]

    first = ids(write("jan/orders.csv", ORDERS))
    assert ids(write("moved/orders.csv", ORDERS)) == first
    assert ids(write("longer/orders.csv", ORDERS + "c,2011-12-09 13:00:00,1,1,buy,\n"))[:2] == first
    other = ids(write("feb/orders.csv", ORDERS.replace("a,2011", "c,2011")))
    assert not set(other) & set(first)


def test_each_pass_of_a_loop_has_ids_of_its_own_and_later_times(write):
    source = SessionFiles.find([write("orders.csv", ORDERS)], SessionColumns())
    raw = [e for batch in limited(looped(source), 6) for e in batch.encode()]
    again = [e for batch in limited(looped(source), 6) for e in batch.encode()]
    got = [json.loads(event) for event in raw]
    assert raw == again
    assert [e["ts"] for e in got] == [FIRST + 60 * i for i in range(6)]
    assert len({e["id"] for e in got}) == 6
    long = write("long.csv", f"user,ts,a,id\nx,1,1,{'i' * 255}\n")
    with pytest.raises(SourceError, match="an id is too long to be told apart in each pass"):
        list(limited(looped(SessionFiles.find([long], SessionColumns())), 2))


def test_identity_changes_with_the_file_and_with_the_meaning(write):
    path = write("a.csv", ORDERS)
    first = SessionFiles.find([path], SessionColumns()).identity
    assert SessionFiles.find([path], SessionColumns()).identity == first
    assert SessionFiles.find([path], SessionColumns(sort=True)).identity != first
    write("a.csv", ORDERS + "c,2011-12-09 13:00:00,1,1,buy,\n")
    assert SessionFiles.find([path], SessionColumns()).identity != first


def test_drift_changes_the_stream_as_a_whole_and_one_entity_alone(write):
    rng = np.random.default_rng(3)
    rows = [(f"c{i % 40}", 1000 + i, float(rng.normal(10, 2))) for i in range(9000)]
    path = write("a.csv", "\n".join(["user,ts,amount", *(f"{w},{t},{v!r}" for w, t, v in rows)]))
    injector = SessionInjector(parse_schedule("amount:mean+3sd@5000..6000; c7/amount:scale*2@#100.."))
    batches = [injector.apply(batch) for batch in SessionFiles.find([path], SessionColumns()).batches()]
    got = [json.loads(event) for batch in batches for event in batch.encode()]
    sd = np.std([value for _, _, value in rows[:5000]], ddof=1)
    seen = Counter()
    for i, (event, (who, _, value)) in enumerate(zip(got, rows, strict=True)):
        inside, doubled = 5000 <= i < 6000, who == "c7" and seen["c7"] >= 100
        seen[who] += 1
        expected = (value + 3 * sd * inside) * (2 if doubled else 1)
        assert math.isclose(event["values"]["amount"], expected, rel_tol=1e-12)
        changes = ["amount:mean+3sd@5000..6000"] * inside + ["c7/amount:scale*2@#100.."] * doubled
        assert event.get("attributes", {}).get("drift") == ("; ".join(changes) or None)


@pytest.fixture
def call(monkeypatch, tmp_path, broker_address, prefix):
    """The command with a topic of the test's own, and no settings or states but its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in [name for name in os.environ if name.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STREAMGAUGE_PREFIX", prefix)

    def call(*arguments):
        return CliRunner().invoke(
            replay_app, ["sessions", *arguments, "--kafka", broker_address, "--partitions", "3"]
        )

    return call


@pytest.mark.integration
def test_the_command_tells_entities_and_what_was_left_out(call, write, prefix):
    path = write("shop.csv", RETAIL)
    told = call(path).stdout
    assert f"replayed 2 events of 2 entities into {prefix}.session.events (3 partitions)" in told
    assert f"left out 2: no entity (first: {path}:4)" in told
    summary = json.loads(call(path, "--json", "--anonymous", "nobody").stdout)
    assert (summary["events"], summary["sources"], summary["left_out"]) == (4, 3, {})


@pytest.mark.integration
async def test_a_replay_goes_on_where_it_ended_and_entities_are_keys(
    kafka, write, prefix, read_topic, tmp_path
):
    rng = np.random.default_rng(5)
    rows = [f"u{rng.integers(300)},{rng.integers(1000, 2000)},{i}" for i in range(9000)]
    path = write("a.csv", "\n".join(["user,ts,n", *rows]))
    expected = read(path, sort=True)
    source = SessionFiles.find([path], SessionColumns(sort=True))
    plan = Replay(source, kafka, (f"{prefix}.session.events",), 3, state=tmp_path / "state.json", limit=5000)
    first = await run(plan)
    second = await run(replace(plan, limit=None, resume=True))
    assert (first.events, second.before, second.events) == (5000, 5000, 4000)
    records = await read_topic(f"{prefix}.session.events", 9000)
    by_number = {int(record.headers[0][1].split(b":")[1]): record for record in records}
    assert [json.loads(by_number[i].value) for i in range(9000)] == expected
    assert all(record.key.decode() == json.loads(record.value)["entity"] for record in records)
    assert all(record.partition == partition_of(record.key.decode(), 3) for record in records)


@pytest.mark.integration
def test_what_cannot_be_opened_leaves_the_topic_alone(call, write):
    result = call(write("a.csv", ORDERS), "--entity-column", "nobody")
    assert isinstance(result.exception, SourceError)
    assert call(write("a.csv", ORDERS), "--preset", "tesco").exit_code == 2


def shop_file(*parts):
    path = Path(__file__).parents[3].joinpath("shared", "data", *parts)
    if not path.is_file():
        pytest.skip("needs the shops' data beside the checkout")
    return path


def whole(path):
    """The source, and of all its events: entities, times, types, ids, values by name, attributes by name."""
    source = SessionFiles.find([str(path)], SessionColumns())
    batches = [batch for batch in source.batches() if len(batch)]
    for event in batches[0].encode() + batches[-1].encode():
        SessionEvent.model_validate_json(event)
    return (
        source,
        [batch.names[code] for batch in batches for code in batch.source.tolist()],
        [datetime.fromtimestamp(ts, UTC) for batch in batches for ts in batch.ts.tolist()],
        [type_ for batch in batches for type_ in batch.types],
        {id_ for batch in batches for id_ in batch.ids},
        dict(zip(batches[0].channels, np.concatenate([b.values for b in batches]).T.tolist(), strict=True)),
        {key: [text for b in batches for text in b.attributes[key]] for key in batches[0].attributes},
    )


@pytest.mark.shared_data
@pytest.mark.slow
def test_online_retail_read_whole_equals_a_naive_reading():
    path = shop_file("online-retail", "online_retail.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        _, *rows = csv.reader(file)
    source, entities, times, types, ids, values, attributes = whole(path)
    assert source.total == len(rows) == 541_909
    known = [row for row in rows if row[6]]
    invoices, items, _, units, moments, prices, customers, countries = map(list, zip(*known, strict=True))
    assert counts(source) == {"no entity": 135_080}
    assert entities == [customer.removesuffix(".0") for customer in customers]
    assert [time.strftime("%Y-%m-%d %H:%M:%S") for time in times[::97]] == moments[::97]
    assert values["quantity"] == [float(n) for n in units]
    assert values["price"] == [float(n) for n in prices]
    assert values["amount"] == [float(n) * float(p) for n, p in zip(units, prices, strict=True)]
    assert attributes == {"invoice": invoices, "item": items, "country": countries}
    assert types == ["cancellation" if invoice.startswith("C") else "purchase" for invoice in invoices]
    assert types.count("cancellation") == 8905
    assert len(ids) == len(known) == 406_829


@pytest.mark.shared_data
def test_cdnow_read_whole_equals_a_naive_reading():
    path = shop_file("cdnow", "CDNOW_master.txt")
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    source, entities, times, types, ids, values, _ = whole(path)
    assert source.total == len(entities) == len(ids) == 69_659
    assert source.left_out == {}
    rows.sort(key=lambda row: row[1])
    assert list(zip(entities, (time.strftime("%Y%m%d") for time in times), strict=True)) == [
        (row[0], row[1]) for row in rows
    ]
    assert values == {"units": [float(row[2]) for row in rows], "dollars": [float(row[3]) for row in rows]}
    assert set(types) == {"purchase"}


def test_the_entity_has_the_name_that_the_stream_expects(write):
    text = "customer,buyer,ts,amount\nalice,b,10,2.5\nbob,b,20,3\n"
    for said in ({}, {"entity": "customer"}, {"sort": True}):
        columns = SessionColumns(entity_field="customer", **said)
        source = SessionFiles.find([write("a.csv", text)], columns)
        raw = [event for batch in source.batches() for event in batch.encode()]
        assert [json.loads(event)["customer"] for event in raw] == ["alice", "bob"]
        rows = decode_sessions(raw, key="customer")
        assert [(row.entity, row.values) for row in rows] == [
            ("alice", {"amount": 2.5}),
            ("bob", {"amount": 3.0}),
        ]
