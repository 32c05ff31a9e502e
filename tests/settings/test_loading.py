"""The monitor file, the environment, and errors that name the key."""

import os
import traceback

import pytest

from stream_app.errors import SettingsError
from stream_app.events import Topics
from stream_app.settings import KafkaSettings, RedisSettings, Settings, load_settings
from stream_app.store import Keys

SECRET = "hunter2secret"


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(tmp_path):
    def written(text, name="streamgauge.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def refusal(path=None):
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    return str(caught.value)


def test_without_a_file_there_are_defaults():
    settings = load_settings()
    assert settings.kafka.servers == []
    assert {name: stream.kind for name, stream in settings.streams.items()} == {
        "sensors": "sensors",
        "images": "images",
        "predictions": "predictions",
    }


def test_the_file_here_is_read(write):
    write("""
        kafka = "broker:9092"
        redis = "redis://store:6379/1"
        prefix = "plant"

        [worker]
        group = "night"
        checkpoint_interval = "500ms"

        [streams.pumps]
        channels = ["flow", "pressure"]
        budget = "1 per week"
        lateness = "5 min"

        [streams.mills]
        topic = "mills"
        channels.speed = { min = 0, max = 3000 }
        detectors = [{ name = "adwin", parameters = { delta = 0.001 } }]
    """)
    settings = load_settings()
    assert settings.kafka.servers == ["broker:9092"]
    assert settings.redis.shown == "redis://store:6379"
    assert (settings.prefix, settings.worker.group, settings.worker.checkpoint_interval) == (
        "plant",
        "night",
        0.5,
    )
    assert settings.streams["pumps"].channel_names == ("flow", "pressure")
    assert settings.streams["pumps"].lateness == 300.0
    assert settings.streams["mills"].limits == {"speed": (0.0, 3000.0)}
    assert settings.streams["mills"].detectors[0].parameters == {"delta": 0.001}


def test_the_environment_wins_over_the_file_key_by_key(write, monkeypatch):
    write("""
        kafka = "file:9092"
        redis = { url = "redis://file:6379", prefix = "" }
        [worker]
        group = "file"
        max_batch = 7
    """)
    monkeypatch.setenv("STREAMGAUGE_KAFKA", "environment:9092")
    monkeypatch.setenv("STREAMGAUGE_REDIS", "redis://environment:6379")
    monkeypatch.setenv("STREAMGAUGE_WORKER__GROUP", "environment")
    monkeypatch.setenv("STREAMGAUGE_WORKER__CHECKPOINT_INTERVAL", "2")
    settings = load_settings()
    assert settings.kafka.servers == ["environment:9092"]
    assert (settings.redis.shown, settings.redis.prefix) == ("redis://environment:6379", "")
    assert (settings.worker.group, settings.worker.max_batch) == ("environment", 7)
    assert settings.worker.checkpoint_interval == 2.0


def test_the_short_name_of_a_server_goes_with_its_other_settings(monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_KAFKA", "broker:9093")
    monkeypatch.setenv("STREAMGAUGE_KAFKA__SECURITY", "SASL_SSL")
    monkeypatch.setenv("STREAMGAUGE_KAFKA__USERNAME", "me")
    monkeypatch.setenv("STREAMGAUGE_KAFKA__PASSWORD", SECRET)
    kafka = load_settings().kafka
    assert (kafka.servers, kafka.security, kafka.username) == (["broker:9093"], "SASL_SSL", "me")
    assert kafka.password.get_secret_value() == SECRET


def test_the_path_wins_over_the_variable_and_that_over_the_file_here(write, monkeypatch):
    write('prefix = "here"')
    variable, named = write('prefix = "variable"', "v.toml"), write('prefix = "named"', "n.toml")
    assert load_settings().prefix == "here"
    monkeypatch.setenv("STREAMGAUGE_CONFIG", str(variable))
    assert load_settings().prefix == "variable"
    assert load_settings(named).prefix == "named"


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("wroker = 1", "wroker", "no such setting"),
        ("[worker]\nmax_batch = 0", "worker.max_batch", "greater than or equal to 1"),
        ('[worker]\nmax_batch = "many"', "worker.max_batch", "integer"),
        ('[worker]\ngroup = "a b"', "worker.group", "pattern"),
        ('[worker]\ncheckpoint_interval = "soon"', "worker.checkpoint_interval", '"5 min"'),
        ('[worker]\ncheckpiont = "1s"', "worker.checkpiont", "no such setting"),
        ('kafka = "nowhere"', "kafka.bootstrap", "HOST:PORT, like localhost:9092"),
        ('kafka = "a:9092,b:99999"', "kafka.bootstrap", "'b:99999'"),
        ('kafka = { bootstrap = "a:1", security = "TLS" }', "kafka.security", "'PLAINTEXT', 'SSL'"),
        ('kafka = { bootstrap = "a:1", security = "SASL_SSL" }', "kafka", "needs username and password"),
        ('redis = "http://a"', "redis.url", "redis://localhost:6379/0"),
        ('prefix = "a b"', "prefix", "pattern"),
        ('prefix = "a.b"', "prefix", "pattern"),
        ('prefix = "sg"', "prefix", "choose another"),
        ('[streams.pumps]\nchannels = "flow"', "streams.pumps.channels", '["flow", "pressure"]'),
        (
            "[streams.pumps]\nchannels.flow = { min = 3, max = 1 }",
            "streams.pumps.channels.flow",
            "must be below",
        ),
        ("[streams.pumps]\nwarmup = 5", "streams.pumps.warmup", "greater than or equal to 30"),
        ('[streams.pumps]\nkind = "pumps"', "streams.pumps.kind", "sensors"),
        ("[streams.pumps]\nlatenes = 5", "streams.pumps.latenes", "no such setting"),
        ("[[streams.pumps.detectors]]\nevery = 2", "streams.pumps.detectors.0.name", "required"),
    ],
)
def test_an_error_is_one_line_with_file_key_and_what_was_expected(write, text, key, expected):
    path = write(text)
    message = refusal(path)
    assert message.startswith(f"{path}: {key}: "), message
    assert expected in message
    assert len(message.splitlines()) == 1


def test_several_mistakes_are_several_lines(write):
    message = refusal(write("wroker = 1\n[worker]\nmax_batch = 0"))
    assert len(message.splitlines()) == 2


def test_a_mistake_in_the_environment_is_not_blamed_on_the_file(write, monkeypatch):
    path = write('prefix = "fine"\n[worker]\ngroup = "fine"')
    monkeypatch.setenv("STREAMGAUGE_WORKER__MAX_BATCH", "none")
    message = refusal()
    assert message.startswith("STREAMGAUGE_WORKER__MAX_BATCH: ")
    assert path.name not in message


def test_a_mistake_in_a_short_variable_is_named_by_it(monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_KAFKA", "nowhere")
    assert refusal().startswith("STREAMGAUGE_KAFKA: ")


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path.with_name("gone.toml"), "cannot be read"),
        (lambda path: path.parent, "cannot be read"),
        (lambda path: path, "not TOML"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(write, make, expected):
    path = make(write("worker = [\n"))
    assert refusal(path).startswith(f"{path}: {expected}")


def test_a_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert refusal(path).startswith(f"{path}: not TOML")


def shown(thing):
    return f"{thing!r} {thing!s} {getattr(thing, 'model_dump_json', str)()}"


def test_passwords_are_not_in_what_is_printed(monkeypatch):
    monkeypatch.setenv("STREAMGAUGE_REDIS", f"rediss://me:{SECRET}@store:6380/2")
    monkeypatch.setenv(
        "STREAMGAUGE_KAFKA",
        f'{{"bootstrap": "a:1", "security": "SASL_SSL", "username": "u", "password": "{SECRET}"}}',
    )
    monkeypatch.delenv("STREAMGAUGE_KAFKA")
    settings = Settings(
        kafka=KafkaSettings(bootstrap="a:1", security="SASL_SSL", username="u", password=SECRET)
    )
    assert settings.redis.url.get_secret_value().count(SECRET) == 1
    assert settings.redis.shown == "rediss://store:6380"
    for thing in (settings, settings.redis, settings.kafka):
        assert SECRET not in shown(thing)


@pytest.mark.parametrize(
    "address",
    [
        f"http://me:{SECRET}@store:6380",
        f"redis://me:{SECRET}@store:notaport",
        f"redis://me:{SECRET}/more@store:6379",
        f"redis://:{SECRET}?x@store:6379",
        f"redis://me:{SECRET}@[store:6379",
        f"redis://me:{SECRET}@",
    ],
)
def test_passwords_are_not_in_errors_of_the_store_s_address(monkeypatch, address):
    monkeypatch.setenv("STREAMGAUGE_REDIS", address)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    # Also not in the traceback that a log would show.
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    assert "STREAMGAUGE_REDIS" in told


@pytest.mark.parametrize(
    "address",
    [f"me:{SECRET}@broker:9092", f"kafka://me:{SECRET}@broker:9092", f"broker:9092,u:{SECRET}@b:9092"],
)
def test_passwords_are_not_in_errors_of_the_broker_s_address(monkeypatch, address):
    monkeypatch.setenv("STREAMGAUGE_KAFKA", address)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "username and password" in str(caught.value)


def test_a_password_is_not_sent_readable_unless_that_is_asked_for():
    options = {"bootstrap": "a:1", "security": "SASL_PLAINTEXT", "username": "u", "password": SECRET}
    with pytest.raises(ValueError, match="readable") as caught:
        KafkaSettings(**options)
    assert SECRET not in str(caught.value)
    assert KafkaSettings(**options, allow_plaintext_password=True).security == "SASL_PLAINTEXT"


@pytest.mark.parametrize(
    ("written", "servers"),
    [
        ("a:1", ["a:1"]),
        ("kafka://a:1", ["a:1"]),
        ("a:1, b:2", ["a:1", "b:2"]),
        ("[::1]:9092", ["[::1]:9092"]),
        ("", []),
    ],
)
def test_broker_addresses(written, servers):
    assert KafkaSettings(bootstrap=written).servers == servers


def test_a_unix_socket_is_a_store():
    assert RedisSettings(url="unix:///run/redis.sock").shown == "unix:///run/redis.sock"


@pytest.mark.parametrize(
    ("text", "topic", "key", "group"),
    [
        ("", "dead.letters", "sg:alerts", "streamgauge"),
        ('prefix = "plant"', "plant.dead.letters", "plant:alerts", "plant"),
        ('prefix = "plant"\n[worker]\ngroup = "again"', "plant.dead.letters", "plant:alerts", "again"),
        ('prefix = "plant"\n[redis]\ncluster = true', "plant.dead.letters", "{plant}:alerts", "plant"),
    ],
)
def test_one_prefix_names_topics_keys_and_group(write, text, topic, key, group):
    settings = load_settings(write(text))
    assert Topics(settings.prefix).dead_letters == topic
    assert Keys(settings.redis.key_prefix).alerts == key
    assert settings.worker.group == group


def test_a_prefix_of_the_store_alone_is_refused(write):
    message = refusal(write('prefix = "plant"\n[redis]\nprefix = "others"'))
    assert "redis.prefix: one prefix names topics and keys; set prefix" in message
