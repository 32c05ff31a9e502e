"""Detectors from outside the tree: by a package's entry points, or by a class; and each way in which one is wrong."""

import sys

import numpy as np
import pytest

from stream_app import Monitor, SensorStream
from stream_app.core.registry import detector_names, detector_type
from stream_app.errors import DataError, PluginError, SettingsError, StateError
from stream_app.plugins import plugins
from stream_app.settings import load_settings
from stream_app.testing import check_detector

SOURCE = '''
"""Detectors of a plant."""

from stream_app import Signal


class Threshold:
    """Signal values above a limit."""

    lasting = True

    def __init__(self, channels, limit=10.0):
        if limit <= 0:
            raise ValueError("limit must be positive")
        self.channels, self.limit, self.above = tuple(channels), limit, [False] * len(channels)

    def update(self, ts, values):
        found = []
        for row in range(len(ts)):
            for i, channel in enumerate(self.channels):
                above = bool(values[row, i] > self.limit)
                if above != self.above[i]:
                    self.above[i] = above
                    found.append(self.signal(row, float(ts[row]), channel, not above))
        return found

    def signal(self, row, ts, channel, ended):
        return Signal(row=row, ts=ts, kind="anomaly", detector="threshold", channel=channel, statistic=1.0,
                      threshold=self.limit, ended=ended)

    def state(self):
        return {"channels": list(self.channels), "limit": self.limit, "above": list(self.above)}

    @classmethod
    def from_state(cls, state):
        made = cls(state["channels"], state["limit"])
        made.above = list(state["above"])
        return made


class Fails(Threshold):
    def update(self, ts, values):
        return 1 / 0


class Stranger(Threshold):
    def signal(self, row, ts, channel, ended):
        return super().signal(row, ts, "nowhere", ended)


class Forgetful(Threshold):
    def state(self):
        return super().state() | {"above": [False] * len(self.channels)}


class Hoarder(Threshold):
    def __init__(self, channels, limit=10.0):
        super().__init__(channels, limit)
        self.seen = []

    def update(self, ts, values):
        self.seen += values.ravel().tolist()
        return super().update(ts, values)

    def state(self):
        return super().state() | {"seen": list(self.seen)}


class NoState:
    def __init__(self, channels): ...

    def update(self, ts, values):
        return []


class Unstorable(Threshold):
    def state(self):
        return super().state() | {"lock": object()}
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that offers two detectors, one of which is not there."""
    name = f"plant_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    (tmp_path / f"{name}_broken.py").write_text("import no_such_library")
    info = tmp_path / f"{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plant-detectors\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        f"[streamgauge.detectors]\nthreshold = {name}:Threshold\nbroken = {name}_broken:Any\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plugins.cache_clear()
    yield name
    sys.modules.pop(name, None)
    plugins.cache_clear()


def values():
    flow = np.full(200, 5.0)
    flow[120:150] = 20.0
    return np.arange(200.0), flow[:, None]


def test_a_detector_of_an_installed_package_is_listed_and_watches_a_stream(package):
    assert {"threshold", "broken"} <= set(detector_names())
    known = detector_type("threshold")
    assert (known.origin, known.doc()) == ("plant-detectors 1.2", "Signal values above a limit.")
    assert check_detector("threshold", {"limit": 15.0}).failed == []
    monitor = Monitor(("flow",), stream=SensorStream(detectors=[{"name": "threshold"}]))
    told = [a for a in monitor.update(*values()).alerts if a.detector == "threshold"]
    assert [(a.state.value, a.ended_at) for a in told] == [("firing", None), ("resolved", 150.0)]


def test_a_package_that_cannot_be_imported_is_named(package):
    with pytest.raises(
        PluginError, match=r"broken of plant-detectors 1\.2 .*no module named 'no_such_library'; install it"
    ):
        detector_type("broken")


def test_a_name_that_two_packages_declare_is_refused(package, tmp_path):
    info = tmp_path / "other-3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 3\n")
    (info / "entry_points.txt").write_text("[streamgauge.detectors]\nthreshold = other:Any\n")
    plugins.cache_clear()
    with pytest.raises(PluginError, match=r"other 3 and plant-detectors 1\.2 both declare it"):
        detector_type("threshold")


def test_a_module_is_only_imported_where_the_settings_allow_it(package, tmp_path, monkeypatch):
    for name in ("CONFIG", "KAFKA", "REDIS"):
        monkeypatch.delenv(f"STREAMGAUGE_{name}", raising=False)
    file = tmp_path / "streamgauge.toml"
    stream = f'[streams.pumps]\ndetectors = [{{ name = "{package}:Threshold" }}]\n'
    file.write_text(stream)
    with pytest.raises(
        SettingsError, match=rf'would import code; to allow it, set detector_modules = \["{package}"\]'
    ):
        load_settings(file)
    assert package not in sys.modules
    file.write_text(f'detector_modules = ["{package}"]\n{stream}')
    monitor = Monitor(("flow",), stream=load_settings(file).streams["pumps"])
    assert any(alert.detector == "threshold" for alert in monitor.update(*values()).alerts)
    state = monitor.state()
    with pytest.raises(StateError, match="would import code; to allow it, pass detector_modules"):
        Monitor.from_state(state)
    assert Monitor.from_state(state, detector_modules=[package]).events == 200


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Fails", "update failed: ZeroDivisionError: division by zero; repair it"),
        ("Stranger", "channel 'nowhere' is none of flow"),
    ],
)
def test_a_failure_at_run_time_names_the_detector(package, name, says):
    monitor = Monitor(("flow",), stream=SensorStream(detectors=[{"name": f"{package}:{name}"}]))
    with pytest.raises(PluginError, match=rf"detector {package}:{name}: .*{says}"):
        monitor.update(*values())


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("NoState", PluginError, r"NoState has no state\(\), from_state\(state\); see CONTRIBUTING.md"),
        ("Missing", PluginError, "has no attribute 'Missing'"),
        ("Signal.row", PluginError, "is no class"),
        ("not a name", PluginError, "is not module:attribute"),
    ],
)
def test_what_is_no_detector_is_said_when_it_is_looked_up(package, name, error, says):
    with pytest.raises(error, match=says):
        detector_type(f"{package}:{name}")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (
            {"limt": 3.0},
            r"do not fit Threshold\(channels, limit=10.0\): got an unexpected keyword argument 'limt'",
        ),
        ({"limit": -1.0}, "refuses its parameters .* limit must be positive"),
    ],
)
def test_wrong_parameters_are_named(package, parameters, says):
    with pytest.raises(SettingsError, match=says) as caught:
        Monitor(("flow",), stream=SensorStream(detectors=[{"name": "threshold", "parameters": parameters}]))
    assert isinstance(caught.value.__cause__, DataError)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("Fails", "batch_borders_do_not_matter: detector .*: update failed: ZeroDivisionError"),
        ("Stranger", "channel 'nowhere'"),
        ("Forgetful", "failed a_restored_detector_continues_exactly: restored"),
        ("Hoarder", "failed memory_is_bounded: the state of 8 channels has"),
        ("Unstorable", "a state can't be packed: a object is not a plain value"),
    ],
)
def test_checks_find_what_is_wrong(package, name, check):
    with pytest.raises(PluginError, match=check):
        check_detector(f"{package}:{name}")
