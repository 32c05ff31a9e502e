"""Worker processes, started again when they end, as an init system does; with their logs and their memory."""

import asyncio
import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
from conftest import eventually

from stream_app.embedded.child_process import end, spawn_supervised
from stream_app.embedded.server import free_port

__all__ = ["Exit", "Memory", "Supervisor", "WorkerProcess"]

_RESTART_SECONDS = 0.2
"""Between the end of a worker and its next start."""

_SAMPLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Exit:
    """An end of a worker: its code (negative: the signal) and its time on the monotonic clock."""

    code: int
    at: float


class Memory:
    """Resident memory of a worker over time, in MB."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float]] = []
        self.highest = 0.0
        """What the kernel saw at most, between samples too."""

    @property
    def peak(self) -> float:
        """The largest sample."""
        return max((mb for _, mb in self.samples), default=0.0)

    def take(self, pid: int) -> None:
        """Add a sample; nothing where the process is gone."""
        with contextlib.suppress(OSError, ValueError, StopIteration):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            now, highest = (
                next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
                for name in ("VmRSS:", "VmHWM:")
            )
            self.samples.append((time.monotonic(), now))
            self.highest = max(self.highest, highest)


class WorkerProcess:
    """One worker: a process and those that take its place when it ends.

    Parameters
    ----------
    name : str
        For the log.
    env : mapping
        Environment of the process.
    log : path
        Where all that it says goes.
    restart : bool
        Start it again when it ends, unless it was told to stop.
    """

    def __init__(self, name: str, env: Mapping[str, str], log: Path, *, restart: bool) -> None:
        self.name = name
        self.exits: list[Exit] = []
        self.starts = 0
        self.memory = Memory()
        self.port = int(env["STREAMGAUGE_WORKER__METRICS_PORT"])
        changes = [f"{key}={value}" for key, value in env.items() if os.environ.get(key) != value]
        self._command = [shutil.which("env"), *changes, sys.executable, "-m", "stream_app", "worker"]
        self._log = log
        self._restart = restart
        self._retired = False
        self._process: subprocess.Popen[bytes] | None = None
        self._started = asyncio.Event()
        self._tasks = [asyncio.create_task(self._keep()), asyncio.create_task(self._sample())]

    async def started(self) -> None:
        """Wait for the process to run; it need not be ready yet."""
        await self._started.wait()

    @property
    def running(self) -> bool:
        """Whether a process runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that runs now, or ran last."""
        assert self._process is not None, f"{self.name} has not been started"
        return self._process.pid

    @property
    def said(self) -> str:
        """All that it wrote so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing where the process has ended."""
        if self.running:
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """Kill it as a crash does; where it is to be restarted, it will be."""
        self.send(signal.SIGKILL)
        await self._ended()

    async def stop(self, patience: float = 30.0) -> float:
        """Send SIGTERM and return how many seconds the end took; it is not started again.

        Raises
        ------
        AssertionError
            If it did not end by itself, or not with 0.
        """
        self._retired = True
        begin = time.monotonic()
        if self.running:
            self.send(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._ended(), patience)
            except TimeoutError:
                await self.kill()
                raise AssertionError(f"{self.name} did not end within {patience} s of SIGTERM") from None
            assert self.exits[-1].code == 0, f"{self.name} ended with {self.exits[-1].code}: {self.last_line}"
        return time.monotonic() - begin

    async def stop_anyhow(self) -> None:
        """End it for good: gracefully where it still runs, however it ended where it does not."""
        self._retired = True
        if self.running:
            self.send(signal.SIGTERM)
            await self.ended(30.0)

    async def ended(self, timeout: float) -> Exit:
        """Wait for it to end by itself.

        Raises
        ------
        AssertionError
            If it does not.
        """
        try:
            await asyncio.wait_for(self._ended(), timeout)
        except TimeoutError:
            raise AssertionError(f"{self.name} still runs after {timeout} s") from None
        return self.exits[-1]

    async def discard(self) -> None:
        """Kill it for good, without a question."""
        self._retired = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._process is not None:
            end(self._process, patience=0)

    @property
    def last_line(self) -> str:
        """The last line that it wrote."""
        lines = self.said.strip().splitlines()
        return lines[-1] if lines else ""

    async def ask(self, path: str) -> tuple[int, str]:
        """Ask its HTTP endpoint; 0 and the reason where it does not answer."""
        try:
            async with self._get(path) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, repr(error)

    async def clock(self) -> float:
        """What its clock shows, epoch seconds; 0 where it does not answer."""
        try:
            async with self._get("/livez") as answer:
                return parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0.0

    @contextlib.asynccontextmanager
    async def _get(self, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2.0)) as session,
            session.get(url) as answer,
        ):
            yield answer

    async def ready(self, timeout: float = 60.0) -> None:
        """Wait until it says that it reads its partitions."""
        deadline = time.monotonic() + timeout
        while (await self.ask("/readyz"))[0] != 200:
            assert time.monotonic() < deadline, (
                f"{self.name} is not ready after {timeout} s: {self.last_line}"
            )
            await asyncio.sleep(0.05)

    async def red_after(self, timeout: float = 30.0) -> float:
        """Wait until it says that it is not well; return how many seconds that took."""
        begin = time.monotonic()

        async def red() -> bool:
            return (await self.ask("/healthz"))[0] != 200

        await eventually(red, timeout=timeout)
        return time.monotonic() - begin

    async def green(self, timeout: float = 60.0) -> None:
        """Wait until it says that it is well."""

        async def well() -> bool:
            return (await self.ask("/healthz"))[0] == 200

        await eventually(well, timeout=timeout)

    async def _ended(self) -> None:
        await self.started()
        begun = self.starts
        await eventually(lambda: len(self.exits) >= begun, timeout=math.inf)

    async def _keep(self) -> None:
        while True:
            self.starts += 1
            with self._log.open("ab") as log:
                log.write(f"--- start {self.starts} of {self.name}\n".encode())
            process = self._process = spawn_supervised(self._command, log=self._log)
            self._started.set()
            await eventually(lambda process=process: process.poll() is not None, timeout=math.inf)
            self.exits.append(Exit(process.returncode, time.monotonic()))
            end(process)
            if self._retired or not self._restart:
                return
            await asyncio.sleep(_RESTART_SECONDS)
            if self._retired:
                return

    async def _sample(self) -> None:
        await self.started()
        while True:
            if self.running:
                self.memory.take(self.pid)
            await asyncio.sleep(_SAMPLE_SECONDS)


class Supervisor:
    """The workers of one scenario.

    Parameters
    ----------
    env : mapping
        What all of them are told.
    logs : path
        Folder of their logs.
    """

    def __init__(self, env: Mapping[str, str], logs: Path) -> None:
        self.env = env
        self._logs = logs
        self.workers: list[WorkerProcess] = []

    async def start(
        self, name: str | None = None, *, named: bool = True, restart: bool = True, **more: Any
    ) -> WorkerProcess:
        """Start a worker.

        Parameters
        ----------
        name : str, optional
            Of the worker; in its log and, with `named`, as its lasting name in the group.
        named : bool
            Give it a lasting name in the group: after a crash it takes its partitions back at once.
        restart : bool
            Start it again when it ends.
        **more
            Further variables of its environment.
        """
        name = name or f"worker-{len(self.workers) + 1}"
        env = os.environ | dict(self.env) | {"STREAMGAUGE_WORKER__METRICS_PORT": str(free_port())}
        if named:
            env["STREAMGAUGE_WORKER__INSTANCE"] = name
        env |= {key: str(value) for key, value in more.items()}
        worker = WorkerProcess(name, env, self._logs / f"{name}.log", restart=restart)
        self.workers.append(worker)
        await worker.started()
        return worker

    async def stop(self) -> None:
        """Stop all that run, gracefully, one after the other."""
        for worker in self.workers:
            await worker.stop()

    async def discard(self) -> None:
        """Kill all that are left."""
        await asyncio.gather(*(worker.discard() for worker in self.workers))
