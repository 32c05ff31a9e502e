"""The digit classifier as a registered model."""

import numpy as np
import pytest

from producers.images.classifier import train
from producers.images.find import sample_digits
from producers.images.registering import register_classifier
from stream_app.core.embedding import PrincipalComponents
from stream_app.errors import SourceError
from stream_app.model_registry import ModelRegistry
from stream_app.settings import Settings


@pytest.mark.slow
def test_it_is_registered_with_what_it_learned_from_and_answers_as_before(tmp_path):
    training, later = sample_digits().take(slice(300)), sample_digits().take(slice(300, 600))
    model = train(training)
    registry = ModelRegistry.open(Settings(registry=f"sqlite:///{tmp_path}/registry.db"))
    version = register_classifier(registry, "digits", model, training=training, later=later, source="sample")
    assert registry.resolve("digits", model.version).number == version.number == 1
    told = np.array(model.labels)[model.probabilities(later.pixels).argmax(axis=1)]
    assert version.metrics["accuracy"] == pytest.approx((told == later.labels).mean())
    assert version.metrics["accuracy"] > 0.5
    loaded = registry.load("digits", 1)
    assert loaded.classes == model.labels
    rows = later.pixels.reshape(len(later), -1)
    assert (loaded.predict(rows) == told).all()
    slices = registry.attachment(version, "slices")
    assert sum(row["errors"] for row in slices) == (told != later.labels).sum()
    assert set(registry.reference(version)) == set(loaded.features)
    again = PrincipalComponents.from_state(registry.attachment(version, "embedding"))
    assert np.array_equal(again.axes, model.embedding.axes)
    with pytest.raises(SourceError, match="learned from other images"):
        register_classifier(registry, "digits", model, training=later, later=later, source="sample")
