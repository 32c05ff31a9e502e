"""Options of the search for weak slices."""

from dataclasses import dataclass

from stream_app.errors import SettingsError

__all__ = ["SliceConfig"]


@dataclass(frozen=True, slots=True)
class SliceConfig:
    """Limits of the search for slices.

    Parameters
    ----------
    window : int
        Newest rows that are looked at. 10,000 hold a hundred rows of the smallest slice; fewer cannot carry a
        test over millions of candidates, many more would average over changes of the model and of its input.
    alpha : float
        Chance that anything is reported where errors have nothing to do with the features. One in a hundred,
        because a stream is searched again and again.
    min_rows : int
        Fewest rows of a slice: below thirty an error rate is known to no better than 20 points.
    min_share : float
        Smallest share of the window. What holds less than 1 % of the events moves no figure that anyone watches.
    min_gap : float
        A slice's error rate is at least so far above the overall one. Five points, as for the alert on accuracy;
        or
    min_ratio : float
        it is so many times the overall one, for models that seldom err. Either is enough.
    max_slices : int
        Most slices reported.
    lag : int
        Rows so far apart do not depend on each other; p-values allow for it. 0: all rows are independent, as requests
        of different users are. For a time series take the length of its longest ordinary run of errors.
    confidence : float
        Level of the interval for a slice's error rate.

    Raises
    ------
    SettingsError
        If a limit makes no sense; names it.
    """

    window: int = 10_000
    alpha: float = 0.01
    min_rows: int = 30
    min_share: float = 0.01
    min_gap: float = 0.05
    min_ratio: float = 2.0
    max_slices: int = 10
    lag: int = 0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        whole = {"window": 100, "min_rows": 5, "max_slices": 1, "lag": 0}
        for name, least in whole.items():
            if getattr(self, name) < least:
                raise SettingsError(f"{name} is {getattr(self, name)}; at least {least} is expected")
        for name in ("alpha", "min_share", "min_gap", "confidence"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise SettingsError(
                    f"{name} is {getattr(self, name)}; expected between 0 and 1, both excluded"
                )
        if not self.min_ratio > 1.0:
            raise SettingsError(f"min_ratio is {self.min_ratio}; a weak slice errs more than once as often")

    def floor(self, overall: float) -> float:
        """Return the lowest error rate of a weak slice."""
        return min(overall + self.min_gap, overall * self.min_ratio)

    def least(self, rows: int) -> int:
        """Return the fewest rows of a slice, given the rows of the window."""
        return max(self.min_rows, -int(-self.min_share * rows // 1))
