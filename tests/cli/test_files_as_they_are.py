"""Files as people have them, put on the commands that take files: an answer, or one line that says what to do."""

from pathlib import Path

import pytest

FILES = sorted((Path(__file__).resolve().parents[1] / "files").iterdir())
COMMANDS = (
    ("look",),
    ("slices",),
    ("compare",),
    ("fairness", "--group", "pump", "--favourable", "on"),
    ("backtest", "--kind", "predictions"),
)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_every_file_has_an_answer_or_one_line_that_says_why_not(call, command):
    answered = []
    for file in FILES:
        ended = call(command[0], file, *command[1:])
        if ended.code == 0:
            answered.append(file.name)
            continue
        assert ended.code in {1, 2}, (file.name, ended)
        assert ended.err.strip().splitlines()[-1].startswith("streamgauge: "), (file.name, ended)
        assert "Traceback" not in ended.err, file.name
    assert (len(answered) > 40) == (command[0] == "look"), answered


@pytest.mark.parametrize(
    ("name", "said", "told"),
    [
        ("decimal_comma.csv", (), "numbers have decimal commas"),
        ("day_or_month_first.csv", ("--time-format", "%d/%m/%Y %H:%M"), "time (%d/%m/%Y %H:%M)"),
        ("autumn.csv", ("--time-zone", "Europe/Berlin"), "Europe/Berlin); a row every 10 min"),
        ("long.csv", ("--long", "sensor,value"), "flow, level"),
        ("date_and_time.csv", ("--time-column", "Date,Time"), "two columns: Date and Time"),
        ("sentinel.csv", ("--missing", "-9999"), "flow"),
    ],
)
def test_what_was_understood_is_in_the_first_lines_of_a_backtest(call, name, said, told):
    (file,) = [file for file in FILES if file.name == name]
    ended = call("backtest", file, "--warmup", "50", *said)
    assert ended.code == 0, ended
    assert told in ended.out


def test_a_file_of_more_channels_than_a_source_learns_is_judged(call):
    (wide,) = [file for file in FILES if file.name == "wide.csv"]
    ended = call("backtest", wide, "--warmup", "50")
    assert ended.code == 0, ended
    assert "110 (60 scored)" in ended.out
    assert "refused" not in ended.out


def test_predictions_have_no_long_files(call):
    (long,) = [file for file in FILES if file.name == "long.csv"]
    ended = call("backtest", long, "--kind", "predictions", "--long", "sensor,value")
    assert ended.code == 2
    assert "--long" in ended.err


def test_a_cell_and_a_row_that_make_no_sense_are_told(call):
    for name, told in (
        ("bad_cell.csv", "column 'flow': cell taken as missing, no number, like '3x1' (first: "),
        ("bad_time.csv", "column 'time': row left out, without a time, like 'soon' (first: "),
    ):
        (file,) = [file for file in FILES if file.name == name]
        ended = call("backtest", file, "--warmup", "50")
        assert ended.code == 0, ended
        assert f"left out 1: {told}" in ended.out
        assert f"{name}:42)" in ended.out
