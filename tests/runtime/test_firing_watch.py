"""Firing alerts as metrics: of the streams of a worker, by kind and severity, and none where they ended."""

import pytest
from store.test_alerts import alert, resolved

from stream_app.events import Severity
from stream_app.events.audit import AuditKind
from stream_app.runtime.firing_watch import FiringWatch
from stream_app.runtime.metrics import Metrics
from stream_app.store import AlertWriter, IncidentReader

pytestmark = pytest.mark.integration


async def test_firing_alerts_are_counted_by_stream_kind_and_severity(store):
    metrics, writer = Metrics(), AlertWriter(store)
    watch = FiringWatch(store, ["sensors"], metrics)

    async def firing(severity):
        await watch.look()
        labels = {"stream": "sensors", "kind": "drift", "severity": severity}
        return metrics.registry.get_sample_value("streamgauge_alerts_firing", labels)

    assert await firing("warning") is None
    foreign = alert(9, id="f" * 32, stream="made-up")
    await writer.write([alert(1), alert(2), alert(3, severity=Severity.CRITICAL), foreign])
    assert (await firing("warning"), await firing("critical"), await firing("info")) == (2, 1, 0)
    await writer.write([resolved(1), resolved(2)])
    assert (await firing("warning"), await firing("critical")) == (0, 1)
    assert "made-up" not in str(metrics.firing.collect())


async def test_how_often_detectors_were_right_is_counted_with_the_interval(store):
    metrics = Metrics()
    for number, what in enumerate([AuditKind.REAL, AuditKind.FALSE_ALARM, AuditKind.FALSE_ALARM]):
        await IncidentReader(store).say(alert(number).case, what, by="Ada", at=1.0)
    await FiringWatch(store, ["sensors"], metrics).look()

    def sample(name, **labels):
        labels = {"stream": "sensors", "detector": "adwin"} | labels
        return metrics.registry.get_sample_value(f"streamgauge_detector_{name}", labels)

    assert (sample("verdicts", verdict="real"), sample("verdicts", verdict="false")) == (1, 2)
    low, share, high = (sample("precision", figure=word) for word in ("low", "share", "high"))
    assert share == pytest.approx(1 / 3)
    assert 0.05 < low < share < high < 0.8
