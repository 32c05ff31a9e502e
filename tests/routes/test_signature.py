"""Signed requests: a receiver tells forgeries and replays."""

import pytest

from stream_app.errors import DataError, SettingsError
from stream_app.routes.signature import sign, verify

SECRET, NOW = "correct horse battery", 1_700_000_000


def request(body=b"{}", at=NOW, secret=SECRET, **changes):
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret, "m1", at, body),
    }
    return headers | changes


def test_who_knows_the_secret_is_believed():
    assert verify(SECRET, request(), b"{}", now=NOW + 299) == "m1"
    rotated = request()["webhook-signature"]
    assert verify(SECRET, request(**{"webhook-signature": f"v1,AAAA {rotated}"}), b"{}", now=NOW) == "m1"


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        (request(), b"{ }", "wrong"),
        (request(secret="another horse battery"), b"{}", "wrong"),
        (request(**{"webhook-id": "m2"}), b"{}", "wrong"),
        (request(**{"webhook-timestamp": str(NOW + 1)}), b"{}", "wrong"),
        (request(**{"webhook-signature": ""}), b"{}", "wrong"),
        (request(at=NOW - 301), b"{}", "replay"),
        (request(at=NOW + 301), b"{}", "replay"),
        (request(**{"webhook-timestamp": "soon"}), b"{}", "not signed"),
        ({}, b"{}", "not signed"),
    ],
)
def test_others_are_not(headers, body, reason):
    with pytest.raises(DataError, match=reason):
        verify(SECRET, headers, body, now=NOW)


def test_a_secret_that_is_no_base64_is_named_without_being_shown():
    with pytest.raises(SettingsError, match="not base64") as error:
        sign("whsec_hunter2!", "m", 1, b"")
    assert "hunter2" not in str(error.value)
