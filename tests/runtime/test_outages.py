"""Waiting for servers that are away."""

import asyncio
import time

import pytest
from conftest import eventually

from stream_app.errors import BrokerUnavailableError, StoreError, StoreUnavailableError
from stream_app.runtime.metrics import Metrics
from stream_app.runtime.outages import KAFKA, REDIS, Outages, WaitInterruptedError


class Server:
    """Away for the first `failures` calls."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def up(metrics, server):
    return metrics.registry.get_sample_value("streamgauge_up", {"server": server})


async def test_what_a_server_could_not_do_is_done_when_it_is_back():
    metrics = Metrics()
    outages = Outages(lambda: False, metrics)
    server = Server(StoreUnavailableError("gone"), StoreUnavailableError("still gone"))
    assert await outages.retry_until_available(server) == "done"
    assert server.calls == 3
    assert outages.away == {}
    assert up(metrics, REDIS) == 1
    assert metrics.registry.get_sample_value("streamgauge_outages_total", {"server": REDIS}) == 1


async def test_an_outage_is_seen_while_it_lasts_and_can_be_broken_off():
    metrics = Metrics()
    stopping = False
    outages = Outages(lambda: stopping, metrics)
    server = Server(*[BrokerUnavailableError("no broker")] * 1000)
    waiting = asyncio.create_task(outages.retry_until_available(server))
    await eventually(lambda: KAFKA in outages.away)
    since = outages.away[KAFKA].since
    await eventually(lambda: server.calls >= 3)
    assert outages.away[KAFKA].since == since
    assert "no broker" in outages.away[KAFKA].reason
    assert up(metrics, KAFKA) == 0
    assert up(metrics, REDIS) == 1
    stopping = True
    begin = time.monotonic()
    with pytest.raises(WaitInterruptedError):
        await waiting
    assert time.monotonic() - begin < 2


async def test_waits_grow_so_that_a_server_is_not_run_over():
    outages = Outages(lambda: False, Metrics())
    server = Server(*[StoreUnavailableError("gone")] * 1000)
    waiting = asyncio.create_task(outages.retry_until_available(server))
    await asyncio.sleep(2.0)
    waiting.cancel()
    # 0.05 to 0.1 s at first, doubling: the fifth retry is after 1.5 s at least.
    assert 3 <= server.calls <= 7


async def test_a_refusal_is_not_waited_for():
    server = Server(StoreError("out of memory"))
    with pytest.raises(StoreError, match="out of memory"):
        await Outages(lambda: False, Metrics()).retry_until_available(server)
    assert server.calls == 1


async def test_an_attempt_that_hangs_is_broken_off_once_its_server_is_known_to_be_away():
    stopping = False
    outages = Outages(lambda: stopping, Metrics())
    waiting = asyncio.create_task(outages.retry_until_available(lambda: asyncio.sleep(3600)))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    outages.mark_down(REDIS, "no answer")
    stopping = True
    with pytest.raises(WaitInterruptedError):
        await asyncio.wait_for(waiting, 1.5)


async def test_a_batch_in_hand_may_be_finished_when_the_group_rebalances():
    outages = Outages(lambda: True, Metrics())

    async def slow():
        await asyncio.sleep(0.5)
        return "done"

    assert await outages.retry_until_available(slow) == "done"


async def test_a_server_that_answers_one_but_not_the_other_is_away():
    metrics = Metrics()
    stopping = False
    outages = Outages(lambda: stopping, metrics)
    waiting = asyncio.create_task(
        outages.retry_until_available(Server(*[BrokerUnavailableError("no topic")] * 1000))
    )
    await eventually(lambda: KAFKA in outages.away)
    outages.mark_down(KAFKA, "no answer")
    outages.mark_up(KAFKA)
    assert "no topic" in outages.away[KAFKA].reason
    assert up(metrics, KAFKA) == 0
    stopping = True
    with pytest.raises(WaitInterruptedError):
        await waiting
    assert outages.away == {}
    assert up(metrics, KAFKA) == 1
