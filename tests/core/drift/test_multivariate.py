import numpy as np
import pytest

from stream_app.core.drift import DriftConfig, DriftDetector, MultivariateConfig, MultivariateDriftDetector
from stream_app.core.drift.halfspaces import PLANES, fit_projection, project, squared_distance
from stream_app.core.drift.multivariate import _rank
from stream_app.core.drift.multivariate_records import multivariate_directions, multivariate_options
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
    options = multivariate_options(3, MultivariateConfig(warmup=500))[0]
    classes = [_rank(np.arange(250, dtype=np.float32), place - 0.5) for place in range(251)]
    for tilts, means in (("look_tilts", "look_means"), ("far_tilts", "far_means")):
        assert np.exp(options[tilts][classes] - options[means]).mean(axis=0) == pytest.approx(1.0, rel=1e-6)


def test_many_small_shifts_are_found_sooner_than_one_by_one():
    delays = []
    for seed in range(8):
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
    assert 0.9 < sum(share for _, share in signal.contributions) <= 1.0
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


@pytest.mark.slow
def test_the_projection_whitens():
    rng = np.random.default_rng(6)
    scores = (rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 4))).astype(np.float32)
    scores /= scores.std(axis=0)
    directions = multivariate_directions(4, MultivariateConfig())
    projection = np.zeros((4, 4 + PLANES), dtype=np.float32)
    fit_projection(projection, scores, directions)
    white = scores @ projection[:, :4]
    assert np.cov(white.T) == pytest.approx(np.eye(4), abs=0.05)
    assert scores @ projection[:, 4:] == pytest.approx(white @ directions, abs=1e-3)
    along = np.zeros(4 + PLANES, dtype=np.float32)
    project(along, scores[0], projection)
    expected = scores[0] @ np.linalg.inv(np.corrcoef(scores.T)) @ scores[0]
    assert squared_distance(along, 4) == pytest.approx(expected, rel=0.05)


def test_batches_and_restarts_do_not_matter():
    values = np.random.default_rng(9).normal(size=(1500, 4))
    values[900:] += 1.0
    whole = detector(4, rate=1e-3, warmup=400)
    expected = whole.update(np.arange(1500.0), values)
    found, statistic = detector(4, rate=1e-3, warmup=400), []
    for begin in range(0, 1500, 37):
        part = values[begin : begin + 37]
        statistic.append(found.update(np.arange(float(len(part))), part).statistic)
        found = MultivariateDriftDetector.from_state(found.state())
    assert np.array_equal(np.concatenate(statistic), expected.statistic)
    assert found.state() == whole.state()
    assert expected.signals


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
