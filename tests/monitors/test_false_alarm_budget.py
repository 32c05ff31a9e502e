"""What the budget is for: quiet where nothing happens, and loud where something does."""

import numpy as np
import pytest
from scipy.stats import poisson

from producers.water_loop import CHANNELS, Fault, WaterLoop, simulate
from stream_app.settings import SensorStream
from stream_app.testing import readings, run_monitor

SCENARIO = (
    Fault("valve_closing", 3600, 600),
    Fault("cavitation", 6000, 600),
    Fault("leak", 8400, 600),
    Fault("sensor_stuck", 10_000, 200, channel="pressure"),
    Fault("rotor_imbalance", 11_000, 300),
)


def run(values, names, budget):
    return run_monitor(readings(values, names), SensorStream(budget=budget), batch=2000)


def allowed(budget):
    """Most alarms of a Poisson process of that rate, but for one case in a hundred."""
    return poisson.ppf(0.99, budget)


def begun(run, *, quality=False):
    return [a for a in run.alerts if a.ended_at is None and (a.kind == "quality") == quality]


@pytest.fixture(scope="module")
def faulty():
    return run(simulate(WaterLoop(), 14_400, 3, SCENARIO).values, CHANNELS, "1 per day")


@pytest.mark.parametrize("fault", SCENARIO, ids=lambda fault: fault.name)
def test_faults_an_hour_apart_are_each_told_while_they_last(faulty, fault):
    told = [a for a in faulty.alerts if a.ended_at is None and fault.start <= a.offset < fault.end]
    assert told
    assert min(a.offset for a in told) - fault.start <= 60


def test_what_is_over_is_not_marked_for_long(faulty):
    for fault in SCENARIO[1:]:
        marked = faulty.scores.anomaly[int(fault.end) + 120 : int(fault.end) + 600]
        assert not marked.any(), fault.name


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1000, 10_000])
def test_a_plant_without_faults_stays_within_its_budget(rows):
    budget = f"1 per {rows} events"
    spent = sum(
        len(begun(run(simulate(WaterLoop(), 20_000, seed).values, CHANNELS, budget))) for seed in (31, 32, 33)
    )
    assert spent <= allowed(60_000 / rows)


def test_the_smallest_budget_is_kept_in_white_noise_from_the_first_event():
    spent = [
        alert
        for seed in range(5)
        for alert in begun(
            run(np.random.default_rng(seed).normal(size=(10_000, 6)), "abcdef", "1 per 100000 events")
        )
    ]
    assert len(spent) <= allowed(5 * 10_000 / 100_000)


@pytest.mark.slow
def test_a_smaller_budget_never_tells_more():
    values = simulate(WaterLoop(), 20_000, 41, (Fault("leak", 12_000, 600, magnitude=0.5),)).values
    counts = [len(begun(run(values, CHANNELS, f"1 per {n} events"))) for n in (300, 3000, 30_000)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 0


def test_alarms_stay_bounded_where_no_model_holds():
    rng = np.random.default_rng(7)
    time = np.arange(40_000)
    bursts = rng.normal(size=(40_000, 3)) + 30.0 * ((time > 5000) & (time % 1500 < 60))[:, None]
    anomalies = [a for a in begun(run(bursts, "abc", "1 per 40000 events")) if a.kind == "anomaly"]
    assert 1 <= len(anomalies) <= 12


def restless(kind):
    """Return two channels of a kind that breaks every assumption, for good."""
    rng = np.random.default_rng(9)
    time = np.arange(40_000)
    noise = rng.normal(size=(len(time), 2))
    turn = (time // 1500)[:, None]
    makers = {
        "steps": lambda: noise + rng.normal(0.0, 20.0, size=(len(time), 2))[turn[:, 0]],
        "to and fro": lambda: noise + 10.0 * (turn % 2),
        "louder and quieter": lambda: noise * np.exp(1.5 * (turn % 2)),
        "bursts": lambda: noise + 40.0 * (time % 400 < 20)[:, None],
        "heavy": lambda: rng.standard_t(1.0, size=(len(time), 2)),
        "walk": lambda: np.cumsum(noise, axis=0),
        "swelling": lambda: noise * np.exp(time / 6000.0)[:, None],
        "absent": lambda: np.where(turn % 3 == 0, np.nan, noise),
    }
    return makers[kind]()


@pytest.mark.parametrize("budget", [10_000, 100_000])
@pytest.mark.parametrize(
    "kind",
    ["steps", "to and fro", "louder and quieter", "bursts", "heavy", "walk", "swelling", "absent"],
)
def test_alerts_of_every_kind_stay_within_twice_the_budget_and_a_few_to_begin_with(kind, budget):
    alerts = run(restless(kind), "ab", f"1 per {budget} events").alerts
    told = [alert for alert in alerts if alert.ended_at is None]
    assert len(told) <= 2.0 * 40_000 / budget + np.log2(40_000)


def test_a_budget_per_time_follows_the_spacing_of_the_events():
    values = simulate(WaterLoop(), 12_000, 43, (Fault("leak", 9000, 600, magnitude=0.7),)).values
    by_time = run_monitor(readings(values, CHANNELS, period=10.0), SensorStream(budget="1 per day"))
    by_events = run_monitor(readings(values, CHANNELS, period=10.0), SensorStream(budget="1 per 8640 events"))
    assert [(a.id, a.state) for a in by_time.alerts] == [(a.id, a.state) for a in by_events.alerts]
    # A day is not a whole number of usual gaps, to the last bit.
    assert [a.threshold for a in by_time.alerts] == pytest.approx([a.threshold for a in by_events.alerts])


# Its room warms and cools: 12 leaves the range of its first minutes, 26 the level of its first quarter of an hour.
@pytest.mark.parametrize("seed", [12, 26])
def test_one_of_thirty_healthy_pumps_tells_nothing_in_four_hours(seed):
    values = simulate(WaterLoop(), 14_400, seed).values
    stream = SensorStream(budget="1 per week", expected_sources=30)
    assert begun(run_monitor(readings(values, CHANNELS), stream)) == []


def interleaved(sources, rows=1200):
    """Return readings of sources in turn, all with the same step in the end."""
    values = np.random.default_rng(4).normal(size=(rows, 1))
    values[900:] += 8.0
    each = [list(readings(values, "a", source=f"pump-{i}")) for i in range(sources)]
    return [one for at in zip(*each, strict=True) for one in at]


def thresholds(run):
    return {alert.source: alert.threshold for alert in run.alerts if alert.kind == "anomaly"}


@pytest.mark.parametrize("batch", [7, 1000])
def test_sources_that_are_counted_share_the_budget_as_if_they_were_expected(batch):
    counted = run_monitor(interleaved(5), SensorStream(budget="5 per day"), batch=batch)
    expected = run_monitor(interleaved(5), SensorStream(budget="5 per day", expected_sources=5), batch=500)
    alone = run_monitor(interleaved(1), SensorStream(budget="1 per day"))
    assert len(thresholds(counted)) == 5
    assert thresholds(counted) == thresholds(expected)
    assert thresholds(counted)["pump-0"] == thresholds(alone)["pump-0"]


def test_more_sources_than_expected_are_counted_nevertheless():
    few = run_monitor(interleaved(5), SensorStream(budget="5 per day", expected_sources=2))
    many = run_monitor(interleaved(5), SensorStream(budget="5 per day"))
    assert thresholds(few) == thresholds(many)
