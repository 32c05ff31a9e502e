"""The notifier as a whole, over Kafka: killed again and again, and when a route is dead."""

import asyncio
import signal
import subprocess
import sys

import pytest
from conftest import REAL, eventually
from routes.conftest import FULL, SECRET, alert, ended, receiving, route_to

from stream_app.store import AlertReader

pytestmark = [pytest.mark.integration, pytest.mark.slow]

KILLS = 10 if FULL else 3


@pytest.fixture
def spawn(tmp_path, broker_address, store_url, prefix):
    """Start ``streamgauge notify`` with some routes, as a process of its own."""
    started = []

    def start(**receivers):
        lines = [f'prefix = "{prefix}"', f'kafka = "{broker_address}"', f'redis = "{store_url}"']
        for name, one in receivers.items():
            lines += [
                f"[routes.{name}]", "group_wait = 0.2",
                f'channel = {{ kind = "webhook", url = "{one.url}", secret = "{SECRET}" }}',
            ]  # fmt: skip
        file = tmp_path / "streamgauge.toml"
        file.write_text("\n".join(lines))
        log = (tmp_path / f"{len(started)}.log").open("wb")
        command = [sys.executable, "-m", "stream_app", "notify", "--config", file]
        started.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.skipif(not REAL, reason="the embedded broker does not give a dead member's partitions to others")
async def test_killed_each_receiver_has_each_message_once_and_nothing_is_lost(spawn, tell, receiver):
    async with receiving() as other:
        # Between the answer of a receiver and the next step is the moment at which a message comes again.
        other.answers = [503, 204] * (KILLS // 2)
        alerts = [alert(number, f"pump-{number}") for number in range(6 * KILLS)]
        for round_ in range(KILLS):
            process = spawn(night=receiver, day=other)
            before = len(receiver.requests)
            await tell(*alerts[6 * round_ : 6 * round_ + 6])
            await eventually(lambda: len(receiver.requests) > before, 120)  # noqa: B023 at once
            if round_ % 3 == 1:
                await asyncio.sleep(0.02 * round_)  # another moment of its work
            process.kill()
            process.wait()
        last = spawn(night=receiver, day=other)
        for each in (receiver, other):
            await eventually(lambda: sum(each.incidents.values()) >= len(alerts), 120)  # noqa: B023 at once
        await tell(*map(ended, alerts))
        for each in (receiver, other):
            await eventually(lambda: sum(each.incidents.values()) >= 2 * len(alerts), 120)  # noqa: B023 at once
            assert set(each.incidents.values()) == {1}
            assert len(each.incidents) == 2 * len(alerts)
        last.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(last.wait, 30) == 0


async def test_a_dead_route_is_an_alert_that_other_routes_tell(with_routes, notifier, tell, receiver, store):
    async with receiving() as broken:
        broken.answers = [503] * 3
        routes = {"night": route_to(broken, dead_after=1.0), "day": route_to(receiver)}
        await notifier(with_routes(**routes))
        await tell(alert(1))
        await eventually(lambda: receiver.incidents["night", "began"], 60)
        (dead,) = (one for one in await AlertReader(store).recent(10) if one.stream == "routes")
        assert (dead.kind, dead.detector, dead.severity) == ("quality", "quality.dead_route", "critical")
        assert "messages of the route night do not arrive" in dead.summary
        assert "answers 503" in dead.summary
        await eventually(lambda: broken.incidents["pump-1", "began"], 60)
        await eventually(lambda: receiver.incidents["night", "over"], 60)
        assert receiver.incidents["pump-1", "began"] == 1
