"""Injected drift: what is written happens, exactly where it is written, and the labels say so."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.batch import Readings
from producers.drift import Injector, Moment, parse_schedule
from stream_app.errors import SettingsError

RNG = np.random.default_rng(5)
N = 400
CLEAN = np.column_stack([10.0 + 2.0 * RNG.standard_normal(N), 100.0 + RNG.standard_normal(N)])


def recording(labels=None):
    return Readings.of("p", 5000.0 + 10.0 * np.arange(N), ["flow", "level"], CLEAN, labels)


def inject(text, batch=None, seed=0):
    return Injector(parse_schedule(text), seed).apply(batch or recording())


def where(column):
    return np.flatnonzero(column.astype(np.float64)).tolist()


SD = CLEAN[:100, 0].std(ddof=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flow:mean+3@1000..2000", CLEAN[100:200, 0] + 3),
        ("flow:mean-3@1000..2000", CLEAN[100:200, 0] - 3),
        ("flow:mean+2sd@1000..2000", CLEAN[100:200, 0] + 2 * SD),
        ("flow:scale*1.5@1000..2000", CLEAN[100:200, 0] * 1.5),
        ("flow:slope+36/h@1000..2000", CLEAN[100:200, 0] + 0.01 * 10 * np.arange(100)),
        ("flow:slope-1sd/1000s@1000..2000", CLEAN[100:200, 0] - SD * np.arange(100) / 100),
        ("flow:stuck@1000..2000", np.full(100, CLEAN[99, 0])),
        ("flow:dropout@1000..2000", np.full(100, np.nan)),
        ("flow:mean+3@1000..2000~500", CLEAN[100:200, 0] + 3 * np.minimum(np.arange(100) / 50, 1)),
        ("flow:mean+3@#100..#200~#50", CLEAN[100:200, 0] + 3 * np.minimum(np.arange(100) / 50, 1)),
        ("flow:slope+36/h@#100..2000", CLEAN[100:200, 0] + 0.01 * 10 * np.arange(100)),
        ("p/flow:mean+3@1000..2000", CLEAN[100:200, 0] + 3),
        ("flow:mean+1@1000..2000; flow:mean+2@1000..2000", CLEAN[100:200, 0] + 3),
    ],
)
def test_each_effect_does_what_it_says_and_nothing_else(text, expected):
    out = inject(text)
    np.testing.assert_allclose(out.values[100:200, 0], expected, rtol=1e-12)
    np.testing.assert_array_equal(
        np.delete(out.values[:, 0], np.s_[100:200]), np.delete(CLEAN[:, 0], np.s_[100:200])
    )
    np.testing.assert_array_equal(out.values[:, 1], CLEAN[:, 1])
    assert where(out.labels["anomaly"]) == list(range(100, 200))
    assert where(out.labels["changepoint"]) == [100, 200]
    assert out.labels["drift"][100] == text
    assert out.labels["drift"][99] is None


def test_a_change_that_is_repeated_begins_anew_each_time():
    out = inject("flow:mean+3@1000..1500~400/1000").values[:, 0] - CLEAN[:, 0]
    once = np.append(3 * np.minimum(np.arange(50) / 40, 1), np.zeros(50))
    np.testing.assert_allclose(out, np.concatenate([np.zeros(100), once, once, once]), atol=1e-12)
    stuck = inject("flow:stuck@#100..#150/#100")
    assert [stuck.values[row, 0] for row in (120, 220)] == [CLEAN[99, 0], CLEAN[199, 0]]
    assert where(stuck.labels["changepoint"]) == [100, 150, 200, 250, 300, 350]


def test_a_slope_that_is_repeated_rises_from_each_beginning():
    out = inject("flow:slope+0.5/1s@1000..1500/1000").values[:, 0] - CLEAN[:, 0]
    assert out[[100, 110, 210, 310]].tolist() == pytest.approx([0, 50, 50, 50])


def test_noise_widens_a_channel_by_what_it_says():
    out = inject("level:noise+3@#100..")
    assert (out.values[100:, 1] - CLEAN[100:, 1]).std() == pytest.approx(3.0, rel=0.15)
    assert (inject("level:noise+3@#100..", seed=1).values != out.values).any()


def test_a_share_of_values_drops_out():
    out = inject("flow:dropout30%@#100..")
    assert np.isnan(out.values[100:, 0]).mean() == pytest.approx(0.3, abs=0.08)


def test_a_star_is_every_channel():
    out = inject("*:mean+1@#10..")
    np.testing.assert_allclose(out.values[10:] - CLEAN[10:], 1.0)


def test_a_source_counts_from_its_own_first_event():
    late = Readings(("a", "b"), np.repeat([0, 1], 5), np.arange(10.0), ("x",), np.zeros((10, 1)))
    out = inject("b/x:mean+1@2..4", late)
    assert out.values[:, 0].tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 1, 0]
    assert where(out.labels["changepoint"]) == [7, 9]


def test_truth_of_the_source_is_kept():
    out = inject("flow:mean+1@#10..#12", recording({"anomaly": [1] * 5 + [0] * (N - 5), "note": ["n"] * N}))
    assert where(out.labels["anomaly"]) == [0, 1, 2, 3, 4, 10, 11]
    assert out.labels["note"][0] == "n"


def test_the_given_batch_is_not_changed():
    batch = recording({"anomaly": [0] * N})
    before = batch.values.copy()
    inject("*:mean+1@0..", batch)
    np.testing.assert_array_equal(batch.values, before)
    assert not any(batch.labels["anomaly"])


@given(cuts=st.lists(st.integers(0, N), max_size=4))
def test_batch_borders_do_not_matter(cuts):
    text = (
        "flow:mean+2sd@#100..#300~#50; *:noise+1sd@#150..; level:dropout20%@1500..3000; flow:stuck@#350..#360; "
        "level:mean+1sd@#60..#70/#90; flow:stuck@700..800/1300"
    )
    whole = inject(text)
    injector, batch = Injector(parse_schedule(text)), recording()
    borders = [0, *sorted(cuts), N]
    parts = [injector.apply(batch.take(slice(a, b))) for a, b in pairwise(borders)]
    np.testing.assert_allclose(np.concatenate([p.values for p in parts]), whole.values, rtol=1e-9)
    for name in ("anomaly", "changepoint", "drift"):
        assert np.concatenate([p.labels[name] for p in parts]).tolist() == whole.labels[name].tolist()


def test_times_may_have_units_and_ends_may_be_open():
    (change,) = parse_schedule("pump-1/flow:scale*0.9@90m..~1h")
    assert (change.source, change.begin, change.end, change.over) == (
        "pump-1",
        Moment(5400.0),
        None,
        Moment(3600.0),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flow", r"expected \[CHANNEL:\]EFFECT@FROM..TO"),
        ("flow:mean+2sd", "expected .CHANNEL"),
        ("mean+2sd@1..", "mean.2sd needs a channel, as in flow:mean"),
        ("level=2@1..", "only images have a level"),
        ("flow:mean+1@1../5", "that is repeated has an end"),
        ("flow:mean+1@1..#5/#9", "all times or all event numbers"),
        ("flow:mean+1@1..9/5", "longer than its period"),
        ("flow:mean*2@1..2", "'mean.2' is no effect"),
        ("flow:explode@1..2", "no effect; expected one like"),
        ("flow:mean+1@5", "'5' is no stretch"),
        ("flow:mean+1@x..y", "x"),
        ("flow:mean+1@#a..", "no number of an event"),
        ("flow:mean+1@9..3", "ends before it begins"),
        ("flow:dropout120%@1..2", "100%"),
        ("flow:stuck@1..2~1", "stuck has no transition"),
        ("flow:mean+1@1..9~#3", "both be times"),
        ("flow:slope+1/0s@1..9", "above 0"),
    ],
)
def test_what_cannot_be_read_is_named(text, message):
    with pytest.raises(SettingsError, match=message):
        parse_schedule("level:stuck@1..2;" + text)


def test_a_channel_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match="no channel 'depth'; there are flow, level"):
        inject("depth:stuck@1..2")


def test_an_sd_that_cannot_be_known_yet_is_refused():
    with pytest.raises(SettingsError, match="only 5 values of flow before it"):
        inject("flow:mean+1sd@#5..")
