"""Feature views in the monitor file: what they mean, and errors that name the key."""

import re
import tomllib
from pathlib import Path

import pytest

from stream_app.core.features import AllTime, Condition, Feature, FeatureView, Session, Sliding
from stream_app.errors import SettingsError
from stream_app.events import Reason, SessionRow
from stream_app.kinds.sessions import session_config, session_configs
from stream_app.monitors.sessions import SessionArrivals, SessionMonitor
from stream_app.settings import SensorStream, SessionStream, Settings, load_settings

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def feature_of(said):
    stream = SessionStream(views=[{"name": "v", "ttl": "1 year", "features": {"f": said}}])
    return session_config("shop", stream).views[0].features[0]


@pytest.mark.parametrize(
    ("said", "feature"),
    [
        ({"count": "*", "window": "30m"}, Feature("f", "count", window=Sliding(1800))),
        ({"count": "amount", "window": "30m"}, Feature("f", "count", "amount", Sliding(1800))),
        ({"sum": "amount", "session": "30m"}, Feature("f", "sum", "amount", Session(1800))),
        (
            {"sum": "amount", "session": "30m", "longest": "2h"},
            Feature("f", "sum", "amount", Session(1800, longest=7200)),
        ),
        ({"last": "amount", "all_time": True}, Feature("f", "last", "amount", AllTime())),
        (
            {"mean": "amount", "window": "7 days", "delay": "7 days"},
            Feature("f", "mean", "amount", Sliding(604_800, delay=604_800)),
        ),
        ({"time_since_last": "*", "window": "1h"}, Feature("f", "time_since_last", window=Sliding(3600))),
    ],
)
def test_a_feature_means_what_it_says(said, feature):
    assert feature_of(said) == feature


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("amount < 0", Condition("amount", "<", 0.0)),
        ("amount<=-1.5e3", Condition("amount", "<=", -1500.0)),
        ("type == purchase", Condition("type", "==", "purchase")),
        ("type != 'a b'", Condition("type", "!=", "a b")),
        ("plan == '7'", Condition("plan", "==", "7")),
        ('plan == "it\'s"', Condition("plan", "==", "it's")),
        ("type in purchase, refund", Condition("type", "in", ("purchase", "refund"))),
        ("plan in [7, '7']", Condition("plan", "in", (7.0, "7"))),
        ({"field": "a b", "comparison": "==", "value": "c"}, Condition("a b", "==", "c")),
    ],
)
def test_a_condition_means_what_it_says(said, condition):
    assert feature_of({"count": "*", "window": 60, "where": said}).where == (condition,)
    assert feature_of({"count": "*", "window": 60, "where": [said, said]}).where == (condition, condition)


HEAD = '[streams.shop]\nkind = "sessions"\n'
VIEW = HEAD + '[[streams.shop.views]]\nname = "v"\n'
ONE = "streams.shop.views.0.features.f"


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        (HEAD + "channels = ['a']", "streams.shop.channels", "no such setting"),
        (HEAD + 'entity_field = "ts"', "streams.shop", "says something else"),
        (HEAD + "limits.amount = { min = 3, max = 1 }", "streams.shop.limits.amount", "must be below"),
        (VIEW, "streams.shop.views.0.features", "required"),
        (VIEW + "version = 0\nfeatures.f = {count = '*', window = 1}", "streams.shop.views.0.version", "1"),
        (VIEW + "features = {}", "streams.shop.views.0.features", "at least 1"),
        (VIEW + "features.f = {}", ONE, "one of count, sum"),
        (VIEW + "features.f = {sum = 'a', mean = 'a', window = 1}", ONE, "['sum', 'mean']"),
        (VIEW + "features.f = {sum = 'a'}", ONE, "one of window, session, all_time"),
        (VIEW + "features.f = {sum = 'a', window = 1, session = 1}", ONE, "one of window, session"),
        (VIEW + "features.f = {sum = '*', window = 1}", ONE, "sum is of a field"),
        (VIEW + "features.f = {sum = 'a', window = '3 fortnights'}", ONE + ".window", "not a duration"),
        (VIEW + "features.f = {sum = 'a', session = 1, delay = 5}", ONE, "delay is for window"),
        (VIEW + "features.f = {sum = 'a', window = 1, longest = 5}", ONE, "longest is for session"),
        (VIEW + "features.f = {ratio = ['a', 'b'], window = 1}", ONE, "a ratio has no window"),
        (
            VIEW + "features.f = {count = '*', window = 1, where = 'amount'}",
            ONE + ".where.0",
            "not a condition",
        ),
        (VIEW + "features.f = {count = '*', window = 1, wher = 'a < 0'}", ONE + ".wher", "no such setting"),
    ],
)
def test_a_mistake_is_one_line_with_its_key(tmp_path, text, key, expected):
    path = tmp_path / "streamgauge.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(caught.value).startswith(f"{path}: {key}: ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ({"name": "a b", "features": {"f": {"count": "*", "window": 1}}}, "a name has"),
        ({"name": "v", "features": {"f g": {"count": "*", "window": 1}}}, "feature 'f g'"),
        ({"name": "v", "features": {"f": {"count": "*", "window": 0}}}, "must be positive"),
        ({"name": "v", "features": {"f": {"sum": "a", "all_time": True}}}, "say with ttl"),
        ({"name": "v", "features": {"f": {"ratio": ["a", "b"]}}}, "'a', which is no other"),
        ({"name": "v", "ttl": 1, "features": {"f": {"count": "*", "window": 60}}}, "ttl"),
    ],
)
def test_a_view_that_cannot_be_is_named(view, expected):
    with pytest.raises(SettingsError, match=r"^streams\.shop\.views\.0: ") as caught:
        session_config("shop", SessionStream(views=[view]))
    assert expected in str(caught.value)


ONE_VIEW = {"name": "v", "features": {"f": {"count": "*", "window": 60}}}


def test_views_may_come_from_a_program():
    view = FeatureView("w", (Feature("n", "count", window=Sliding(60)),), stream="shop")
    settings = Settings(streams={"shop": SessionStream(views=[ONE_VIEW])})
    assert [one.key for one in session_configs(settings, [view])["shop"].views] == ["v:v1", "w:v1"]
    with pytest.raises(SettingsError, match=r"w:v1 is of stream 'shop', .* there is none"):
        session_configs(Settings(), [view])
    with pytest.raises(SettingsError, match="a stream of sessions without a feature view"):
        session_configs(Settings(streams={"shop": SessionStream()}))


def test_what_is_served_under_one_name_is_one_thing():
    twice = Settings(streams={"a": SessionStream(views=[ONE_VIEW]), "b": SessionStream(views=[ONE_VIEW])})
    with pytest.raises(SettingsError, match=r"streams\.b\.views: v is the name of what stream a"):
        session_configs(twice)
    with pytest.raises(SettingsError, match="defined twice"):
        session_configs(Settings(streams={"a": SessionStream(views=[ONE_VIEW, ONE_VIEW])}))
    with pytest.raises(SettingsError, match=r"streams\.a\.views: v is the name of what stream v"):
        session_configs(Settings(streams={"v": SensorStream(), "a": SessionStream(views=[ONE_VIEW])}))


def test_the_documented_views_can_be_made():
    for page in ("features.md", "configuration.md"):
        for text in re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL):
            if 'kind = "sessions"' in text:
                assert session_configs(Settings(**tomllib.loads(text)))


def test_both_ways_of_the_documentation_declare_the_same_view():
    page = (DOCS / "features.md").read_text(encoding="utf-8")
    python = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    toml = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1]
    names = {}
    exec(python, names)
    (config,) = session_configs(Settings(**tomllib.loads(toml))).values()
    assert config.views == (names["purchases"],)


@pytest.mark.parametrize(
    ("lateness", "said", "future"), [("2h", None, 7200), ("1s", None, 60), ("1s", "1d", 86400)]
)
def test_an_event_that_is_ahead_makes_no_other_late(lateness, said, future):
    view = {"name": "v", "lateness": lateness, "features": {"n": {"count": "*", "window": "30m"}}}
    config = session_config("shop", SessionStream(views=[view], max_future=said))
    assert config.max_future == future


def test_one_event_a_day_ahead_costs_itself():
    view = {"name": "v", "features": {"n": {"count": "*", "window": "30m"}}}
    monitor = SessionMonitor(session_config("shop", SessionStream(views=[view])))
    times = [1.7e9 + i for i in range(10)]
    ahead = [*times[:5], times[5] + 20 * 3600.0, *times[6:]]
    rows = [SessionRow("a", ts) for ts in ahead]
    outcome = monitor.update(SessionArrivals(rows, list(range(10)), times))
    assert [(refusal.offset, refusal.reason) for refusal in outcome.refusals] == [(5, Reason.TIMESTAMP)]
