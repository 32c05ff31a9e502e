"""What is sent for an image, and that it does not depend on which others come with it."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from producers.drift import parse_levels
from producers.images import MAX_LEVEL, ImageOptions, ImageSource, Stage
from producers.images.find import sample_digits
from producers.remote import Remote
from stream_app.core.image_features import FEATURES, measure
from stream_app.errors import SourceError
from stream_app.events import Rejected, decode_predictions, decode_readings


def stage(source, options=None, drift="", remote=None, seed=0):
    return Stage(
        "camera-1",
        options or ImageOptions(),
        source.embedding,
        source.model,
        parse_levels(drift, MAX_LEVEL) if drift else (),
        seed,
        remote or Remote("camera-1"),
    )


def raw(source, *arguments, **options):
    return [e for batch in stage(source, *arguments, **options)(source.batches()) for e in batch.encode()]


def parted(source, *arguments, **options):
    events = [json.loads(e) for e in raw(source, *arguments, **options)]
    camera = [e for e in events if e["source"] == "camera-1"]
    return (
        camera,
        [e for e in events if "prediction" in e],
        [e for e in events if "values" not in e and "prediction" not in e],
    )


@pytest.fixture(scope="session")
def few(source):
    return replace(source, images=source.images.take(slice(100)))


def test_every_image_has_features_and_a_prediction_with_its_label(few):
    camera, predictions, late = parted(few)
    assert (len(camera), len(predictions), len(late)) == (100, 100, 0)
    measured = measure(few.images.pixels)
    for i, (seen, said) in enumerate(zip(camera, predictions, strict=True)):
        assert seen["id"] == said["id"] == f"camera-1:{i}"
        assert seen["ts"] == said["ts"]
        assert list(seen["values"]) == [*FEATURES, *(f"pc{k}" for k in range(1, 9))]
        assert [seen["values"][name] for name in FEATURES] == measured[i].tolist()
        assert said["features"] == {name: seen["values"][name] for name in FEATURES}
        assert said["label"] == few.images.labels[i]
        assert said["prediction"] == max(said["probabilities"], key=said["probabilities"].get)
        assert said["source"] == "digits"
    assert np.allclose(np.diff([e["ts"] for e in camera]), 0.04)


def test_the_monitor_takes_all_of_it(few):
    events = raw(few, ImageOptions(label_delay=1.0, level=9))
    kinds = [json.loads(e)["source"] for e in events]
    for name, decode in (("camera-1", decode_readings), ("digits", decode_predictions)):
        decoded = decode([e for e, kind in zip(events, kinds, strict=True) if kind == name])
        assert decoded
        assert not [row for row in decoded if isinstance(row, Rejected)]


def test_probabilities_have_four_digits_and_sum_to_one(few):
    model = few.model
    # Trees whose votes do not come out even.
    thirds = replace(few, model=replace(model, forest=_first_trees(model.forest, 7)))
    for said in parted(thirds)[1]:
        values = list(said["probabilities"].values())
        assert sum(values) == pytest.approx(1.0, abs=1e-9)
        assert all(value == round(value, 4) >= 0.0 for value in values)


def _first_trees(forest, count):
    few_trees = type(forest)()
    few_trees.estimators_ = forest.estimators_[:count]
    return few_trees


@settings(max_examples=15)
@given(st.integers(1, 100), st.sampled_from([0.0, 0.04, 0.5, 60.0]), st.sampled_from([0.0, 0.3]))
def test_borders_of_batches_do_not_matter(few, block, delay, missing):
    options = ImageOptions(label_delay=delay, missing_labels=missing)
    drift = "level=9@#10..~#50"
    assert raw(replace(few, block=block), options, drift) == raw(few, options, drift)


def test_late_labels_come_in_event_time_each_once(few):
    events = [json.loads(e) for e in raw(few, ImageOptions(label_delay=1.0))]
    times = [e["ts"] for e in events]
    assert times == sorted(times)
    at = {e["id"]: e["ts"] for e in events if "prediction" in e}
    assert all("label" not in e for e in events if "prediction" in e)
    late = [e for e in events if set(e) == {"source", "ts", "id", "label"}]
    assert [e["label"] for e in late] == few.images.labels.tolist()
    assert all(e["ts"] == at[e["id"]] + 1.0 for e in late)
    assert events[-1] == late[-1]


def test_labels_may_be_missing_or_left_away(source):
    count = len(source.images)
    for options in (ImageOptions(missing_labels=0.3), ImageOptions(missing_labels=0.3, label_delay=5.0)):
        _, predictions, late = parted(source, options)
        told = [e for e in predictions if "label" in e] + late
        assert 0.6 < len(told) / count < 0.8
    _, predictions, late = parted(source, ImageOptions(with_labels=False, label_delay=5.0))
    assert not late
    assert not any("label" in e for e in predictions)


def test_a_schedule_makes_images_worse_and_says_so(few):
    camera = parted(few, None, "level=7@#60..")[0]
    assert [e["labels"]["level"] for e in camera] == [0] * 60 + [7] * 40
    assert [e["labels"].get("drift") for e in camera] == [None] * 60 + ["level=7@#60.."] * 40
    clean = parted(few)[0]
    assert camera[:60] == [{**e, "labels": {"level": 0}} for e in clean[:60]]
    assert np.mean([e["values"]["noise"] for e in camera[60:]]) > 3 * np.mean(
        [e["values"]["noise"] for e in camera[:60]]
    )


def test_a_level_that_is_said_holds_from_the_next_images_on(few):
    remote = Remote("camera-1")
    batches = stage(few, None, "level=2@#0..", remote)(replace(few, block=20).batches())
    levels = []
    for number, batch in enumerate(batches):
        levels += [e["labels"]["level"] for e in map(json.loads, batch.encode()) if "values" in e]
        if number == 1:
            remote.level = 8
    assert levels == [2] * 40 + [8] * 60


def test_features_can_go_alone(few):
    alone = replace(few, model=None)
    camera, predictions, late = parted(alone, ImageOptions(predictions=False, label_delay=1.0))
    assert (len(camera), predictions, late) == (100, [], [])


def test_order_is_mixed_by_the_seed_or_kept(model_file):
    digits = sample_digits().halves()[1]
    kept = ImageSource.find(None, ImageOptions(model=model_file, in_order=True))
    mixed = [ImageSource.find(None, ImageOptions(model=model_file), seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(kept.images.pixels, digits.pixels)
    assert np.array_equal(mixed[0].images.pixels, mixed[1].images.pixels)
    assert not np.array_equal(mixed[0].images.pixels, mixed[2].images.pixels)
    assert mixed[0].identity != mixed[2].identity


def test_a_model_of_other_images_is_shown_all_of_them_and_must_know_their_labels(tmp_path, model_file):
    digits = sample_digits()
    for number in range(12):
        folder = tmp_path / digits.labels[number]
        folder.mkdir(exist_ok=True)
        Image.fromarray(digits.pixels[number]).save(folder / f"{number}.png")
    source = ImageSource.find(str(tmp_path), ImageOptions(model=model_file))
    assert len(source.images) == 12
    alone = ImageSource.find(str(tmp_path), ImageOptions(model=model_file, predictions=False))
    assert alone.model is None
    assert np.array_equal(alone.embedding.axes, source.embedding.axes)
    (tmp_path / "9").rename(tmp_path / "nine")
    with pytest.raises(SourceError, match="the model does not know the label 'nine'; it knows 0, 1"):
        ImageSource.find(str(tmp_path), ImageOptions(model=model_file))
    assert (
        ImageSource.find(str(tmp_path), ImageOptions(model=model_file, with_labels=False)).model is not None
    )


def test_three_thousand_images_a_second_take_less_than_a_core(source):
    work = replace(source, images=source.images.take(np.arange(2 * len(source.images)) % len(source.images)))
    begin = time.process_time()
    count = len(raw(work, ImageOptions(level=3, label_delay=5.0))) / 3
    assert count / (time.process_time() - begin) > 3000
