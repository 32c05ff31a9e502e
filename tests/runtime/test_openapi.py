"""The document of the HTTP port, held against what the port does: schemathesis asks as it says, and as it does not."""

import asyncio
import shutil
from dataclasses import dataclass, field

import pytest
from serving import NOW, Shop, bought

from stream_app.embedded import free_port
from stream_app.runtime.health import Health
from stream_app.runtime.http import start_http
from stream_app.runtime.metrics import Metrics
from stream_app.settings import Settings, WorkerSettings

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TOKEN = "0123456789abcdef-token"


@dataclass
class Watched:
    settings: Settings
    metrics: Metrics = field(default_factory=Metrics)

    def health(self):
        return Health(ok=True, ready=True)


async def test_what_is_documented_is_what_is_answered(redis_settings, store, tmp_path):
    program = shutil.which("st")
    if program is None:
        pytest.skip("schemathesis is not installed: make venv")
    shop = await Shop(redis_settings).register()
    await shop.sell(bought("17850", NOW - 60, 4.0))
    port = free_port()
    stop = await start_http(
        Watched(Settings(worker=WorkerSettings(metrics_port=port, http_token=TOKEN))), store
    )
    try:
        asking = await asyncio.create_subprocess_exec(
            program, "run", f"http://127.0.0.1:{port}/openapi.json", "--checks", "all", "--max-examples", "30",
            "--generation-deterministic", "--header", f"Authorization: Bearer {TOKEN}",
            cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(asking.communicate(), 180)
    finally:
        await stop()
    assert asking.returncode == 0, said.decode()
    assert "No issues found" in said.decode()
