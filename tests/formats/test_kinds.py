"""Formats of streams of predictions and of sessions."""

import msgspec
import pytest
from aiokafka import ConsumerRecord

from stream_app.events import PredictionRow, Reason, Rejected, SessionRow
from stream_app.kinds.predictions import prediction_rows
from stream_app.kinds.sessions import session_rows
from stream_app.settings import PredictionStream, SessionStream


def records(*messages):
    raws = [one if isinstance(one, bytes) else msgspec.msgpack.encode(one) for one in messages]
    return [ConsumerRecord("t", 0, n, 0, 0, None, raw, None, 0, len(raw), ()) for n, raw in enumerate(raws)]


@pytest.mark.parametrize("mapping", [None, {"time": "at"}])
def test_predictions_in_another_form_are_read_with_and_without_a_mapping(mapping):
    time = "ts" if mapping is None else "at"
    stream = PredictionStream(format="messagepack", mapping=mapping)
    answer = {"id": "1", "source": "digits", time: 5.0, "prediction": "7", "features": {"x": 0.5}}
    found = prediction_rows("models", stream)(records(answer, b"\xc1"))
    (good,), ((place, bad),) = found.rows, found.rejected
    assert place == 1
    assert isinstance(good, PredictionRow)
    assert (good.source, good.ts, good.prediction, good.features) == ("digits", 5.0, "7", {"x": 0.5})
    assert isinstance(bad, Rejected)
    assert bad.reason is Reason.UNDECODABLE


def test_session_events_in_another_form_have_their_entity_where_the_stream_says():
    stream = SessionStream(format="messagepack", entity_field="customer")
    event = {"customer": "c1", "ts": 5.0, "type": "purchase", "values": {"amount": 2.5}}
    (row,) = session_rows("shop", stream)(records(event)).rows
    assert isinstance(row, SessionRow)
    assert (row.entity, row.ts, row.values) == ("c1", 5.0, {"amount": 2.5})
