"""Settings of routes: what they take, and what is refused in which words."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from stream_app.errors import SettingsError
from stream_app.settings import MaintenanceWindow, load_settings
from stream_app.settings.cron import Cron

HOOK = 'channel = { kind = "webhook", url = "http://localhost:1/x" }\n'


def load(tmp_path, text):
    file = tmp_path / "streamgauge.toml"
    file.write_text(f"[routes.night]\n{text}")
    return load_settings(file).routes["night"]


def test_a_route_of_one_channel_takes_all(tmp_path):
    route = load(tmp_path, HOOK)
    assert (route.group_by, route.group_wait, route.repeat_interval) == (("stream",), 30.0, 14_400.0)
    assert route.channel.address == "http://localhost:1/x"
    assert route.channel.shown == "http://localhost:1"


def test_secrets_come_from_files_and_the_environment(tmp_path, monkeypatch):
    (tmp_path / "url").write_text("mailto://me:hunter2@localhost\n")
    monkeypatch.setenv("STREAMGAUGE_ROUTES__NIGHT__CHANNEL__URL_FILE", str(tmp_path / "url"))
    route = load(tmp_path, 'channel = { kind = "apprise" }\n')
    assert route.channel.address == "mailto://me:hunter2@localhost"
    assert "hunter2" not in f"{route} {route!r} {route.model_dump_json()} {route.channel.shown}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('channel = { kind = "pigeon" }', 'there are "alertmanager", "webhook", "apprise"'),
        ("", "channel: Field required"),
        ('channel = { kind = "webhook" }', "url or url_file is needed"),
        ('channel = { kind = "webhook", url = "ftp://hunter2" }', "expected http://HOST"),
        ('channel = { kind = "webhook", url = "http://a", url_file = "b" }', "both set"),
        ('channel = { kind = "webhook", url = "http://a", sekret = "hunter2" }', "no such setting"),
        (HOOK + 'group_by = ["colour"]', '"incident" and "label:NAME"'),
        (HOOK + 'match = { kind = "fire" }', "drift"),
        (HOOK + 'match = { severity = "grave" }', "critical"),
        (HOOK + 'inhibit = [{ by = { kind = "quality" } }]', "name a detector"),
        (HOOK + "maintenance = [{ }]", "either cron and duration, or start and end"),
        (HOOK + 'maintenance = [{ cron = "0 2 * *", duration = "1h" }]', "five fields"),
        (
            HOOK + 'maintenance = [{ cron = "0 25 * * *", duration = "1h" }]',
            "hour: '25' is not within 0 to 23",
        ),
        (HOOK + 'maintenance = [{ cron = "0 2 * * *", duration = "1h", timezone = "Mars" }]', "no time zone"),
        (HOOK + "maintenance = [{ start = 2026-01-01T00:00:00, end = 2026-01-02T00:00:00Z }]", "timezone"),
    ],
)
def test_mistakes_are_named_and_no_secret_is_quoted(tmp_path, text, reason):
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text)
    assert reason in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "secret", "reason"),
    [
        ('url = "http://a", secret = "hunter2"', "signing_secret", "16 characters"),
        ('url = "http://a", token = "hünter2"', "bearer", "only ASCII"),
        ('url_file = "nowhere"', "address", "nowhere cannot be read"),
        ('url_file = "streamgauge.toml"', "address", "more than one line"),
        ('url_file = "wrong"', "address", "expected http"),
    ],
)
def test_secrets_are_looked_at_when_a_channel_is_opened_and_never_quoted(
    tmp_path, monkeypatch, text, secret, reason
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong").write_text("hunter2")
    # A worker reads the same file, and need not be able to read these.
    route = load(tmp_path, f'channel = {{ kind = "webhook", {text} }}\n')
    with pytest.raises(SettingsError, match=reason) as error:
        getattr(route.channel, secret)
    assert "nter2" not in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "at", "expected"),
    [
        ("*/15 * * * *", (2026, 1, 1, 0, 45), True),
        ("*/15 * * * *", (2026, 1, 1, 0, 46), False),
        ("0 22 * * mon-fri", (2026, 1, 2, 22, 0), True),
        ("0 22 * * 1-5", (2026, 1, 3, 22, 0), False),
        ("0 0 13 * 5", (2026, 1, 13, 0, 0), True),  # either day is enough
        ("0 0 13 * 5", (2026, 1, 16, 0, 0), True),
        ("0 0 13 * 5", (2026, 1, 14, 0, 0), False),
        ("5,10-12 1 * jan,dec 7", (2026, 1, 4, 1, 11), True),
        ("10/20 * * * *", (2026, 1, 1, 3, 50), True),
    ],
)
def test_patterns_of_cron(pattern, at, expected):
    assert Cron.parse(pattern).matches(datetime(*at, tzinfo=UTC)) is expected


def test_a_window_follows_the_clock_of_its_zone_through_the_change_of_time():
    window = MaintenanceWindow(cron="30 1 * * *", duration="1h", timezone="Europe/Berlin")
    for month, hour in ((1, 0), (7, 23)):
        when = datetime(2026, month, 5, hour, 45, tzinfo=UTC)
        assert window.is_open(when.timestamp())
        assert not window.is_open(when.timestamp() - 3600)
        assert not window.is_open(when.timestamp() + 3600)


def test_a_window_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValidationError, match="before end"):
        MaintenanceWindow(start="2026-01-02T00:00:00Z", end="2026-01-01T00:00:00Z")
