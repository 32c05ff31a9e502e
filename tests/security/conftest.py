"""Certificates, and a broker that asks for them."""

import pytest
from security.certificates import Certificates
from security.real import guarded_kafka


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def guarded(tmp_path_factory, certificates):
    guarded = guarded_kafka(tmp_path_factory.mktemp("guarded"), certificates)
    guarded.broker.start()
    yield guarded
    guarded.broker.stop()
