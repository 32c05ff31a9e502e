"""The outcome of one comparison of two samples."""

from dataclasses import dataclass

__all__ = ["Comparison"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Statistic and p-value of one test of two samples.

    Parameters
    ----------
    statistic : float
        The test's statistic.
    p_value : float
        Probability, if both samples come from one distribution, of a statistic at least as extreme.

    Examples
    --------
    >>> Comparison(statistic=0.5, p_value=0.03).p_value
    0.03
    """

    statistic: float
    p_value: float
