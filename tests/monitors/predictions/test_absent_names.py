"""Names in the settings that no event has: told after a window, over when they come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_streams import all_of, events, feed

from stream_app.settings.predictions import FairnessSettings, PredictionStream


def stream(n=260, *, late=None):
    """Answers "no" and "yes" of the regions a and b by version v1; `late` more say "maybe", in c, by v2."""
    said = np.arange(n) % 2
    groups = [{"region": "ab"[i // 2 % 2]} for i in range(n)]
    rows = events(np.eye(2)[said], said, classes=("no", "yes"), categories=groups, version="v1", delay=0.0)
    if late:
        every = np.zeros(late, dtype=int)
        rows += events(
            np.ones((late, 1)), every, classes=("maybe",), categories=[{"region": "c", "site": "x"}] * late,
            version="v2", delay=0.0, start=rows[-1].ts + 1.0, first=n,
        )  # fmt: skip
    return rows


def told(config, rows, cuts=(), **options):
    _, outcomes = feed(config, rows, cuts, **options)
    return [one for one in all_of(outcomes, "alerts") if one.detector == "absent"]


def fairness(**named):
    said = {"favourable": ("yes",), "groups": ("region",), "window": 200} | named
    return PredictionStream(fairness=FairnessSettings(**said))


@pytest.mark.parametrize(
    ("config", "channel", "summary"),
    [
        (
            fairness(favourable=("yes", "maybe")),
            "fairness.favourable",
            "fairness.favourable: none of 200 labelled predictions has 'maybe'; there is 'no', 'yes'",
        ),
        (
            fairness(groups=("site", "region")),
            "fairness.groups",
            "fairness.groups: none of 200 labelled predictions has 'site'; there is 'region'",
        ),
        (
            fairness(reference="c"),
            "fairness.reference",
            "fairness.reference: none of 200 labelled predictions has 'c'; there is 'a', 'b'",
        ),
        (
            PredictionStream(versions=("v1", "v2"), window=200),
            "versions",
            "versions: none of 200 labelled predictions has 'v2'; there is 'v1'",
        ),
    ],
)
def test_a_name_that_never_comes_is_told_after_a_window_and_over_when_it_comes(config, channel, summary):
    (alert,) = told(config, stream())
    assert (alert.channel, alert.summary, alert.offset) == (channel, summary, 199)
    first, last = told(config, stream(late=5))
    assert (first.id, last.id, last.state.value) == (alert.id, alert.id, "resolved")


def test_names_that_come_are_not_told():
    assert told(fairness(reference="b"), stream()) == []
    assert told(PredictionStream(), stream()) == []
    assert told(fairness(favourable=("maybe",)), stream(150, late=50)) == []


@settings(deadline=None)
@given(cuts=st.lists(st.integers(1, 270), max_size=6), restart=st.booleans())
def test_neither_borders_nor_restarts_change_what_is_told(cuts, restart):
    config = fairness(favourable=("maybe",), groups=("site", "region"), reference="c")
    assert told(config, stream(late=10), cuts, restart=restart) == told(config, stream(late=10))
