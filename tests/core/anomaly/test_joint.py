"""Channels that go together: what breaks their relation, and what only seems to."""

import numpy as np
import pytest

from stream_app.core.anomaly import AnomalyDetector

WARM, ALL = 800, 1600
RATE = 1e-6


def pump(seed):
    """Flow and pressure of one load, each with a little noise of its own."""
    rng = np.random.default_rng(seed)
    load = rng.normal(size=ALL)
    flow = 125.0 + 1.2 * load + rng.normal(0.0, 0.1, ALL)
    return np.c_[flow, 4.0 + 0.05 * load + rng.normal(0.0, 0.005, ALL)]


def alarms(values):
    found = AnomalyDetector(("flow", "pressure"), rate=RATE).update(np.arange(float(len(values))), values)
    return [s.row for s in found.signals if s.kind == "anomaly" and not s.ended]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("gap", [slice(WARM, WARM + 60, 2), slice(WARM, WARM + 5), slice(WARM, WARM + 200)])
def test_missing_values_are_no_anomaly(seed, gap):
    values = pump(seed)
    values[gap, 1] = np.nan
    assert alarms(values) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_channel_that_stays_away_does_not_hide_a_fault_of_the_others(seed):
    values = np.c_[pump(seed), pump(seed)[:, 0] * 0.5 + np.random.default_rng(99).normal(0.0, 0.05, ALL)]
    values[WARM:, 1] = np.nan
    values[WARM + 100 :, 2] = np.random.default_rng(seed).permutation(values[WARM + 100 :, 2])
    found = AnomalyDetector(("flow", "pressure", "power"), rate=1e-4).update(np.arange(float(ALL)), values)
    rows = [s.row for s in found.signals if s.kind == "anomaly" and not s.ended]
    assert rows
    assert min(rows) >= WARM + 100


@pytest.mark.parametrize("seed", range(4))
def test_after_an_episode_of_one_channel_the_two_still_go_together(seed):
    values = pump(seed)
    values[WARM : WARM + 40, 1] += 1.0
    began = alarms(values)
    assert began[0] <= WARM + 5
    assert [row for row in began if row > WARM + 100] == []
