"""Settings of Kafka's login and TLS that contradict themselves, or would be unsafe without being noticed."""

import re

import pytest
from pydantic import ValidationError
from redis.connection import parse_url

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


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://h:1/abc", "the database after the host is not a number"),
        ("redis://h:1/0/1", "the database after the host is not a number"),
        ("redis://h:1/-1", "the database after the host is not a number"),
        ("redis:h", "not a Redis URL"),
        ("redis://:6379/0", "not a Redis URL"),
        ("redis://h#b", "not a Redis URL"),
        ("unix://run/redis.sock", "not a Redis URL"),
        ("redis://h:99999", "not a URL"),
        ("redis://h/?db=x", "the value of the option db"),
        ("redis://h/1?db=2", "the database is in the path and in the option db"),
        ("redis://h/?db=1&db=2", "is there twice"),
        ("redis://h/?socket_timeout=nan", "the value of the option socket_timeout"),
        ("redis://h/?decode_responses=1", "not known; there is db, username"),
        ("redis://h/?retry=1", "not known"),
        ("REDISS://h/?ssl_cert_reqs=none", "no ssl options in the URL"),
    ],
)
def test_a_redis_url_that_would_be_read_otherwise_than_it_is_meant_is_refused(url, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        RedisSettings(url=url)


@pytest.mark.parametrize(
    ("written", "form", "shown"),
    [
        ("redis://h", "redis://h", "redis://h"),
        ("redis://h:1/", "redis://h:1", "redis://h:1"),
        (" Redis://u:p%40@[::1]:1/2", "redis://u:p%40@[::1]:1/2", "redis://[::1]:1"),
        ("REDISS://h?db=3", "rediss://h/3", "rediss://h"),
        ("redis://h/2?db=2&socket_timeout=0.5", "redis://h/2?socket_timeout=0.5", "redis://h"),
        ("unix:/run/redis.sock?db=1", "unix:///run/redis.sock?db=1", "unix:///run/redis.sock"),
        ("unix://u:p@/run/redis.sock", "unix://u:p@/run/redis.sock", "unix:///run/redis.sock"),
    ],
)
def test_a_redis_url_has_one_form_which_redis_py_reads(written, form, shown):
    settings = RedisSettings(url=written)
    assert settings.url.get_secret_value() == form
    assert settings.shown == shown
    assert RedisSettings(url=settings.url) == settings
    assert parse_url(form)


def test_capitals_in_the_scheme_keep_the_check_of_certificates():
    assert RedisSettings(url="REDISS://h:1").connection_options()["tls"].check_hostname
    assert RedisSettings(url="RedisS://h:1", ca_file="/ca.pem").ca_file == "/ca.pem"


@pytest.mark.parametrize("url", ["redis://h/1", "redis://h?db=1", "unix:///s"])
def test_a_cluster_has_database_0_only(url):
    with pytest.raises(ValueError, match="a Redis Cluster has hosts, and database 0 only"):
        RedisSettings(url=url, cluster=True)
    assert RedisSettings(url="redis://h?db=0", cluster=True).key_prefix == "{sg}"


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


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"cluster": True, "sentinel": "gauge"}, "set cluster or sentinel"),
        ({"sentinel_password": "secret-word"}, "without sentinel"),
        ({"sentinel": "gauge", "sentinel_username": "u"}, "without sentinel_password"),
        ({"sentinel": "gauge", "url": "unix:///tmp/redis"}, "a Sentinel has a host"),
        ({"sentinel": "a b"}, "pattern"),
    ],
)
def test_a_sentinel_that_makes_no_sense_is_refused(said, problem):
    with pytest.raises(ValidationError, match=problem):
        RedisSettings(**({"url": "redis://h"} | said))


def test_a_sentinel_has_its_own_port():
    assert RedisSettings(url="redis://h", sentinel="gauge").address == ("h", 26379)
    assert RedisSettings(url="redis://h").address == ("h", 6379)
