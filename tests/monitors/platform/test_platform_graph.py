"""The call graph of a platform: from a file, or a reason why not."""

import pytest

from stream_app.errors import SettingsError
from stream_app.kinds import PLATFORM
from stream_app.settings import PlatformStream


def test_a_call_graph_is_read_from_a_file(tmp_path):
    file = tmp_path / "calls.csv"
    file.write_text("caller,callee\nshop,cart\n", encoding="utf-8")
    stream = PlatformStream(graph=str(file))
    PLATFORM.check("trino", stream)
    assert PLATFORM.monitor("trino", stream, None)().sources() == []


@pytest.mark.parametrize("content", [None, "one column\nshop\n"])
def test_a_call_graph_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "calls.csv"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"streams\.trino\.graph: .*calls\.csv"):
        PLATFORM.check("trino", PlatformStream(graph=str(file)))
