import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from stream_app.core.image_features import FEATURES, measure
from stream_app.errors import DataError

IMAGES = arrays(
    np.uint8, st.tuples(st.integers(1, 6), st.integers(3, 9), st.integers(3, 9)), elements=st.integers(0, 255)
)


def naive(image):
    """Each feature straight from its definition, one image at a time."""
    grey = image / 255.0
    inner = (slice(1, -1), slice(1, -1))
    counts = np.bincount(image.ravel(), minlength=256)
    share = counts[counts > 0] / image.size
    laplacian = ndimage.laplace(grey)[inner]
    mask = np.outer([1, -2, 1], [1, -2, 1])
    response = np.abs(ndimage.convolve(grey, mask)[inner]).sum()
    noise = np.sqrt(np.pi / 2) * response / (6 * (image.shape[0] - 2) * (image.shape[1] - 2))
    gradient = np.hypot(ndimage.sobel(image.astype(int), 0), ndimage.sobel(image.astype(int), 1))[inner]
    ordered = np.sort(image.ravel())
    low = ordered[int(np.floor(0.01 * image.size))]
    high = ordered[int(np.ceil(0.99 * image.size)) - 1]
    return [
        grey.mean(),
        grey.std(),
        laplacian.var(),
        noise,
        (gradient > 0.1 * 8 * 255).mean(),
        -(share * np.log2(share)).sum(),
        (high - low) / 255.0,
        *naive_shape(image),
    ]


def naive_shape(image):
    between = [0.0] * 256
    for level in range(256):
        dark, bright = image[image <= level].astype(float), image[image > level].astype(float)
        if len(dark) and len(bright):
            between[level] = len(dark) * len(bright) * (bright.mean() - dark.mean()) ** 2
    if max(between) == 0.0:
        return [0.0, 0.5, 0.5, 0.0, 0.0, 0.0]
    ink = image > int(np.argmax(np.array(between) > max(between) * (1 - 1e-12)))
    if ink.sum() * 2 > image.size:
        ink = ~ink
    y, x = np.nonzero(ink)
    (var_x, mixed), (_, var_y) = np.cov(np.stack([x, y]), ddof=0) if len(x) > 1 else np.zeros((2, 2))
    small, large = np.linalg.eigvalsh([[var_x, mixed], [mixed, var_y]])
    return [
        ink.mean(),
        (x.mean() + 0.5) / image.shape[1],
        (y.mean() + 0.5) / image.shape[0],
        np.sqrt((var_x + var_y) / (image.shape[0] ** 2 + image.shape[1] ** 2)),
        (large - small) / (large + small) if large + small > 1e-9 else 0.0,
        mixed / np.sqrt(var_x * var_y) if min(var_x, var_y) > 1e-9 else 0.0,
    ]


@settings(max_examples=60)
@given(IMAGES)
def test_each_feature_is_what_its_definition_says(images):
    assert measure(images) == pytest.approx(np.array([naive(image) for image in images]), abs=1e-6)


@settings(max_examples=30)
@given(IMAGES, st.data())
def test_an_image_has_its_features_whatever_comes_with_it(images, data):
    cut = data.draw(st.integers(0, len(images)))
    assert np.array_equal(measure(images), np.concatenate((measure(images[:cut]), measure(images[cut:]))))
    assert np.array_equal(measure(images), measure(np.asfortranarray(images)))
    assert np.array_equal(measure(images), measure(images / 255.0))


def test_large_batches_are_cut_without_a_trace():
    images = np.random.default_rng(1).integers(0, 256, (700, 28, 28)).astype(np.uint8)
    assert np.array_equal(measure(images)[600:], measure(images[600:]))


def test_blank_images_have_finite_features():
    features = measure(np.stack([np.zeros((5, 7)), np.full((5, 7), 0.5), np.ones((5, 7))]))
    assert features[:, 0] == pytest.approx([0.0, 0.5, 1.0], abs=1 / 255)
    blank = dict(zip(FEATURES, features.T, strict=True))
    assert np.array_equal(blank["centre_x"], [0.5] * 3)
    assert np.array_equal(blank["centre_y"], [0.5] * 3)
    rest = [name for name in FEATURES if name not in ("brightness", "centre_x", "centre_y")]
    assert not any(blank[name].any() for name in rest)


def test_white_noise_is_measured_in_grey_levels():
    rng = np.random.default_rng(2)
    flat = np.clip(0.5 + rng.normal(0.0, 0.05, (20, 64, 64)), 0.0, 1.0)
    assert measure(flat)[:, FEATURES.index("noise")].mean() == pytest.approx(0.05, rel=0.03)


def test_the_shape_of_the_ink_is_told():
    line = np.zeros((1, 9, 9))
    line[0, range(9), range(9)] = 1.0
    falling = dict(zip(FEATURES, measure(line)[0], strict=True))
    rising = dict(zip(FEATURES, measure(line[:, ::-1])[0], strict=True))
    negative = dict(zip(FEATURES, measure(1.0 - line)[0], strict=True))
    assert falling["slant"] == pytest.approx(1.0)
    assert rising["slant"] == pytest.approx(-1.0)
    assert falling["elongation"] == pytest.approx(1.0)
    assert negative["ink"] == falling["ink"]
    assert negative["spread"] == falling["spread"]


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((28, 28)), "shape"),
        (np.zeros((3, 2, 28)), "at least 3 by 3"),
        (np.zeros((1, 5, 5), dtype=np.int32), "type int32"),
        (np.full((1, 5, 5), 200.0), "outside of 0 to 1"),
        (np.full((1, 5, 5), np.nan), "missing"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(images, says):
    with pytest.raises(DataError, match=says):
        measure(images)


def test_no_images_have_no_features():
    assert measure(np.zeros((0, 28, 28), dtype=np.uint8)).shape == (0, len(FEATURES))
