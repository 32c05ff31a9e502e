"""The classifier: what it knows, how it is kept, and which files are refused."""

import pickle

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from producers.images.classifier import Model, model_for, train
from producers.images.collection import Collection
from producers.images.find import sample_digits
from stream_app.errors import SourceError


def test_it_knows_digits_it_has_not_seen(source):
    told = source.model.probabilities(source.images.pixels)
    right = np.array(source.model.labels)[told.argmax(axis=1)] == source.images.labels
    assert len(right) == 899
    assert right.mean() > 0.93


def test_its_probabilities_are_those_of_scikit_learn(source):
    pixels = source.images.pixels[:300]
    expected = source.model.forest.predict_proba(pixels.reshape(300, -1).astype(np.float32))
    assert np.allclose(source.model.probabilities(pixels), expected, atol=1e-12)


def test_it_comes_back_from_its_file_as_it_was(source, model_file):
    again = Model.load(model_file)
    pixels = source.images.pixels[:100]
    assert np.array_equal(again.probabilities(pixels), source.model.probabilities(pixels))
    assert again.labels == source.model.labels == tuple("0123456789")
    assert again.data == source.model.data
    rows = pixels.reshape(100, -1) / 255.0
    assert np.array_equal(again.embedding.transform(rows), source.model.embedding.transform(rows))


def test_it_is_trained_once_for_the_same_images(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    few = sample_digits().take(slice(60))
    notes = []
    first = model_for(few, None, notes.append)
    second = model_for(few, None, notes.append)
    assert len(notes) == 1
    assert notes[0].startswith("training a random forest on 60 images; kept in ")
    assert np.array_equal(first.probabilities(few.pixels), second.probabilities(few.pixels))
    kept = next(tmp_path.rglob("*.skops"))
    kept.write_bytes(kept.read_bytes()[:1000])
    third = model_for(few, None, notes.append)
    assert "damaged" in notes[1]
    assert notes[1].endswith("; making it anew")
    assert np.array_equal(first.probabilities(few.pixels), third.probabilities(few.pixels))


def test_a_cache_that_cannot_be_written_costs_training_and_no_more(tmp_path, monkeypatch, source):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    few, notes = sample_digits().take(slice(40)), []
    assert model_for(few, None, notes.append).labels == tuple("0123456789")
    assert notes[1].endswith("it will have to be trained again")
    with pytest.raises(SourceError, match="cannot be written"):
        source.model.save(tmp_path / "file" / "model")


def test_too_few_images_are_refused_with_how_many_are_needed():
    with pytest.raises(SourceError, match=r"8 images to learn from.*more than 8 are needed"):
        train(sample_digits().take(slice(8)))


def test_without_labels_of_two_kinds_nothing_can_be_learned():
    few = sample_digits().take(slice(20))
    alike = Collection(few.pixels, np.array(["3"] * 20, dtype=object))
    with pytest.raises(
        SourceError, match="labels of at least two kinds are needed; give --labels or --model"
    ):
        train(alike)


def content(model, **changes):
    usual = {
        "format": "streamgauge.images",
        "version": 1,
        "data": model.data,
        "labels": list(model.labels),
        "forest": model.forest,
        "embedding": model.embedding.state(),
    }
    return usual | changes


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("code out of a file was run",))


@pytest.mark.slow
def test_other_files_are_refused_by_name_and_nothing_in_them_is_run(source, tmp_path):
    path = tmp_path / "model.skops"
    model, other = source.model, LogisticRegression().fit(np.eye(3), [0, 1, 1])
    contents = [b"", b"text", pickle.dumps(Bomb())]
    contents += [
        skops.io.dumps(thing)
        for thing in (
            [1, 2],
            other,
            content(model, version=2),
            content(model, format="x"),
            content(model, forest=other),
            content(model, labels=["0", "1"]),
            content(model, labels=list(range(10))),
            content(model, data=7),
            content(model, data=np.random.default_rng),
            content(model, embedding=model.embedding.state() | {"axes": np.zeros((8, 5))}),
        )
    ]
    for raw in contents:
        path.write_bytes(raw)
        with pytest.raises(SourceError, match=r"model\.skops: not a model of ours, or damaged .*--model"):
            Model.load(path)
    with pytest.raises(SourceError, match="cannot be read"):
        Model.load(tmp_path)
