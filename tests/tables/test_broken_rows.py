"""Lines that are no rows: counted with their place in whatever reads files, and an error where most are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.predictions import PredictionColumns, PredictionFiles
from producers.sessions import SessionColumns, SessionFiles
from producers.sources.files import Files
from stream_app.errors import SourceError
from stream_app.tables.csv_file import CsvTable
from stream_app.tables.format import FileFormat, Long
from stream_app.tables.json_file import JsonLines
from stream_app.tables.layout import Columns
from stream_app.tables.whole import read_whole

WHY = "4 cells, but the header has 3"


@pytest.fixture
def broken(tmp_path):
    """A file whose fourth line, and last, has a cell too many."""
    path = tmp_path / "a.csv"
    path.write_text("ts,user,prediction\n1,x,1\n2,y,2\n3,z,3,?\n4,x,4\n5,x,5,?\n")
    return path


def read(files):
    rows = sum(len(batch) for batch in files.batches())
    return rows, dict(files.left_out)


def test_every_reader_goes_on_and_names_the_first_line(broken):
    told = {f"{WHY} (first: {broken}:4)": 2}
    paths = [str(broken)]
    assert read(Files.find(paths, Columns())) == (3, told)
    assert read(SessionFiles.find(paths, SessionColumns(entity="user"))) == (3, told)
    assert read(PredictionFiles.find(paths, PredictionColumns())) == (3, told)
    whole = read_whole(paths)
    assert (whole.columns["user"], whole.left.summary) == (["x", "y", "x"], told)
    long = Columns(format=FileFormat(long=Long("user", "prediction")))
    assert read(Files.find(paths, long)) == (3, told)


def test_a_file_with_more_broken_lines_than_rows_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("ts,a\n1\n1,2\n3\n")
    with pytest.raises(
        SourceError, match=r"a\.csv:2: 1 cells, but the header has 2; 2 lines are no rows, and 1 are"
    ):
        read(Files.find([str(tmp_path / "a.csv")], Columns()))


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_whatever_the_blocks_every_line_is_a_row_or_broken_once(tmp_path_factory, good, size):
    folder = tmp_path_factory.mktemp("broken")
    (folder / "a.csv").write_text(
        "a,b\n" + "".join(f"{i},1\n" if fine else f"{i}\n" for i, fine in enumerate(good))
    )
    (folder / "a.jsonl").write_text(
        "".join(json.dumps({"a": i} if fine else [i]) + "\n" for i, fine in enumerate(good))
    )
    for table, first in ((CsvTable(folder / "a.csv"), 2), (JsonLines(folder / "a.jsonl"), 1)):
        blocks = []
        try:
            blocks.extend(table.blocks(size))
            assert good.count(False) <= good.count(True)
        except SourceError:
            assert good.count(False) > good.count(True)
        if any(good):
            assert [line for block in blocks for line in block.lines] == [
                i + first for i, fine in enumerate(good) if fine
            ]
            assert [line for block in blocks for line, _ in block.broken] == [
                i + first for i, fine in enumerate(good) if not fine
            ]
        assert all(block.lines for block in blocks)
