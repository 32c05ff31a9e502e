"""A worker is not mute: a line a minute a stream, and the first refused event of each reason, without what it holds."""

from aiokafka import ConsumerRecord
from structlog.testing import capture_logs

from stream_app.events import Reason
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.progress_log import ProgressLog, RefusalLog, outline


def record(value, offset=7):
    return ConsumerRecord("plant", 2, offset, 0, 0, b"k", value, None, 1, len(value), ())


def test_each_minute_tells_what_it_brought():
    metrics = Metrics()
    log = ProgressLog({"plant": "pumps", "shop": "orders"}, metrics)
    metrics.events.labels("pumps").inc(100)
    metrics.refused.labels("pumps", "late").inc(3)
    metrics.lag.labels("plant", 0).set(5)
    metrics.lag.labels("plant", 1).set(2)
    metrics.sources.labels("pumps").set(4)
    with capture_logs() as said:
        log.tell()
        metrics.events.labels("pumps").inc(10)
        metrics.refused.labels("pumps", "late").inc(1)
        metrics.refused.labels("pumps", "schema").inc(2)
        metrics.alerts.labels("pumps", "drift").inc()
        metrics.alerts.labels("pumps", "anomaly").inc()
        log.tell()
    pumps = [one for one in said if one["stream"] == "pumps"]
    assert [(one["events"], one["alerts"], one["refused"]) for one in pumps] == [
        (100, 0, "3 late"),
        (10, 2, "1 late, 2 schema"),
    ]
    assert (pumps[0]["lag"], pumps[0]["sources"]) == (7, 4)
    assert [(one["events"], one["lag"], one["refused"]) for one in said if one["stream"] == "orders"] == [
        (0, 0, "none"),
        (0, 0, "none"),
    ]


def test_the_first_refused_event_of_each_reason_is_told_without_its_values():
    metrics = Metrics()
    log = RefusalLog("pumps", metrics)
    with capture_logs() as said:
        log.note(
            record(b'{"user": "Jane", "t": [1, 2], "\\u001b[2J": null}'), Reason.SCHEMA, "ts: Field required"
        )
        log.note(record(b"{", offset=8), Reason.SCHEMA, "ts: Field required")
        log.note(record(b"{", offset=9), Reason.NOT_JSON, "Invalid \x1b JSON")
    assert [(one["reason"], one["offset"]) for one in said] == [("schema", 7), ("not_json", 9)]
    assert said[0]["example"] == "{user: text, t: [number, ...], \\u001b[2J: null}"
    assert said[1]["example"] == "1 bytes that are no JSON"
    assert said[1]["problem"] == "Invalid \\u001b JSON"
    assert (
        metrics.registry.get_sample_value(
            "streamgauge_refused_events_total", {"stream": "pumps", "reason": "schema"}
        )
        == 2
    )


def test_an_outline_is_short_whatever_the_event():
    assert outline(None) == "no value"
    assert (
        len(outline(b"{" + b",".join(b'"%d": {"a": {"b": {"c": 1}}}' % i for i in range(1000)) + b"}")) == 300
    )
    assert outline(b"[" * 100_000).endswith("bytes that are no JSON")
    assert outline(b'{"a": {"b": {"c": {"d": 1}}}}') == "{a: {b: {c: {...}}}}"
