"""Many logs read at once by compiled code: the same as each by its twin in Python, and as zlib and `math.fsum` have it."""

import math
import random
import zlib

import numpy as np
import pytest
from feature_cases import FEATURES, OPTIONS, add, cut, event_lists, stored, view_with
from hypothesis import example, given
from hypothesis import strategies as st
from naive_features import Event

from stream_app.core.checksum import checksum
from stream_app.core.features import (
    AllTime,
    BatchEvaluator,
    EntityLog,
    Evaluator,
    Feature,
    FeatureView,
    Layout,
    Readings,
    Sliding,
    compile_reading,
    micros,
)
from stream_app.errors import StateError

WINDOWED = tuple(
    feature
    for feature in FEATURES
    if feature.name != "balance" and (feature.over or not isinstance(feature.window, AllTime))
)
AFTER = st.one_of(
    st.sampled_from([-20.0, 0.0, 1e-6, 1.0, 4.0, 4.000001, 5.0, 10.0, 20.0, 90.0, 91.0]),
    st.floats(-50.0, 200.0),
)
KEYS = [f"key {i}" for i in range(10)]


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    compile_reading()


def same(found: Readings, row: int, evaluator: Evaluator, log: EntityLog, at: int) -> None:
    expected = Readings.of([evaluator.read(log, at)], evaluator.names)
    assert found.values[row].tobytes() == expected.values[0].tobytes()
    assert found.event_ts[row] == expected.event_ts[0]
    assert found.incomplete[row].tolist() == expected.incomplete[0].tolist()


@given(OPTIONS, st.booleans(), event_lists(), st.lists(st.integers(0, 40), max_size=6), AFTER)
def test_a_batch_is_told_what_each_entity_is_told(options, all_time, events, borders, after):
    view = view_with(**options) if all_time else FeatureView("v", WINDOWED, **{"ttl": 90.0} | options)
    layout = Layout(view)
    evaluator = Evaluator(layout)
    logs = [
        stored(layout, cut(events[:most], [b for b in borders if b <= most]))
        for most in range(0, len(events) + 1, 6)
    ]
    at = micros((events[-1].ts if events else 1000.0) + after)
    # What stands before the log, as in the store, moves its columns off the borders of words.
    raws = [b"x" * 20 + log.encode() for log in logs] + [None] * 8
    found = BatchEvaluator(evaluator, skip=20).read(raws, at, [""] * len(raws))
    for row, log in enumerate(logs):
        same(found, row, evaluator, log, at)
    assert not found.known[len(logs) :].any()
    assert np.isnan(found.values[len(logs) :]).all()


NUMBERS = st.floats(-1e200, 1e200) | st.floats(-100, 100).map(lambda number: round(number, 2))


@given(st.lists(NUMBERS, max_size=50))
@example([1e100, 1.0, -1e100, 1e-100, 1e50])
@example([2.0**53, 1.0, 2.0**-60])
@example([2.0**53, 1.0, -(2.0**-60)])
def test_a_sum_is_rounded_once(numbers):
    layout = Layout(FeatureView("v", (Feature("total", "sum", "amount", Sliding(100)),)))
    log = EntityLog(layout)
    for offset, number in enumerate(numbers):
        add(log, layout, Event(1000.0, offset, amount=number))
    found = BatchEvaluator(Evaluator(layout)).read([log.encode()] * 8, micros(1001.0), [""] * 8)
    assert found.values[7, 0] == math.fsum(numbers) if numbers else np.isnan(found.values[7, 0])


def test_different_values_are_counted_however_many():
    draw = random.Random(1)
    layout = Layout(FeatureView("v", (Feature("items", "distinct", "item", Sliding(1e5)),)))
    log = EntityLog(layout)
    items = [str(draw.randrange(700)) for _ in range(2000)]
    for offset, item in enumerate(items):
        add(log, layout, Event(1000.0 + offset, offset, item=item))
    found = BatchEvaluator(Evaluator(layout)).read([log.encode()] * 8, micros(4000.0), [""] * 8)
    assert found.values[:, 0].tolist() == [len(set(items))] * 8


@given(st.binary(max_size=70), st.integers(0, 9))
def test_the_checksum_is_that_of_zlib(raw, before):
    whole = b"y" * before + raw + b"z" * 8
    words = np.ndarray(len(whole) - 7, dtype=np.int64, buffer=whole, strides=(1,))
    found = checksum(np.frombuffer(whole, dtype=np.uint8), words, before, before + len(raw))
    assert found == zlib.crc32(raw)


def one_log(layout):
    log = EntityLog(layout)
    for offset in range(3):
        add(log, layout, Event(1000.0 + offset, offset, amount=1.5, item="a", type="bought", id=str(offset)))
    return log.encode()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", "is no log"),
        (lambda raw: raw[:-1], "damaged"),
        (lambda raw: raw + b"\0", "damaged"),
        (lambda raw: raw[:3] + b"\2" + raw[4:], "format 2"),
        (lambda raw: raw[:8] + b"x" * 8 + raw[16:], "another definition"),
        (lambda raw: raw[:38] + b"\xff" * 4 + raw[42:], "damaged"),
        (lambda raw: raw[:42] + b"\xff" * 8, "damaged"),
        (lambda raw: raw[:60] + bytes([raw[60] ^ 4]) + raw[61:], "checksum"),
    ],
)
def test_a_damaged_log_among_others_is_named(damage, message):
    layout = Layout(FeatureView("v", WINDOWED))
    raws = [one_log(layout)] * 9
    raws.insert(4, damage(raws[0]))
    with pytest.raises(StateError, match=f"key 4: .*{message}"):
        BatchEvaluator(Evaluator(layout)).read(raws, micros(1010.0), KEYS)


@given(st.binary(max_size=200), st.booleans())
def test_forged_bytes_are_a_log_or_a_clear_error(noise, is_checked):
    """With a checksum that is right, too: whoever can write may compute one."""
    layout = Layout(FeatureView("v", WINDOWED))
    raw = one_log(layout)
    forged = raw[:16] + noise
    if is_checked:
        forged = forged[:4] + zlib.crc32(forged[8:]).to_bytes(4, "little") + forged[8:]
    raws = [raw] * 9 + [forged]
    try:
        EntityLog.decode(forged, layout)
    except StateError:
        with pytest.raises(StateError, match="key 9"):
            BatchEvaluator(Evaluator(layout)).read(raws, micros(1010.0), KEYS)
        return
    found = BatchEvaluator(Evaluator(layout)).read(raws, micros(1010.0), KEYS)
    assert len(found) == 10
    assert found.known[:9].all()
