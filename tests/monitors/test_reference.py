"""The reference of a stream: what its detectors learn from and compare with, and what another one changes."""

import numpy as np
import pytest

from stream_app.core.calibration import Calibration
from stream_app.core.reference import ReferenceTable
from stream_app.events import Readings, SensorRow
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import DetectorSettings, ImageStream, SensorStream
from stream_app.store import pack_state, unpack_state

CONFIG = SensorStream(
    warmup=200, budget="1 per 1000 events", categories=("mode",), cooldown=10.0, resolve_after=20.0,
    detectors=(DetectorSettings(name="ks"), DetectorSettings(name="page_hinkley", alert=False)),
)  # fmt: skip
START = 1_700_000_000.0


def normal(n, seed, mean=0.0):
    return np.random.default_rng(seed).normal(mean, size=n)


def reference_of(mean=0.0, n=1500, seed=1, modes=("eco", "off")):
    texts = tuple(modes[i // 25 % len(modes)] for i in range(n))
    return ReferenceTable(
        START - n + np.arange(float(n)), ("flow",), normal(n, seed, mean)[:, None], {"mode": texts}
    )


def rows_of(values, begin=0, mode="eco"):
    codes = {"eco": 1.0, "off": 2.0, "purge": 3.0}
    return [
        SensorRow("pump", START + begin + i, {"flow": float(value), "mode": codes[mode]})
        for i, value in enumerate(values)
    ]


def monitor_of(reference, config=CONFIG, **raised):
    return SensorMonitor(config, Calibration(reference, raised))


def take(monitor, rows, begin=0, batch=97):
    alerts = []
    for first in range(0, len(rows), batch):
        some = rows[first : first + batch]
        alerts += monitor.update(Readings.of(some, range(begin + first, begin + first + len(some)))).alerts
    return alerts


def restarted(monitor, into):
    into.restore("pump", unpack_state(pack_state(monitor.state("pump")), "pump"))
    return into


def told(alerts, detector):
    return [a for a in alerts if a.detector.startswith(detector) and a.begins]


def test_tests_of_windows_compare_with_the_reference_from_the_first_event_on_and_name_it():
    reference = reference_of()
    rows = rows_of(normal(700, 2, mean=1.5))
    alone = told(take(monitor_of(None), rows), "ks")
    assert alone == []  # what came first is normal to it
    (first, *_) = told(take(monitor_of(reference), rows), "ks")
    assert (first.channel, first.offset, first.reference) == ("flow", 299, reference.version)


def test_the_default_detectors_name_it_until_they_begin_a_reference_of_their_own():
    reference = reference_of()
    values = np.concatenate([normal(2500, 3, mean=2.0), normal(2500, 4, mean=-3.0)])
    drifts = told(take(monitor_of(reference), rows_of(values)), "drift")
    assert len(drifts) >= 2
    assert [alert.reference for alert in drifts] == [reference.version] + [""] * (len(drifts) - 1)


def test_categories_that_the_reference_does_not_have_are_new():
    reference = reference_of(modes=("1", "2"))
    (alert,) = told(take(monitor_of(reference), rows_of(normal(5, 5), mode="purge")), "new_category")
    assert (alert.contributions, alert.reference) == ((("3", 1.0),), reference.version)
    assert told(take(monitor_of(reference), rows_of(normal(5, 5), mode="off")), "new_category") == []


@pytest.mark.parametrize("cut", [1, 299, 300, 655])
def test_a_source_goes_on_with_its_reference_as_if_it_had_never_stopped(cut):
    reference = reference_of()
    rows = rows_of(normal(700, 2, mean=1.5))
    whole = monitor_of(reference)
    alerts = take(whole, rows, batch=50)
    before = monitor_of(reference)
    found = take(before, rows[:cut])
    after = restarted(before, monitor_of(reference))
    found += take(after, rows[cut:], cut)
    assert found == alerts
    assert pack_state(after.state("pump")) == pack_state(whole.state("pump"))


def test_a_stored_source_does_not_hold_the_rows_of_the_reference():
    one = monitor_of(reference_of())
    take(one, rows_of(normal(300, 2)))
    other = monitor_of(None)
    take(other, rows_of(normal(600, 2)))
    assert len(pack_state(one.state("pump"))) < len(pack_state(other.state("pump")))


def test_another_reference_ends_what_fires_and_is_compared_with_from_the_next_event_on():
    old, new = reference_of(), reference_of(mean=1.5, seed=6)
    rows = rows_of(normal(1300, 2, mean=1.5))
    before = monitor_of(old)
    fired = take(before, rows[:400])
    (ks,) = told(fired, "ks")
    after = restarted(before, monitor_of(new))
    alerts = take(after, rows[400:], 400)
    ended = next(a for a in alerts if a.id == ks.id)
    assert (ended.state, ended.end_offset, ended.context["reference_changed"]) == ("resolved", 400, 1.0)
    assert ended.incident.state == "resolved"
    # It is normal now.
    assert told(alerts, "ks") == told(alerts, "drift") == []
    # What is no detector's goes on.
    assert after.features("pump")[1]["events"] == 1300
    # The same, whatever the deliveries were.
    again = restarted(before, monitor_of(new))
    assert take(again, rows[400:], 400, batch=1) == alerts
    assert pack_state(again.state("pump")) == pack_state(after.state("pump"))


def test_without_the_reference_a_source_keeps_what_it_has_learned():
    before = monitor_of(reference_of())
    rows = rows_of(normal(2500, 2))
    take(before, rows[:50])
    after = restarted(before, monitor_of(None))
    alerts = take(after, rows[50:], 50)
    assert told(alerts, "drift.") == told(alerts, "ks") == []
    # The thousand events of a warm-up were not needed.
    assert after.features("pump")[1]["drift.statistic"] > 0.0


def test_a_channel_that_the_reference_does_not_have_is_learned_from_its_events():
    config = SensorStream(budget="1 per 1000 events", detectors=(DetectorSettings(name="ks"),))
    monitor = monitor_of(reference_of(), config)
    flow, level = normal(1200, 2, mean=1.5), normal(1200, 3, mean=9.0)
    level[600:] += 3.0
    rows = [
        SensorRow("pump", START + i, {"flow": float(a), "level": float(b)})
        for i, (a, b) in enumerate(zip(flow, level, strict=True))
    ]
    first = {alert.channel: alert for alert in reversed(told(take(monitor, rows), "ks"))}
    assert (first["flow"].offset, first["flow"].reference) == (299, reference_of().version)
    assert (first["level"].offset, first["level"].reference) == (899, "")


def test_images_are_compared_with_it_too():
    reference = ReferenceTable(np.arange(600.0), ("ink",), normal(600, 1)[:, None])
    config = ImageStream(budget="1 per 1000 events")
    rows = [SensorRow("camera", START + i, {"ink": float(x)}) for i, x in enumerate(normal(300, 2, mean=2.0))]
    first, *_ = told(take(SensorMonitor(config, Calibration(reference)), rows), "drift")
    assert first.reference == reference.version
    assert told(take(SensorMonitor(config), rows), "drift") == []


def test_raised_thresholds_need_more_evidence_and_what_is_gross_is_told_still():
    reference = reference_of(n=3000)
    drift = rows_of(normal(3000, 3, mean=0.7))
    plain, *_ = told(take(monitor_of(reference), drift), "drift")
    raised, *_ = told(take(monitor_of(reference, drift=3), drift), "drift")
    assert raised.threshold > plain.threshold
    assert raised.offset >= plain.offset
    fault = np.concatenate([normal(50, 7), np.full(6, 60.0)])
    assert told(take(monitor_of(reference, anomaly=3), rows_of(fault)), "anomaly")
