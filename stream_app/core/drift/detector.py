"""The drift detector of one source: every channel and pair of channels, within one false-alarm rate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.drift.bar import alarms_owed, raised_bar
from stream_app.core.drift.baseline import ChannelsBaseline, PairsBaseline, fit_pairs, packed_counts
from stream_app.core.drift.betting import BINS, PAIR_BINS, UNIT, channel_bets, log_normalisers, pair_bets
from stream_app.core.drift.blame import blamed
from stream_app.core.drift.config import DriftConfig, DriftResult
from stream_app.core.drift.ecusum import carried, onset_at_alarm, run_ecusum
from stream_app.core.drift.evidence import BinnedEvents, bin_events, count_bins, log_e_values
from stream_app.core.drift.sample import ReferenceSample
from stream_app.core.drift.stakes import Stakes
from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, SettingsError, StateError

__all__ = ["DriftDetector"]

_VERSION = 1
_BLOCK = 256  # events after which the reference takes in what came one block earlier
_AT_ONCE = 1024  # events that are binned together: more would not stay in the processor's cache
_RECENT = 64  # events kept for the figures of an alert
_ABSURD = 1e15  # beyond this a number is no measurement and teaches nothing


class DriftDetector:
    """Detect that a source's distribution has changed, with few false alarms however long one looks.

    Learns a reference from the first `warmup` events (or from `learn`), turns each later event into bets
    that would win if level, scale, shape or correlation had changed, and sums them in e-CUSUMs. At an
    alarm everything is learned anew, so that one drift is one alarm. Use it as the standard drift detector of a
    stream; for a single test of two samples see `stream_app.core.twosample`.

    If events are independent and unchanged, the mean number of events between false alarms is at least
    ``1 / false_alarm_rate`` (simulated for all continuous distributions at once, `run_length`). For
    dependent events the same is calibrated from the reference (`whitening`), and not proved.

    About 2.5 µs per 8-channel event in batches of hundreds, 21 KiB of state for 8 channels (33 while learning).

    Parameters
    ----------
    channels : tuple of str
        Names of the columns.
    config : DriftConfig
        Settings.

    References
    ----------
    Shin, Ramdas, Rinaldo (2024). E-detectors: a nonparametric framework for sequential change detection.
    New England Journal of Statistics in Data Science 2(2).

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> values = rng.normal(size=(3000, 2))
    >>> values[2000:, 1] += 1.0
    >>> detector = DriftDetector(("flow", "pressure"), DriftConfig(false_alarm_rate=1e-4))
    >>> result = detector.update(np.arange(3000.0), values)
    >>> [(signal.channel, signal.detector, signal.row) for signal in result.signals]
    [('pressure', 'drift.level', 2019)]
    """

    def __init__(self, channels: Sequence[str], config: DriftConfig | None = None) -> None:
        self._prepare(channels, config or DriftConfig())
        self._set_stakes()

    def _prepare(self, channels: Sequence[str], config: DriftConfig) -> None:
        if not channels or len(set(channels)) != len(channels):
            raise SettingsError(f"channels are {tuple(channels)!r}; expected at least one, each named once")
        self.channels = tuple(channels)
        self.config = config
        self._bets = channel_bets(self.config.min_effect)
        self._sample: ReferenceSample | None = None
        self._owed = self.config.prepaid
        self._forget()

    @property
    def learned(self) -> tuple[str, ...]:
        """Channels that have a reference."""
        return tuple(name for name, known in zip(self.channels, self._base.learned, strict=True) if known)

    def learn(self, values: FloatArray) -> None:
        """Start over with a given reference instead of the next events.

        Parameters
        ----------
        values : ndarray of float, shape (n, d)
            Events in time order, at least 200.

        Raises
        ------
        DataError
            If the shape does not fit or there are too few events.
        """
        values = self._checked(values)
        if len(values) < 200:
            raise DataError(f"the reference has {len(values)} events; drift detection needs at least 200")
        self._forget()
        self._sample = sample = ReferenceSample(len(self.channels), len(values))
        sample.add(values)
        self._fit()

    def update(self, ts: FloatArray, values: FloatArray, ordinary: BoolArray | None = None) -> DriftResult:
        """Take the next events.

        Parameters
        ----------
        ts : ndarray of float, shape (n,)
            Event times in epoch seconds.
        values : ndarray of float, shape (n, d)
            A column a channel; NaN where missing.
        ordinary : ndarray of bool, shape (n,), optional
            Events to learn from; all where it is None. The others are judged, and do not enter the reference.

        Returns
        -------
        DriftResult
            Flags and statistic of each event, and the signals.

        Raises
        ------
        DataError
            If the shapes do not fit.
        """
        values = self._checked(values)
        if np.shape(ts) != (len(values),):
            raise DataError(
                f"ts has shape {np.shape(ts)} for {len(values)} events; expected one time per event"
            )
        statistic = np.zeros(len(values))
        signals: list[Signal] = []
        row = 0
        while row < len(values):
            # Bins depend on what was learned, not on thresholds: they are found for many blocks at once.
            stop = min(len(values), row + (_AT_ONCE if self._sample is None else self._until_border()))
            events = (
                bin_events(values[row:stop], self._base, self._pairs) if self._base.learned.any() else None
            )
            first, signal = row, None
            while row < stop and signal is None:
                end = min(stop, row + self._until_border())
                binned = None if events is None else events.part(row - first, end - first)
                learn = None if ordinary is None else ordinary[row:end]
                signal, ratio = self._advance(values[row:end], binned, learn)
                statistic[row : row + len(ratio)] = ratio
                row += len(ratio)
            if signal is not None:
                signals.append(replace(signal, row=row - 1, ts=float(ts[row - 1])))
        return DriftResult(statistic >= 1.0, statistic, signals)

    def state(self) -> dict[str, Any]:
        """Return all that the detector knows, as plain values."""
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "config": asdict(self.config),
            "age": self._age,
            "owed": self._owed,
            "base": self._base.state(),
            "pairs": {**asdict(self._pairs), "counts": packed_counts(self._pairs.counts)},
            "evidence": self._evidence.copy(),
            "onset": self._onset.copy(),
            "waiting": self._waiting[:, self._base.learned],
            "pair_waiting": self._pair_waiting.copy(),
            "recent": self._recent.copy(),
            "sample": None if self._sample is None else self._sample.state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the detector that had this `state`; it continues to the digit.

        Raises
        ------
        StateError
            If the state is of another version or incomplete.
        """
        expect_version(state, _VERSION, "the drift detector")
        detector = cls.__new__(cls)  # so that stakes are set once only, which takes longest
        try:
            detector._take(state)  # noqa: SLF001 one of ours
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise StateError(f"the drift state is damaged ({error}); start the source anew") from error
        return detector

    def _take(self, state: Mapping[str, Any]) -> None:
        self._prepare(tuple(state["channels"]), DriftConfig(**state["config"]))
        self._age = int(state["age"])
        self._owed = float(state["owed"])
        self._base = ChannelsBaseline.from_state(state["base"])
        self._pairs = PairsBaseline(**{name: np.array(value) for name, value in state["pairs"].items()})
        self._pairs.counts = self._pairs.counts.astype(np.int32)
        self._waiting[:, self._base.learned] = state["waiting"]
        for name in ("evidence", "onset", "pair_waiting", "recent"):
            setattr(self, f"_{name}", np.array(state[name]))
        self._sample = None if (sample := state["sample"]) is None else ReferenceSample.from_state(sample)
        self._set_stakes()

    def _checked(self, values: FloatArray) -> FloatArray:
        values = np.asarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.channels):
            raise DataError(
                f"values have shape {values.shape}; expected (events, {len(self.channels)}) for {self.channels}"
            )
        return values

    def _forget(self) -> None:
        """Forget the reference; the stakes are to be set anew then."""
        d = len(self.channels)
        self._age = 0
        self._base = ChannelsBaseline.unlearned(d)
        self._pairs = fit_pairs({})
        self._waiting = np.zeros((2, d, BINS), dtype=np.uint16)
        self._pair_waiting = np.zeros((2, 0, PAIR_BINS), dtype=np.uint16)
        self._recent = np.full((0, d), np.nan, dtype=np.float32)
        self._sample = ReferenceSample(d, self.config.warmup)
        members = d * len(self._bets.families)
        self._evidence = np.zeros(members, dtype=np.int32)
        self._onset = np.zeros(members, dtype=np.int64)

    def _until_border(self) -> int:
        """Return how many events may pass before something is learned; counted from the restart."""
        events = _BLOCK - self._age % _BLOCK
        return events if self._sample is None else min(events, self._sample.wanting)

    def _advance(
        self, values: FloatArray, binned: BinnedEvents | None, ordinary: BoolArray | None
    ) -> tuple[Signal | None, FloatArray]:
        """Take events up to the next border; stop at an alarm. Returns the ratio for each event taken."""
        ratio = np.zeros(len(values))
        if binned is not None:
            n = len(values)
            evidence = run_ecusum(log_e_values(binned, self._bets, self._takes), self._evidence)
            ratios = evidence.astype(np.float32)
            ratios *= self._per_threshold
            ratio = ratios.max(axis=2).T.ravel()[:n].astype(np.float64)
            alarm = int(np.argmax(ratio >= 1.0))
            if ratio[alarm] >= 1.0:
                piece, place = divmod(alarm, len(evidence))
                bet = int(np.argmax(ratios[place, piece]))
                history = evidence[:, :, bet].T.ravel()[: alarm + 1]
                signal = self._signal(values[: alarm + 1], bet, history, ratios[place, piece])
                self._owed = self._debt(self._age + alarm + 1) + 1.0
                self._forget()
                self._set_stakes()
                return signal, ratio[: alarm + 1]
            self._evidence, self._onset = carried(evidence, n, self._age, self._onset)
            counted = binned if ordinary is None else binned.where(ordinary)
            self._waiting[1] += count_bins(counted.channels, BINS)
            self._pair_waiting[1] += count_bins(counted.pairs, PAIR_BINS)
        self._remember(values, ordinary)
        return None, ratio

    def _remember(self, values: FloatArray, ordinary: BoolArray | None) -> None:
        """Move on in time: keep recent values, fill the learning buffer, learn at a border."""
        if self._base.learned.any():
            self._recent = self._with_recent(values)
        self._age += len(values)
        if self._sample is not None:
            taught = values[:, ~self._base.learned]
            if ordinary is not None:
                taught[~ordinary] = np.nan
            self._sample.add(taught)
            if self._sample.complete:
                self._fit()
        if self._age % _BLOCK == 0:
            self._absorb()

    def _fit(self) -> None:
        """Learn those channels of which at least half of the sample is there; pairs when starting."""
        if self._sample is None:
            return
        unlearned, length = np.flatnonzero(~self._base.learned).tolist(), self._sample.length
        columns = zip(unlearned, self._sample.values().T, self._sample.origin.tolist(), strict=True)
        starting = len(unlearned) == len(self.channels)
        bins = {}
        complete = []
        for index, sample, origin in columns:
            known = sample[np.isfinite(sample)]
            if 2 * len(known) >= length:
                bins[index] = self._base.learn(index, known, origin, 0.4 * self.config.min_effect)
                if len(known) == length:
                    complete.append(index)
        if starting and self.config.correlation:
            self._pairs = fit_pairs({index: bins[index] for index in complete})
            self._pair_waiting = np.zeros((2, len(self._pairs.first), PAIR_BINS), dtype=np.uint16)
            members = len(self._pairs.first) * len(pair_bets().families)
            self._evidence = np.concatenate((self._evidence, np.zeros(members, dtype=np.int32)))
            self._onset = np.concatenate((self._onset, np.full(members, self._age)))
        wanting = int((~self._base.learned).sum())
        self._sample = ReferenceSample(wanting, self.config.warmup) if wanting else None
        self._set_stakes()

    def _absorb(self) -> None:
        """Let the reference grow by the block before last: late, so that a drift is not learned first."""
        most = 20 * self.config.warmup
        _grow(self._base.counts, self._waiting[0], most)
        _grow(self._pairs.counts, self._pair_waiting[0], most)
        for waiting in (self._waiting, self._pair_waiting):
            waiting[0] = waiting[1]
            waiting[1] = 0
        self._set_thresholds()

    def _debt(self, age: int) -> float:
        """Return the alarms that the budget has not yet paid for, so many events after the restart."""
        return alarms_owed(self._owed, self.config.false_alarm_rate, age)

    def _set_stakes(self) -> None:
        """Split the rate over what is learned now."""
        self._stakes = Stakes.split(self.config.false_alarm_rate, self._bets, self._base, self._pairs)
        self._set_thresholds()

    def _set_thresholds(self) -> None:
        """Set what each bet must earn now."""
        normalisers = (
            log_normalisers(self._bets, self._base.counts),
            log_normalisers(pair_bets(), self._pairs.counts),
        )
        self._takes = self._stakes.tolls + np.concatenate([part.ravel() for part in normalisers])
        thresholds = self._stakes.thresholds(self._base, self._pairs)
        self._thresholds = thresholds * raised_bar(self._debt(self._age // _BLOCK * _BLOCK))
        self._per_threshold = (1.0 / (self._thresholds * UNIT)).astype(np.float32)

    def _signal(
        self, values: FloatArray, bet: int, history: npt.NDArray[np.int32], ratios: npt.NDArray[np.float32]
    ) -> Signal:
        """Describe the alarm of a bet at the last of these events, by its evidence since the first of them."""
        since = self._age + len(values) - onset_at_alarm(history, self._age, int(self._onset[bet]))
        channel_bets_ = len(self._bets.families) * len(self.channels)
        context: list[tuple[str, float]] = [("events_since_onset", float(since))]
        if bet < channel_bets_:
            index, which = divmod(bet, len(self._bets.families))
            name, family = self.channels[index], self._bets.families[which]
            context += self._figures(index, self._with_recent(values)[-min(since, _RECENT) :, index])
            contributions = self._contributions(ratios)
        else:
            pair = (bet - channel_bets_) // len(pair_bets().families)
            name, family = WHOLE_SOURCE, "correlation"
            context.append(("correlation_before", float(self._pairs.correlation[pair])))
            members = (self._pairs.first[pair], self._pairs.second[pair])
            contributions = tuple((self.channels[index], 0.5) for index in members)
        return Signal(
            row=0,
            ts=0.0,
            kind="drift",
            detector=f"drift.{family}",
            channel=name,
            statistic=float(history[-1]) / UNIT,
            threshold=float(self._thresholds[bet]),
            contributions=contributions,
            context=tuple(context),
        )

    def _with_recent(self, values: FloatArray) -> npt.NDArray[np.float32]:
        """Return the latest events, these at the end, from the means of the reference."""
        with np.errstate(over="ignore", invalid="ignore"):
            away = (values[-_RECENT:] - self._base.mean).astype(np.float32)
        return np.concatenate((self._recent, away))[-_RECENT:]

    def _figures(self, index: int, recent: npt.NDArray[np.float32]) -> list[tuple[str, float]]:
        """Return mean and standard deviation before and after, as far as they can be computed."""
        known = recent[np.abs(recent) <= _ABSURD].astype(np.float64)
        before = float(self._base.mean[index]), float(self._base.deviation[index])
        figures = list(zip(("mean_before", "std_before"), before, strict=True))
        if len(known):
            mean = float(self._base.mean[index] + known.mean())
            figures += [("mean_after", mean), ("std_after", float(known.std()))]
        return figures

    def _contributions(self, ratios: npt.NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
        """Return each channel's share of the evidence, largest first."""
        bets = len(self._bets.families)
        strongest = ratios[: bets * len(self.channels)].reshape(-1, bets).max(axis=1).astype(np.float64)
        return blamed(self.channels, strongest)


def _grow(counts: npt.NDArray[np.int32], more: npt.NDArray[np.uint16], most: int) -> None:
    """Add to the counts in place; halve those of a row that holds more than `most`, so that the old fade."""
    counts += more
    full = counts.sum(axis=-1) > most
    if full.any():
        counts[full] //= 2
