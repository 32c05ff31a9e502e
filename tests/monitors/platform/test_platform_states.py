"""Forged and damaged states of a platform: refused where they are restored, or the monitor goes on."""

import random
import struct
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from platform_events import START, events_of

from stream_app.errors import OldStateError, StateError
from stream_app.events import PlatformDecoder
from stream_app.monitors.platform import Arrivals, PlatformMonitor
from stream_app.settings import PlatformStream
from stream_app.store import pack_state, unpack_state

CONFIG = PlatformStream(warmup=200, budget="1 per day", models=("kmeans",))
WINDOWS = 260
HOSTILE = (
    None, True, -1, 0, 1, 7, 63, 2**31, 2**63, 2**64 - 1, -(2**63), 1e-300, 1e308, float("nan"), float("inf"), -float("inf"), "",
    "x" * 1000, b"", bytes(7), [], {}, [[]], [None], {"a": 1}, np.zeros(0), np.zeros((3, 3)), np.full(5, np.nan), np.zeros(4, np.int8),
)  # fmt: skip
NUMBERS = (np.nan, np.inf, -np.inf, 1e308, -1e308, -1.0, 127.0, -128.0, 63.0, 0.0)
WORDS = tuple(struct.pack("<d", one) for one in NUMBERS) + tuple(
    struct.pack("<q", one) for one in (-2, 50, 2**62, 2**63 - 1)
)


def arrivals_of(raws, first=0):
    arrivals = Arrivals()
    for offset, rows in enumerate(PlatformDecoder("prod").decode(raws), start=first):
        arrivals.rows.extend(rows)
        arrivals.offsets.extend([offset] * len(rows))
        arrivals.record_ts.extend([rows[0].ts] * len(rows))
    return arrivals


@cache
def story():
    """Return a state within an incident, and the rows of the windows that follow."""
    raws = events_of(WINDOWS + 5, slow=range(250, 256))
    cut = len(raws) // (WINDOWS + 5) * WINDOWS
    monitor = PlatformMonitor(CONFIG)
    monitor.take(arrivals_of(raws[:cut]))
    return pack_state(monitor.state("prod")), arrivals_of(raws[cut:], cut)


def fresh():
    return unpack_state(story()[0], "test")


def places(node, path=()):
    """Return the paths of all parts of a state."""
    here = [path] if path else []
    if isinstance(node, dict):
        return here + [one for key in node for one in places(node[key], (*path, key))]
    if isinstance(node, list):
        return here + [one for i in range(len(node)) for one in places(node[i], (*path, i))]
    return here


@cache
def kinds_of_places():
    """Return all paths, those that differ by the place in a list alone together."""
    kinds = {}
    for path in places(fresh()):
        kinds.setdefault(tuple("#" if isinstance(part, int) else part for part in path), []).append(path)
    return list(kinds.values())


def damaged_array(array, chance):
    if chance.random() < 0.7:
        shapes = (
            array[: len(array) // 2], array.reshape(-1), array.T.copy(), np.concatenate([array, array]), array[..., :-1].copy(),
            array.astype(chance.choice([np.float64, np.float32, np.int8, np.uint8, np.int64])),
        )  # fmt: skip
        return chance.choice(shapes)
    if not array.size:
        return np.zeros((2,) * array.ndim, array.dtype)
    with np.errstate(all="ignore"):
        number = np.array(chance.choice(NUMBERS)).astype(array.dtype)
    array.reshape(-1)[chance.randrange(array.size) if chance.random() < 0.5 else slice(None)] = number
    return array


def damaged_bytes(content, chance):
    content = bytearray(content)
    match chance.randrange(4):
        case 0:
            return bytes(content[: len(content) // 2])
        case 1:
            return bytes(content + content)
        case 2:
            for _ in range(chance.randint(1, 8)):
                content[chance.randrange(len(content))] = chance.randrange(256)
        case _:
            at = chance.randrange(0, len(content) - 7, 8)
            content[at : at + 8] = chance.choice(WORDS)
    return bytes(content)


def damage(state, chance):
    path = chance.choice(chance.choice(kinds_of_places()))
    for part in path[:-1]:
        state = state[part]
    last = path[-1]
    found, way = state[last], chance.randrange(4)
    if way == 0 and isinstance(state, list) and chance.random() < 0.5:
        state.append(found)
    elif way == 0:
        del state[last]
    elif way < 3 and isinstance(found, np.ndarray):
        with np.errstate(all="ignore"):
            state[last] = damaged_array(found, chance)
    elif way < 3 and isinstance(found, bytes) and len(found) >= 8:
        state[last] = damaged_bytes(found, chance)
    else:
        state[last] = chance.choice(HOSTILE)
    return path


def goes_on(state):
    """Restore a state and go on; return whether it was taken."""
    monitor = PlatformMonitor(CONFIG)
    try:
        monitor.restore("prod", state)
    except StateError:
        return False
    # Numbers that were forged may overflow, to NaN and infinity; what is told and stored has to be sound.
    with np.errstate(all="ignore"):
        monitor.take(story()[1])
        monitor.features("prod")
        monitor.snapshots_of(["prod"])
        again = pack_state(monitor.state("prod"))
    PlatformMonitor(CONFIG).restore("prod", unpack_state(again, "again"))
    return True


def test_a_sound_state_is_taken():
    assert goes_on(fresh())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@hypothesis_settings(max_examples=60)
@given(chance=st.integers(0, 2**32))
def test_a_damaged_state_is_refused_or_the_monitor_goes_on(chance):
    state, source = fresh(), random.Random(chance)
    damage(state, source)
    goes_on(state)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@hypothesis_settings(max_examples=300)
@given(chance=st.integers(0, 2**32), count=st.integers(1, 3))
def test_a_state_with_several_damages_is_refused_or_the_monitor_goes_on(chance, count):
    state, source = fresh(), random.Random(chance)
    for _ in range(count):
        try:
            damage(state, source)
        except (KeyError, IndexError, TypeError):
            break  # the place was in what an earlier damage took away
    goes_on(state)


@pytest.mark.parametrize(
    "changes", [{"window": 30.0}, {"periods": (86_400.0,)}], ids=["other windows", "other periods"]
)
def test_windows_and_periods_that_were_changed_start_a_platform_anew(changes):
    config = CONFIG.model_copy(update=changes)
    with pytest.raises(OldStateError, match=r"learned from windows of 60 s, .*on_old_state"):
        PlatformMonitor(config).restore("prod", fresh())


def test_a_changed_budget_counts_from_the_restart_on():
    thresholds = {}
    for budget in ("1 per day", "1 per year"):
        monitor = PlatformMonitor(CONFIG.model_copy(update={"budget": budget}))
        monitor.restore("prod", fresh())
        sums = monitor.state("prod")["detection"]["detector"]["evidence"]["sums"]
        thresholds[budget] = [one["level"] for one in sums]
    assert all(b > a for a, b in zip(*thresholds.values(), strict=True))


def change(state, path, value):
    for part in path[:-1]:
        state = state[part]
    state[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "of"),
    [
        (("detection", "detector", "together", "records"), lambda a: a[:-1]),
        (("detection", "detector", "baselines", "records"), lambda a: np.full_like(a, 1)),
        (("detection", "detector", "baselines", "histograms", "there"), lambda a: a[:5]),
        (("detection", "detector", "baselines", "lag", "rows"), lambda a: np.full_like(a, 120)),
        (("detection", "detector", "components", "axes"), lambda a: np.ones((len(a), 13))),
        (("detection", "detector", "aggregates"), lambda keys: [keys[0], *keys[:-1]]),
        (("intake", "windows", "series"), lambda raw: b""),
        (("intake", "windows", "nodes"), lambda raw: raw[: len(raw) // 5]),
        (("intake", "registry", "numbers"), lambda numbers: [10**6] * len(numbers)),
        (("intake", "registry", "free"), lambda free: [0]),
        (("intake", "reporting"), lambda slots: dict.fromkeys(slots, 10**6)),
        (("intake", "samples"), lambda count: 2**64 - 1),
        (("detection", "recent", "values"), lambda a: np.zeros((len(a), 10**4), np.float32)),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_what_leads_beyond_an_array_is_refused(path, of):
    state = fresh()
    here = state
    for part in path:
        here = here[part]
    change(state, path, of(here))
    with pytest.raises(StateError, match="state of prod"):
        PlatformMonitor(CONFIG).restore("prod", state)


def test_the_story_is_within_reach_of_time():
    assert story()[1].rows[0].ts >= START + 60.0 * (WINDOWS - 1)
