"""A window's features: what a user of the models can rely on."""

from time import perf_counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.platform import Series
from stream_app.core.platform.window_features import FEATURE_NAMES, window_features

GROUPS = ("cpu", "memory", "disk", "network", "jvm", "object store", "queries", "latency", "requests", "errors", "other")  # fmt: skip
series = st.builds(
    Series,
    st.sampled_from(["a", "b"]),
    st.just("m"),
    st.sampled_from(GROUPS),
    st.sampled_from(["node", "query class", "service"]),
    st.sampled_from([True, False, None]),
)
deviation = st.one_of(st.floats(-30.0, 30.0), st.just(float("nan")))
windows = st.lists(st.tuples(series, deviation), min_size=1, max_size=60)


def naive(window):
    """The same features from the words of the documentation, one at a time."""
    found = []
    for name in FEATURE_NAMES:
        subject, what = name.rsplit(": ", 1)
        if what == "missing":
            mine = [d for one, d in window if one.of == subject]
            share = np.mean(np.isnan(mine)) if mine else 0.0
            found.append(2 * np.arcsin(np.sqrt(share)))
            continue
        mine = [(one, d) for one, d in window if subject_of(one) == subject and not np.isnan(d)]
        sizes = sorted(abs(d) for _, d in mine)
        if not mine:
            found.append(0.0)
        elif what == "worst":
            found.append(np.arcsinh(max(badness(one, d) for one, d in mine)))
        elif what == "top tenth":
            found.append(np.arcsinh(np.mean(sizes[-max(1, len(sizes) // 10) :])))
        else:
            found.append(2 * np.arcsin(np.sqrt(np.mean([size > 3 for size in sizes]))))
    return np.array(found)


def subject_of(one):
    if one.of == "query class":
        return "query class queries"
    if one.of == "service" and one.group not in {"latency", "requests", "errors"}:
        return "service other"
    return f"{one.of} {one.group}"


def badness(one, d):
    return abs(d) if one.higher_is_worse is None else d if one.higher_is_worse else -d


@given(windows)
def test_the_features_are_those_of_the_documentation(window):
    found = window_features([one for one, _ in window], np.array([d for _, d in window]))
    if all(np.isnan(d) for _, d in window):
        assert np.isnan(found).all()
    else:
        np.testing.assert_allclose(found, naive(window), atol=1e-12)
        assert np.isfinite(found).all()


def test_a_platform_that_grows_keeps_its_features():
    one = [Series("a", "load", "cpu")]
    more = [*one, Series("b", "io", "disk")]
    before, after = (
        window_features(one, np.array([2.0])),
        window_features(more, np.array([2.0, 0.0])),
    )
    assert len(before) == len(after) == len(FEATURE_NAMES)
    cpu = [i for i, name in enumerate(FEATURE_NAMES) if name.startswith("node cpu")]
    assert before[cpu].tolist() == after[cpu].tolist()


def test_twenty_thousand_series_take_a_small_part_of_a_window():
    many = [Series(f"node-{i}", "m", GROUPS[i % 11]) for i in range(20_000)]
    deviations = np.random.default_rng(0).normal(size=20_000)
    begin = perf_counter()
    window_features(many, deviations)
    assert perf_counter() - begin < 0.5
