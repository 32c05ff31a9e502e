"""Files as people have them, each with the right outcome beside it: what is read of it, or the question that is asked."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from corpus import FILES, MINUTE, READ, form

from stream_app.errors import SourceError
from stream_app.tables import Columns, open_files
from stream_app.tables.clock import Clock

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
