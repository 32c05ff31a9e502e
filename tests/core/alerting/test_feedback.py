"""What verdicts say of detectors: their precision, and how much of the budget is left to them."""

from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from stream_app.core.alerting import MOST_HALVINGS, raised_thresholds

COUNTS = st.integers(0, 80)


def raised(real, false):
    verdicts = [("pumps", "drift", True)] * real + [("pumps", "drift", False)] * false
    return raised_thresholds(verdicts).get("pumps", {}).get("drift", 0)


@given(COUNTS, COUNTS)
def test_a_part_is_halved_as_often_as_false_ones_surely_are_twice_as_many(real, false):
    n = raised(real, false)
    if not real + false:
        assert n == 0
        return
    high = binomtest(real, real + false).proportion_ci(0.95, method="wilson").high
    assert 0 <= n <= MOST_HALVINGS
    # At the most favourable precision there would be so many false ones for a real one, and no fewer than one.
    left = (1.0 - high) / high / 2**n
    assert left < 2.0 or n == MOST_HALVINGS
    assert left >= 1.0 or n == 0


@given(COUNTS, COUNTS)
def test_another_false_alarm_never_lowers_a_threshold_and_another_real_one_never_raises_it(real, false):
    assert raised(real, false + 1) >= raised(real, false) >= raised(real + 1, false)


def test_when_it_begins_and_how_far_it_goes():
    assert [raised(0, n) for n in (7, 8, 15, 16, 30, 31, 1000)] == [0, 1, 1, 2, 2, 3, 3]
    assert [raised(n, 8) for n in range(3)] == [1, 0, 0]
