"""Settings of Kafka's login and TLS that contradict themselves, or would be unsafe without being noticed."""

import re

import pytest

from stream_app.settings import KafkaSettings, RedisSettings, tls_problem

LOGIN = {"security": "SASL_SSL", "username": "me", "password": "secret"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"security": "SASL_SSL"}, "needs username and password (or password_file)"),
        ({"security": "SASL_SSL", "username": "me"}, "needs username and password"),
        ({"security": "SASL_SSL", "username": "me", "password": ""}, "needs username and password"),
        ({"username": "me"}, "username is set, but PLAINTEXT sends none; use SASL_SSL"),
        ({"security": "SSL", "username": "me"}, "username is set, but SSL sends none"),
        ({"ca_file": "/ca.pem"}, 'nothing would be encrypted; set security = "SSL" or "SASL_SSL"'),
        ({"cert_file": "/c.pem", "key_file": "/k.pem"}, "nothing would be encrypted"),
        ({"security": "SSL", "key_file": "/k.pem"}, "key_file is set without cert_file"),
        ({"security": "SSL", "key_password": "x"}, "key_password is set without cert_file"),
        (LOGIN | {"password_file": "/p"}, "password and password_file are both set; leave one out"),
        (LOGIN | {"sasl_mechanism": "OAUTHBEARER"}, "'PLAIN', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'"),
        (LOGIN | {"username": "me\nx"}, "pattern"),
        (LOGIN | {"username": "me\x00you"}, "pattern"),
    ],
    ids=str,
)
def test_what_contradicts_itself_or_would_be_unsafe_is_refused(settings, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        KafkaSettings(**settings)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_login_over_tls_is_taken(mechanism):
    settings = KafkaSettings(**LOGIN, sasl_mechanism=mechanism)
    assert (settings.username, settings.login_password) == ("me", "secret")


def test_without_encryption_there_is_no_tls():
    assert KafkaSettings().tls() is None
    assert RedisSettings(url="redis://h:1").connection_options() == {}


def test_tls_always_checks_the_certificate_and_the_host_s_name():
    for context in (
        KafkaSettings(security="SSL").tls(),
        RedisSettings(url="rediss://h:1").connection_options()["tls"],
    ):
        assert context.check_hostname
        assert context.verify_mode.name == "CERT_REQUIRED"
        assert context.minimum_version.name in {"TLSv1_2", "TLSv1_3"}


@pytest.mark.parametrize("error", [OSError("x"), ConnectionResetError(), TimeoutError(), EOFError()])
def test_a_server_that_is_away_is_no_problem_of_tls(error):
    assert tls_problem(error) is None
