"""Which channels an alarm speaks of."""

from collections.abc import Sequence

import numpy as np

from stream_app.core.arrays import FloatArray

__all__ = ["blamed"]


def blamed(channels: Sequence[str], evidence: FloatArray) -> tuple[tuple[str, float], ...]:
    """Return each channel's share of the evidence, largest first; of equals, the one named first.

    Parameters
    ----------
    channels : sequence of str
        Names.
    evidence : ndarray of float, shape (d,)
        Of each, at least zero, and not all zero.

    Examples
    --------
    >>> blamed(("flow", "power", "speed"), np.array([1.0, 2.0, 1.0]))
    (('power', 0.5), ('flow', 0.25), ('speed', 0.25))
    """
    shares = evidence / evidence.sum()
    return tuple((channels[j], float(shares[j])) for j in np.argsort(-shares, kind="stable"))
