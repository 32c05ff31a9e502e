"""The comparison itself: whatever is wrong with what workers left behind, it says so."""

import numpy as np
from aiokafka import AIOKafkaProducer
from faults.log import START, Event, Feed

from stream_app.events import Topics
from stream_app.monitors.sensors.intake import INTAKE
from stream_app.store import pack_state, unpack_state


async def test_the_comparison_notices_what_is_wrong(make_harness, seed):
    harness = await make_harness()
    await harness.workers.start("worker-1")
    await harness.send(Feed(sources=4, length=1500, seed=seed).take())
    await harness.send([Event(0, b"pump-0", b"{", START * 1000)])
    result = await harness.settled()
    assert not result.differences
    store, group = harness.store, harness.settings.worker.group
    client, keys = store.client, store.keys
    state, position = keys.state(group, harness.topic, 0), keys.offsets(group, harness.topic, 0)

    async def noticed(words):
        found = (await harness.compare()).differences
        assert any(words in difference for difference in found), found

    ((entry, fields),) = await client.xrange(keys.alerts, count=1)
    await client.xadd(keys.alerts, fields)
    await noticed("alerts are in Redis twice")
    await client.xtrim(keys.alerts, maxlen=1)
    await client.xdel(keys.alerts, entry)
    await noticed("alerts missing in Redis")
    await client.zadd(keys.firing, {"f" * 32: 1.0})
    await noticed("alerts fire that should not")

    blob = await client.hget(state, "pump-0")
    changed = unpack_state(blob, "here")
    record = bytearray(changed["record"])
    np.frombuffer(record, INTAKE, count=1)["events"] += 1
    changed["record"] = bytes(record)
    await client.hset(state, "pump-0", pack_state(changed))
    await noticed("state of pump-0: events: 1501, not 1500")
    record[-1] ^= 1
    np.frombuffer(record, INTAKE, count=1)["events"] -= 1
    changed["record"] = bytes(record)
    await client.hset(state, "pump-0", pack_state(changed))
    await noticed("state of pump-0: record.window.values")
    await client.hset(state, "pump-0", blob)
    await client.hset(state, "pump-9", blob)
    await noticed("states of sources that the log does not have")
    await client.hset(keys.features("sensors", 1, "pump-0"), "flow.mean", "1.5")
    await noticed("features of pump-0: flow.mean")
    history = keys.history("sensors", "pump-0")
    await client.setrange(history, (await client.strlen(history)) - 1, b"x")
    await noticed("history of pump-0: rows [335]")
    await client.hincrby(position, "next", -1)
    await noticed("position of partition 0")

    async with AIOKafkaProducer(bootstrap_servers=harness.kafka) as producer:
        letter = (await harness.letters())[0]
        headers = [(name, b"1" if name.endswith(".offset") else text) for name, text in letter.headers]
        await producer.send_and_wait(Topics(harness.settings.prefix).dead_letters, b"{", headers=headers)
    await noticed("1 dead letters that should not be there")

    # And what the log has and nobody has processed is missing.
    await harness.send([Event(0, b"pump-0", b"[", START * 1000)])
    await noticed("1 dead letters are missing")
