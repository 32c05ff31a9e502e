"""What a notifier says of itself over HTTP."""

import asyncio
import json
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from conftest import eventually
from prometheus_client.parser import text_string_to_metric_families
from routes.conftest import alert, route_to

from stream_app.embedded import free_port
from stream_app.routes.metrics import RouteMetrics
from stream_app.routes.service import NotifierService
from stream_app.settings import Settings

pytestmark = pytest.mark.integration


async def ask(port, page):
    """Ask while the notifier runs in the same loop."""

    def fetch():
        try:
            with urlopen(f"http://127.0.0.1:{port}{page}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(fetch)


async def test_a_notifier_tells_what_it_sent_and_how_it_is(with_routes, notifier, tell, receiver):
    receiver.answers = [503]
    port = free_port()
    settings = with_routes(night=route_to(receiver), quiet=route_to(receiver, match={"stream": "none"}))
    worker = settings.worker.model_copy(update={"metrics_port": port})
    await notifier(settings.model_copy(update={"worker": worker}))
    assert (await ask(port, "/livez"))[0] == (await ask(port, "/readyz"))[0] == 200
    begun = time.time()
    await tell(alert(1))

    async def figures():
        families = text_string_to_metric_families((await ask(port, "/metrics"))[1])
        found = {
            (sample.name.removeprefix("streamgauge_route_"), sample.labels.get("route")): sample.value
            for family in families
            for sample in family.samples
        }
        return found if found["sent_total", "night"] and not found["waiting", "night"] else None

    found = await eventually(figures)
    expected = {"sent_total": 1, "failed_total": 1, "retries_total": 1, "held": 1, "dead": 0, "waiting": 0}
    assert {name: found[name, "night"] for name in expected} == expected
    assert {name: found[name, "quiet"] for name in expected} == dict.fromkeys(expected, 0) | {"held": 1}
    assert found["last_success_timestamp_seconds", "night"] >= begun
    assert ("last_success_timestamp_seconds", "quiet") not in found
    status, text = await ask(port, "/healthz")
    assert (status, json.loads(text)) == (
        200,
        {"status": "ok", "kafka": "ok", "redis": "ok", "routes": {"night": "ok", "quiet": "ok"}},
    )
    assert (await ask(port, "/features"))[0] == 404


def test_a_dead_route_is_no_reason_to_start_a_notifier_anew():
    channel = {"kind": "webhook", "url": "http://127.0.0.1:1/"}
    settings = Settings.model_validate({"routes": {"night": {"channel": channel}}})
    service = NotifierService(settings, RouteMetrics(settings.routes))
    assert not service.health().ready
    service.taking = True
    service.report("night", "it is away")
    health = service.health()
    assert (health.ready, health.ok, health.detail["routes"]) == (True, False, {"night": "dead"})
    service.report("night", None)
    assert service.health().ok
