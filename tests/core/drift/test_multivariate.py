import numpy as np
import pytest

from stream_app.core.drift import DriftConfig, DriftDetector, MultivariateConfig, MultivariateDriftDetector
from stream_app.core.drift.halfspaces import PLANES, HalfSpaces
from stream_app.core.drift.multivariate import _bets, _ranks
from stream_app.core.drift.run_length import guaranteed_threshold
from stream_app.errors import DataError, SettingsError


def detector(d, rate=1e-4, **options):
    return MultivariateDriftDetector(
        [f"c{j}" for j in range(d)], MultivariateConfig(false_alarm_rate=rate, **options)
    )


def alarms(found, values):
    return [(s.row, s.detector) for s in found.update(np.arange(float(len(values))), values).signals]


def test_false_alarms_keep_the_rate_whatever_the_distribution():
    rng = np.random.default_rng(1)
    normal = rng.normal(size=(30_000, 6)) @ rng.normal(size=(6, 6))
    for values in (
        normal,
        np.exp(2.0 * normal / normal.std()),
        np.round(normal),
        rng.random((30_000, 6)) ** 9,
    ):
        assert len(alarms(detector(6, rate=1e-3, warmup=500), values)) <= 15


def test_each_bet_has_mean_one_for_an_exchangeable_event():
    table, gains = _bets(0.25, 250)
    ranks = _ranks(np.arange(250), np.arange(251) - 0.5)
    means = np.exp(table[ranks] / 65536).mean(axis=0)
    assert (means <= 1.0).all()
    assert (means > 0.999).all()
    assert (gains > 0).all()


def test_many_small_shifts_are_found_sooner_than_one_by_one():
    delays = []
    for seed in range(4):
        values = np.random.default_rng(seed).normal(size=(4000, 20))
        values[2000:] += 0.2
        one_by_one = DriftDetector([f"c{j}" for j in range(20)], DriftConfig(false_alarm_rate=1e-4))
        delays.append([alarms(each, values)[0][0] - 2000 for each in (detector(20), one_by_one)])
    together, alone = np.mean(delays, axis=0)
    assert 0 < together < alone


def test_events_beyond_the_reference_are_found_at_once_and_the_culprit_is_named():
    values = np.random.default_rng(3).normal(size=(1200, 5))
    values[1000:, 3] += 6.0
    found = detector(5, rate=1e-3, warmup=500)
    signal = found.update(np.arange(1200.0), values).signals[0]
    assert 1000 <= signal.row < 1030
    assert signal.detector == "drift.distance"
    assert signal.contributions[0][0] == "c3"
    assert sum(share for _, share in signal.contributions) == pytest.approx(1.0)
    assert signal.statistic >= signal.threshold
    assert dict(signal.context)["events_since_onset"] < 64


def test_after_an_alarm_the_new_state_is_the_reference():
    values = np.random.default_rng(4).normal(size=(6000, 5))
    values[2000:] += 3.0
    assert len(alarms(detector(5, warmup=500), values)) == 1


def test_events_with_a_missing_channel_are_left_out():
    values = np.random.default_rng(5).normal(size=(3000, 4))
    values[2000:] += 2.0
    holey = np.repeat(values, 2, axis=0)
    holey[1::2, 1] = np.nan
    whole, found = alarms(detector(4), values), alarms(detector(4), holey)
    assert [(2 * row, name) for row, name in whole] == found


def test_the_sides_tell_samples_apart():
    rng = np.random.default_rng(6)
    reference, fresh, moved = (
        rng.normal(size=(500, 3)),
        rng.normal(size=(64, 3)),
        rng.normal(1.0, 1.0, (64, 3)),
    )
    spaces = HalfSpaces.fit(reference, seed=0)
    distances, sides = spaces.place(fresh)
    assert sides.shape == (64, PLANES)
    assert distances / 2**20 == pytest.approx((fresh**2).sum(axis=1), rel=0.5, abs=0.5)
    direction = spaces.witness(spaces.place(moved)[1])
    later = spaces.place(rng.normal(1.0, 1.0, (64, 3)))[1]
    assert (later @ direction).mean() > (sides @ direction).mean() + (sides @ direction).std()


def test_the_threshold_is_the_proved_one_and_more():
    found = detector(3, rate=1e-3, warmup=400)
    found.update(np.arange(400.0), np.random.default_rng(8).normal(size=(400, 3)))
    assert (found._needed >= guaranteed_threshold(9, 2000.0)).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: detector(1),
        lambda: detector(2, rate=0.0),
        lambda: detector(2, warmup=50),
        lambda: detector(2, warmup=5000),
        lambda: MultivariateDriftDetector(["a", "a"]),
    ],
)
def test_wrong_settings_are_refused(make):
    with pytest.raises(SettingsError):
        make()


def test_a_batch_that_does_not_fit_is_refused():
    with pytest.raises(DataError, match="shape"):
        detector(2).update(np.zeros(3), np.zeros((4, 2)))
