"""The program as a person or a script uses it: in this process, or as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from stream_app.cli.main import main

READY = '"event": "watching"'


@pytest.fixture
def place(monkeypatch, tmp_path):
    """An empty current directory, and no settings but the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("STREAMGAUGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def servers(place, monkeypatch, broker_address, store_url, prefix):
    """Settings of the environment that lead to the tests' broker and store, apart from other tests."""
    said = {
        "STREAMGAUGE_KAFKA": broker_address,
        "STREAMGAUGE_REDIS": store_url,
        "STREAMGAUGE_PREFIX": prefix,
        "STREAMGAUGE_WORKER__GROUP": prefix,
        "STREAMGAUGE_WORKER__SESSION_TIMEOUT": "6",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    return said


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()

    def failed(self, *texts):
        """It was one line on standard error, as every failure is."""
        assert self.code == 1, self
        assert self.err.startswith("streamgauge: ")
        assert self.err.count("\n") == 1, self.err
        for text in texts:
            assert text in self.err
        return True


@pytest.fixture
def call(place, capsys, monkeypatch):
    """Run the program in this process."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["streamgauge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code or 0, *capsys.readouterr())

    return run


class Process:
    """The program as a process, with what it printed in files."""

    def __init__(self, folder, arguments):
        number = len(list(folder.glob("*.out")))
        self._out, self._err = folder / f"{number}.out", folder / f"{number}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            command = [sys.executable, "-m", "stream_app", *map(str, arguments)]
            self._process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)

    @property
    def out(self):
        return self._out.read_text()

    @property
    def err(self):
        return self._err.read_text()

    def until(self, text, timeout=30.0):
        """Wait until it printed something."""
        deadline = time.monotonic() + timeout
        while text not in self.out + self.err:
            assert self._process.poll() is None, self.out + self.err
            assert time.monotonic() < deadline, self.out + self.err
            time.sleep(0.02)
        return self

    def end(self, number=signal.SIGTERM, timeout=30.0):
        """Send a signal and wait for the end."""
        self._process.send_signal(number)
        return self.wait(timeout)

    def wait(self, timeout=30.0):
        return Ended(self._process.wait(timeout), self.out, self.err)

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def spawn(place, tmp_path_factory):
    """Start the program as a process of its own."""
    folder = Path(tmp_path_factory.mktemp("printed"))
    started = []

    def start(*arguments):
        started.append(Process(folder, arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
