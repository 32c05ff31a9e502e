"""Every registered detector passes every shared check."""

import pytest
from checks import CHECKS

from stream_app.core.registry import DETECTORS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", DETECTORS)
def test_detector(name, check):
    check(DETECTORS[name])
