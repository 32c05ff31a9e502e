"""Health and metrics over HTTP, on the loopback interface."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from stream_app.errors import SettingsError

if TYPE_CHECKING:
    from stream_app.runtime.worker import Worker

__all__ = ["start_http"]

_HOST = "127.0.0.1"


async def start_http(worker: "Worker") -> Callable[[], Awaitable[None]]:
    """Serve ``/metrics``, ``/healthz`` and ``/readyz``.

    Returns
    -------
    callable
        Stops serving.

    Raises
    ------
    SettingsError
        If the port is taken.
    """

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(worker.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        ready = worker.ready.is_set()
        return web.json_response({"status": "ready" if ready else "starting"}, status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = worker.settings.worker.metrics_port
    try:
        await web.TCPSite(runner, _HOST, port).start()
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(f"worker.metrics_port: {port} cannot be opened: {error.strerror}") from error
    return runner.cleanup
