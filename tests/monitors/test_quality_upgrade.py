"""A state from before the quality checks kept their channels in columns goes on as if it had never been old."""

import itertools

import numpy as np
import pytest

from stream_app.errors import StateError
from stream_app.monitors.sensors import SensorConfig, SensorMonitor
from stream_app.store import pack_state, unpack_state
from stream_app.testing import readings, run_monitor

CONFIG = SensorConfig(warmup=60, limits={"flow": (-4.0, None)})
HABITS = ("low", "high", "scale", "missing_begin", "missing_end", "stuck", "gone")
WINDOWS = {"range": "within", "sigma": "within", "missing": "missing_window"}


def events(kind):
    values = np.random.default_rng(0).normal(size=(900, 3))
    if kind == "wrong":
        values[:40, 2] = np.nan
        values[500:560, 0] = values[500, 0]
        values[620:680, 1] = 99.0
        values[640:, 2] = np.nan
    if kind == "huge":
        values[[30, 200, 645], [0, 1, 2]] = 1e300
    return readings(values, ["flow", "power", "noise"])


def in_version_2(state):
    """The same state as version 2 of sensors wrote it."""
    new = state["quality"]
    ends = list(itertools.accumulate(new["counts"][6].tolist(), initial=0))
    learners = [
        {
            "habits": dict(zip(HABITS, [*new["numbers"][:3, i].tolist(), *bounds[:4]], strict=True)),
            "rows": bounds[4],
            "observed": bounds[5],
            "origin": float(new["numbers"][3, i]),
            "sample": new["sample"][ends[i] : ends[i + 1]],
        }
        for i, bounds in enumerate(new["counts"].T.tolist())
    ]
    for learner in learners:
        habits = learner["habits"]
        habits["scale"] = None if np.isnan(habits["scale"]) else habits["scale"]
    arrivals, options = dict(new["arrivals"]), new["options"]
    times = arrivals.pop("times")
    arrivals |= {"sample": times if arrivals["events"] < options["learn"] else None}
    arrivals["recent"] = times[-options["burst_window"] :]
    channels = len(learners)
    quality = {name: new[name] for name in ("options", "limits", "channels", "refused")} | {
        "version": 1,
        "arrivals": arrivals,
        "learners": learners,
        "trailing": {
            name: {
                "history": new["history"].get(name, np.zeros((options[window], channels), dtype=bool)),
                "active": active,
            }
            for (name, window), active in zip(WINDOWS.items(), new["flags"], strict=False)
        },
        "runs": {
            **dict(zip(("last", "since"), new["numbers"][4:], strict=True)),
            **dict(zip(("length", "longest"), new["counts"][7:9], strict=True)),
            "active": new["flags"][3],
        },
        "absences": {"length": new["counts"][9], "gone": new["flags"][4]},
        "counts": {"rows": new["counts"][4]}
        | dict(zip(("range", "sigma", "missing"), new["counts"][10:], strict=True)),
    }
    return {**state, "version": 2, "quality": quality}


@pytest.mark.parametrize("kind", ["ordinary", "wrong", "huge"])
@pytest.mark.parametrize("first", [1, 50, 650])
def test_a_state_of_version_2_goes_on_as_if_it_had_never_been_old(kind, first):
    stream = events(kind)
    old = in_version_2(
        unpack_state(pack_state(run_monitor(stream[:first], CONFIG).monitor.state("pump-1")), "x")
    )
    monitor = SensorMonitor(CONFIG)
    monitor.restore("pump-1", unpack_state(pack_state(old), "stored"))
    run_monitor(stream[first:], CONFIG, monitor=monitor)
    whole = run_monitor(stream, CONFIG).monitor
    assert pack_state(monitor.state("pump-1")["quality"]) == pack_state(whole.state("pump-1")["quality"])


def test_a_damaged_state_of_version_2_is_told_by_name():
    old = in_version_2(run_monitor(events("ordinary")[:50], CONFIG).monitor.state("pump-1"))
    del old["quality"]["learners"]
    with pytest.raises(StateError, match="state of pump-1 is damaged"):
        SensorMonitor(CONFIG).restore("pump-1", old)
