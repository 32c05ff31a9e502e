"""Acting upon triggers: one at a time, several as one, and once more after a kill."""

import asyncio
import contextlib

import pytest
from conftest import eventually

from stream_app.errors import DataError, StoreUnavailableError
from stream_app.events import LogId, RetrainingTrigger, TriggerReason
from stream_app.kafka.publishing import event_record, publish
from stream_app.retraining.on_trigger import Triggers, act_on_triggers
from stream_app.store import Lease

REASON = TriggerReason(kind="psi", since=1.0, statistic=0.3, threshold=0.2, summary="a: PSI 0.3")


def trigger(offset, source="digits"):
    return RetrainingTrigger.of(
        "models", source, log=LogId(0), offset=offset, ts=2.0, version="v1", reasons=(REASON,)
    )


def test_triggers_wait_until_no_other_comes_but_not_for_ever():
    triggers = Triggers("models", "digits", debounce=10.0)
    triggers.add(trigger(1), now=0.0)
    triggers.add(trigger(2, source="letters"), now=1.0)
    assert triggers.due(now=9.0) is None
    triggers.add(trigger(3), now=9.0)
    assert triggers.due(now=18.0) is None
    assert (triggers.due(now=19.0), triggers.count) == (trigger(3), 2)
    for now in range(20, 100, 5):
        triggers.add(trigger(now), now=float(now))
    assert triggers.due(now=100.0) == trigger(95)
    triggers.clear()
    assert triggers.due(now=200.0) is None


class Process:
    """One process that acts upon triggers, with work whose end we say."""

    def __init__(self, kafka, topic, group, store):
        self.begun, self.notes = [], []
        self.may_end = asyncio.Event()
        self.fails_with = []
        self.task = asyncio.ensure_future(
            act_on_triggers(
                kafka,
                topic,
                group,
                Triggers("models", "digits", debounce=0.2),
                self.work,
                Lease(store, store.keys.retraining_lease("digits"), str(id(self)), "taking triggers"),
                lease_seconds=1.0,
                note=self.notes.append,
            )
        )

    async def work(self, found):
        self.begun.append(found.offset)
        if self.fails_with:
            raise self.fails_with.pop()
        await self.may_end.wait()

    async def kill(self):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@pytest.fixture
async def triggers(kafka, producer, make_topic, prefix, store):
    topic = await make_topic("retraining.triggers")
    running = []

    class Setting:
        def start(self):
            running.append(Process(kafka, topic, f"{prefix}-retraining-digits", store))
            return running[-1]

        async def send(self, *found):
            await publish(producer, [event_record(topic, one) for one in found], what="triggers")

        send_raw = staticmethod(lambda: producer.send_and_wait(topic, b"no trigger"))

    yield Setting()
    for process in running:
        await process.kill()


@pytest.mark.integration
async def test_what_comes_during_the_work_is_queued_and_a_kill_leaves_it_to_be_done(triggers):
    await triggers.send_raw()
    await triggers.send(trigger(1), trigger(2), trigger(3, source="letters"))
    first = triggers.start()
    await eventually(lambda: first.begun == [2])
    assert any("no retraining trigger; passed over" in note for note in first.notes)
    await triggers.send(trigger(4), trigger(5))
    await first.kill()
    # Nothing was committed: the next process takes up what the first one was about, with what came meanwhile.
    second = triggers.start()
    await eventually(lambda: second.begun == [5], timeout=30.0)
    await triggers.send(trigger(6), trigger(7))
    second.may_end.set()
    await eventually(lambda: second.begun == [5, 7])
    await second.kill()
    # All was done and committed: a third one waits.
    third = triggers.start()
    await triggers.send(trigger(8))
    await eventually(lambda: third.begun == [8], timeout=30.0)


@pytest.mark.integration
async def test_a_failure_ends_the_work_and_a_server_that_is_away_is_tried_again(triggers, monkeypatch):
    monkeypatch.setattr("stream_app.retraining.on_trigger._FIRST_WAIT_SECONDS", 0.05)
    process = triggers.start()
    process.may_end.set()
    process.fails_with = [StoreUnavailableError("Redis is away"), StoreUnavailableError("Redis is away")]
    await triggers.send(trigger(1))
    await eventually(lambda: process.begun == [1, 1, 1])
    process.fails_with = [DataError("a single class")]
    await triggers.send(trigger(2))
    await eventually(lambda: "retraining failed: a single class" in process.notes)
    await triggers.send(trigger(3))
    await eventually(lambda: process.begun[3:] == [2, 3])


@pytest.mark.integration
async def test_a_second_process_waits_for_the_lease_of_the_first(triggers):
    first = triggers.start()
    await triggers.send(trigger(1))
    await eventually(lambda: first.begun == [1])
    second = triggers.start()
    await eventually(lambda: len(second.notes) > 3)  # for as long as the lease would last unkept
    assert second.begun == []
    assert "another process acts upon these triggers" in second.notes[0]
    await first.kill()
    await eventually(lambda: second.begun == [1])
