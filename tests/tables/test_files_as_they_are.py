"""Files as people have them, each with the right outcome beside it: what is read of it, or the question that is asked."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from stream_app.errors import SourceError
from stream_app.tables import Columns, FileFormat, open_files
from stream_app.tables.clock import Clock
from stream_app.tables.format import Long

FILES = Path(__file__).resolve().parents[1] / "files"
FIRST = datetime(2024, 1, 15, 10, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
FLOW, LEVEL = 30.0, 2.2


@dataclass(frozen=True)
class Read:
    """What is read of a file: its channels, and in them the first row and the time of the last."""

    channels: tuple[str, ...] = ("flow", "level")
    values: tuple[float, ...] = (FLOW, LEVEL)
    rows: int = 60
    first: float = FIRST
    period: float = MINUTE
    missing: int = 0
    said: dict = field(default_factory=dict)
    notes: str = ""


def one(**changed):
    return Read(**{"channels": ("flow",), "values": (FLOW,), **changed})


def form(**said):
    return {"format": FileFormat(**said)}


MIDNIGHT = datetime(2024, 1, 15, tzinfo=UTC).timestamp()
READ = {
    # Times.
    "day_first.csv": one(),
    "day_or_month_first.csv": one(first=FIRST - 10 * DAY, said=form(time_format="%d/%m/%Y %H:%M")),
    "twelve_hours.csv": one(first=FIRST + 3 * HOUR),
    "month_names.csv": one(),
    "date_and_time.csv": one(notes="date and time of day are two columns"),
    "epoch_s.csv": one(),
    "epoch_ms.csv": one(),
    "epoch_us.csv": one(),
    "epoch_ns.csv": one(),
    "digits_6.csv": one(first=MIDNIGHT, period=DAY, said=form(time_format="%y%m%d")),
    "digits_8.csv": one(first=MIDNIGHT, period=DAY, said=form(time_format="%Y%m%d")),
    "digits_10.csv": one(period=DAY, said=form(time_format="%Y%m%d%H")),
    "digits_12.csv": one(said=form(time_format="%Y%m%d%H%M")),
    "digits_14.csv": one(said=form(time_format="%Y%m%d%H%M%S")),
    "excel_days.csv": one(said=form(time_format="excel")),
    # From 00:00 on the night on which 02:00 to 02:59 is there twice: no hour is missing or double.
    "autumn.csv": one(first=1729980000.0, period=600.0, said=form(time_zone="Europe/Berlin")),
    # Numbers.
    "decimal_comma.csv": Read(notes="numbers have decimal commas"),
    "thousands.csv": Read(("power",), (1300.0,)),
    "thousands_or_fraction.csv": Read(("power",), (1.234,), said=form(decimal=",")),
    "percent.csv": Read(("load",), (FLOW,)),
    "units_row.csv": Read(),
    "switches.csv": Read(("flow", "pump", "valve"), (FLOW, 1.0, 0.0)),
    "missing_words.csv": Read(missing=10),
    "sentinel.csv": one(missing=1, said=form(missing=("-9999",))),
    "bad_cell.csv": one(missing=1),
    "bad_time.csv": one(rows=59),
    # Shapes.
    "long.csv": Read(said=form(long=Long("sensor", "value"))),
    "long_by_sensor.csv": Read(said=form(long=Long("sensor", "value"))),
    "nested.jsonl": Read(("plant.pump.flow", "plant.tank.level")),
    "array.json": Read(),
    "data_array.json": Read(),
    "titles.csv": Read(notes="passed over: 3"),
    "comments.csv": Read(notes="passed over: 2"),
    "comment_header.csv": Read(),
    "no_header.csv": Read(("column 2", "column 3"), notes="no line names the columns"),
    "twice.csv": one(notes="several columns are called 'spare'"),
    "pandas_index.csv": one(),
    "pandas_times.csv": Read(),
    "text_sources.csv": one(rows=120, said={"source": "pump"}),
    "ten_a_second.csv": one(period=0.1, notes="10 readings have each stamp"),
    "blanks.dat": Read(),
    "separator.csv": Read(),
    "trailing.csv": one(),
    "wide.csv": Read(tuple(f"c{i}" for i in range(66)), tuple(FLOW + i for i in range(66)), rows=110),
    # Containers.
    "utf16.csv": Read(),
    "latin1.csv": Read(("Rücklauf °C",), (FLOW,), notes="the encoding cp1252 is guessed"),
    "packed.csv.gz": Read(),
    "packed.csv.bz2": Read(),
    "packed.csv.xz": Read(),
    "packed.csv.zst": Read(),
    "packed.zip": Read(),
    "table.parquet": Read(),
    "table.feather": Read(),
    "parquet_inside.csv": Read(),
    "plain.txt": Read(),
}
ASKED = {
    "day_or_month_first.csv": r"column 'time': '05/01/2024 10:00' could have the day or the month first; .*--time-format",
    "clock_only.csv": "column 'time': '10:00:00' is a time without a date; .*--time-column DATE,TIME",
    "digits_6.csv": "'240115' could be a date or epoch seconds; choose with --time-format %y%m%d or",
    "digits_8.csv": "'20240115' could be a date or epoch seconds; choose with --time-format %Y%m%d or",
    "digits_10.csv": "'2024011510' could be a date .*--time-format %Y%m%d%H or",
    "digits_12.csv": "'202401151000' could be a date .*--time-format %Y%m%d%H%M or",
    "digits_14.csv": "'20240115100000' could be a date .*--time-format %Y%m%d%H%M%S or",
    "excel_days.csv": "'45306.416667' could be a day of a spreadsheet .*--time-format excel or",
    "thousands_or_fraction.csv": "column 'power': the comma of '1,234' may .*--decimal",
    "bad_cells.csv": "bad_cells.csv:23: column 'flow': '3x1' is not a number; leave the column out",
    "no_number.csv": "no numeric column",
    "page.html": "looks like XML or HTML",
    "two.zip": r"an archive of 2 files \(a.csv, b.csv\); unpack it",
    "sheet.xlsx": "needs openpyxl; .*or save the sheet as CSV|not readable as a spreadsheet",
}


def opened(name, **said):
    (table,) = open_files([str(FILES / name)], Columns(**said))
    return table, [rows for rows, *_ in table.blocks()]


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read_as_it_is_meant(name):
    expected = READ[name]
    table, blocks = opened(name, **expected.said)
    ts = np.concatenate([rows.ts for rows in blocks])
    values = np.concatenate([rows.values for rows in blocks])
    understood = table.source.understood()
    assert (blocks[0].channels, len(ts)) == (expected.channels, expected.rows)
    assert (ts[0], understood.period) == (expected.first, pytest.approx(expected.period))
    assert values[0] == pytest.approx(expected.values, rel=0.01)
    assert np.isnan(values).sum() == expected.missing
    assert expected.notes in "; ".join(understood.notes)


@pytest.mark.parametrize("name", ASKED)
def test_what_two_readings_fit_is_asked_for(name):
    with pytest.raises(SourceError, match=rf"^[^\n]*{name}[^\n]*{ASKED[name].removeprefix(name)}[^\n]*$"):
        opened(name)


def test_the_hour_that_is_there_twice_in_autumn_is_told_apart():
    _, (rows,) = opened("autumn.csv", **form(time_zone="Europe/Berlin"))
    assert np.diff(rows.ts).tolist() == [600.0] * 59


def test_ten_readings_of_a_second_have_times_of_their_own():
    _, (rows,) = opened("ten_a_second.csv")
    assert np.diff(rows.ts) == pytest.approx([0.1] * 59, abs=1e-6)


def test_rows_and_cells_that_make_no_sense_are_counted_and_named():
    cell, _ = opened("bad_cell.csv")
    assert cell.source.left.counts == {"column 'flow': cell taken as missing, no number, like '3x1'": 1}
    time, _ = opened("bad_time.csv")
    (place,) = time.source.left.first.values()
    assert place.endswith("bad_time.csv:42")


@pytest.mark.parametrize(("name", "column"), [("long.csv", "sensor"), ("text_sources.csv", "pump")])
def test_a_column_that_looks_like_the_source_is_told(name, column):
    table, (rows,) = opened(name)
    (note,) = table.source.understood().notes
    assert f"say --source-column {column}, or --long {column},{rows.channels[0]} if it names channels" in note
    assert np.unique(np.diff(rows.ts)).tolist() == [0.0, MINUTE]


def test_units_are_those_that_the_file_says():
    assert opened("units_row.csv")[0].source.understood().units == {"flow": "l/min", "level": "m"}
    assert opened("percent.csv")[0].source.understood().units == {"load": "%"}


@pytest.mark.parametrize(
    ("header", "channels", "notes"),
    [
        ("time,pump#1,pump#2,pump#3", ("pump#1", "pump#2", "pump#3"), []),
        (
            "time,a,a,a#1",
            ("a#2", "a#3", "a#1"),
            ["several columns are called 'a': each has its number behind it"],
        ),
    ],
)
def test_no_column_hides_another_of_its_name(tmp_path, header, channels, notes):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n" + "".join(f"2024-01-15 10:0{i},{i},{i},{i}\n" for i in range(5)))
    (table,) = open_files([str(path)], Columns())
    understood = table.source.understood()
    assert (understood.channels, list(understood.notes)) == (channels, notes)


def test_the_hour_of_autumn_is_told_apart_for_each_source_of_a_spreadsheet():
    clock = Clock("excel", ZoneInfo("Europe/Berlin"), coarse=True)
    # 01:00, 02:00, 02:00 and 03:00 of 2024-10-27, of two sources each.
    days = [45592 + hour / 24 for hour in (1, 1, 2, 2, 2, 2, 3, 3)]
    ts = clock.times(days, ["a", "b"] * 4)
    assert (ts - ts[0]).tolist() == [0.0, 0.0, 3600.0, 3600.0, 7200.0, 7200.0, 10800.0, 10800.0]
