"""The text form of metrics."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.platform.exposition import parse_exposition
from stream_app.errors import SourceError

NAME = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]*", fullmatch=True)
LABEL = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]*", fullmatch=True)
VALUE = st.floats(allow_nan=False, allow_infinity=False)
SAMPLES = st.lists(
    st.tuples(NAME, st.dictionaries(LABEL, st.text(), max_size=3), VALUE, st.none() | st.integers(0, 10**12)),
    max_size=5,
)


def written(name, labels, value, stamp):
    escaped = {
        key: text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        for key, text in labels.items()
    }
    inside = ",".join(f'{key}="{text}"' for key, text in escaped.items())
    return f"{name}{{{inside}}} {value!r}" + ("" if stamp is None else f" {stamp}")


@given(SAMPLES)
def test_what_is_exposed_is_read(samples):
    text = "# HELP a b\n" + "\n".join(written(*one) for one in samples) + "\n"
    found = [(one.name, one.labels, one.value, one.ts) for one in parse_exposition(text, "w1")]
    assert found == [(n, ls, v, None if ts is None else ts / 1000) for n, ls, v, ts in samples]


@given(st.text())
def test_any_text_is_read_or_refused_by_its_line(text):
    try:
        samples = parse_exposition(text, "w1")
    except SourceError as error:
        assert str(error).startswith("w1: line ")  # noqa: PT017
    else:
        assert all(math.isfinite(one.value) for one in samples)


def test_values_that_are_not_finite_are_left_out():
    text = "a 1\nb NaN\nc +Inf\nd -Inf\ne 2e3\n"
    assert [one.name for one in parse_exposition(text, "w1")] == ["a", "e"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a 1\n<html>\n", 2),
        ('a{b="c} 1', 1),
        ('a{b="c"d="e"} 1', 1),
        ("a one", 1),
        ("a 1 2 3", 1),
        ('{"metrics": 1}', 1),
        ("a{" + '"' * 50_001 + " 1", 1),
        ("a 1 " + "9" * 400, 1),
    ],
)
def test_text_of_another_form_is_refused_by_its_line(text, line):
    with pytest.raises(SourceError, match=f"^w1: line {line} is not in the text format"):
        parse_exposition(text, "w1")


def test_an_explosion_of_labels_is_named():
    text = "\n".join(f'requests_total{{id="{number}"}} 1' for number in range(50_001))
    with pytest.raises(SourceError, match=r"more than 50,000 samples; a label of requests_total"):
        parse_exposition(text, "w1")
