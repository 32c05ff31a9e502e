"""What a replay shows."""

from io import StringIO

import pytest
from rich.console import Console

from producers.progress import Bar, Lines, Silent, progress_for


@pytest.fixture
def clock(monkeypatch):
    times = iter(range(0, 1000, 10))
    monkeypatch.setattr("producers.progress.monotonic", lambda: float(next(times)))


def test_off_a_terminal_lines_tell_rate_and_time_left(clock):
    out = StringIO()
    shown = progress_for(Console(file=out, width=200), "topic")
    assert isinstance(shown, Lines)
    shown.begin(4000, 0)
    shown.update(1000)
    shown.end()
    assert out.getvalue() == "1,000 of 4,000 events, 100 a second, 30 s left\n"
    shown.begin(None, 0)
    shown.update(1000)
    assert out.getvalue().splitlines()[1] == "1,000 events, 100 a second"


def test_on_a_terminal_a_bar_shows_how_many_and_goes_away():
    out = StringIO()
    shown = progress_for(Console(file=out, width=120, force_terminal=True), "topic")
    assert isinstance(shown, Bar)
    shown.begin(4000, 0)
    shown.update(1000)
    shown.note("a note")
    shown.end()
    assert "1000/4000" in out.getvalue()
    assert "a note" in out.getvalue()


def test_quiet_shows_nothing():
    out = StringIO()
    shown = progress_for(Console(file=out), "topic", quiet=True)
    assert isinstance(shown, Silent)
    shown.begin(10, 0)
    shown.update(5)
    shown.note("kept")
    shown.end()
    assert out.getvalue() == ""
    assert shown.notes == ["kept"]
