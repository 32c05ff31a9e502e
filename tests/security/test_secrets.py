"""No secret is printed: not by a command, a log, an error, a repr or a metric."""

import copy
import logging
import os
import subprocess
import sys
import traceback
from types import SimpleNamespace

import faust
import pytest
import structlog
from prometheus_client import generate_latest

from stream_app.cli.logs import configure_logging
from stream_app.embedded import free_port
from stream_app.errors import SettingsError
from stream_app.kafka import client_options
from stream_app.runtime.faust_app import faust_credentials, make_app
from stream_app.runtime.worker import Worker
from stream_app.settings import KafkaSettings, RedisSettings, Settings, WorkerSettings, load_settings
from stream_app.settings.secrets import MAX_SECRET_BYTES

SECRETS = {
    name: f"hunter2-{name}-secret-that-is-long-enough"
    for name in ("kafka", "kafka-key", "redis", "redis-key", "state-key", "token", "url")
}


@pytest.fixture
def files(tmp_path, certificates):
    """A file for each secret, and certificates."""
    for name, secret in SECRETS.items():
        (tmp_path / name).write_text(secret)
    return tmp_path


def everything(files, certificates, *, in_files):
    """Settings in which each secret there is is set."""

    def secret(key, name):
        return {f"{key}_file": str(files / name)} if in_files else {key: SECRETS[name]}

    tls = {"ca_file": str(certificates.ca), "cert_file": str(certificates.client.both)}
    return Settings(
        kafka={
            "bootstrap": "127.0.0.1:1",
            "security": "SASL_SSL",
            "username": "me",
            **tls,
            **secret("password", "kafka"),
            **secret("key_password", "kafka-key"),
        },
        redis={
            "url": "rediss://127.0.0.1:1/0",
            "username": "me",
            **tls,
            **secret("password", "redis"),
            **secret("key_password", "redis-key"),
            **secret("state_key", "state-key"),
        },
        worker={"metrics_port": 1, "http_host": "0.0.0.0", **secret("http_token", "token")},
    )


def leaked(*texts):
    return [name for name, secret in SECRETS.items() for text in texts if secret in str(text)]


@pytest.mark.parametrize("in_files", [False, True])
def test_settings_show_no_secret_but_hold_them(files, certificates, in_files):
    settings = everything(files, certificates, in_files=in_files)
    held = (
        settings.kafka.login_password,
        settings.kafka.tls_files.password,
        settings.redis.login_password,
        settings.redis.tls_files.password,
        settings.worker.token,
    )
    assert held == tuple(SECRETS[name] for name in ("kafka", "kafka-key", "redis", "redis-key", "token"))
    for table in (settings, settings.kafka, settings.redis, settings.worker):
        shown = [repr(table), str(table), table.model_dump(), table.model_dump_json(), dict(table)]
        assert leaked(*shown, repr(copy.copy(table)), repr(table.model_copy())) == []
    assert leaked(repr(settings.kafka.tls_files), repr(settings.redis.tls_files)) == []
    # A copy that is validated anew, as options of the command line make one, holds them too.
    again = KafkaSettings.model_validate(settings.kafka.model_dump() | {"bootstrap": "b:1"})
    assert again.login_password == SECRETS["kafka"]


def banner(app):
    """What Faust prints when an app starts by its own command."""
    # Faust reads the program's arguments when its commands are imported.
    from faust.cli.worker import worker as command  # noqa: PLC0415

    worker = SimpleNamespace(app=app, logfile=None, loglevel="INFO", loop=None)
    return str(command._banner_data(object.__new__(command), worker))


@pytest.mark.filterwarnings("ignore:Setting .* is deprecated")
@pytest.mark.parametrize("in_files", [False, True])
async def test_faust_s_banner_and_configuration_show_no_secret(files, certificates, in_files, tmp_path):
    settings = everything(files, certificates, in_files=in_files)
    credentials = faust_credentials(settings.kafka)
    assert credentials.password == SECRETS["kafka"]
    app = make_app(settings, str(tmp_path))
    shown = [banner(app), repr(app), repr(app.conf), repr(credentials)]
    shown += [repr(getattr(app.conf, name)) for name in app.conf.SETTINGS]
    assert "kafka://127.0.0.1:1" in shown[0]
    assert leaked(*shown) == []
    assert app.conf.web_enabled is False
    # It would show one in the address, which is why addresses hold none.
    careless = faust.App("careless", broker=f"kafka://me:{SECRETS['kafka']}@127.0.0.1:1", datadir=tmp_path)
    assert leaked(banner(careless)) == ["kafka"]


def test_metrics_and_health_show_no_secret(files, certificates):
    worker = Worker(everything(files, certificates, in_files=True))
    assert leaked(generate_latest(worker.metrics.registry).decode(), repr(worker), worker.health()) == []


@pytest.fixture
def environment(files, certificates):
    """Variables of the environment that set each secret there is, as values or in files."""

    def make(*, in_files):
        said = {"KAFKA": "127.0.0.1:1", "KAFKA__SECURITY": "SASL_SSL", "KAFKA__USERNAME": "me"}
        said |= {"REDIS": "rediss://127.0.0.1:1/0", "REDIS__USERNAME": "me", "WORKER__HTTP_HOST": "0.0.0.0"}
        said["WORKER__METRICS_PORT"] = str(free_port())
        for table in ("KAFKA", "REDIS"):
            said[f"{table}__CA_FILE"] = str(certificates.ca)
            said[f"{table}__CERT_FILE"] = str(certificates.client.both)
        held = {
            "KAFKA__PASSWORD": "kafka",
            "KAFKA__KEY_PASSWORD": "kafka-key",
            "REDIS__PASSWORD": "redis",
            "REDIS__KEY_PASSWORD": "redis-key",
            "REDIS__STATE_KEY": "state-key",
            "WORKER__HTTP_TOKEN": "token",
        }
        for key, name in held.items():
            said |= {f"{key}_FILE": str(files / name)} if in_files else {key: SECRETS[name]}
        return {f"STREAMGAUGE_{name}": value for name, value in said.items()}

    return make


def run(environment, *arguments):
    """Run the program, and return its exit code and all that it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STREAMGAUGE_")}
    ended = subprocess.run(
        [sys.executable, "-m", "stream_app", *arguments],
        env=kept | environment | {"COLUMNS": "400"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return ended.returncode, ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "in_files", "code", "said"),
    [
        (["config", "show"], False, 0, "kafka.password"),
        (["config", "show", "--json"], True, 0, '"kafka.password_file"'),
        (["check"], False, 1, "Kafka at 127.0.0.1:1"),
        (["check", "--json"], True, 1, "Redis at rediss://127.0.0.1:1"),
        (["worker"], True, 1, "Redis at rediss://127.0.0.1:1 cannot be reached"),
        (["worker", "--verbose"], False, 1, "Redis at rediss://127.0.0.1:1 cannot be reached"),
        (["alerts", "list"], False, 1, "Redis at rediss://127.0.0.1:1 cannot be reached"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_no_command_prints_a_secret(environment, command, in_files, code, said):
    ended, printed = run(environment(in_files=in_files), *command)
    assert ended == code, printed
    assert said in printed
    assert leaked(printed) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"KAFKA__SECURITY": "PLAINTEXT"},
        {"KAFKA__SECURITY": "none"},
        {"KAFKA__SECURITY": "SASL_PLAINTEXT"},
        {"KAFKA": f"me:{SECRETS['url']}@127.0.0.1:1"},
        {"KAFKA": f"kafka://me:{SECRETS['url']}@127.0.0.1:1"},
        {"REDIS": f"rediss://me:{SECRETS['url']}@127.0.0.1:1"},
        {"REDIS": f"rediss://127.0.0.1:1?password={SECRETS['url']}"},
        {"REDIS": f"http://me:{SECRETS['url']}@127.0.0.1:1"},
        {"REDIS": f"rediss://127.0.0.1:1?ssl_cert_reqs={SECRETS['url']}"},
        {"REDIS__PASSWORD_FILE": "set-twice"},
        {"WORKER__HTTP_TOKEN": SECRETS["token"][:9]},
        {"WORKER__MAX_BATCH": "none"},
    ],
    ids=str,
)
def test_no_mistake_in_the_settings_is_told_with_a_secret(environment, monkeypatch, changes):
    said = environment(in_files=False) | {f"STREAMGAUGE_{name}": value for name, value in changes.items()}
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    told = "".join(traceback.format_exception(caught.value))
    assert leaked(told) == []
    assert SECRETS["token"][:9] not in told
    assert "STREAMGAUGE_" in str(caught.value)


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "terminal"])
def test_a_traceback_in_the_log_shows_no_variables(capsys, as_json):
    configure_logging(json=as_json)
    try:
        fail(SECRETS["kafka"])
    except ZeroDivisionError as error:
        structlog.get_logger("stream_app").error("processing failed", exc_info=error)
        logging.getLogger("elsewhere").exception("failed")
    printed = capsys.readouterr().err
    assert printed.count("ZeroDivisionError") >= 2
    assert leaked(printed) == []


def fail(password):
    options = {"sasl_plain_password": password}
    return len(options) / 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "more than one line"),
        (b"with\x00null", "control characters"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"x" * (MAX_SECRET_BYTES + 1), "is larger than"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(tmp_path, content, reason):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f"password_file: {path} .*{reason}"):
        KafkaSettings(security="SASL_SSL", username="me", password_file=str(path))
    with pytest.raises(ValueError, match=f"http_token_file: {path} .*{reason}"):
        WorkerSettings(http_token_file=str(path))


def test_a_folder_is_no_secret(tmp_path):
    with pytest.raises(ValueError, match=r"password_file: .* cannot be read: Is a directory"):
        RedisSettings(url="redis://h:1", password_file=str(tmp_path))


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_line_break_at_the_end_is_no_part_of_a_secret(tmp_path, end):
    (tmp_path / "secret").write_bytes(f" with blanks {end}".encode())
    redis = RedisSettings(url="redis://h:1", password_file=str(tmp_path / "secret"))
    assert redis.login_password == " with blanks "
    assert redis.connection_options() == {"password": " with blanks "}


def test_clients_get_the_secret_from_its_file(files, certificates):
    settings = everything(files, certificates, in_files=True)
    assert client_options(settings.kafka)["sasl_plain_password"] == SECRETS["kafka"]
    assert settings.redis.connection_options()["password"] == SECRETS["redis"]
