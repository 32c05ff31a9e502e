"""The fault suite's own options, servers and table.

At reduced scale it is part of ``make test-kafka``; ``make faults`` runs it at full scale, alone.
"""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from conftest import REAL
from faults.harness import Harness
from faults.table import AbuseRow, Row, rendered, write
from servers.kafka import ApacheKafka
from servers.redis import RedisServer

ROOT = Path(__file__).resolve().parents[2]

_DEFAULT_SEED = 1
_rows = pytest.StashKey[list[Row | AbuseRow]]()
_folder = pytest.StashKey[Path]()
_KINDS = {kind.__name__: kind for kind in (Row, AbuseRow)}
_row = pytest.StashKey[Row | AbuseRow]()


@dataclass(frozen=True)
class Scale:
    """How large the scenarios are.

    Parameters
    ----------
    full : bool
        Whether `pick` gives the numbers that the project promises, or reduced ones.
    """

    full: bool

    def pick(self, reduced: Any, full: Any) -> Any:
        """One of both."""
        return full if self.full else reduced


def pytest_addoption(parser):
    parser.addoption(
        "--faults-seed", type=int, default=_DEFAULT_SEED, help="seed of the fault suite's random choices"
    )
    parser.addoption(
        "--faults-sequence", type=int, default=None, help="the one random sequence to run, by its number"
    )


def _seed(config) -> int:
    return int(config.getoption("faults_seed", _DEFAULT_SEED))


def _scale() -> Scale:
    return Scale(os.environ.get("STREAMGAUGE_TEST_FAULTS") == "full")


class _Rows:
    """Collects the rows of all scenarios, which may run in several processes."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties if report.when == "teardown" else ():
            if name in _KINDS:
                self._config.stash[_rows].append(_KINDS[name](**json.loads(value)))


def pytest_configure(config):
    given = getattr(config, "workerinput", {})
    folder = Path(given.get("faults_folder", ROOT / "build" / "faults" / time.strftime("%Y-%m-%dT%H-%M-%S")))
    config.stash[_folder] = folder / given["workerid"] if given else folder
    config.stash[_rows] = []
    config.pluginmanager.register(_Rows(config))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Let processes of the suite keep their logs in one folder."""
    node.workerinput["faults_folder"] = str(node.config.stash[_folder])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.faults)
            if not REAL:
                item.add_marker(pytest.mark.skip("hurts real servers only: make test-kafka, or make faults"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    row = item.stash.get(_row, None)
    if row is not None and call.when == "call" and not report.passed:
        reason = str(call.excinfo.value).strip().splitlines() if call.excinfo else []
        word = "skipped" if report.skipped else "FAILED"
        row.verdict = f"{word}: {reason[0][:150] if reason else call.excinfo.typename}"
    if row is not None and call.when == "teardown":
        report.user_properties.append((type(row).__name__, json.dumps(asdict(row))))
    return report


def pytest_terminal_summary(terminalreporter, config):
    for name, kind in (("faults", Row), ("abuse", AbuseRow)):
        rows = [row for row in config.stash[_rows] if isinstance(row, kind)]
        if rows:
            seed, scale = _seed(config), "full" if _scale().full else "reduced"
            folder = config.stash[_folder]
            write(rows, folder, name, seed=seed, scale=scale)
            terminalreporter.section(
                f"{name}: seed {seed}, {scale} scale, logs in {folder.relative_to(ROOT)}"
            )
            terminalreporter.write_line(rendered(rows))


@pytest.fixture(scope="session")
def faults_folder(request):
    """Where this run keeps its table and its logs."""
    folder = request.config.stash[_folder]
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def scale():
    return _scale()


@pytest.fixture
def seed(request):
    return _seed(request.config)


@pytest.fixture
def chance(request, seed):
    """Random choices of this scenario; the same in each run with the same seed."""
    return Random(f"{seed}:{request.node.name}")


@pytest.fixture
def folder(request, faults_folder):
    """Where this scenario keeps its logs."""
    made = faults_folder / request.node.name.removeprefix("test_").replace("[", "-").replace("]", "")
    made.mkdir()
    return made


def _tell(request, row):
    request.node.stash[_row] = row
    return row


def _title(request):
    return (request.function.__doc__ or request.node.name).strip().splitlines()[0].rstrip(".")


@pytest.fixture
def row(request, faults_folder):
    """The scenario's row of the fault table; the first line of the test's docstring names the fault."""
    return _tell(request, Row(_title(request)))


@pytest.fixture
def abuse(request, faults_folder):
    """The scenario's row of the table of abuse; the first line of the test's docstring names the attempt."""
    return _tell(request, AbuseRow(_title(request)))


@pytest.fixture(scope="session")
def kafka_server(faults_folder):
    """The broker of all scenarios that leave it alone."""
    broker = ApacheKafka(faults_folder / "kafka", properties={"message.max.bytes": "2000000"})
    broker.start()
    yield broker
    broker.stop()
    shutil.rmtree(broker.directory / "data")


@pytest.fixture(scope="session")
def redis_server(faults_folder):
    """The store of all scenarios that leave it alone."""
    server = RedisServer(faults_folder / "redis")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.directory / "appendonlydir")


@pytest.fixture
def own_kafka(folder):
    """Make brokers of this scenario's own, which it may hurt."""
    made: list[ApacheKafka] = []

    async def make(**options) -> ApacheKafka:
        broker = ApacheKafka(folder / f"kafka-{len(made) + 1}", **options)
        made.append(broker)
        await asyncio.to_thread(broker.start)
        return broker

    yield make
    for broker in made:
        broker.kill()
        shutil.rmtree(broker.directory / "data", ignore_errors=True)


@pytest.fixture
def own_redis(folder):
    """Make stores of this scenario's own, which it may hurt."""
    made: list[RedisServer] = []

    async def make(*options: str) -> RedisServer:
        server = RedisServer(folder / f"redis-{len(made) + 1}", options=options)
        made.append(server)
        await asyncio.to_thread(server.start)
        return server

    yield make
    for server in made:
        server.kill()
        shutil.rmtree(server.directory / "appendonlydir", ignore_errors=True)


@pytest.fixture
async def make_harness(request, folder, kafka_server, redis_server):
    """Make the harness of a scenario, on the common servers unless others are named."""
    made: list[Harness] = []

    async def make(
        *, kafka: str | None = None, redis: str | None = None, topic: Mapping[str, str] | None = None, **more
    ) -> Harness:
        name = f"f{len(made)}-{abs(hash((request.node.nodeid, time.time_ns()))) % 10**8:08d}"
        harness = Harness(
            name,
            kafka or f"127.0.0.1:{kafka_server.port}",
            redis or f"redis://127.0.0.1:{redis_server.port}/0",
            folder,
            **more,
        )
        made.append(harness)
        await harness.open(**(topic or {}))
        return harness

    yield make
    for harness in made:
        await harness.close()
