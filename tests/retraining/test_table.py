"""Labelled predictions as a table, and its split."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.errors import DataError
from stream_app.events import PredictionRow
from stream_app.retraining.events import LabelledEvents
from stream_app.retraining.joined import LabelledPredictions
from stream_app.retraining.table import split_by_time, table_of


def prediction(ident, ts=0.0, **parts):
    return PredictionRow("shop", ts, str(ident), prediction="high", features={"a": ts}, **parts)


def label(ident, ts=0.0):
    return PredictionRow("shop", ts, str(ident), label="low")


@given(st.permutations([("prediction", i) for i in range(4)] + [("label", i) for i in range(4)]))
def test_labels_meet_their_predictions_in_whatever_order_they_come(order):
    joined = LabelledPredictions("shop", most=10)
    events = [prediction(i, ts=float(i)) if what == "prediction" else label(i, ts=99.0) for what, i in order]
    found = [row for event in events if (row := joined.add(event)) is not None]
    assert sorted((row.id, row.ts, row.label) for row in found) == [
        (str(i), float(i), "low") for i in range(4)
    ]


def test_the_first_prediction_and_the_first_label_of_an_id_count():
    joined = LabelledPredictions("shop", most=10)
    assert joined.add(prediction(1, ts=1.0)) is None
    assert joined.add(prediction(1, ts=2.0)) is None
    assert joined.add(label(1)).ts == 1.0
    assert joined.add(label(1)) is None
    assert joined.add(PredictionRow("other", 1.0, "2", prediction="a", label="a")) is None


def test_what_waits_is_bounded_and_the_oldest_goes():
    joined = LabelledPredictions("shop", most=2)
    for i in range(3):
        joined.add(prediction(i))
    assert joined.add(label(0)) is None
    assert joined.add(label(2)).id == "2"


def test_labels_that_never_come_and_models_that_are_not_there_are_named():
    events = LabelledEvents("shop", most=100, recent=1e9)
    with pytest.raises(DataError, match="nothing was sent yet"):
        events.rows()
    events.add([prediction(i) for i in range(5)])
    with pytest.raises(DataError, match="5 predictions of shop and no label"):
        events.rows()
    other = LabelledEvents("shops", most=100, recent=1e9)
    other.add([prediction(1)])
    with pytest.raises(DataError, match="no event of shops; the models of the events are shop: set source"):
        other.rows()


def test_only_recent_events_and_the_newest_ones_count():
    events = LabelledEvents("shop", most=3, recent=10.0)
    events.add([prediction(i, ts=ts, label="low") for i, ts in enumerate((0.0, 80.0, 95.0, 100.0))])
    assert [row.ts for row in events.rows()] == [95.0, 100.0]


def test_rows_of_one_time_stay_on_one_side_and_no_row_comes_before_those_learned_from():
    rng = np.random.default_rng(3)
    rows = [prediction(i, ts=float(ts), label="low") for i, ts in enumerate(rng.integers(0, 20, 200))]
    earlier, later = split_by_time(table_of(rows), 0.25)
    assert earlier.times.max() < later.times.min()
    assert len(earlier) + len(later) == 200
    assert 50 <= len(later) <= 70


def test_what_cannot_be_learned_from_is_named():
    same = [prediction(i, ts=5.0, label="low") for i in range(9)]
    with pytest.raises(DataError, match="the same time"):
        split_by_time(table_of(same), 0.25)
    with pytest.raises(DataError, match="no event has the number 'ink'"):
        table_of(same, features=("a", "ink"))
    bare = [PredictionRow("shop", 1.0, "1", prediction="high", label="low")]
    with pytest.raises(DataError, match="no features"):
        table_of(bare)
    with pytest.raises(DataError, match="no feature 'ink', which the model takes; there is a"):
        table_of(same).columns(["ink"])


def test_columns_beside_the_events_keep_their_rows_when_these_are_ordered_by_time():
    rows = [prediction(i, ts=float(-i % 3), label="low") for i in range(3)]
    table = table_of(rows, beside=[{"spent": row.ts * 10} for row in rows])
    assert table.features == ("a", "spent")
    assert table.values[:, 1].tolist() == [0.0, 10.0, 20.0]
