"""Scores and episodes of standardised channels: every mean against its baseline, alone and jointly."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stream_app.core.anomaly.alarm_budget import AlarmBudget
from stream_app.core.anomaly.config import AnomalyConfig
from stream_app.core.anomaly.episode import Change, Episode, Evidence, Step
from stream_app.core.anomaly.reference import ReferenceProfile, standardised
from stream_app.core.anomaly.smoothing import channel_means, rows_since_present, span_weight
from stream_app.core.anomaly.tails import student_square_bound, student_to_normal
from stream_app.core.arrays import BoolArray, FloatArray

__all__ = ["LevelRun", "LevelWatch", "Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """An anomaly begins, ends or is adopted at a row.

    Parameters
    ----------
    row : int
        The row.
    change : {'begin', 'end', 'adopt'}
        What happens there.
    evidence : FloatArray, shape (d,)
        Squared normal equivalents of the channels: at the beginning those of the row, at the end the largest
        of the channels that were part of the anomaly.
    length : int
        Rows of the anomaly so far.
    threshold : float
        The level that was crossed.
    """

    row: int
    change: Change
    evidence: FloatArray
    length: int
    threshold: float


@dataclass(frozen=True, slots=True)
class LevelRun:
    """Result of `LevelWatch.advance` for the first `len(score)` rows given to it.

    Parameters
    ----------
    score : FloatArray, shape (n,)
        Largest normal equivalent per row.
    active : BoolArray, shape (n,)
        Whether the row is part of an anomaly.
    turns : list of Turn
        Where anomalies begin and end.
    filled, fast : FloatArray, shape (d, n)
        Standardised channels (the fast mean where a value is missing) and their fast means.
    adopted : bool
        True if the last row ended an anomaly because it had become the new normal.
    """

    score: FloatArray
    active: BoolArray
    turns: list[Turn]
    filled: FloatArray
    fast: FloatArray
    adopted: bool


@dataclass(frozen=True, slots=True)
class Gaps:
    """Where values are missing, and where for so long that the means say nothing; both of shape (d, n)."""

    missing: BoolArray
    stale: BoolArray


class LevelWatch:
    """The running means, baselines and episode of one source after its warm-up.

    Parameters
    ----------
    profile : ReferenceProfile
        What normal looks like; goes on learning in place.
    config : AnomalyConfig
        Spans and shares.
    budget : AlarmBudget
        Sets the normal equivalent at which an anomaly begins; is charged for each.
    """

    def __init__(self, profile: ReferenceProfile, config: AnomalyConfig, budget: AlarmBudget) -> None:
        self.profile = profile
        self.budget = budget
        self.episode = Episode.outside(profile.location.size)
        self._config = config
        self._absent = np.zeros(profile.location.size, dtype=np.int64)
        self._set_bounds()

    def _set_bounds(self) -> None:
        # Squared departures are cheaper to compare with a bound than to turn into scores first.
        config = self._config
        self._level = self.budget.level
        levels = np.array([self._level, self._level + config.fast_margin, config.leave])
        bounds = student_square_bound(levels[:, None], self.profile.freedom)
        self._begin_bound, self._fast_bound, self._quiet_bound = bounds[:, :, None]

    def advance(self, values: FloatArray) -> LevelRun:
        """Judge rows of raw values, at most up to the row where an anomaly is adopted as normal."""
        profile, config = self.profile, self._config
        # Channels are rows from here on: vectorised passes then run along memory.
        u = standardised(
            np.ascontiguousarray(values.T),
            profile.location[:, None],
            profile.scale[:, None],
            profile.watched[:, None],
            config.clip,
        )
        n = u.shape[1]
        missing: BoolArray | None = np.isnan(u)
        absent = np.zeros(u.shape, dtype=np.int64)
        if missing is not None and missing.any():
            absent = rows_since_present(missing.T, self._absent).T
        else:
            missing = None
        fast = channel_means(u, span_weight(config.fast), profile.fast, missing)
        score = np.zeros(n)
        active = np.zeros(n, dtype=np.bool_)
        turns: list[Turn] = []
        done, adopted = 0, False
        while done < n and not adopted:
            was_active = self.episode.active
            gaps = None if missing is None else Gaps(missing[:, done:], absent[:, done:] > config.slow)
            step, scores, turn = self._stretch(u[:, done:], fast[:, done:], gaps)
            stop = done + step.row + 1
            score[done:stop] = scores
            active[done : stop - 1] = was_active
            active[stop - 1] = self.episode.active
            if turn is not None:
                turns.append(replace(turn, row=done + turn.row))
            done, adopted = stop, step.change == "adopt"
        profile.fast = fast[:, done - 1].copy()
        self._absent = absent[:, done - 1].copy()
        filled = u if missing is None else np.where(missing, fast, u)
        return LevelRun(score[:done], active[:done], turns, filled[:, :done], fast[:, :done], adopted)

    def _stretch(
        self, u: FloatArray, fast: FloatArray, gaps: Gaps | None
    ) -> tuple[Step, FloatArray, Turn | None]:
        """Go to the next change of state or to the last row."""
        profile, config = self.profile, self._config
        missing = None if gaps is None else gaps.missing
        slow = channel_means(u, span_weight(config.slow), profile.slow, missing)
        baseline = channel_means(u, 1.0 / (config.baseline + 1.0), profile.baseline, missing)
        if self.episode.active:
            baseline[self.episode.members] = profile.baseline[self.episode.members, None]
        before = np.concatenate((profile.baseline[:, None], baseline[:, :-1]), axis=1)
        departure, quick = slow - before, fast - before
        if gaps is not None:
            departure[gaps.stale] = quick[gaps.stale] = 0.0
        freedom = profile.freedom[:, None]
        slow_square = departure * departure / profile.slow_variance[:, None]
        quick_square = quick * quick / profile.fast_variance[:, None]
        slow_score = student_to_normal(slow_square, freedom)
        quick_score = student_to_normal(quick_square, freedom) - config.fast_margin
        joint = np.maximum(*profile.joint.normal_equivalents(np.copysign(slow_score, departure).T))
        hit = (slow_square >= self._begin_bound) | (quick_square >= self._fast_bound)
        if not self.episode.active:
            jointly = joint >= self._level
            if jointly.any():
                parts = np.ascontiguousarray(slow_score.T) ** 2
                hit |= jointly & (parts >= np.mean(parts, axis=1, keepdims=True)).T
        if self.episode.active or hit.any():
            quiet = quick_square <= self._quiet_bound
            evidence = Evidence(hit.T, np.abs(departure).T, np.abs(quick).T, quiet.T)
            step = self.episode.advance(evidence, config)
        else:
            step = Step(u.shape[1] - 1, "none")
        row, stop = step.row, step.row + 1
        best = np.maximum(slow_score, quick_score)
        scores = np.maximum(best[:, :stop].max(axis=0), joint[:stop])
        self._take(step, slow[:, row], baseline[:, row], before[:, row], fast[:, row])
        turn = None
        if step.change == "begin":
            level = self._level
            self.budget.charge()
            self._set_bounds()
            turn = Turn(step.row, step.change, np.maximum(best[:, row], 0.0) ** 2, 1, level)
        elif step.change in ("end", "adopt"):
            turn = Turn(step.row, step.change, self._peak_evidence(), self.episode.length, config.leave)
        return step, np.maximum(scores, 0.0), turn

    def _peak_evidence(self) -> FloatArray:
        profile, episode = self.profile, self.episode
        score = student_to_normal(episode.peak**2 / profile.slow_variance, profile.freedom)
        return np.asarray(np.where(episode.members, score, 0.0) ** 2)

    def _take(
        self, step: Step, slow: FloatArray, baseline: FloatArray, before: FloatArray, fast: FloatArray
    ) -> None:
        """Keep the means of the last row; channels of the anomaly keep the baseline they had before it."""
        members = self.episode.members
        profile = self.profile
        profile.slow, profile.baseline = slow.copy(), baseline.copy()
        if step.change in ("begin", "join"):
            profile.baseline = np.where(members, before, baseline)
        elif step.change == "end":
            # The level at which the channel was found normal again is its new baseline.
            profile.baseline = np.where(members, fast, baseline)
            profile.slow = np.where(members, fast, slow)

    def settle(self) -> FloatArray:
        """Learn from a stretch of normal operation and move the origin to the baselines.

        Called once every `baseline` rows. The departure of a normal channel at that row is one more
        independent observation of its variance (weighed as one among `freedom`), so that slow wander that a
        short reference did not show becomes part of normal. The certainty does not grow with the stream:
        calm periods would make it blind to the fact that processes move in steps.

        Returns
        -------
        FloatArray, shape (d,)
            By how much the origin of the standardised channels moved.
        """
        profile = self.profile
        normal = profile.watched & ~self.episode.members if self.episode.active else profile.watched
        nu = profile.freedom
        for name, mean in (("slow_variance", profile.slow), ("fast_variance", profile.fast)):
            variance = getattr(profile, name)
            learned = (nu * variance + (mean - profile.baseline) ** 2) / (nu + 1.0)
            setattr(profile, name, np.where(normal, np.maximum(learned, self._config.wander**2), variance))
        self.budget.earn(self._config.baseline)
        self._set_bounds()
        origin = profile.baseline
        profile.location = profile.location + profile.scale * origin
        profile.fast, profile.slow = profile.fast - origin, profile.slow - origin
        profile.baseline = np.zeros(origin.size)
        return origin

    def surprise(self) -> FloatArray:
        """Say what an adopted anomaly adds to the variance of its channels, in their squared units, for the next reference.

        Channels that are back where they were have no new level: they took part in a fault that is over.
        """
        profile = self.profile
        moved = (self.episode.peak * profile.scale) ** 2 / (profile.freedom + 1.0)
        return np.asarray(np.where(self.episode.astray, moved, 0.0))

    def state(self) -> dict[str, Any]:
        """Plain values, for `from_state`."""
        return {"profile": self.profile.state(), "episode": self.episode.state(), "absent": self._absent}

    @classmethod
    def from_state(cls, state: dict[str, Any], config: AnomalyConfig, budget: AlarmBudget) -> "LevelWatch":
        """Take back what `state` gave."""
        watch = cls(ReferenceProfile.from_state(state["profile"]), config, budget)
        watch.episode = Episode.from_state(state["episode"])
        watch._absent = np.array(state["absent"], dtype=np.int64)
        return watch
