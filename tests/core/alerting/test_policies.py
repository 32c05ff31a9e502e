import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.alerting import ConsecutivePolicy, EveryPolicy, severity_of
from stream_app.core.signals import Signal
from stream_app.errors import SettingsError, StateError

MAKERS = [
    lambda: EveryPolicy(resolve_after=7.0, cool_down=5.0),
    lambda: ConsecutivePolicy(2, resolve_after=4.0),
    lambda: EveryPolicy(resolve_after=math.inf, cool_down=5.0),
    lambda: ConsecutivePolicy(2, resolve_after=math.inf, cool_down=5.0),
]


def signal(row, *, ts=None, channel="flow", ratio=1.0, ended=False):
    return Signal(
        row=row,
        ts=float(row if ts is None else ts),
        kind="drift",
        detector="ks",
        channel=channel,
        statistic=ratio,
        threshold=1.0,
        ended=ended,
        contributions=(("flow", 1.0),),
        context=(("mean_before", 0.0), ("mean_after", 2.0 * ratio), ("std_before", 1.0)),
    )


def seen(changes):
    return [(change.alert_key, change.state, change.row) for change in changes]


def test_an_alert_fires_once_and_resolves_after_silence():
    policy = EveryPolicy(resolve_after=5.0)
    changes = policy.update([signal(1), signal(2, ratio=3.0), signal(4)], np.arange(12.0))
    assert seen(changes) == [
        ("ks/flow", "firing", 1),
        ("ks/flow", "escalated", 2),
        ("ks/flow", "resolved", 9),
    ]
    assert [change.count for change in changes] == [1, 2, 3]
    assert [change.severity for change in changes] == ["info", "critical", "critical"]
    assert changes[2].since_ts == 1.0


def test_the_end_of_a_condition_resolves_at_once():
    changes = EveryPolicy(resolve_after=1e9).update([signal(1), signal(3, ended=True)], np.arange(6.0))
    assert seen(changes) == [("ks/flow", "firing", 1), ("ks/flow", "resolved", 3)]


def test_an_end_without_a_beginning_says_nothing():
    assert EveryPolicy().update([signal(1, ended=True)], np.arange(3.0)) == []


def test_channels_live_their_own_lives():
    changes = EveryPolicy(resolve_after=2.0).update([signal(0), signal(1, channel="level")], np.arange(4.0))
    assert seen(changes) == [
        ("ks/flow", "firing", 0),
        ("ks/level", "firing", 1),
        ("ks/flow", "resolved", 2),
        ("ks/level", "resolved", 3),
    ]


def test_a_cooling_alert_does_not_fire_again():
    policy = EveryPolicy(resolve_after=2.0, cool_down=10.0)
    changes = policy.update([signal(0), signal(5), signal(13)], np.arange(20.0))
    assert seen(changes) == [
        ("ks/flow", "firing", 0),
        ("ks/flow", "resolved", 2),
        ("ks/flow", "firing", 13),
        ("ks/flow", "resolved", 15),
    ]


def test_a_condition_that_outlasts_the_cooling_fires_when_it_is_over():
    policy = EveryPolicy(resolve_after=math.inf, cool_down=10.0)
    # At row 2 one ends and another begins; at row 30 one begins that is over before the cooling is.
    beginnings = [signal(0), signal(2), signal(30), signal(45)]
    ends = [signal(row, ended=True) for row in (2, 25, 32, 47)]
    stream = sorted([*ends, *beginnings], key=lambda one: (one.row, not one.ended))
    assert seen(policy.update(stream, np.arange(60.0))) == [
        ("ks/flow", "firing", 0),
        ("ks/flow", "resolved", 2),
        ("ks/flow", "firing", 12),
        ("ks/flow", "resolved", 25),
        ("ks/flow", "firing", 45),
        ("ks/flow", "resolved", 47),
    ]


def test_three_windows_in_a_row_are_needed():
    policy = ConsecutivePolicy(3, resolve_after=2.0)
    changes = policy.update([signal(0), signal(1), signal(5), signal(6), signal(7)], np.arange(8.0))
    assert seen(changes) == [("ks/flow", "firing", 7)]
    assert changes[0].since_ts == 5.0


def test_a_quiet_window_breaks_the_row():
    policy = ConsecutivePolicy(2, resolve_after=100.0)
    changes = policy.update([signal(0), signal(1, ended=True), signal(2)], np.arange(4.0))
    assert changes == []


def found(kind="drift", detector="ks", statistic=1.0, **context):
    return Signal(
        row=0, ts=0.0, kind=kind, detector=detector, channel="flow", statistic=statistic, threshold=1.0,
        context=tuple(context.items()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("signal", "severity"),
    [
        (found(statistic=100.0), "info"),
        (found(mean_before=5.0, mean_after=8.9, std_before=2.0), "info"),
        (found(mean_before=5.0, mean_after=9.1, std_before=2.0), "warning"),
        (found(mean_before=5.0, mean_after=-7.0, std_before=2.0), "critical"),
        (found(mean_before=5.0, mean_after=5.0, std_before=0.0), "info"),
        (found(mean_after=6.9, usual_low=1.0, usual_high=3.0), "critical"),
        (found(mean_after=4.9, usual_low=1.0, usual_high=3.0), "warning"),
        (found(mean_after=4.9, usual_low=3.0, usual_high=3.0), "info"),
        (found("quality", "quality.silence"), "critical"),
        (found("quality", "quality.stuck", statistic=100.0), "info"),
        (found("performance", "failures", statistic=1.9), "warning"),
        (found("performance", "failures", statistic=2.0), "critical"),
    ],
)
def test_severity_follows_the_size_of_what_was_found(signal, severity):
    assert severity_of(signal) == severity


def test_a_few_wrong_answers_are_no_certain_fall_of_accuracy():
    few = found("performance", "accuracy", statistic=5.0, baseline=9.0, high=8.0)
    many = found("performance", "accuracy", statistic=5.0, baseline=9.0, high=4.2)
    assert (severity_of(few), severity_of(many)) == ("warning", "critical")


@pytest.mark.parametrize("make", MAKERS)
@given(
    rows=st.lists(st.integers(0, 79), max_size=40),
    ends=st.lists(st.booleans(), min_size=40, max_size=40),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_batches_and_restarts_do_not_matter(make, rows, ends, cuts):
    stream = [
        signal(row, channel="ab"[index % 2], ended=end)
        for index, (row, end) in enumerate(zip(sorted(rows), ends, strict=False))
    ]
    ts = np.arange(80.0)
    whole = make().update(stream, ts)
    policy, pieces = make(), []
    for begin, stop in pairwise([0, *sorted(cuts), 80]):
        part = [
            signal(s.row - begin, ts=s.ts, channel=s.channel, ended=s.ended)
            for s in stream
            if begin <= s.row < stop
        ]
        pieces += [(begin + c.row, c) for c in policy.update(part, ts[begin:stop])]
        stored = msgspec.msgpack.decode(msgspec.msgpack.encode(policy.state()))
        policy = make()
        policy.restore(stored)
    assert [(c.row, c.alert_key, c.state, c.count, c.severity, c.since_ts) for c in whole] == [
        (row, c.alert_key, c.state, c.count, c.severity, c.since_ts) for row, c in pieces
    ]


def test_settings_that_cannot_be_kept_are_refused():
    with pytest.raises(SettingsError):
        EveryPolicy(resolve_after=-1.0)
    with pytest.raises(SettingsError):
        ConsecutivePolicy(0)


def test_a_foreign_state_is_refused():
    with pytest.raises(StateError):
        EveryPolicy().restore({"version": 99})
    with pytest.raises(StateError):
        EveryPolicy().restore({"version": 1, "alerts": {"a": {"count": 1}}})
