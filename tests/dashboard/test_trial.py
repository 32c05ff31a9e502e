"""A file that somebody tries: what cannot be read is told in the words of the page."""

import pytest

from stream_app.dashboard.trial import try_file
from stream_app.errors import SettingsError, SourceError


def test_a_file_without_a_time_says_where_to_name_one(tmp_path):
    file = tmp_path / "pumps.csv"
    file.write_text("when,flow\nyesterday,1\n")
    with pytest.raises(SourceError, match=r"no column looks like the event time .* the field for it"):
        try_file(str(file), "pumps", time=None, budget="1 per week", warmup=400)


def test_a_budget_that_cannot_be_read_is_told(tmp_path):
    file = tmp_path / "pumps.csv"
    file.write_text("ts,flow\n1,1\n")
    with pytest.raises(SettingsError, match="budget"):
        try_file(str(file), "pumps", time=None, budget="often", warmup=400)
