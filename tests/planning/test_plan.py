"""Plans of deployments: what is reckoned from measured costs, and whether that is what a store really takes."""

import math

import pytest
from planned_load import measured_source, sensor_events, session_events

from stream_app.errors import DataError
from stream_app.planning import Slopes, measured_slopes, parse_load, plan_deployment
from stream_app.planning.measured import KindCosts, Line

NOTHING = Line(0.0, 0.0)
COSTS = KindCosts(
    redis_bytes=Line(1000.0, 500.0), kept_bytes=Line(10.0, 8.0), cpu_us=Line(10.0, 5.0), redis_cpu_us=Line(1.0, 0.0),
    event_bytes=Line(50.0, 10.0),
)  # fmt: skip
SLOPES = Slopes("a machine", "2026-12-01", 1.0, COSTS, COSTS)


def planned(*loads):
    return plan_deployment([parse_load(load) for load in loads], SLOPES)


def test_a_plan_is_what_each_source_and_event_costs():
    plan = planned("sensors:sources=100,channels=4,rate=10000,retention=1 day,replicas=2")
    (one,) = plan.streams
    assert one.redis_bytes == 100 * (1000 + 4 * 500)
    assert plan.maxmemory == 1.25 * one.redis_bytes
    # 30 µs an event: 0.3 cores, of which a worker gives half of one.
    assert math.isclose(one.cores, 0.3)
    assert (one.workers, one.partitions) == (1, 4)
    assert one.kafka_in == 10_000 * 90
    assert one.kafka_disk == 10_000 * 90 * 86_400 * 2


def test_entities_cost_what_is_kept_of_them():
    (one,) = planned("sessions:sources=10,fields=2,kept=30,rate=1").streams
    assert one.redis_bytes == 10 * (1000 + 2 * 500 + 30 * (10 + 2 * 8))


def test_workers_are_shared_and_partitions_divide_evenly():
    plan = planned("sensors:sources=2000000,channels=4,rate=20000", "sessions:sources=1,rate=1")
    busy, idle = plan.streams
    assert (busy.workers, idle.workers) == (2, 1)
    assert plan.workers == 2
    assert busy.partitions == 20
    assert busy.partitions % busy.workers == 0


def test_the_size_of_an_event_may_be_told():
    assert planned("sensors:sources=1,rate=10,bytes=1000").kafka_in == 10_000


@pytest.mark.parametrize(
    ("load", "said"),
    [
        ("cameras:sources=1,rate=1", "kind: Input should be 'sensors' or 'sessions'"),
        ("sensors", "sources: Field required"),
        ("sensors:sources=1", "rate: Field required"),
        ("sensors:sources=0,rate=1", "sources: .* greater than or equal to 1"),
        ("sensors:sources=1,rate=nan", "rate: "),
        ("sensors:sources=1,rate=1,chanels=3", "chanels: Extra inputs"),
        ("sensors:sources=1,rate=1,fields=3", "fields is not of sensors"),
        ("sensors:sources=1,rate=1,retention=soon", "retention: 'soon' is not a duration"),
        ("sensors:sources", "'sources' is not name=value"),
    ],
)
def test_a_load_that_cannot_be_read_says_which_part(load, said):
    with pytest.raises(DataError, match=said):
        parse_load(load)


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize(
    ("load", "events_of", "width", "sources"),
    [
        ("sensors:sources=1,channels=3,rate=1", lambda some: sensor_events(some, 3, seed=2), 3, (20, 100)),
        (
            "sessions:sources=1,fields=3,kept=12,rate=1",
            lambda some: session_events(some, 12, 3, seed=2),
            3,
            (200, 2000),
        ),
    ],
    ids=["sensors", "sessions"],
)
async def test_a_store_takes_what_is_planned(load, events_of, width, sources):
    asked = parse_load(load)
    found = await measured_source(asked.kind, events_of, width, *sources)
    plan = plan_deployment([asked], measured_slopes())
    assert plan.redis_bytes == pytest.approx(found["redis_bytes"], rel=0.15)
    assert plan.kafka_in == pytest.approx(found["event_bytes"], rel=0.15)
