"""What somebody can do who may write keys of Redis, name a source, or hand over a file: each attempt, with its bound."""

import asyncio
import gzip
import os
import re
import sys
import time
from typing import NamedTuple

from faults.hostile import NAMES
from faults.log import Feed

from stream_app.events import Alert
from stream_app.store import AlertWriter

MB = 1_000_000
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Command(NamedTuple):
    """What came of a command: its exit code, output, seconds, and memory at most in MB."""

    code: int
    output: str
    seconds: float
    memory: float


async def command(folder, *arguments: str, harness=None) -> Command:
    """Run a command of ours to its end."""
    env = os.environ | ({} if harness is None else dict(harness.workers.env))
    return await asyncio.to_thread(_run, folder / "command.log", arguments, env)


def _run(log, arguments, env):
    begin = time.monotonic()
    with log.open("wb") as file:
        process = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "stream_app", *arguments],
            env,
            file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 1), (os.POSIX_SPAWN_DUP2, file.fileno(), 2)],
        )
        # Of this child alone, other than `resource.getrusage` says.
        _, status, usage = os.wait4(process, 0)
    seconds = time.monotonic() - begin
    output = log.read_text(errors="replace")
    return Command(os.waitstatus_to_exitcode(status), output, seconds, usage.ru_maxrss / 1024)


async def test_a_line_of_gigabytes(folder, abuse, scale):
    """A gzipped table with an endless line."""
    size = scale.pick(300, 3000)
    abuse.attempt = f"A gzipped CSV file with a line of {size:,} MB"
    good, bad = folder / "good.csv", folder / "bad.csv.gz"
    rows = b"ts,flow\n" + b"".join(b"%d,%d\n" % (i, i % 7) for i in range(100))
    good.write_bytes(rows)

    def write():
        with gzip.open(bad, "wb", 1) as file:
            file.write(rows)
            for _ in range(size):
                file.write(b"1" * MB)

    await asyncio.to_thread(write)
    usual, end = [await command(folder, "backtest", str(path), "--warmup", "50") for path in (good, bad)]
    bad.unlink()
    abuse.verdict = "refused by name"
    abuse.bound("memory above a small file's", end.memory - usual.memory, 64, "MB")
    abuse.bound("time above a small file's", end.seconds - usual.seconds, 2, "s")
    assert usual.code == 0, usual.output
    assert end.code != 0
    assert "bad.csv.gz:102: a line of more than" in end.output.replace("\n", "")
    assert "Traceback" not in end.output


LISTS = (["list"], ["list", "--json"], ["list", "--alerts"], ["list", "--alerts", "--json"])
"""Of incidents and of alerts, for people and for programs."""


async def test_hostile_names(make_harness, folder, abuse, seed):
    """Names of sources with control characters."""
    abuse.attempt = f"{len(NAMES)} names with escape sequences, formulas and templates, as sources of alerts"
    harness = await make_harness()
    alerts = await some_alerts(harness, seed)
    named = [
        alert.model_copy(
            update={"id": f"{alert.id}{i}", "source": name, "summary": f"drift of {name}", "incident": None}
        )
        for i, name in enumerate(NAMES)
        for alert in alerts[:1]
    ]
    await AlertWriter(harness.store).write(named)
    printed = ""
    for arguments in LISTS:
        end = await command(folder, "alerts", *arguments, harness=harness)
        assert end.code == 0, end.output
        printed += end.output
    assert "formula" in printed or "cmd" in printed
    abuse.bound("control characters printed", len(_CONTROL.findall(printed)), 0, "")


async def test_damaged_entries(make_harness, folder, abuse, chance, seed):
    """Alerts in Redis that are damaged at random."""
    harness = await make_harness()
    alerts = await some_alerts(harness, seed)
    client, keys = harness.store.client, harness.store.keys
    junk = [b"", b"{", b"null", b'{"started_at": 1e18}', b"\xff\xfe", chance.randbytes(1000), b"[" * 100_000]
    damaged = 0
    for value in junk:
        await client.xadd(keys.alerts, {"alert": value})
        await client.xadd(keys.alerts, {"other": value})
        for firing in (keys.firing, keys.firing_incidents):
            await client.zadd(firing, {value: chance.choice([0.0, 1e18, float("inf")])})
        damaged += 4
    abuse.attempt = f"{damaged} damaged entries among {len(alerts)} alerts in Redis"
    slowest = 0.0
    for arguments in LISTS:
        end = await command(folder, "alerts", *arguments, harness=harness)
        slowest = max(slowest, end.seconds)
        assert end.code == 0, end.output
        assert "Traceback" not in end.output
        firing = {alert.id for alert in alerts if alert.state == "firing"} - {
            alert.id for alert in alerts if alert.state == "resolved"
        }
        cases = {alert.case.id for alert in alerts if alert.id in firing}
        if "--json" in arguments:
            assert all(name in end.output for name in (firing if "--alerts" in arguments else cases))
    abuse.bound("alerts list", slowest, 15, "s")


async def some_alerts(harness, seed) -> list[Alert]:
    """Process a log with faults; return its alerts."""
    await harness.send(Feed(sources=4, length=3000, seed=seed).take())
    worker = await harness.workers.start("worker-1")
    await harness.caught_up()
    await worker.stop()
    found = await harness.store.client.xrange(harness.store.keys.alerts)
    assert found
    return [Alert.model_validate_json(fields[b"alert"]) for _, fields in found]
