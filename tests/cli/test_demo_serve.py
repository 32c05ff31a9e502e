"""The demo that goes on serving, as a process of its own."""

import os
import re
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest
from conftest import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PATIENCE = 240.0
"""Seconds for what takes 50 on a machine that has time."""


def fetched(address):
    with urlopen(address, timeout=20) as answer:
        return answer.read().decode()


@pytest.fixture
def output(tmp_path):
    return tmp_path / "output"


@pytest.fixture
def process(output):
    pytest.importorskip("nicegui")
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream_app", "demo", "--serve"],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        )
    yield process
    process.kill()
    process.wait()


async def test_its_pages_hold_data_and_ctrl_c_ends_it(process, output):
    def told(what):
        assert process.poll() is None, output.read_text()
        return re.search(what, output.read_text())

    address = (await eventually(lambda: told(r"Dashboard on (http://\S+)"), PATIENCE))[1]
    # It answers while the demo runs, too.
    assert "Streamgauge" in fetched(address)
    await eventually(lambda: told("Ctrl-C ends it"), PATIENCE)
    await eventually(lambda: "pump-1" in fetched(address), 60)
    await eventually(lambda: "pump-1" in fetched(address + "/incidents?all=1"), 60)
    await eventually(lambda: "digits" in fetched(address + "/models"), 60)
    process.send_signal(signal.SIGINT)
    await eventually(lambda: process.poll() is not None, 90)
    assert process.returncode in {0, 130, -signal.SIGINT}, output.read_text()
    assert "Traceback" not in output.read_text()
