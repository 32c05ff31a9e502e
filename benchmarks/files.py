"""What it costs to read files of readings, beside polars' own reading of the same files.

Usage: ``python benchmarks/files.py [--full]``. Files are made: a reading a second, values with three decimals, ISO times;
as CSV and as Parquet with 8, 64 and 300 channels, as CSV with decimal commas and day-first times, and as a long one with a
reading a row. They have 100,000 rows (30,000 of 64 channels, 5,000 of 300), with ``--full`` ten times as many. Rows are read
to arrays as a backtest does, without a monitor; polars parses the same columns to a frame. CPU seconds are those of all
threads of the process. Targets are CPU seconds for a million rows.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from stream_app.tables import Columns, FileFormat, open_files
from stream_app.tables.format import AS_FOUND, Long

BEGIN = datetime(2024, 1, 15)  # noqa: DTZ001 as files have it
ROWS = {8: 100_000, 64: 30_000, 300: 5_000}
TARGETS = {("CSV", 8): 10.0, ("CSV", 64): 60.0}


@dataclass(frozen=True)
class Made:
    """A file, and how polars reads it."""

    kind: str
    channels: int
    rows: int
    path: Path
    polars: Callable[[Path], pl.DataFrame]
    format: FileFormat = AS_FOUND


def readings(rows: int, channels: int) -> pl.DataFrame:
    """Make readings."""
    rng = np.random.default_rng(7)
    end = BEGIN + timedelta(seconds=rows - 1)
    times = pl.datetime_range(BEGIN, end, interval="1s", eager=True, time_unit="us")
    values = {f"c{i}": np.round(rng.normal(50.0, 2.0, rows), 3) for i in range(channels)}
    return pl.DataFrame({"time": times, **values})


def parsed(path: Path) -> pl.DataFrame:
    """Read a CSV file with polars."""
    return pl.read_csv(path, try_parse_dates=True)


def make(folder: Path, times: int) -> list[Made]:
    """Write the files."""
    made = []
    for channels, rows in ROWS.items():
        table = readings(rows * times, channels)
        csv, parquet = folder / f"{channels}.csv", folder / f"{channels}.parquet"
        table.write_csv(csv, datetime_format="%Y-%m-%d %H:%M:%S")
        table.write_parquet(parquet)
        made += [
            Made("CSV", channels, len(table), csv, parsed),
            Made("Parquet", channels, len(table), parquet, pl.read_parquet),
        ]
    table = readings(ROWS[8] * times, 8)
    local = folder / "local.csv"
    table.write_csv(local, separator=";", datetime_format="%d.%m.%Y %H:%M:%S", decimal_comma=True)
    made.append(
        Made(
            "CSV, local forms",
            8,
            len(table),
            local,
            lambda path: pl.read_csv(path, separator=";", decimal_comma=True).with_columns(
                pl.col("time").str.to_datetime("%d.%m.%Y %H:%M:%S")
            ),
        )
    )
    long = folder / "long.csv"
    table.unpivot(index="time").sort("time").write_csv(long, datetime_format="%Y-%m-%d %H:%M:%S")
    made.append(
        Made(
            "CSV, long",
            8,
            len(table),
            long,
            lambda path: parsed(path).pivot("variable", index="time", values="value"),
            FileFormat(long=Long("variable", "value")),
        )
    )
    return made


def seconds(work: Callable[[], int], rows: int) -> float:
    """Return the CPU seconds that some work takes for a million rows, and see that it takes all of them."""
    begin = time.process_time()
    found = work()
    taken = time.process_time() - begin
    if found != rows:
        sys.exit(f"{found:,} rows of {rows:,} were read")
    return taken * 1e6 / rows


def ours(made: Made) -> int:
    """Read a file as a backtest does; return how many rows it has."""
    (table,) = open_files([str(made.path)], Columns(format=made.format))
    return sum(len(rows) for rows, *_ in table.blocks())


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Cost of reading files of readings.")
    parser.add_argument("--full", action="store_true", help="ten times as many rows")
    times = 10 if parser.parse_args().full else 1
    missed = False
    print(f"{'':18}{'channels':>9}{'rows/s':>11}{'s/million':>11}{'polars':>9}{'target':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for made in make(Path(folder), times):
            own = seconds(lambda made=made: ours(made), made.rows)
            theirs = seconds(lambda made=made: len(made.polars(made.path)), made.rows)
            target = TARGETS.get((made.kind, made.channels))
            missed |= target is not None and own > target
            told = "" if target is None else f"{target:.0f}" + (" MISSED" if own > target else "")
            print(
                f"{made.kind:18}{made.channels:>9}{1e6 / own:>11,.0f}{own:>11.1f}{theirs:>9.2f}{told:>9}",
                flush=True,
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
