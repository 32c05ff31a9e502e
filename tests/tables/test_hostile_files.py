"""Files of a few kilobytes that unpack to far more: refused by name, or read in little memory."""

import bz2
import contextlib
import gzip
import lzma
import random
import resource
import time
import tracemalloc
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import polars as pl
import pyarrow as pa
import pytest
from forged_parquet import forgeries

from producers.images.classifier import Model
from stream_app.errors import SourceError, StreamgaugeError
from stream_app.tables import Columns, FileFormat, find_tables, open_files
from stream_app.tables.bounded_lines import MAX_LINE_BYTES
from stream_app.tables.format import AS_FOUND
from stream_app.tables.json_file import MAX_DOCUMENT_BYTES

MEGABYTE = 1 << 20
FILES = Path(__file__).resolve().parents[1] / "files"


@pytest.fixture
def peak():
    """Most bytes that Python held since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def table(path):
    ((found, _),) = find_tables([str(path)])
    return found


def blocks(path):
    return list(table(path).blocks(4096))


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.jsonl.gz", "bomb.csv"])
def test_a_line_of_gigabytes_is_refused_by_name(tmp_path, peak, name):
    path = tmp_path / name
    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else path.open("wb") as file:
        file.write(b"ts,flow\n" if "csv" in name else b'{"ts": 1, "flow": 2}\n')
        for _ in range(256):
            file.write(b"1" * MEGABYTE)
    with pytest.raises(SourceError, match=rf"{name}:2: a line of more than 1,048,576 bytes"):
        blocks(path)
    assert peak() < 32 * MEGABYTE


@pytest.mark.parametrize("kind", ["bz2", "xz", "zst", "zip"])
def test_a_line_that_any_compression_hides_is_refused_by_name(tmp_path, peak, kind):
    path = tmp_path / f"bomb.csv.{kind}"
    with packing(path) as file:
        file.write(b"ts,flow\n")
        for _ in range(16):
            file.write(b"1" * MEGABYTE)
    with pytest.raises(SourceError, match=rf"bomb\.csv\.{kind}:2: a line of more than 1,048,576 bytes"):
        blocks(path)
    assert peak() < 32 * MEGABYTE


def packing(path):
    """Open a file for writing, compressed as its ending says."""
    if path.suffix == ".zst":
        return pa.CompressedOutputStream(str(path), "zstd")
    if path.suffix == ".zip":
        return in_zip(path)
    return bz2.open(path, "wb") if path.suffix == ".bz2" else lzma.open(path, "wb", preset=0)


@contextlib.contextmanager
def in_zip(path):
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive, archive.open("bomb.csv", "w") as file:
        yield file


@pytest.mark.slow
def test_an_array_of_json_that_unpacks_to_more_than_its_limit_is_refused(tmp_path):
    path = tmp_path / "bomb.json.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(b'[{"ts": 1, "flow": 2}')
        for _ in range(MAX_DOCUMENT_BYTES // MEGABYTE + 1):
            file.write(b" " * MEGABYTE)
    with pytest.raises(SourceError, match=r"bomb\.json\.gz: an array of more than .* an object a line"):
        blocks(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_any_kind_count_each_on_its_own(tmp_path, end):
    path = tmp_path / "old.csv"
    rows = 3 * MAX_LINE_BYTES // 10
    path.write_bytes(f"ts,flow{end}".encode() + f"10,1234{end}".encode() * rows)
    assert sum(len(block.lines) for block in blocks(path)) == rows


@pytest.mark.parametrize("name", ["wide.csv.gz", "wide.jsonl.gz"])
@pytest.mark.slow
def test_a_block_of_long_rows_has_fewer(tmp_path, peak, name):
    path = tmp_path / name
    with gzip.open(path, "wb", 1) as file:
        if "csv" in name:
            file.write(b"ts," + b",".join(b"c%d" % i for i in range(8)) + b"\n")
            row = b"1," + b",".join([b"1" * 100_000] * 8) + b"\n"
        else:
            row = b'{"ts": 1, "flow": "' + b"1" * 800_000 + b'"}\n'
        for _ in range(200):
            file.write(row)
    assert sum(len(block.lines) for block in table(path).blocks(4096)) == 200
    assert peak() < 100 * MEGABYTE


def test_a_parquet_file_that_repeats_a_long_text_is_read_in_parts(tmp_path, peak):
    path = tmp_path / "repeats.parquet"
    pl.DataFrame({"ts": list(range(400)), "name": ["x" * 500_000] * 400}).write_parquet(path)
    assert path.stat().st_size < 20_000
    assert sum(len(block.lines) for block in table(path).blocks(4096)) == 400
    assert peak() < 64 * MEGABYTE


def test_a_parquet_row_of_megabytes_is_refused_by_name(tmp_path, peak):
    path = tmp_path / "row.parquet"
    pl.DataFrame({"ts": [1.0], "name": ["x" * 50 * MEGABYTE]}).write_parquet(path)
    with pytest.raises(SourceError, match=r"row\.parquet:1: a row of more than 1,048,576 bytes"):
        blocks(path)


def test_a_parquet_file_with_a_forged_number_is_read_or_refused_within_a_second(tmp_path):
    good, forged = tmp_path / "good.parquet", tmp_path / "forged.parquet"
    columns = {
        "ts": [float(i) for i in range(50)],
        "flow": list(range(50)),
        "name": [f"n{i % 3}" for i in range(50)],
    }
    pl.DataFrame(columns).write_parquet(good, row_group_size=25)
    assert sum(len(block.lines) for block in blocks(good)) == 50
    before, read = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, set()
    for field, raw in (made := list(forgeries(good.read_bytes()))):
        forged.write_bytes(raw)
        begin = time.process_time()
        table(forged).count()
        with contextlib.suppress(SourceError):
            blocks(forged)
            read.add((field, raw))
        assert time.process_time() - begin < 1.0, field
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    # Rows and columns of the first group, its offsets, and the sizes of a page.
    assert {"foot.2", "foot.4", "foot.4.0.1", "foot.4.0.1.0.3.9", "page.2", "page.3"} <= {
        field for field, raw in made if (field, raw) not in read
    }
    with pytest.raises(SourceError, match=r"forged\.parquet: not readable as Parquet: "):
        blocks(forged)


@pytest.mark.parametrize(
    ("member", "size", "told"),
    [
        ("0.npy", 513, "unpacks to 537,9"),
        ("schema.json", 33, "its schema unpacks"),
        ("0.npz", 1, "is no array"),
    ],
)
def test_a_model_that_unpacks_to_gigabytes_is_refused_before(tmp_path, member, size, told):
    pytest.importorskip("skops")
    path = tmp_path / "model.skops"
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as packed, packed.open(member, "w") as file:
        for _ in range(size):
            file.write(bytes(MEGABYTE))
    with pytest.raises(SourceError, match=rf"model\.skops: .*{told}"):
        Model.load(path)


def test_damaged_files_of_every_kind_are_read_or_refused_in_one_line(tmp_path):
    chance = random.Random(7)
    for kept in sorted(FILES.iterdir()):
        for cut in range(4):
            raw = bytearray(kept.read_bytes())
            for _ in range(3):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            path = tmp_path / f"damaged{kept.suffix}"
            path.write_bytes(raw[: len(raw) - cut * len(raw) // 9])
            told = message_of(path)
            assert told is None or (path.name in told and "\n" not in told)


@pytest.mark.parametrize(
    ("name", "text", "said", "told"),
    [
        ("deep.jsonl", '{"ts": 1, "a": ' * 3000 + "1" + "}" * 3000, {}, "not JSON: maximum recursion depth"),
        ("deep.json", '[{"a": ' * 3000, {}, "not JSON: maximum recursion depth"),
        ("deep.csv", "a,features\n1," + "[" * 3000 + "\n", {}, "no column looks like the event time"),
        ("label.jsonl", f'{{"ts": 1, "flow": 1, "anomaly": {10**400}}}\n' * 2, {}, "is neither 0 nor 1"),
        (
            "index.jsonl",
            f'{{"column 1": {10**400}, "flow": 1}}\n' * 2,
            {},
            "no column looks like the event time",
        ),
        ("endless.jsonl", f'{{"ts": {10**400}, "flow": 1}}\n', {}, "no moment between 1970 and 2099"),
        ("cell.csv", f"time,{'x' * 200_000}\n2024-01-05,1\n", {}, "field larger than field limit"),
        ("cell.csv", f"title\ntime,flow\n2024-01-05,{'x' * 200_000}\n", {}, "field larger than field limit"),
        ("empty.csv", "", {}, "empty; a header line is expected"),
        (
            "plain.csv",
            "time,flow\n2024-01-05,1\n",
            {"delimiter": "ab"},
            "--delimiter 'ab': expected one character",
        ),
        (
            "plain.csv",
            "time,flow\n2024-01-05,1\n",
            {"delimiter": ""},
            "--delimiter '': expected one character",
        ),
        ("plain.csv", "time,flow\n2024-01-05,1\n", {"time_format": "%Y %Y"}, "in the form %Y %Y"),
        ("plain.csv", "time,flow\n2024-01-05,1\n", {"time_format": "%Q"}, "in the form %Q"),
        ("plain.csv", "time,flow\n2024-01-05,1\n", {"time_zone": "../x"}, "no such zone"),
        ("plain.csv", "time,flow\n2024-01-05,1\n", {"encoding": "base64"}, "Python knows no 'base64'"),
    ],
)
def test_no_text_and_no_option_ends_in_a_traceback(tmp_path, name, text, said, told):
    path = tmp_path / name
    path.write_text(text)
    assert told in (message_of(path, FileFormat(**said)) or "")


def message_of(path, said=AS_FOUND):
    """Read a file; return what was wrong with it, if anything was."""
    try:
        (opened,) = open_files([str(path)], Columns(format=said))
        opened.source.understood()
        for _ in opened.blocks():
            pass
    except StreamgaugeError as error:
        return str(error)
    return None
