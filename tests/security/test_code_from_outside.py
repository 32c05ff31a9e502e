"""Nothing that comes from Kafka, Redis or a file is ever run."""

import ast
import asyncio
import json
import os
import pickle
from pathlib import Path

import pytest
from conftest import eventually

from stream_app.core.river_adapter.codec import decode
from stream_app.errors import StateError, StreamgaugeError
from stream_app.events import Rejected, decode_reading
from stream_app.runtime.worker import Worker
from stream_app.store import FeatureReader, pack_state, unpack_state

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for package in ("stream_app", "producers") for path in (ROOT / package).rglob("*.py"))

# Modules that build objects by calling what their input names, or hand text to a shell or an interpreter.
MODULES = {
    "_pickle", "pickle", "pickletools", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "jsonpickle",
    "ctypes", "code", "codeop", "runpy", "pdb", "xml", "xmlrpc", "dbm",
}  # fmt: skip
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execve", "os.execvp", "os.spawnl",
    "subprocess.getoutput", "subprocess.getstatusoutput", "np.load", "numpy.load", "np.loads", "pl.read_ipc", "tempfile.mktemp",
}  # fmt: skip
PACKAGES = {"stream_app", "producers", "sklearn", "river"}
ATTRIBUTES = {"read_pickle", "to_pickle", "__reduce__", "__reduce_ex__", "unsafe_load", "full_load"}


def findings(source):
    """What a file does that could run what somebody else has written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (f"import {alias.name}" for alias in node.names if alias.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in MODULES:
                yield f"from {node.module} import"
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in CALLS or name.rpartition(".")[2] in ATTRIBUTES:
                yield f"{name}()"
            if any(word.arg == "shell" for word in node.keywords):
                yield f"{name}(shell=)"
            if any(
                word.arg == "allow_pickle" and ast.unparse(word.value) != "False" for word in node.keywords
            ):
                yield f"{name}(allow_pickle=)"
            if name in {"importlib.import_module", "import_module"} and not _fixed(node.args[0]):
                yield f"{name}({ast.unparse(node.args[0])})"


def _fixed(node):
    """Whether a module's name, or the package that it is in, stands in the source."""
    if isinstance(node, ast.JoinedStr):
        first = node.values[0]
        return ast.unparse(first) in {"{__name__}", "f'{__name__}'"} or (
            isinstance(first, ast.Constant)
            and first.value.partition(".")[0] in PACKAGES
            and "." in first.value
        )
    return isinstance(node, ast.Constant)


OWN_CODE = {
    # Machine code beside the modules, which whoever may change it could change as well.
    "stream_app/core/kernel_cache.py": ["import pickle"],
    # Of a list in the module.
    "stream_app/core/platform/online_models.py": ["import_module(module)"],
    "stream_app/retraining/trainers.py": ["import_module(name)"],
}


def test_no_module_can_run_what_it_reads():
    found = {
        path.relative_to(ROOT).as_posix(): list(findings(path.read_text(encoding="utf-8")))
        for path in SOURCES
    }
    assert {path: words for path, words in found.items() if words} == OWN_CODE


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import yaml.loader as y",
        "eval('1')",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "frame.read_pickle(x)",
        "subprocess.run(x, shell=True)",
        "importlib.import_module(name)",
        "importlib.import_module(f'{name}.x')",
    ],
)
def test_what_could_run_would_be_found(source):
    assert list(findings(source))


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def mark(tmp_path):
    """The folder that a bomb makes; it must not be there at the end."""
    mark = tmp_path / "it-ran"
    pickle.loads(pickle.dumps(Bomb(mark)))
    mark.rmdir()
    yield mark
    assert not mark.exists()


@pytest.fixture(params=range(pickle.HIGHEST_PROTOCOL + 1), ids=lambda protocol: f"protocol{protocol}")
def bomb(mark, request):
    return pickle.dumps(Bomb(mark), protocol=request.param)


def test_a_pickle_is_no_event(bomb):
    assert isinstance(decode_reading(bomb), Rejected)


def test_a_pickle_is_no_state(bomb):
    for blob in (bomb, b"SGS1" + bomb, b"SGH1" + bomb, pack_state({"a": bomb})[:8] + bomb):
        with pytest.raises(StateError, match="state of s"):
            unpack_state(blob, "state of s")
    # As a value inside a good state it stays what it is: bytes.
    assert unpack_state(pack_state({"a": bomb}), "state of s") == {"a": bomb}


def test_a_pickle_is_no_detector(bomb):
    for text in (bomb.decode("latin-1"), json.dumps({"object": bomb.decode("latin-1"), "attributes": {}})):
        with pytest.raises(StateError):
            decode(text)


@pytest.mark.parametrize(
    "tree",
    [
        {"object": "os:system", "attributes": {}},
        {"object": "builtins:eval", "attributes": {}},
        {"object": "subprocess:Popen", "attributes": {"args": "id"}},
        {"native": "posix:system", "arguments": ["id"], "state": ""},
        {"method": "__class__"},
        {"method": "__init_subclass__"},
        {"random": [3, [1], None]},
        {"again": 10**9},
        {"again": -1},
        {"deque": [], "maxlen": -1},
        {"constructor": "os:system"},
        [],
        {},
    ],
    ids=json.dumps,
)
def test_a_detector_s_state_names_no_function(tree):
    with pytest.raises(StateError):
        decode(json.dumps(tree))


async def work(settings):
    """Run a worker until it ends or has read everything; return what ended it."""
    worker = Worker(settings)
    task = asyncio.create_task(worker.run(handle_signals=False))
    return worker, task


async def stopped(worker, task):
    worker.stop()
    await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 20)


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"worker": settings.worker.model_copy(update={"partitions": 1})})


def reading(i):
    return json.dumps({"source": "pump", "ts": 1.6e9 + i, "values": {"flow": float(i)}}).encode()


@pytest.mark.integration
async def test_a_pickle_among_the_events_is_a_dead_letter(
    settings, store, producer, make_topic, read_topic, mark
):
    topic = await make_topic("sensor.readings")
    bomb = pickle.dumps(Bomb(mark))
    await producer.send(topic, bomb, key=bomb, headers=[("pickle", bomb)])
    await producer.send(topic, reading(0), key=bomb, headers=[("pickle", bomb)])
    worker, task = await work(settings)
    try:

        async def seen():
            assert not task.done(), task
            row = await FeatureReader(store, "sensors").get("pump")
            return row is not None and row.values["events"] == 1

        await eventually(seen)
        (letter,) = await read_topic(f"{settings.prefix}.dead.letters", 1)
        assert (letter.key, letter.value) == (bomb, bomb)
    finally:
        await stopped(worker, task)


@pytest.mark.integration
@pytest.mark.parametrize("field", ["next", "state", "seen"])
async def test_a_pickle_in_a_checkpoint_stops_the_worker(settings, store, producer, make_topic, mark, field):
    topic = await make_topic("sensor.readings")
    group, keys, bomb = settings.worker.group, store.keys, pickle.dumps(Bomb(mark))
    await producer.send(topic, reading(0))
    await producer.flush()
    worker, task = await work(settings)
    place = keys.offsets(group, topic, 0)

    async def stored():
        assert not task.done(), task
        return await store.client.hget(place, "next") == b"1"

    await eventually(stored)
    await stopped(worker, task)
    assert task.exception() is None

    if field == "next":
        await store.client.hset(place, "next", bomb)
    else:
        await store.client.hset(getattr(keys, field)(group, topic, 0), "pump", bomb)
    await producer.send(topic, reading(1))
    await producer.flush()
    worker, task = await work(settings)
    try:
        await asyncio.wait_for(asyncio.wait([task]), 30)
    finally:
        await stopped(worker, task)
    assert isinstance(task.exception(), StreamgaugeError)
    assert await store.client.hget(place, "next") in {b"1", bomb}, "nothing was processed"
