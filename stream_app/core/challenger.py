"""Comparison of model versions: which is right more often, and the expected loss of a wrong choice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

from scipy import special

from stream_app.core.odds import Odds, paired_odds, unpaired_odds
from stream_app.core.performance.credible import BetaBinomial
from stream_app.core.versions import expect_version
from stream_app.errors import SettingsError, StateError

__all__ = ["Comparison", "Decision", "Verdict"]

Verdict: TypeAlias = Literal["keep", "switch", "undecided"]

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """Result of a comparison so far.

    Parameters
    ----------
    versions : tuple of str
        The one in use, then its challengers.
    n, right : tuple of int
        Answers of each, and how many were right.
    accuracy : tuple of float
        Of each; NaN without answers.
    interval : tuple of (float, float)
        Credible interval of each accuracy at 95 %.
    best : tuple of float
        Probability of each to be the most accurate. Of two, the second is P(B > A).
    loss : tuple of float
        Expected loss of choosing each, as a share of the answers.
    verdict : {'keep', 'switch', 'undecided'}
        What to do.
    choice : str or None
        The version to use from now on; None while undecided.
    pairs : int
        Answers to the same ids that this rests on; 0 where it rests on all answers, unpaired.
    p_value : float
        Of McNemar's exact test, for pairs; else NaN.
    summary : str
        One line for a person.
    """

    versions: tuple[str, ...]
    n: tuple[int, ...]
    right: tuple[int, ...]
    accuracy: tuple[float, ...]
    interval: tuple[tuple[float, float], ...]
    best: tuple[float, ...]
    loss: tuple[float, ...]
    verdict: Verdict
    choice: str | None
    pairs: int
    p_value: float
    summary: str


class Comparison:
    """Comparison of versions that run side by side, decided by the expected loss of a wrong choice.

    Use it while a challenger answers a share of the traffic, or all of it in the shadow of the version in use. Begin it when
    the challenger begins: answers from before say more about that time than about the version. The rule looks at the
    expected loss rather than at a p-value: it may be asked after every answer, and the loss from a choice is on average
    no larger than what one cares about, under the prior. It is no bound on the rate of false switches.

    Parameters
    ----------
    versions : sequence of str
        The one in use, then one or more challengers.
    caring : float
        Share of answers below which a difference does not matter. **keep** as soon as keeping costs less than that on average;
        **switch** as soon as the best challenger costs less and keeping more; else **undecided**. A tenth of the five points
        at which a drop of accuracy raises an alert, by default.
    minimum : int
        Answers of each version before anything is decided.
    waiting : int
        Ids whose answers wait for that of the other version; beyond it the oldest is not paired any more.

    Raises
    ------
    SettingsError
        If there are fewer than two different versions, or a number is out of its range.

    Notes
    -----
    Under 1 µs an answer. Pairs are counted between two versions only; they are used where they make up at least half
    of the answers of each.

    References
    ----------
    Stucchio, C. (2015). Bayesian A/B testing at VWO. Whitepaper, Visual Website Optimizer.

    Examples
    --------
    >>> comparison = Comparison(("v1", "v2"))
    >>> for i in range(1000):
    ...     comparison.update("v1", i % 10 > 0)
    ...     comparison.update("v2", i % 20 > 0)
    >>> decision = comparison.decide()
    >>> decision.verdict, decision.choice, round(decision.best[1], 4)
    ('switch', 'v2', 1.0)
    """

    def __init__(
        self, versions: Sequence[str], *, caring: float = 0.005, minimum: int = 200, waiting: int = 10_000
    ) -> None:
        if isinstance(versions, str) or len(versions) < 2 or len(set(versions)) < len(versions):
            raise SettingsError(f"versions is {versions!r}; expected two or more different ones")
        if not 0.0 < caring < 1.0:
            raise SettingsError(f"caring is {caring!r}; expected a share between 0 and 1")
        if minimum < 1 or waiting < 0:
            raise SettingsError(f"minimum is {minimum!r} and waiting {waiting!r}; expected at least 1 and 0")
        self.versions = tuple(versions)
        self.caring = caring
        self.minimum = minimum
        self.waiting = waiting
        self._n = dict.fromkeys(self.versions, 0)
        self._right = dict.fromkeys(self.versions, 0)
        self._pairs = [0, 0, 0]
        """Pairs, those where only the first was right, and those where only the second was."""
        self._open: dict[str, tuple[int, bool]] = {}

    def update(self, version: str, correct: bool, key: str = "") -> None:  # noqa: FBT001 the answer's own nature
        """Take an answer.

        Parameters
        ----------
        version : str
            Who gave it; others than those compared are left out.
        correct : bool
            Whether it was right.
        key : str
            Id of what was asked, if it may be paired.
        """
        if version not in self._n:
            return
        self._n[version] += 1
        self._right[version] += bool(correct)
        if key and len(self.versions) == 2:
            self._pair(self.versions.index(version), bool(correct), key)

    def _pair(self, which: int, correct: bool, key: str) -> None:  # noqa: FBT001 as above
        known = self._open.get(key)
        if known is None:
            self._open[key] = which, correct
            if len(self._open) > self.waiting:
                del self._open[next(iter(self._open))]
        elif known[0] != which:
            del self._open[key]
            self._pairs[0] += 1
            if known[1] != correct:
                winner = which if correct else known[0]
                self._pairs[1 + winner] += 1

    def decide(self) -> Decision:
        """Decide which version to use, from the answers so far."""
        n = tuple(self._n.values())
        right = tuple(self._right.values())
        pairs, only_a, only_b = self._pairs
        paired = pairs >= self.minimum and 2 * pairs >= max(n)
        odds = paired_odds(only_a, only_b, pairs) if paired else unpaired_odds(right, n)
        verdict, choice = self._verdict(odds)
        return Decision(
            versions=self.versions,
            n=n,
            right=right,
            accuracy=tuple(r / m if m else math.nan for r, m in zip(right, n, strict=True)),
            interval=tuple(BetaBinomial(r, m).interval() for r, m in zip(right, n, strict=True)),
            best=odds.best,
            loss=odds.loss,
            verdict=verdict,
            choice=choice,
            pairs=pairs if paired else 0,
            p_value=_mcnemar(only_a, only_b) if paired else math.nan,
            summary=self._summary(odds, verdict, choice),
        )

    def _verdict(self, odds: Odds) -> tuple[Verdict, str | None]:
        if min(self._n.values()) < self.minimum:
            return "undecided", None
        if odds.loss[0] < self.caring:
            return "keep", self.versions[0]
        best = min(range(1, len(self.versions)), key=odds.loss.__getitem__)
        return ("switch", self.versions[best]) if odds.loss[best] < self.caring else ("undecided", None)

    def _summary(self, odds: Odds, verdict: Verdict, choice: str | None) -> str:
        if choice is None:
            short = [f"{v} has {n:,}" for v, n in self._n.items() if n < self.minimum]
            if short:
                return f"undecided: {self.minimum:,} answers of each are needed, {', '.join(short)}"
            least = min(range(len(self.versions)), key=odds.loss.__getitem__)
            return (
                f"undecided: {self.versions[least]} is ahead, and choosing it would cost {odds.loss[least]:.2%} on average; "
                f"wanted below {self.caring:.2%}"
            )
        at = self.versions.index(choice)
        done = f"keep {choice}" if verdict == "keep" else f"switch to {choice}"
        return f"{done}: best with a probability of {odds.best[at]:.3g}, expected loss {odds.loss[at]:.2%}"

    def state(self) -> dict[str, Any]:
        """Give the state as plain data; `from_state` continues from it bit for bit."""
        return {
            "version": _VERSION,
            "versions": list(self.versions),
            "caring": self.caring,
            "minimum": self.minimum,
            "waiting": self.waiting,
            "n": list(self._n.values()),
            "right": list(self._right.values()),
            "pairs": list(self._pairs),
            "open": [[key, which, correct] for key, (which, correct) in self._open.items()],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild from `state`.

        Raises
        ------
        StateError
            If it is of another version or damaged.
        """
        expect_version(state, _VERSION, "the comparison of versions")
        try:
            comparison = cls(
                [str(version) for version in state["versions"]],
                caring=float(state["caring"]),
                minimum=int(state["minimum"]),
                waiting=int(state["waiting"]),
            )
            versions = comparison.versions
            comparison._n = dict(zip(versions, map(int, state["n"]), strict=True))
            comparison._right = dict(zip(versions, map(int, state["right"]), strict=True))
            pairs, only_a, only_b = map(int, state["pairs"])
            comparison._pairs = [pairs, only_a, only_b]
            comparison._open = {str(key): (int(which), bool(ok)) for key, which, ok in state["open"]}
        except (KeyError, TypeError, ValueError, SettingsError) as error:
            raise StateError(f"the state of a comparison of versions is damaged: {error}") from error
        return comparison


def _mcnemar(only_a: int, only_b: int) -> float:
    """P-value of the exact two-sided test that both are right alone equally often."""
    less = min(only_a, only_b)
    return min(1.0, 2.0 * float(special.bdtr(less, only_a + only_b, 0.5))) if only_a + only_b else 1.0
