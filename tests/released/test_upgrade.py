"""A worker of this version takes over the states of every released one, or says that their sources start cold.

A release adds its states: ``PYTHONPATH=tests:tests/core python -m released.keep VERSION``.
"""

import json
from collections.abc import Mapping

import pytest
from conftest import eventually
from released.keep import FOLDER
from released.kinds import KEPT, SENSORS
from workers import working

from stream_app.errors import OldStateError
from stream_app.kinds import KINDS
from stream_app.store import FeatureReader

STARTS_COLD: Mapping[str, set[str]] = {}
"""By released version, the kinds whose states this version does not take over; each is named in the changelog."""

FILES = sorted(FOLDER.glob("*/*.state"))


def test_every_kind_has_a_state_that_can_be_kept():
    assert KEPT.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KEPT)
def test_a_state_of_this_version_is_taken_over(kind):
    kept = KEPT[kind]()
    assert taken_over(kind, kept.first()).events


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_state_of_a_released_version_is_taken_over(file):
    kept = KEPT[file.stem]()
    if file.stem in STARTS_COLD.get(file.parent.name, set()):
        # Told apart from damage, with what to do: that is what `on_old_state` acts on.
        with pytest.raises(OldStateError, match=r"worker\.on_old_state"):
            kept.second(file.read_bytes())
        return
    # What is computed may have changed since; no event may be lost or counted twice.
    assert taken_over(file.stem, file.read_bytes()).events == kept.second(kept.first()).events


def oldest_state(kind):
    """The oldest that is kept and taken over; this version's where none is."""
    kept = [
        file for file in FILES if file.stem == kind and kind not in STARTS_COLD.get(file.parent.name, set())
    ]
    return kept[0].read_bytes() if kept else KEPT[kind]().first()


@pytest.mark.integration
async def test_a_worker_continues_from_a_kept_state(settings, store, producer, make_topic):
    log = KEPT["sensors"]().log
    worker = settings.worker.model_copy(update={"partitions": 1})
    settings = settings.model_copy(update={"worker": worker, "streams": {"sensors": SENSORS}})
    topic = await make_topic("sensor.readings")
    reader = FeatureReader(store, "sensors")

    async def process(rows, events):
        async with working(settings):
            for row in rows:
                value = {"source": row.source, "ts": row.ts, "values": dict(row.values)}
                await producer.send(topic, json.dumps(value).encode(), partition=0)
            await producer.flush()

            async def counted():
                row = await reader.get("pump-1")
                return row is not None and row.values["events"] == events

            await eventually(counted)

    await process(log[:200], 200)
    key = store.keys.state(settings.worker.group, topic, 0)
    assert await store.client.hexists(key, "pump-1")
    await store.client.hset(key, "pump-1", oldest_state("sensors"))
    await process(log[200:], 400)


def taken_over(kind, blob):
    """Continue from a state; a layout that has changed is told by the kind that starts cold."""
    try:
        return KEPT[kind]().second(blob)
    except OldStateError as error:
        raise AssertionError(
            f"{kind}: {error}; its sources start cold: name it in STARTS_COLD and in the changelog"
        ) from None
