"""Streams of predictions in the monitor file: what is read, and what a mistake is called."""

import pytest

from stream_app.errors import SettingsError
from stream_app.kinds.predictions import check_stream
from stream_app.settings import PredictionStream, load_settings


@pytest.fixture
def load(tmp_path):
    def load(text):
        path = tmp_path / "streamgauge.toml"
        path.write_text(f'[streams.models]\nkind = "predictions"\n{text}\n')
        return load_settings(path)

    return load


def test_all_of_it_reaches_the_monitor(load):
    settings = load(
        """
        topic = "answers"
        labels = [0, 1, true, "maybe"]
        label_within = "2 days"
        window = 500
        baseline = 2000
        baseline_accuracy = 0.97
        max_drop = 0.1
        max_overconfidence = false
        max_failures = false
        max_latency = "250ms"
        slow_share = 0.01
        budget = "1 per week"
        expected_sources = 3
        slices = false
        versions = ["v1", "v2"]
        feature_alerts = true
        fairness = { favourable = [2, true], groups = ["sex", "site"], window = 5000, impact = 0.9 }
        detectors = [{ name = "ddm", alert = true, parameters = { warm_start = 100 } }]
        retraining = { psi = false, drifted_features = 5, new_samples = 10000, cool_down = "1 week" }
        """
    )
    stream = settings.streams["models"]
    assert isinstance(stream, PredictionStream)
    assert stream.topic == "answers"
    check_stream("models", stream)
    assert stream.labels == ("0", "1", "1", "maybe")
    assert stream.label_within == 172_800.0
    assert (stream.window, stream.baseline, stream.baseline_accuracy) == (500, 2000, 0.97)
    assert (stream.max_drop, stream.max_overconfidence, stream.max_failures) == (0.1, None, None)
    assert (stream.max_latency, stream.slow_share) == (0.25, 0.01)
    assert (stream.budget, stream.expected_sources) == ("1 per week", 3)
    assert not stream.slices
    assert stream.versions == ("v1", "v2")
    assert stream.feature_alerts
    assert (stream.fairness.favourable, stream.fairness.groups) == (("2", "1"), ("sex", "site"))
    assert (stream.fairness.window, stream.fairness.impact, stream.fairness.minimum) == (5000, 0.9, 30)
    (detector,) = stream.detectors
    assert (detector.name, detector.alert, detector.parameters) == ("ddm", True, {"warm_start": 100})
    assert (stream.retraining.psi, stream.retraining.drifted_features) == (None, 5)
    assert (stream.retraining.new_samples, stream.retraining.cool_down) == (10_000, 604_800.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("max_drop = 5", "streams.models.max_drop: Input should be less than 1"),
        ("max_drop = false", "streams.models.max_drop: Input should be greater than 0"),
        ("max_failures = 1.5", "streams.models.max_failures: Input should be less than 1"),
        ('max_latency = "fast"', "streams.models.max_latency: 'fast' is not a duration"),
        ('label_within = "0s"', "streams.models.label_within: Input should be greater than 0"),
        ("baseline = 10", "streams.models.baseline: Input should be greater than or equal to 100"),
        ('class_mix = "odd"', "streams.models.class_mix: Input should be 'stable' or 'free'"),
        ("labels = [[0], [1]]", "streams.models.labels.0: Input should be a valid string"),
        ('labels = ["a", "a"]', "streams.models: labels: two or more different ones"),
        ('versions = ["v1"]', "streams.models: versions: two or more different ones"),
        ('source_ttl = "1 min"', "streams.models: source_ttl 60 s must not be below"),
        ('fairness = { groups = ["sex"] }', "streams.models.fairness.favourable: Field required"),
        ("retraining = { psi = -1 }", "streams.models.retraining.psi: Input should be greater than 0"),
        ("retraining = { often = true }", "streams.models.retraining.often: no such setting"),
        ("warmup = 400", "streams.models.warmup: no such setting"),
        (
            'kind = "prediction"',
            'no such kind of stream; there are "sensors", "images", "predictions", "sessions"',
        ),
    ],
)
def test_a_mistake_names_its_key(load, tmp_path, text, problem):
    if text.startswith("kind"):
        (tmp_path / "other.toml").write_text(f"[streams.models]\n{text}\n")
        with pytest.raises(SettingsError) as caught:
            load_settings(tmp_path / "other.toml")
    else:
        with pytest.raises(SettingsError) as caught:
            load(text)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('budget = "never"', "streams.models: the budget 'never'"),
        ('detectors = [{ name = "nothing" }]', "streams.models: "),
        (
            'detectors = [{ name = "adwin" }, { name = "adwin" }]',
            "streams.models: detectors: adwin is there twice",
        ),
        (
            'detectors = [{ name = "adwin", every = 2 }]',
            "streams.models: detectors: adwin is run on all errors",
        ),
        ('detectors = [{ name = "adwin", parameters = { sharp = 1 } }]', "streams.models"),
    ],
)
def test_a_monitor_that_cannot_be_made_is_told_at_the_start(load, text, problem):
    stream = load(text).streams["models"]
    with pytest.raises(SettingsError) as caught:
        check_stream("models", stream)
    assert problem in str(caught.value)
