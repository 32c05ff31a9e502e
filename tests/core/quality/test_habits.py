"""What is normal for a channel, at any level."""

import math

import numpy as np
import pytest

from stream_app.core.quality import QualityOptions
from stream_app.core.quality.habits import learn_habits


@pytest.mark.parametrize("exponent", [-300, 0, 500, 520, 660, 1000, 1020])
@pytest.mark.filterwarnings("error")
def test_limits_grow_with_the_level_however_high_it_is(exponent):
    x = np.random.default_rng(0).normal(size=300)
    plain = learn_habits(x, 300, QualityOptions())
    scaled = learn_habits(np.ldexp(x, exponent), 300, QualityOptions())
    for name in ("low", "high", "scale"):
        assert math.ldexp(getattr(scaled, name), -exponent) == pytest.approx(getattr(plain, name), rel=1e-12)
