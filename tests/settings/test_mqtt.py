"""Settings of an MQTT broker."""

import pytest
from pydantic import ValidationError

from stream_app.settings import MqttSettings, Settings, load_settings


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"url": "mqtts://me:secret@h"}, "no user or password in the address"),
        ({"url": "tcp://h:1883"}, "is not mqtt://HOST:PORT or mqtts://HOST:PORT"),
        ({"url": "mqtt://h/path"}, "is not mqtt://HOST:PORT"),
        ({"url": "mqtt://h:99999"}, "is not mqtt://HOST:PORT"),
        ({"url": "mqtt://h", "username": "me", "password": "secret"}, "sends the password readable"),
        ({"url": "mqtts://h", "password": "secret"}, "password is set without username"),
        ({"url": "mqtt://h", "ca_file": "ca.pem"}, "begin the URL with mqtts://"),
        ({"url": "mqtts://h", "max_in_flight": 0}, "greater than or equal to 1"),
    ],
)
def test_a_mistake_is_refused_without_its_secret(said, message):
    with pytest.raises(ValidationError, match=message) as caught:
        MqttSettings(**said)
    assert "secret" not in str(caught.value)


def test_address_login_and_short_name(tmp_path, monkeypatch):
    (tmp_path / "password").write_text("quiet\n")
    file = tmp_path / "streamgauge.toml"
    file.write_text(f'mqtt = {{url = "mqtts://h", username = "me", password_file = "{tmp_path}/password"}}\n')
    mqtt = load_settings(file).mqtt
    assert (mqtt.address, mqtt.tls, mqtt.login_password) == (("h", 8883), True, "quiet")
    assert "quiet" not in repr(mqtt)
    monkeypatch.setenv("STREAMGAUGE_MQTT", "mqtt://other:1884")
    assert Settings().mqtt.address == ("other", 1884)
