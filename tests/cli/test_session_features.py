"""``streamgauge features`` over views of sessions: looked up, built for training, compared."""

import asyncio
import csv
import json
import signal
import sys
import time

import numpy as np
import polars as pl
import pytest
from serving import NOW, Shop, bought, purchases

from stream_app.cli.features.skew import SKEWED
from stream_app.client import FeatureClient
from stream_app.core.features import DAY
from stream_app.events import AlertState, Topics
from stream_app.features import FeatureSkew, judge_skew
from stream_app.settings import load_settings
from stream_app.store import AlertWriter, FiringAlerts, connect

pytestmark = pytest.mark.integration

SKEW = FeatureSkew("spent_30d", 0.5, 1e-9, 0.4, 1e-9, 0.0, 0.0, "severe")

MONITOR = """
[streams.sessions]
kind = "sessions"

[[streams.sessions.views]]
name = "purchases"
freshness = "1h"
ttl = "60d"

[streams.sessions.views.features]
lines_30m = { count = "*", window = "30m" }
spent_30m = { sum = "amount", window = "30m" }
items_30d = { distinct = "item", window = "30d" }
"""


@pytest.fixture
def shop(servers):
    """A shop whose events are stored as the worker stores them."""

    class Stored:
        def __init__(self, *views):
            self._shop = Shop(load_settings().redis, *views)
            asyncio.run(self._shop.register())

        def sell(self, *rows):
            asyncio.run(self._shop.sell(*rows))
            return self

    return Stored


@pytest.fixture
def known(shop):
    return shop().sell(
        bought("17850", NOW - 1200, 4.0, "b"),
        bought("17850", NOW - 60, -1.5),
        bought("13047", NOW - 20 * DAY, 9.0),
    )


def test_get_prints_what_is_known_and_a_line_a_feature(call, known):
    ended = call("features", "get", "17850", "--view", "purchases:v1", "--at", NOW)
    assert ended.code == 0
    assert ended.lines[0] == (
        "17850 in purchases:v1: fresh, event of 2023-11-14 22:12:20Z, 60.0 s before 2023-11-14 22:13:20Z"
    )
    assert [line.split() for line in ended.lines[1:4]] == [
        ["feature", "value"], ["lines_30m", "2"], ["spent_30m", "2.5"]
    ]  # fmt: skip
    stale = call(
        "features", "get", "13047", "--view", "purchases", "--at", "2023-11-14T22:13:20Z", "-f", "mean_30d"
    )
    assert stale.lines[0].startswith(
        "13047 in purchases:v2: stale, event of 2023-10-25 22:13:20Z, 20.0 days before "
    )
    assert [line.split() for line in stale.lines[1:]] == [["feature", "value"], ["mean_30d", "9"]]


def test_get_as_json_is_what_the_client_tells(call, known):
    found = json.loads(call("features", "get", "17850", "--view", "purchases:v1", "--at", NOW, "--json").out)
    with FeatureClient(load_settings().redis) as client:
        told = client.get_online_features(["purchases:v1:*"], ["17850"], NOW)
    assert found == told.of_one()
    assert found["values"]["spent_30m"] == 2.5


def test_what_is_incomplete_is_said(call, shop):
    shop(purchases(1, max_events=1)).sell(bought("17850", NOW - 60), bought("17850", NOW - 50))
    ended = call("features", "get", "17850", "--view", "purchases", "--at", NOW, "-f", "spent_30m")
    assert "- (incomplete: its events are not kept any more)" in ended.lines[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("get", "17851", "--view", "purchases"), "no features of '17851' in purchases:v2; did you mean 17850?"),
        (("get", "17850", "--view", "purchases", "--at", "5"), "nothing came before 1970-01-01 00:00:05Z"),
        (("get", "17850", "--view", "purchases:v3"), "feature view purchases has no version 3; there is v1, v2"),
        (("get", "17850", "--view", "purchases", "-f", "spend_30m"), "did you mean spent_30"),
        (("list", "--view", "purchases:v3"), "has no version 3"),
        (("watch", "17850", "--view", "purchases:v3"), "has no version 3"),
        (("versions", "purchase"), "no feature view 'purchase'; did you mean purchases?"),
        (("get", "a\nb", "--view", "purchases"), "can be no entity"),
        (("get", "x" * 1000, "--view", "purchases"), "can be no entity"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_answered_with_the_nearest(call, known, arguments, said):
    assert call("features", *arguments).failed(said)


@pytest.mark.parametrize("at", ["tomorrow", "-5", "nan"])
def test_what_is_no_instant_is_a_mistake(call, known, at):
    assert call("features", "get", "17850", "--view", "purchases", f"--at={at}").code == 2


def test_a_view_of_sensors_has_no_past(call, known):
    ended = call("features", "get", "pump-1", "--at", "5")
    assert (ended.code, "of now only" in " ".join(ended.err.replace("│", " ").split())) == (2, True)


def test_the_only_view_of_the_settings_need_not_be_named(call, known, place):
    (place / "streamgauge.toml").write_text(MONITOR)
    assert call("features", "get", "17850", "--at", NOW).lines[0].startswith("17850 in purchases:v2: fresh")
    assert len(call("features", "list").lines) == 2


def test_list_has_the_newest_first(call, known):
    assert call("features", "list", "--view", "purchases").lines == [
        "2023-11-14 22:12:20Z  17850", "2023-10-25 22:13:20Z  13047"
    ]  # fmt: skip
    newest = call("features", "list", "--view", "purchases:v1", "-n", "1", "--json")
    assert json.loads(newest.out) == {"entity": "17850", "event_ts": NOW - 60}


def test_versions_lists_what_is_registered(call, servers, shop):
    assert call("features", "versions").out.startswith("No feature view is registered yet")
    shop()
    lines = call("features", "versions").lines
    assert lines[0].split() == ["view", "features", "stream", "fingerprint", "registered"]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["purchases:v1", "6", "sessions"],
        ["purchases:v2", "7", "sessions"],
    ]
    told = [json.loads(line) for line in call("features", "versions", "purchases", "--json").lines]
    assert [one["fingerprint"] for one in told] == [purchases(v).fingerprint.hex() for v in (1, 2)]
    assert told[0]["definition"] == json.loads(json.dumps(purchases(1).definition()))


def test_watch_prints_each_change_once_and_time_alone_changes_features(spawn, shop):
    now = time.time()
    store = shop().sell(bought("17850", now - 1798.5, 4.0))
    arguments = ("17850", "--view", "purchases:v1", "--json", "--interval", "0.05", "-f", "spent_30m")
    watching = spawn("features", "watch", *arguments)
    # The event leaves the window without another one coming.
    watching.until('"values": {"spent_30m": 0.0}')
    store.sell(bought("17850", time.time() - 1, 7.0))
    watching.until('"values": {"spent_30m": 7.0}')
    ended = watching.end(signal.SIGINT)
    assert (ended.code, ended.err) == (0, "")
    told = [json.loads(line)["values"]["spent_30m"] for line in ended.lines]
    assert told in ([4.0, 0.0, 7.0], [0.0, 7.0])


RECORDED = "customer,at,amount,item\n17850,{a},4.0,b\n17850,{b},2.5,a\n17850,{c},1.0,b\n13047,{b},x,a\n"


@pytest.fixture
def recorded(place):
    (place / "streamgauge.toml").write_text(MONITOR)
    (place / "bought.csv").write_text(RECORDED.format(a=NOW - 1200, b=NOW - 60, c=NOW))
    (place / "churn.csv").write_text(
        f"entity,at,churned\n17850,{NOW},0\n17850,2023-11-14T22:13:21Z,1\nnobody,{NOW},1\n"
    )
    return ("--events", "bought.csv", "--entity-column", "customer", "--time-column", "at", "--attributes", "item",
            "--instants", "churn.csv")  # fmt: skip


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_history_is_strictly_before_and_keeps_the_labels(call, recorded, place):
    ended = call("features", "history", "purchases", *recorded, "--out", "rows.csv")
    assert ended.code == 0, ended
    assert (
        "3 rows of purchases:v1 from 3 events into rows.csv; 1 rows without an event before them" in ended.err
    )
    assert "left out 1: column 'amount': no number (first: bought.csv:5)" in ended.err
    table = rows(place / "rows.csv")
    assert list(table[0]) == [
        "entity",
        "at",
        "churned",
        "lines_30m",
        "spent_30m",
        "items_30d",
        "event_ts",
        "incomplete",
    ]
    assert [row["spent_30m"] for row in table] == ["6.5", "7.5", ""]
    assert [row["lines_30m"] for row in table] == ["2.0", "3.0", ""]
    assert [row["churned"] for row in table] == ["0", "1", "1"]
    assert [row["event_ts"] for row in table] == [str(NOW - 60), str(NOW), ""]


def test_history_as_parquet_has_the_same_values(call, recorded, place):
    for name in ("rows.csv", "rows.parquet"):
        assert (
            call("features", "history", "purchases:v1", *recorded, "--out", name, "-f", "spent_30m").code == 0
        )
    table = pl.read_parquet(place / "rows.parquet")
    assert table.schema["spent_30m"] == pl.Float64
    assert table["spent_30m"].to_list() == [6.5, 7.5, None]
    assert table["at"].to_list() == [float(row["at"]) for row in rows(place / "rows.csv")]


def test_history_from_a_topic_is_what_serving_would_have_told(call, place, servers, broker_address):
    """The same events by way of a topic of several partitions: what the client tells of the stored logs is the same."""
    (place / "streamgauge.toml").write_text(MONITOR)
    rng = np.random.default_rng(3)
    lines = ["entity,ts,amount,item"]
    lines += [
        f"c{rng.integers(5)},{ts},{rng.integers(100) / 4},{'abc'[rng.integers(3)]}"
        for ts in np.sort(NOW - rng.uniform(0, 5 * DAY, 300)).round(3)
    ]
    (place / "bought.csv").write_text("\n".join(lines) + "\n")
    asked = [f"c{rng.integers(6)},{at}" for at in (NOW - rng.uniform(0, 5 * DAY, 40)).round(6)]
    (place / "when.csv").write_text("\n".join(["entity,at", *asked]) + "\n")
    ended = call("replay", "sessions", "bought.csv", "--attributes", "item", "--partitions", "3")
    assert ended.code == 0, ended
    assert call("features", "history", "purchases", "--instants", "when.csv", "--out", "topic.csv").code == 0
    from_file = ("--events", "bought.csv", "--attributes", "item", "--instants", "when.csv")
    assert call("features", "history", "purchases", *from_file, "--out", "file.csv").code == 0
    assert rows(place / "topic.csv") == rows(place / "file.csv")
    assert sum(float(row["spent_30m"] or 0) for row in rows(place / "topic.csv")) > 0


def test_history_finds_a_registered_view_that_the_settings_do_not_have(call, shop, recorded, place):
    shop(purchases(7))
    assert call("features", "history", "purchases:v7", *recorded, "--out", "rows.csv").code == 0
    assert rows(place / "rows.csv")[1]["pause"] == "1.0"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"VIEW": "purchase"}, "no feature view 'purchase'; did you mean purchases?"),
        ({"--out": "rows.xlsx"}, "rows.xlsx: unknown format; .parquet or .csv is expected"),
        ({"--out": "bought.csv/rows.csv"}, "cannot be written"),
        ({"--instants": "none.csv"}, "none.csv: no such file"),
        ({"--instants": "bought.csv"}, "bought.csv: no column entity; there is 'customer'"),
        ({"--instants": "empty.csv"}, "empty.csv: no rows"),
        ({"--instants": "bad.csv"}, "most rows were left out: 1 were taken; 2, column 'at': no moment"),
        ({"--instants": "nobody.csv"}, "nobody.csv: no row was taken: 1, column 'entity': no entity"),
        ({"--instants": "twice.csv"}, "have a column 'spent_30m', which is one of the rows; rename it"),
        ({"--events": "none.csv"}, "none.csv: no such file"),
        ({"-f": "spend"}, "has no feature 'spend'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_history_is_one_line(call, recorded, servers, place, changed, said):
    (place / "empty.csv").write_text("entity,at\n")
    (place / "bad.csv").write_text(f"entity,at\na,{NOW}\na,soon\nb,later\n")
    (place / "nobody.csv").write_text(f"entity,at\n,{NOW}\n")
    (place / "twice.csv").write_text(f"entity,at,spent_30m\na,{NOW},1\n")
    options = dict(zip(recorded[::2], recorded[1::2], strict=True)) | {"--out": "rows.csv"} | changed
    view = options.pop("VIEW", "purchases")
    assert call("features", "history", view, *(part for pair in options.items() for part in pair)).failed(
        said
    )
    assert not list(place.glob("*.part"))


def test_an_instant_that_is_none_is_left_out_and_told(call, recorded, place):
    options = dict(zip(recorded[::2], recorded[1::2], strict=True))
    asked = (place / options["--instants"]).read_text().splitlines()
    (place / "one.csv").write_text(
        "\n".join([*asked, *([",".join(["a", "soon", *asked[0].split(",")[2:]])])])
    )
    options["--instants"] = "one.csv"
    ended = call(
        "features",
        "history",
        "purchases",
        *(part for pair in options.items() for part in pair),
        "--out",
        "rows.csv",
    )
    assert ended.code == 0, ended
    assert len(rows(place / "rows.csv")) == len(asked) - 1
    line = len(asked) + 1
    assert (
        f"left out 1: column 'at': no moment between 1970 and 2099, like 'soon' (first: one.csv:{line})"
        in ended.err
    )


def test_parquet_without_pyarrow_says_what_to_install(call, recorded, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = call("features", "history", "purchases", *recorded, "--out", "rows.parquet")
    assert ended.code == 2
    assert "rows.parquet: Parquet needs pyarrow; install it" in ended.err


def test_events_come_from_files_or_a_topic(call, recorded):
    ended = call("features", "history", "purchases", *recorded, "--out", "r.csv", "--topic", "t")
    assert ended.code == 2


def test_without_a_broker_or_files_that_is_said(call, recorded, place):
    ended = call("features", "history", "purchases", "--instants", "churn.csv", "--out", "rows.csv")
    assert ended.failed("no broker: name --events FILE, or --kafka HOST:PORT")


def test_who_was_not_known_yet_at_a_time_is_no_row_without_a_value(call, served, place):
    served.sell(*(bought(f"later{i}", NOW + 60, 1.0) for i in range(200)))
    training(place, 0, 10)
    call_it = ("features", "skew", "purchases", "--training", "rows.csv", "--json", "--at")
    found = [json.loads(line) for line in call(*call_it, NOW).lines]
    assert {one["feature"]: (one["level"], one["missing_served"]) for one in found} == {
        "spent_30d": ("none", 0.0),
        "lines_30m": ("none", 0.0),
    }
    assert call(*call_it, NOW - 3600).failed("no entity is served at that time")


@pytest.fixture
def served(shop):
    """A hundred customers, each with one purchase of 0 to 10."""
    rng = np.random.default_rng(8)
    return shop(purchases(1)).sell(
        *(bought(f"c{i}", NOW - 60, float(amount)) for i, amount in enumerate(rng.uniform(0, 10, 200)))
    )


def training(place, low, high):
    rng = np.random.default_rng(9)
    lines = ["label,spent_30d,lines_30m", *(f"0,{value},1" for value in rng.uniform(low, high, 5000))]
    (place / "rows.csv").write_text("\n".join(lines) + "\n")


def test_no_skew_is_quiet_and_a_skew_tells_by_the_exit_code(call, served, place):
    call_it = ("features", "skew", "purchases", "--training", "rows.csv", "--at", NOW)
    training(place, 0, 10)
    ended = call(*call_it)
    assert ended.code == 0, ended
    assert ended.lines[0].split()[:3] == ["feature", "level", "PSI"]
    assert {line.split()[0]: line.split()[1] for line in ended.lines[1:]} == {
        "spent_30d": "none",
        "lines_30m": "none",
    }
    training(place, 5, 15)
    assert call(*call_it).code == SKEWED
    found = [json.loads(line) for line in call(*call_it, "--json").lines]
    assert [(one["feature"], one["level"]) for one in found] == [
        ("spent_30d", "severe"),
        ("lines_30m", "none"),
    ]
    assert found[0]["psi"] > 0.2


def test_a_training_cell_that_is_no_number_is_missing_and_told(call, served, place):
    training(place, 0, 10)
    with (place / "rows.csv").open("a") as file:
        file.write("0,many,1\n0,inf,1\n")
    ended = call("features", "skew", "purchases", "--training", "rows.csv", "--at", NOW)
    assert ended.code == 0, ended
    assert (
        "left out 2: column 'spent_30d': cell taken as missing, no number, like 'many' (first: rows.csv:5002)"
        in ended.err
    )


def test_a_skew_raises_alerts_once_until_it_is_over(call, served, place, prefix, read_topic):
    call_it = ("features", "skew", "purchases", "--training", "rows.csv", "--at", NOW, "--alert")

    def told(state=None):
        alerts = [json.loads(line) for line in call("alerts", "list", "--alerts", "--all", "--json").lines]
        return [alert for alert in alerts if state in {None, alert["state"]}]

    training(place, 0, 10)
    assert call(*call_it).code == 0
    assert told() == []
    training(place, 1, 9.9)
    assert [call(*call_it).code for _ in range(2)] == [SKEWED, SKEWED]
    (warning,) = told()
    assert (warning["kind"], warning["detector"], warning["severity"]) == ("drift", "skew", "warning")
    assert (warning["source"], warning["channel"]) == ("purchases:v1", "spent_30d")
    assert 0.1 <= warning["statistic"] < 0.2
    training(place, 5, 15)
    assert [call(*call_it).code for _ in range(2)] == [SKEWED, SKEWED]
    (critical,) = told("firing")
    assert critical["severity"] == "critical"
    assert critical["statistic"] >= 0.2
    assert critical["id"] != warning["id"] == told("resolved")[0]["id"]
    training(place, 0, 10)
    assert [call(*call_it).code for _ in range(2)] == [0, 0]
    assert told("firing") == []
    assert len(told()) == 2
    records = asyncio.run(read_topic(Topics(load_settings().prefix).alerts("drift"), 4))
    published = [json.loads(record.value)["data"] for record in records]
    assert [(one["id"], one["state"]) for one in published] == [
        (warning["id"], "firing"), (warning["id"], "resolved"), (critical["id"], "firing"), (critical["id"], "resolved")
    ]  # fmt: skip
    training(place, 5, 15)
    call(*call_it)
    (again,) = told("firing")
    assert again["id"] not in {warning["id"], critical["id"]}


def test_an_alert_of_skew_that_was_not_told_to_the_end_is_told_by_the_next_call(call, served, place):
    """The one who found it died after it was kept, and another one after its end was told."""
    call_it = ("features", "skew", "purchases", "--training", "rows.csv", "--at", NOW, "--alert")
    training(place, 5, 15)
    alert = judge_skew(purchases(1), SKEW, None, at=NOW, now=NOW)[0]

    async def kept(*, end):
        store = await connect(load_settings().redis)
        try:
            firing = FiringAlerts(store, store.keys.skewed_features)
            if end:
                await AlertWriter(store).write([alert.model_copy(update={"state": AlertState.RESOLVED})])
            await firing.began(alert)
        finally:
            await store.close()

    asyncio.run(kept(end=False))
    call(*call_it)
    assert [json.loads(line)["id"] for line in call("alerts", "list", "--json").lines] == [alert.id]
    training(place, 0, 10)
    call(*call_it)
    asyncio.run(kept(end=True))
    training(place, 5, 15)
    call(*call_it)
    (another,) = [json.loads(line) for line in call("alerts", "list", "--json").lines]
    assert another["id"] != alert.id


def test_what_cannot_be_compared_is_said(call, shop, place):
    (place / "rows.csv").write_text("label\n1\n")
    shop(purchases(1))
    arguments = ("--training", "rows.csv")
    assert call("features", "skew", "purchase", *arguments).failed("did you mean purchases?")
    assert call("features", "skew", "purchases", *arguments).failed(
        "no column is a feature of purchases:v1; there is 'label'"
    )
    training(place, 0, 1)
    assert call("features", "skew", "purchases", *arguments).failed("no entity is served yet")
