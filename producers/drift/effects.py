"""What a change does to one channel of one source."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from producers.drift.grammar import Change
from stream_app.errors import SettingsError

__all__ = ["ENOUGH", "Track"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

ENOUGH = 30
"""Values of a channel that must have been seen before a change in standard deviations begins."""


@dataclass(slots=True)
class Track:
    """One channel under one change: what it was before, and the randomness of what comes.

    Parameters
    ----------
    change : Change
    channel : str
    rng : numpy.random.Generator
    """

    change: Change
    channel: str
    rng: np.random.Generator
    _n: int = 0
    _mean: float = 0.0
    _m2: float = 0.0
    _last: float = float("nan")

    def learn(self, values: FloatArray, before: BoolArray) -> None:
        """Take in values outside the change (spread by the pairwise update of Chan, Golub and LeVeque, 1979).

        Parameters
        ----------
        values : ndarray (n,)
        before : ndarray of bool (n,)
            Which of them came before the change began for the first time: its sd is theirs.
        """
        known = np.isfinite(values)
        if known.any():
            self._last = float(values[known][-1])
        values = values[known & before]
        n = len(values)
        if not n:
            return
        mean, total = float(values.mean()), self._n + n
        gap = mean - self._mean
        self._m2 += float(np.square(values - mean).sum()) + gap * gap * self._n * n / total
        self._mean += gap * n / total
        self._n = total

    def changed(self, values: FloatArray, grown: FloatArray, rise: FloatArray) -> FloatArray:
        """Return what the channel reports during the change.

        Parameters
        ----------
        values : ndarray (n,)
            What it would have reported.
        grown : ndarray (n,)
            How much of the change is there, 0 to 1.
        rise : ndarray (n,)
            Seconds since it began.

        Raises
        ------
        SettingsError
            When the size is in sd and too little is known to tell what that is.
        """
        size = self.change.size * (self._sd() if self.change.in_sd else 1.0)
        match self.change.effect:
            case "mean":
                return values + size * grown
            case "scale":
                return values * (1.0 + (size - 1.0) * grown)
            case "noise":
                return values + size * grown * self.rng.standard_normal(len(values))
            case "slope":
                return values + size * rise
            case "stuck":
                if not np.isfinite(self._last):
                    known = values[np.isfinite(values)]
                    self._last = float(known[0]) if len(known) else self._last
                return np.full(len(values), self._last)
            case "dropout":
                return np.where(self.rng.random(len(values)) < size * grown, np.nan, values)
            case "level":
                raise SettingsError(f"--drift: {self.change.text!r}: only images have a level")

    def _sd(self) -> float:
        if self._n < ENOUGH:
            raise SettingsError(
                f"--drift: {self.change.text!r}: only {self._n} values of {self.channel} before it, too few to know "
                f"its sd; begin after {ENOUGH} or more, or give the size without sd"
            )
        return float(np.sqrt(self._m2 / (self._n - 1)))
