"""Settings of a schema registry."""

import pytest
from pydantic import ValidationError

from stream_app.settings import SchemaRegistrySettings, Settings


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"url": "https://me:secret@h"}, "no user or password in the address"),
        ({"url": "ftp://h"}, "is not http://HOST:PORT/PATH"),
        ({"url": "https://h?a=b"}, "is not http://HOST:PORT/PATH"),
        ({"url": "https://h", "password": "secret"}, "password is set without username"),
        ({"url": "https://h", "username": "me", "token": "secret"}, "a token and a login are set"),
        ({"url": "https://h", "token": "secret-ü"}, "only ASCII can be sent"),
        ({"url": "http://h", "username": "me", "password": "secret"}, "sends the password or token readable"),
        ({"url": "http://h", "token": "secret"}, "sends the password or token readable"),
        ({"url": "http://h", "ca_file": "ca.pem"}, "begin the URL with https://"),
    ],
)
def test_a_mistake_is_refused_without_its_secret(said, message):
    with pytest.raises(ValidationError, match=message) as caught:
        SchemaRegistrySettings(**said)
    assert "secret" not in str(caught.value)


def test_a_readable_login_works_where_it_is_allowed(monkeypatch):
    said = SchemaRegistrySettings(url="http://h/", token="secret", allow_plaintext_password=True)
    assert (said.url, said.bearer) == ("http://h", "secret")
    assert "secret" not in repr(said)
    monkeypatch.setenv("STREAMGAUGE_SCHEMA_REGISTRY", "http://other:8081")
    assert Settings().schema_registry.url == "http://other:8081"
