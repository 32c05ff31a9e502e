"""Live features and history of sensors, cameras and models, for programs that wait and for asyncio."""

import asyncio

import pytest
from runtime.test_http_watch import record_history

from stream_app.client import AsyncFeatureClient, DataError, FeatureClient, StateError
from stream_app.store import FeatureRow, FeatureWriter

pytestmark = pytest.mark.integration


@pytest.fixture(params=["waiting", "awaiting"])
async def ask(request, redis_settings):
    """Ask either client for something by the name of its method."""
    if request.param == "awaiting":
        async with AsyncFeatureClient(redis_settings) as client:
            yield lambda name, *args, **more: getattr(client, name)(*args, **more)
    else:
        with FeatureClient(redis_settings) as client:
            yield lambda name, *args, **more: asyncio.to_thread(getattr(client, name), *args, **more)


async def test_live_features_of_what_is_known_come_back(ask, store):
    rows = [
        FeatureRow(f"pump-{i}", i, 9.0 + i, 10.0, {"flow.mean": i / 7, "flow.slope": None}) for i in range(3)
    ]
    await FeatureWriter(store, "sensors").write(rows)
    found = await ask("get_live_features", "sensors", ["pump-2", "nobody", "pump-0"])
    assert found == {"pump-2": rows[2], "pump-0": rows[0]}
    await store.client.hdel(store.keys.features("sensors", 1, "pump-1"), "_offset")
    with pytest.raises(StateError, match="pump-1"):
        await ask("get_live_features", "sensors", ["pump-1"])


async def test_history_comes_with_as_many_points_as_asked(ask, store):
    await record_history(store)
    series = await ask("get_history", "sensors", "pump/1", 1e9 + 5, points=2)
    assert (len(series), series.channels) == (2, ("flow", "heat"))
    assert len(await ask("get_history", "sensors", "nobody")) == 0
    with pytest.raises(DataError):
        await ask("get_history", "sensors", "pump/1", "soon")
