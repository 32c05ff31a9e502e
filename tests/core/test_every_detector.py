"""Every registered detector passes the checks that authors of detectors have."""

import inspect
from dataclasses import replace

import pytest

from stream_app.core.registry import detector_names, detector_type
from stream_app.core.twosample import WindowedTest, WindowedTestOptions
from stream_app.testing import check_detector
from stream_app.testing.detector_checks import CHECKS


@pytest.mark.slow
@pytest.mark.parametrize("name", detector_names())
def test_detector(name):
    assert check_detector(name).failed == []


def test_windowed_tests_together_with_overlapping_windows():
    options = WindowedTestOptions(tests=("ks", "psi", "wasserstein", "mann_whitney"), window=100, hop=30)
    together = replace(
        detector_type("ks"), build=lambda channels, *_: WindowedTest(channels, options=options), max_kib=20.0
    )
    assert check_detector(together).failed == []


@pytest.mark.parametrize("name", detector_names())
def test_every_detector_says_what_it_is_in_a_line(name):
    said = detector_type(name).doc()
    assert said
    assert "\n" not in said


def test_checks_say_what_they_ask_for():
    assert all(inspect.getdoc(check) for check in CHECKS)
