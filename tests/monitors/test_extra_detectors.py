"""Detectors beside the default ones: named in the settings, run on each channel, with figures to look up."""

import numpy as np
import pytest

from stream_app.errors import StreamgaugeError
from stream_app.monitors.sensors import SensorMonitor
from stream_app.settings import DetectorSettings, SensorStream
from stream_app.store import pack_state, unpack_state
from stream_app.testing import readings, run_monitor

NAMES = ("flow", "pressure")
ROWS = 3000
CHANGE = 2000


def changed():
    x = np.random.default_rng(5).normal(size=(ROWS, 2))
    x[CHANGE:, 0] += 4.0
    return readings(x, NAMES)


EVENTS = changed()


def run(*extra, events=EVENTS, batch=None):
    return run_monitor(events, SensorStream(detectors=extra), batch=batch)


def told_by(run, prefix):
    return [alert for alert in run.alerts if alert.detector.startswith(prefix) and alert.ended_at is None]


@pytest.mark.parametrize(
    ("extra", "prefix"),
    [
        (DetectorSettings(name="adwin"), "adwin"),
        (DetectorSettings(name="page_hinkley", parameters={"threshold": 200.0}), "page_hinkley"),
        (DetectorSettings(name="kswin", parameters={"alpha": 1e-6}), "kswin"),
        (DetectorSettings(name="ks"), "ks"),
        (DetectorSettings(name="psi"), "psi"),
        (DetectorSettings(name="wasserstein"), "wasserstein"),
        (DetectorSettings(name="mann_whitney"), "mann_whitney"),
        (DetectorSettings(name="river.drift.ADWIN", parameters={"delta": 1e-4}), "river.drift.ADWIN"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_an_extra_detector_finds_a_change_and_counts_its_signals(extra, prefix):
    seen = run(extra)
    found = [a for a in told_by(seen, prefix) if a.channel == "flow" and a.offset >= CHANGE]
    assert found
    assert found[0].offset < CHANGE + 600
    features = seen.monitor.features("pump-1")[1]
    assert features[f"{extra.name}.flow.signals"] >= 1


def test_default_detectors_do_not_mind_extra_ones():
    with_, without = run(DetectorSettings(name="adwin"), DetectorSettings(name="ks")), run()
    kept = [a.model_dump_json() for a in with_.alerts if not a.detector.startswith(("adwin", "ks"))]
    assert kept == [a.model_dump_json() for a in without.alerts]
    assert np.array_equal(with_.scores.score, without.scores.score)


def test_three_windows_in_a_row_raise_one_alert_later_than_the_first():
    first, third = (told_by(run(DetectorSettings(name="ks", consecutive=k)), "ks") for k in (1, 3))
    flow = [[a.offset for a in alerts if a.channel == "flow" and a.offset >= CHANGE] for alerts in (first, third)]  # fmt: skip
    assert len(flow[1]) == 1
    assert flow[1][0] > flow[0][0]


def test_a_windowed_test_tells_one_change_once_however_far_apart_its_windows_are():
    seen = run(DetectorSettings(name="ks"))
    flow = [a for a in seen.alerts if a.detector == "ks" and a.channel == "flow" and a.offset >= CHANGE]
    assert [a.ended_at for a in flow] == [None]


def test_more_windows_in_a_row_than_there_are_raise_nothing():
    assert told_by(run(DetectorSettings(name="ks", consecutive=1000)), "ks") == []


def test_a_silent_detector_is_counted_and_raises_nothing():
    seen = run(DetectorSettings(name="adwin", alert=False))
    assert told_by(seen, "adwin") == []
    assert seen.monitor.features("pump-1")[1]["adwin.flow.signals"] >= 1


def test_a_detector_of_one_channel_leaves_the_others_alone():
    seen = run(DetectorSettings(name="adwin", channels=("pressure",)))
    assert {alert.channel for alert in told_by(seen, "adwin")} <= {"pressure"}
    assert "adwin.flow.signals" not in seen.monitor.features("pump-1")[1]


def test_a_binary_detector_eats_zeros_and_ones():
    bits = np.random.default_rng(1).random((ROWS, 1)) < np.where(np.arange(ROWS) < CHANGE, 0.1, 0.8)[:, None]
    seen = run(DetectorSettings(name="ddm"), events=readings(bits.astype(float), ["wrong"]))
    assert any(alert.offset >= CHANGE for alert in told_by(seen, "ddm"))


def test_extra_detectors_go_on_after_a_restore_and_new_ones_start_afresh():
    config = SensorStream(detectors=(DetectorSettings(name="adwin"), DetectorSettings(name="ks")))
    half = run_monitor(EVENTS[:1000], config).monitor
    state = unpack_state(pack_state(half.state("pump-1")), "pump-1")
    changed_settings = SensorStream(
        detectors=(DetectorSettings(name="page_hinkley"), DetectorSettings(name="adwin"))
    )
    monitor = SensorMonitor(changed_settings)
    monitor.restore("pump-1", state)
    seen = run_monitor(EVENTS[1000:], changed_settings, monitor=monitor)
    whole = run(DetectorSettings(name="adwin"))
    assert [a.started_at for a in told_by(seen, "adwin")] == [a.started_at for a in told_by(whole, "adwin")]
    assert told_by(seen, "page_hinkley")
    assert told_by(seen, "ks") == []


def test_a_detector_of_another_version_of_river_starts_cold_and_the_rest_goes_on():
    config = SensorStream(detectors=(DetectorSettings(name="adwin"), DetectorSettings(name="ks")))
    half = run_monitor(EVENTS[:1000], config).monitor
    state = half.state("pump-1")
    for name, _, stored in state["extras"]["running"]:
        if name == "adwin":
            stored["state"]["river"] = "0.1.0"
    monitor = SensorMonitor(config)
    (reason,) = monitor.restore("pump-1", state)
    assert "'adwin' was written by River 0.1.0" in reason
    seen = run_monitor(EVENTS[1000:], config, monitor=monitor)
    whole = run(DetectorSettings(name="adwin"), DetectorSettings(name="ks"))
    assert told_by(seen, "adwin")
    assert [a.started_at for a in told_by(seen, "ks")] == [a.started_at for a in told_by(whole, "ks")]
    assert half.restore("pump-1", half.state("pump-1")) == []


def test_a_detector_with_a_damaged_state_or_other_parameters_starts_cold_with_a_word():
    config = SensorStream(detectors=(DetectorSettings(name="adwin"), DetectorSettings(name="ks")))
    state = run_monitor(EVENTS[:1000], config).monitor.state("pump-1")
    for name, _, stored in state["extras"]["running"]:
        if name == "ks":
            del stored["state"]["rows"]
    changed_settings = SensorStream(
        detectors=(DetectorSettings(name="adwin", parameters={"delta": 0.01}), DetectorSettings(name="ks"))
    )
    monitor = SensorMonitor(changed_settings)
    reasons = monitor.restore("pump-1", state)
    assert len(reasons) == 2
    assert "parameters of detector adwin have changed" in reasons[0]
    assert "windowed test's state is damaged" in reasons[1]
    assert told_by(run_monitor(EVENTS[1000:], changed_settings, monitor=monitor), "ks")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (SensorStream(budget="now and then"), "now and then"),
        (SensorStream(budget="0 per day"), "count"),
        (SensorStream(detectors=(DetectorSettings(name="adwim"),)), "adwim"),
        (SensorStream(detectors=(DetectorSettings(name="os.system"),)), "os.system"),
        (SensorStream(detectors=(DetectorSettings(name="adwin", parameters={"delt": 0.1}),)), "delt"),
        (SensorStream(detectors=(DetectorSettings(name="ks", parameters={"windw": 100}),)), "windw"),
        (SensorStream(detectors=(DetectorSettings(name="ks", every=2),)), "every is for River's detectors"),
        (SensorStream(detectors=(DetectorSettings(name="drift"),)), "drift watches every stream already"),
    ],
)
def test_what_cannot_be_made_is_said_by_name(config, says):
    with pytest.raises(StreamgaugeError, match=says):
        run_monitor(EVENTS[:50], config)
