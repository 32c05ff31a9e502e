"""Location, scale and memory of a channel, estimated so that outliers and quantisation do not mislead."""

import math

import numpy as np

from stream_app.core.arrays import FloatArray

__all__ = ["autocorrelation_time", "robust_location_scale", "robust_z"]

_NORMAL_SPREADS = ((0.25, 0.75, 1.349), (0.05, 0.95, 3.290), (0.01, 0.99, 4.653))
"""Pairs of quantiles and their distance in standard deviations of a normal sample."""

_WINSOR = 5.0
"""Values further than this many preliminary scales from the median are drawn in before the moments."""


def robust_location_scale(x: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of a sample after its outliers were drawn in.

    The preliminary scale is the widest of four robust ones (median absolute deviation, and the distances
    between the quartiles, the 5 % and the 1 % quantiles, each in units of a normal sample). The widest,
    because a quantised sensor that dithers between two levels has a median absolute deviation of zero
    although its mean varies like any other's. Values beyond 5 such scales of the median are drawn in to
    that bound; the moments of the rest are what the means of such a channel obey.

    Parameters
    ----------
    x : FloatArray, shape (n,)
        A sample; NaN and infinite values are left out.

    Returns
    -------
    location, scale : float
        Scale 0 for a constant sample; both NaN if nothing is finite or the numbers overflow.

    Examples
    --------
    >>> import numpy as np
    >>> robust_location_scale(np.array([1.0, 2.0, 3.0, 2.0, 1.0, 3.0, 2.0, 1e300]))[0] < 4
    True
    """
    x = x[np.isfinite(x)]
    if x.size == 0:
        return float("nan"), float("nan")
    with np.errstate(over="ignore", invalid="ignore"):
        middle = float(np.median(x))
        scales = [1.4826 * float(np.median(np.abs(x - middle)))]
        # Quantiles by rank, rounded inwards: np.quantile costs more than all the rest together.
        ordered, last = np.sort(x), x.size - 1
        scales += [
            float(ordered[math.floor(high * last)] - ordered[math.ceil(low * last)]) / width
            for low, high, width in _NORMAL_SPREADS
        ]
        preliminary = max(scales)
        if preliminary == 0.0:
            preliminary = float(np.std(x))
        drawn = np.clip(x, middle - _WINSOR * preliminary, middle + _WINSOR * preliminary)
        location = float(np.mean(drawn))
        scale = float(np.std(drawn))
    if not (np.isfinite(location) and np.isfinite(scale)):
        return float("nan"), float("nan")
    return location, scale


def robust_z(values: FloatArray, location: FloatArray, scale: FloatArray) -> FloatArray:
    """Distance of each value from its channel's location in robust scales.

    Use it for spikes: a single value far out. The rest of this package looks at smoothed channels, which
    a single spike hardly moves. Cost: three vector operations per batch.

    Parameters
    ----------
    values : FloatArray, shape (n, d)
    location, scale : FloatArray, shape (d,)
        As from `robust_location_scale`.

    Returns
    -------
    FloatArray, shape (n, d)
        Signed distances, 0 where the value is missing or the channel has no scale, bounded by 1e6.

    References
    ----------
    B. Iglewicz and D. C. Hoaglin (1993), How to Detect and Handle Outliers, ASQC.

    Examples
    --------
    >>> import numpy as np
    >>> robust_z(np.array([[3.0, np.nan]]), np.array([1.0, 0.0]), np.array([0.5, 1.0]))
    array([[4., 0.]])
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        z = (values - location) / scale
    return np.asarray(np.clip(np.where(np.isnan(z), 0.0, z), -1e6, 1e6))


def autocorrelation_time(x: FloatArray) -> float:
    r"""Integrated autocorrelation time: how many events carry the information of one independent event.

    :math:`\tau = 1 + 2\sum_k \rho_k`, summed over Geyer's initial monotone sequence (pairs of neighbouring
    autocorrelations as long as they are positive and falling). White noise has 1; a channel that wanders
    all through its reference has a time of the reference's own order.

    Parameters
    ----------
    x : FloatArray, shape (n,)
        A finite sample in time order.

    Returns
    -------
    float
        At least 1.

    References
    ----------
    C. J. Geyer (1992), Practical Markov chain Monte Carlo, Statistical Science 7.

    Examples
    --------
    >>> import numpy as np
    >>> walk = np.cumsum(np.random.default_rng(0).normal(size=400))
    >>> autocorrelation_time(walk) > 30
    True
    """
    n = x.size
    centred = x - np.mean(x)
    spectrum = np.fft.rfft(centred, 2 * n)
    covariance = np.fft.irfft(spectrum * spectrum.conj())[: n // 2 + 1]
    if n < 4 or not covariance[0] > 0.0:
        return 1.0
    rho = covariance / covariance[0]
    pairs = rho[: rho.size // 2 * 2].reshape(-1, 2).sum(axis=1)
    positive = pairs > 0.0
    stop = int(np.argmin(positive)) if not positive.all() else pairs.size
    return max(1.0, float(2.0 * np.minimum.accumulate(pairs[:stop]).sum() - 1.0)) if stop else 1.0
