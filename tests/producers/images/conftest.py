"""A model of the sample's digits, trained once."""

import pytest

from producers.images import ImageOptions, ImageSource


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    return tmp_path_factory.mktemp("model") / "digits.skops"


@pytest.fixture(scope="session")
def source(model_file):
    return ImageSource.find(None, ImageOptions(model=model_file))
