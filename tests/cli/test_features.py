"""``streamgauge features`` over a store with features in it."""

import asyncio
import json
import signal

import pytest

from stream_app.settings import load_settings
from stream_app.store import FeatureRow, FeatureWriter, connect

pytestmark = pytest.mark.integration


def row(entity="pump-1", offset=1, missing=0.0, **changes):
    values = {
        f"flow.{name}": value
        for name, value in {
            "mean": 124.61234, "std": 0.5, "min": 123.0, "max": 126.0, "last": 125.0, "slope": -2.4e-05, "q05": 123.2,
            "missing": missing,
        }.items()
    }  # fmt: skip
    values |= {"anomaly.score": 0.25, "drift.statistic": None, "events": float(offset)}
    return FeatureRow(entity, offset, 1_700_000_000.0 + offset, 1_700_000_100.0, values | changes)


@pytest.fixture
def write(servers):
    def written(*rows, view="sensors"):
        async def work():
            store = await connect(load_settings().redis)
            await FeatureWriter(store, view).write(rows)
            await store.close()

        asyncio.run(work())

    return written


def test_get_prints_a_table_that_fits_80_columns(call, write):
    write(row())
    ended = call("features", "get", "pump-1")
    assert ended.code == 0
    assert ended.lines[0].startswith("pump-1: event of 2023-11-14 22:13:21Z, written ")
    assert ended.lines[1].split() == ["channel", "mean", "std", "min", "max", "last", "slope"]
    assert ended.lines[2].split() == ["flow", "124.6", "0.5", "123", "126", "125", "-2.4e-05"]
    assert ended.lines[3:] == ["anomaly.score  0.25", "drift.statistic  -", "events  1"]
    assert max(map(len, ended.lines)) <= 80
    write(row(offset=2, missing=0.125))
    assert call("features", "get", "pump-1").lines[1].split()[-1] == "missing"


def test_get_as_json_has_everything(call, write):
    write(row())
    found = json.loads(call("features", "get", "pump-1", "--json").out)
    assert found == {
        "entity": "pump-1",
        "event_ts": 1_700_000_001.0,
        "written_ts": 1_700_000_100.0,
        "offset": 1,
        "values": row().values,
    }


def test_get_some_features(call, write):
    write(row())
    chosen = ("-f", "flow.q05", "--feature", "events")
    assert call("features", "get", "pump-1", *chosen).lines[1:] == ["flow.q05  123.2", "events  1"]
    found = json.loads(call("features", "get", "pump-1", *chosen, "--json").out)
    assert found["values"] == {"flow.q05": 123.2, "events": 1.0}


@pytest.mark.parametrize("command", ["get", "watch"])
def test_names_that_are_not_there_suggest_the_nearest(call, write, command):
    assert call("features", command, "pump-1").failed(
        "no features of 'pump-1'; there are none of any entity yet"
    )
    write(row(), row("valve"))
    assert call("features", command, "pmup-1").failed("no features of 'pmup-1'; did you mean pump-1?")
    assert call("features", command, "xyz").failed("no features of 'xyz'; there is valve, pump-1")
    assert call("features", command, "pump-1", "-f", "flow.maen").failed(
        "pump-1 has no feature 'flow.maen'; did you mean flow.mean"
    )


def test_list_has_the_newest_first(call, write):
    assert call("features", "list").out == "No entity of the view sensors has features yet.\n"
    write(row("a", 1), row("b\x1b[2J", 3), row("c", 2))
    assert call("features", "list").lines == [
        "2023-11-14 22:13:23Z  b\\u001b[2J",
        "2023-11-14 22:13:22Z  c",
        "2023-11-14 22:13:21Z  a",
    ]
    newest = call("features", "list", "--limit", "1", "--json")
    assert list(map(json.loads, newest.lines)) == [{"entity": "b\x1b[2J", "event_ts": 1_700_000_003.0}]


def test_watch_prints_each_change_once_until_ctrl_c(spawn, write):
    write(row(offset=1))
    watching = spawn("features", "watch", "pump-1", "--json", "--interval", "0.05", "-f", "events")
    watching.until('"offset": 1')
    write(row(offset=2))
    watching.until('"offset": 2')
    ended = watching.end(signal.SIGINT)
    assert ended.code == 0
    assert [json.loads(line)["values"] for line in ended.lines] == [{"events": 1.0}, {"events": 2.0}]
    assert ended.err == ""


def test_a_view_of_other_settings_can_be_looked_at_and_one_of_none_is_a_mistake(call, write):
    write(row("pipe"), view="waterflow")
    assert call("features", "get", "pipe", "--view", "waterflow").code == 0
    assert call("features", "list", "--view", "waterflow").lines == ["2023-11-14 22:13:21Z  pipe"]
    for command in (("get", "pipe"), ("watch", "pipe"), ("list",)):
        ended = call("features", *command, "--view", "sensor")
        assert ended.code == 2
        assert "no view 'sensor'; did you mean sensors?" in ended.err
