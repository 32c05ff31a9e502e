"""What is read of each file of the corpus, `tests/files`."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stream_app.tables import FileFormat
from stream_app.tables.format import Long

__all__ = ["DAY", "FILES", "FIRST", "FLOW", "HOUR", "LEVEL", "MINUTE", "READ", "Read", "form", "one"]

FILES = Path(__file__).resolve().parent / "files"
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
