"""The document of the HTTP port, held against what the port does: schemathesis asks as it says, and as it does not."""

import asyncio
import shutil

import pytest
from http_port import TOKEN, Watched
from runtime.test_http_watch import record_history
from serving import NOW, Shop, bought
from store.test_alerts import alert, resolved

from stream_app.embedded import free_port
from stream_app.runtime.http import start_http
from stream_app.settings import Settings, WorkerSettings
from stream_app.store import AlertWriter, FeatureRow, FeatureWriter

pytestmark = [pytest.mark.integration, pytest.mark.slow]


async def test_what_is_documented_is_what_is_answered(redis_settings, store, tmp_path):
    program = shutil.which("st")
    if program is None:
        pytest.skip("schemathesis is not installed: make venv")
    shop = await Shop(redis_settings).register()
    await shop.sell(bought("17850", NOW - 60, 4.0))
    await AlertWriter(store).write([alert(1), alert(2), resolved(1)])
    await FeatureWriter(store, "sensors").write([FeatureRow("pump-1", 7, 9.0, 10.0, {"flow.mean": 0.5})])
    await record_history(store, "pump-1")
    # What never ends is left out: see test_http_watch.
    port = free_port()
    stop = await start_http(
        Watched(Settings(worker=WorkerSettings(metrics_port=port, http_token=TOKEN))), store
    )
    try:
        asking = await asyncio.create_subprocess_exec(
            program, "run", f"http://127.0.0.1:{port}/openapi.json", "--checks", "all", "--max-examples", "30",
            "--generation-deterministic", "--exclude-path", "/alerts/stream", "--header", f"Authorization: Bearer {TOKEN}",
            cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(asking.communicate(), 180)
    finally:
        await stop()
    assert asking.returncode == 0, said.decode()
    assert "No issues found" in said.decode()
