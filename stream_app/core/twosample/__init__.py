"""Tests of new data against a reference sample, channel by channel."""

from stream_app.core.twosample.categories import chi_square
from stream_app.core.twosample.distance import wasserstein
from stream_app.core.twosample.ks import ks_p_value, ks_statistic, ks_test
from stream_app.core.twosample.psi import PSI_MODERATE, PSI_SEVERE, Bins, psi
from stream_app.core.twosample.ranks import mann_whitney
from stream_app.core.twosample.reference import Comparison, Reference
from stream_app.core.twosample.windowed import WindowedTest, WindowedTestOptions

__all__ = [
    "PSI_MODERATE",
    "PSI_SEVERE",
    "Bins",
    "Comparison",
    "Reference",
    "WindowedTest",
    "WindowedTestOptions",
    "chi_square",
    "ks_p_value",
    "ks_statistic",
    "ks_test",
    "mann_whitney",
    "psi",
    "wasserstein",
]
