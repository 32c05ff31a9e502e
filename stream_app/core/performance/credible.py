"""Credible interval of a model's accuracy."""

from dataclasses import dataclass

from scipy import special

from stream_app.errors import DataError

__all__ = ["BetaBinomial"]


@dataclass(frozen=True, slots=True)
class BetaBinomial:
    """Posterior Beta distribution of a rate, from successes and failures.

    Parameters
    ----------
    successes, trials : int
        Right predictions, and all.
    prior : float
        Both parameters of the Beta prior. One half is Jeffreys' choice: its intervals hold the true rate about as often
        as they say, also near 0 and 1.

    Raises
    ------
    DataError
        If the counts or the prior make no sense.

    Notes
    -----
    An interval answers for one look. Whoever looks after every event and acts at the first bad look is wrong far more
    often: that is what `RateDetector` is for. About 2 µs an answer.

    References
    ----------
    Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial proportion. Statistical
    Science 16(2).

    Examples
    --------
    >>> accuracy = BetaBinomial(90, 100)
    >>> [round(bound, 3) for bound in accuracy.interval()]
    [0.83, 0.947]
    >>> round(accuracy.below(0.85), 3)
    0.075
    """

    successes: int
    trials: int
    prior: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.trials or not self.prior > 0.0:
            raise DataError(
                f"{self.successes} successes in {self.trials} trials with a prior of {self.prior} make no sense"
            )

    @property
    def rate(self) -> float:
        """The observed rate; of no trials, one half."""
        return self.successes / self.trials if self.trials else 0.5

    def quantile(self, level: float) -> float:
        """Return the posterior quantile of the rate."""
        a, b = self.successes + self.prior, self.trials - self.successes + self.prior
        return float(special.betaincinv(a, b, level))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the central credible interval; its end is 0 or 1 where no trial, or every one, succeeded."""
        tail = (1.0 - level) / 2.0
        low = self.quantile(tail) if self.successes else 0.0
        high = self.quantile(1.0 - tail) if self.successes < self.trials or not self.trials else 1.0
        return low, high

    def below(self, bound: float) -> float:
        """Return the probability that the true rate lies below a bound."""
        a, b = self.successes + self.prior, self.trials - self.successes + self.prior
        return float(special.betainc(a, b, min(max(bound, 0.0), 1.0)))
