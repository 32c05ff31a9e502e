"""When bad input stops the worker."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.errors import DataError
from stream_app.runtime.bad_input import BadInputLimit

WINDOW = 10_000


def stops_at(limit, events):
    """Feed deliveries; return the number of the delivery that raised, or None."""
    for number, delivery in enumerate(events):
        try:
            limit.count(delivery)
        except DataError:
            return number
    return None


def test_a_run_of_bad_events_stops_and_says_which_setting():
    limit = BadInputLimit(ratio=1.0, run=3)
    limit.count([True, True, False, True, True])
    with pytest.raises(DataError, match=r"3 events in a row .*worker.max_bad_run = 3.*dead letters"):
        limit.count([True])


def test_a_good_event_ends_a_run_also_in_a_clean_delivery():
    limit = BadInputLimit(ratio=1.0, run=3)
    for _ in range(100):
        limit.count([True, True])
        limit.count([False])
        limit.count([])


def test_an_empty_delivery_does_not_end_a_run():
    limit = BadInputLimit(ratio=1.0, run=3)
    limit.count([True, True])
    limit.count([])
    with pytest.raises(DataError):
        limit.count([True])


def test_a_ratio_of_bad_events_stops_and_says_which_setting():
    limit = BadInputLimit(ratio=0.5, run=WINDOW)
    with pytest.raises(DataError, match=r"5001 of 10000 events .*worker.max_bad_ratio = 0.5"):
        limit.count([True, False] * (WINDOW // 2 - 1) + [True, True])


def test_exactly_the_ratio_is_allowed_and_every_window_counts_afresh():
    limit = BadInputLimit(ratio=0.5, run=WINDOW)
    for _ in range(5):
        limit.count([True, False] * (WINDOW // 2))


def test_a_few_bad_ones_at_the_start_do_not_stop_a_new_stream():
    limit = BadInputLimit(ratio=0.01, run=1000)
    limit.count([True] * 50)
    limit.count([False] * (WINDOW - 50))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4000)), max_size=8),
    st.lists(st.integers(1, 15_000), min_size=1, max_size=6),
    st.sampled_from([0.001, 0.01, 0.5, 1.0]),
    st.integers(1, 40),
)
@settings(max_examples=100)
def test_where_it_stops_does_not_depend_on_the_deliveries(pattern, sizes, ratio, run):
    events = [bad for bads, goods in pattern for bad in [True] * bads + [False] * goods]
    expected = None
    in_a_row = bad_in_window = 0
    for n, bad in enumerate(events, start=1):
        in_a_row = in_a_row + 1 if bad else 0
        bad_in_window += bad
        if in_a_row >= run or (n % WINDOW == 0 and bad_in_window > ratio * WINDOW):
            expected = n
            break
        if n % WINDOW == 0:
            bad_in_window = 0
    cuts = [0]
    while cuts[-1] < len(events):
        cuts.append(min(len(events), cuts[-1] + sizes[len(cuts) % len(sizes)]))
    stopped = stops_at(BadInputLimit(ratio=ratio, run=run), [events[a:b] for a, b in pairwise(cuts)])
    if expected is None:
        assert stopped is None
    else:
        assert stopped is not None
        assert cuts[stopped] < expected <= cuts[stopped + 1]
