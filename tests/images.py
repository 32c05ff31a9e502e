"""Images made up for tests: one smooth stroke each, somewhere, in some direction."""

import numpy as np
from scipy import ndimage

from stream_app.core.embedding import PrincipalComponents
from stream_app.core.image_features import FEATURES, measure

COMPONENTS = 4
CHANNELS = (*FEATURES, *(f"pc{j + 1}" for j in range(COMPONENTS)))


def strokes(n, seed=0, side=20):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side][:, None]
    at = rng.uniform(0.35, 0.65, (2, n, 1, 1)) * side
    angle, length, width = (
        rng.uniform(0, np.pi, (n, 1, 1)),
        rng.uniform(3, 6, (n, 1, 1)),
        rng.uniform(0.8, 1.6, (n, 1, 1)),
    )
    along = (x - at[0]) * np.cos(angle) + (y - at[1]) * np.sin(angle)
    across = (y - at[1]) * np.cos(angle) - (x - at[0]) * np.sin(angle)
    return np.exp(-((along / length) ** 4) - (across / width) ** 2)


def blurred(images):
    return ndimage.gaussian_filter(images, (0, 0.8, 0.8))


def dimmed(images):
    return images * 0.7


def noisy(images):
    return np.clip(images + np.random.default_rng(9).normal(0.0, 0.05, images.shape), 0.0, 1.0)


def features(images, reference=None):
    """What a producer would send: measurements and coordinates, shape (n, channels)."""
    clean = strokes(500, seed=99) if reference is None else reference
    components = PrincipalComponents.fit(clean.reshape(len(clean), -1), COMPONENTS)
    return np.column_stack((measure(images), components.transform(images.reshape(len(images), -1))))
