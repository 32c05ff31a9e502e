"""The drift detector of one source: every channel and pair of channels, within one false-alarm rate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.drift.baseline import (
    ChannelBaseline,
    PairsBaseline,
    bin_channel,
    bin_pairs,
    fit_channel,
    fit_pairs,
)
from stream_app.core.drift.betting import (
    BINS,
    PAIR_BINS,
    UNIT,
    channel_bets,
    log_normalisers,
    normal_scores,
    pair_bets,
)
from stream_app.core.drift.ecusum import run_ecusum
from stream_app.core.drift.run_length import calibrated_threshold
from stream_app.core.drift.whitening import TRACKING, Whitening
from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.errors import DataError, SettingsError, StateError

__all__ = ["DriftConfig", "DriftDetector", "DriftResult"]

_VERSION = 1
_BLOCK = 256  # events after which the reference takes in what came one block earlier
_RECENT = 64  # events kept for the figures of an alert
_ABSURD = 1e15  # beyond this a number is no measurement and teaches nothing
_SPENT = 0.5  # of the budget: chance and what calibration cannot see may take the other half
_PAIR_SHARE = 0.5  # of the rate: what happens between channels counts as much as what happens in them


@dataclass(frozen=True, slots=True)
class DriftConfig:
    """Settings of a `DriftDetector`; the defaults are meant to stay.

    Parameters
    ----------
    false_alarm_rate : float
        False alarms per event that the whole source may raise, over all channels and kinds of change.
    warmup : int
        Events from which a reference is learned, at the start and after each alarm. The level of the
        reference is then known to about 0.03 standard deviations if events are independent.
    min_effect : float
        Smallest shift of level, in standard deviations, worth knowing of: shifts below half of it never
        alarm, shifts above it are found fastest. A quarter of a standard deviation moves the share of
        values beyond the old 97.5 % point from 2.5 to 4.4 %: below that a chart looks the same to the eye.
    correlation : bool
        Whether pairs of channels are watched.
    """

    false_alarm_rate: float = 1e-5
    warmup: int = 1000
    min_effect: float = 0.25
    correlation: bool = True

    def __post_init__(self) -> None:
        if not 0.0 < self.false_alarm_rate <= 0.1:
            raise SettingsError(
                f"false_alarm_rate is {self.false_alarm_rate!r}; expected a rate per event above 0, at most 0.1"
            )
        if self.warmup < 200:
            raise SettingsError(f"warmup is {self.warmup}; a reference needs at least 200 events")
        if not 0.05 <= self.min_effect <= 1.0:
            raise SettingsError(
                f"min_effect is {self.min_effect!r}; expected 0.05 to 1 standard deviations of the reference"
            )


@dataclass(frozen=True, slots=True)
class DriftResult:
    """What a batch did.

    Parameters
    ----------
    drift : ndarray of bool, shape (n,)
        Events at which an alarm was raised.
    statistic : ndarray of float, shape (n,)
        Strongest evidence over its threshold: 1 or more is an alarm; 0 while a reference is learned.
    signals : list of Signal
        One per alarm, in the order of the rows.
    """

    drift: BoolArray
    statistic: FloatArray
    signals: list[Signal]


class DriftDetector:
    """Detect that a source's distribution has changed, with few false alarms however long one looks.

    Learns a reference from the first `warmup` events (or from `learn`), turns each later event into bets
    that would win if level, scale, shape or correlation had changed, and sums them in e-CUSUMs. At an
    alarm everything is learned anew, so that one drift is one alarm. Use it as the standard drift detector of a
    stream; for a single test of two samples see `stream_app.core.twosample`.

    If events are independent and unchanged, the mean number of events between false alarms is at least
    ``1 / false_alarm_rate`` (simulated for all continuous distributions at once, `run_length`). For
    dependent events the same is calibrated from the reference (`whitening`), and not proved.

    About 2 µs per 8-channel event in batches of hundreds, 19 KB of state for 8 channels (and 32 KB more
    while learning).

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
        if not channels or len(set(channels)) != len(channels):
            raise SettingsError(f"channels are {tuple(channels)!r}; expected at least one, each named once")
        self.channels = tuple(channels)
        self.config = config or DriftConfig()
        self._bets = channel_bets(self.config.min_effect)
        self._pair_bets = pair_bets()
        self._restart()

    @property
    def learned(self) -> tuple[str, ...]:
        """Channels that have a reference."""
        return tuple(name for name, base in zip(self.channels, self._bases, strict=True) if base is not None)

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
        values = np.where(np.abs(values) <= _ABSURD, values, np.nan)
        if len(values) < 200:
            raise DataError(f"the reference has {len(values)} events; drift detection needs at least 200")
        self._restart()
        self._origin = self._first_known(values)
        taught = (values - self._origin).astype(np.float32).astype(np.float64)
        self._fit(dict(enumerate(taught.T)), len(values))

    def update(self, ts: FloatArray, values: FloatArray) -> DriftResult:
        """Take the next events.

        Parameters
        ----------
        ts : ndarray of float, shape (n,)
            Event times in epoch seconds.
        values : ndarray of float, shape (n, d)
            A column a channel; NaN where missing.

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
            stop = min(len(values), row + self._until_border())
            signal, ratio = self._advance(values[row:stop])
            statistic[row : row + len(ratio)] = ratio
            row += len(ratio)
            if signal is not None:
                signals.append(_at(signal, row - 1, float(ts[row - 1])))
        return DriftResult(statistic >= 1.0, statistic, signals)

    def state(self) -> dict[str, Any]:
        """Return all that the detector knows, as plain values."""
        return {
            "version": _VERSION,
            "channels": list(self.channels),
            "config": asdict(self.config),
            "age": self._age,
            "bases": [None if base is None else asdict(base) for base in self._bases],
            "pairs": asdict(self._pairs),
            "evidence": self._evidence.copy(),
            "onset": self._onset.copy(),
            "waiting": self._waiting.copy(),
            "pair_waiting": self._pair_waiting.copy(),
            "recent": self._recent.copy(),
            "origin": self._origin.copy(),
            "buffer": self._buffer.copy(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the detector that had this `state`; it continues to the digit.

        Raises
        ------
        StateError
            If the state is of another version or incomplete.
        """
        if state.get("version") != _VERSION:
            raise StateError(
                f"the drift state has version {state.get('version')!r}; this release reads {_VERSION}"
            )
        try:
            detector = cls(tuple(state["channels"]), DriftConfig(**state["config"]))
            detector._age = int(state["age"])
            detector._bases = [None if base is None else _restored_base(base) for base in state["bases"]]
            detector._pairs = PairsBaseline(
                **{name: np.array(value) for name, value in state["pairs"].items()}
            )
            for name in ("evidence", "onset", "waiting", "pair_waiting", "recent", "origin", "buffer"):
                setattr(detector, f"_{name}", np.array(state[name]))
        except (KeyError, TypeError) as error:
            raise StateError(f"the drift state is damaged ({error}); start the source anew") from error
        detector._set_thresholds()
        return detector

    def _checked(self, values: FloatArray) -> FloatArray:
        values = np.asarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.channels):
            raise DataError(
                f"values have shape {values.shape}; expected (events, {len(self.channels)}) for {self.channels}"
            )
        return values

    def _restart(self) -> None:
        """Forget the reference and begin to learn."""
        d = len(self.channels)
        self._age = 0
        self._bases: list[ChannelBaseline | None] = [None] * d
        self._pairs = fit_pairs({})
        self._waiting = np.zeros((2, d, BINS), dtype=np.uint16)
        self._pair_waiting = np.zeros((2, 0, PAIR_BINS), dtype=np.uint16)
        self._recent = np.full((0, d), np.nan)
        self._open_buffer()
        members = d * len(self._bets.families)
        self._evidence = np.zeros(members, dtype=np.int32)
        self._onset = np.zeros(members, dtype=np.int64)
        self._set_thresholds()

    def _open_buffer(self) -> None:
        self._origin = np.full(len(self._unlearned()), np.nan)
        self._buffer = np.full((self.config.warmup, len(self._origin)), np.nan, dtype=np.float32)

    def _unlearned(self) -> list[int]:
        return [index for index, base in enumerate(self._bases) if base is None]

    def _until_border(self) -> int:
        """Return how many events may pass before something is learned; counted from the restart."""
        events = _BLOCK - self._age % _BLOCK
        if len(self._origin):
            events = min(events, self.config.warmup - self._age % self.config.warmup)
        return events

    def _advance(self, values: FloatArray) -> tuple[Signal | None, FloatArray]:
        """Take events up to the next border; stop at an alarm. Returns the ratio for each event taken."""
        ratio = np.zeros(len(values))
        if any(base is not None for base in self._bases):
            bins, pair_bins_ = self._bins(values)
            evidence, onset = run_ecusum(self._steps(bins, pair_bins_), self._evidence)
            ratios = np.multiply(evidence, self._per_threshold[:, None], dtype=np.float32, casting="unsafe")
            ratio = ratios.max(axis=0).astype(np.float64)
            alarm = int(np.argmax(ratio >= 1.0))
            if ratio[alarm] >= 1.0:
                signal = self._signal(values[: alarm + 1], evidence[:, : alarm + 1], ratios[:, alarm])
                self._restart()
                return signal, ratio[: alarm + 1]
            self._evidence = evidence[:, -1].copy()
            self._onset = np.where(onset >= 0, self._age + onset, self._onset)
            self._waiting[1] += _counted(bins, BINS)
            self._pair_waiting[1] += _counted(pair_bins_, PAIR_BINS)
        self._remember(values)
        return None, ratio

    def _remember(self, values: FloatArray) -> None:
        """Move on in time: keep recent values, fill the learning buffer, learn at a border."""
        self._recent = np.concatenate((self._recent, values))[-_RECENT:]
        if len(self._origin):
            begin = self._age % self.config.warmup
            taught = np.where(np.abs(values) <= _ABSURD, values, np.nan)[:, self._unlearned()]
            self._origin = np.where(np.isnan(self._origin), self._first_known(taught), self._origin)
            self._buffer[begin : begin + len(values)] = taught - self._origin
        self._age += len(values)
        if len(self._origin) and self._age % self.config.warmup == 0:
            sample = self._buffer.astype(np.float64)
            self._fit(dict(zip(self._unlearned(), sample.T, strict=True)), self.config.warmup)
        if self._age % _BLOCK == 0:
            self._absorb()

    @staticmethod
    def _first_known(values: FloatArray) -> FloatArray:
        """Return the first value of each column that is not missing; NaN where there is none."""
        first: FloatArray = values[np.argmax(np.isfinite(values), axis=0), np.arange(values.shape[1])]
        return first

    def _fit(self, samples: dict[int, FloatArray], length: int) -> None:
        """Learn those channels of which at least half of the sample is there; pairs when starting."""
        starting = len(samples) == len(self.channels)
        bins = {}
        complete = []
        for (index, sample), origin in zip(samples.items(), self._origin.tolist(), strict=True):
            known = sample[np.isfinite(sample)]
            if 2 * len(known) >= length:
                self._bases[index], bins[index] = fit_channel(known, origin, 0.4 * self.config.min_effect)
                if len(known) == length:
                    complete.append(index)
        if starting and self.config.correlation:
            self._pairs = fit_pairs({index: bins[index] for index in complete})
            self._pair_waiting = np.zeros((2, len(self._pairs.first), PAIR_BINS), dtype=np.uint16)
            members = len(self._pairs.first) * len(self._pair_bets.families)
            self._evidence = np.concatenate((self._evidence, np.zeros(members, dtype=np.int32)))
            self._onset = np.concatenate((self._onset, np.full(members, self._age)))
        self._open_buffer()
        self._set_thresholds()

    def _absorb(self) -> None:
        """Let the reference grow by the block before last: late, so that a drift is not learned first."""
        most = 20 * self.config.warmup
        for index, base in enumerate(self._bases):
            if base is not None:
                base.counts = _grown(base.counts, self._waiting[0, index], most)
        self._pairs.counts = _grown(self._pairs.counts, self._pair_waiting[0], most)
        for waiting in (self._waiting, self._pair_waiting):
            waiting[0] = waiting[1]
            waiting[1] = 0
        self._set_thresholds()

    def _set_thresholds(self) -> None:
        """Split the false-alarm rate: rates add up, whatever the dependence between the members."""
        rate, d, pairs = _SPENT * self.config.false_alarm_rate, len(self.channels), len(self._pairs.first)
        nats = calibrated_threshold("channel", d / (rate * (1.0 - _PAIR_SHARE) if pairs else rate))
        pair_nats = calibrated_threshold("pair", pairs / (rate * _PAIR_SHARE)) if pairs else nats
        bets = len(self._bets.families)
        thresholds = np.concatenate([self._channel_thresholds(base, nats) for base in self._bases])
        pair_thresholds = pair_nats * self._pairs.inflation[:, None]
        known = self._pairs.counts.sum(axis=1)[:, None]
        pair_thresholds = pair_thresholds * (
            1.0 + pair_thresholds / (self._pair_bets.gains * np.maximum(known, 1))
        )
        self._thresholds = np.concatenate((thresholds, pair_thresholds.ravel()))
        # Tracking has forgotten a change after a few of its windows: evidence that comes more slowly
        # than that cannot be about a change, so tracked channels pay for their time.
        tracked = np.array([base is not None and base.whitening.tracked for base in self._bases])
        self._toll = np.zeros(len(self._thresholds), dtype=np.int32)
        self._toll[: len(thresholds)] = np.where(np.repeat(tracked, bets), nats * UNIT / (4 * TRACKING), 0.0)
        self._per_threshold = (1.0 / (self._thresholds * UNIT)).astype(np.float32)

    def _channel_thresholds(self, base: ChannelBaseline | None, nats: float) -> FloatArray:
        """Return what each bet on a channel must earn; infinite for what is not bet on.

        Evidence of autocorrelated events is overstated by the inflation. A reference of N events is itself off,
        the same way during a whole run of evidence: over the ``n = threshold / gain`` events that a bet
        needs, this adds n / N to the variance of its evidence.
        """
        if base is None:
            return np.full(len(self._bets.families), nats)
        level, scale, shape = (nats * base.inflation).tolist()
        # The shape of a tracked channel's innovations is not the shape of the channel.
        needed = {"level": level, "scale": scale, "shape": np.inf if base.whitening.tracked else shape}
        thresholds = np.array([needed[family] for family in self._bets.families])
        inflated: FloatArray = thresholds * (1.0 + thresholds / (self._bets.gains * base.counts.sum()))
        return inflated

    def _bins(self, values: FloatArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return the bin of each event, a row a channel and a row a pair; one past the last if missing."""
        columns = np.ascontiguousarray(values.T)
        present = np.isfinite(columns)
        bins = np.full(columns.shape, BINS, dtype=np.intp)
        for index, base in enumerate(self._bases):
            if base is not None:
                bins[index] = bin_channel(base, columns[index], present[index])
        pairs = bin_pairs(self._pairs, np.append(normal_scores(), 0.0)[bins])
        if not present.all():
            pairs[~(present[self._pairs.first] & present[self._pairs.second])] = PAIR_BINS
        return bins, pairs

    def _steps(self, bins: npt.NDArray[np.intp], pairs: npt.NDArray[np.intp]) -> npt.NDArray[np.int32]:
        """Return the logarithms of the e-values, a row a bet."""
        steps = np.zeros((len(self._evidence), bins.shape[1]), dtype=np.int32)
        counts = [np.zeros(BINS, dtype=np.int32) if base is None else base.counts for base in self._bases]
        kinds = [(self._bets, np.array(counts), bins), (self._pair_bets, self._pairs.counts, pairs)]
        row = 0
        for bets, reference, observed in kinds:
            tables = np.zeros((len(reference), len(bets.families), bets.tilts.shape[1] + 1), dtype=np.int32)
            normalisers = log_normalisers(bets, reference)
            normalisers += self._toll[row : row + normalisers.size].reshape(normalisers.shape)
            tables[:, :, :-1] = (bets.tilts * UNIT).astype(np.int32) - normalisers[:, :, None]
            for table, one in zip(tables, observed, strict=True):
                np.take(table, one, axis=1, out=steps[row : row + len(table)], mode="clip")
                row += len(table)
        return steps

    def _signal(
        self, values: FloatArray, evidence: npt.NDArray[np.int32], ratios: npt.NDArray[np.float32]
    ) -> Signal:
        """Describe the alarm at the last of these events."""
        bet = int(np.argmax(ratios))
        zeros = np.flatnonzero(evidence[bet] == 0)
        onset = self._age + int(zeros[-1]) + 1 if len(zeros) else int(self._onset[bet])
        since = self._age + len(values) - onset
        channel_bets_ = len(self._bets.families) * len(self.channels)
        context: list[tuple[str, float]] = [("events_since_onset", float(since))]
        if bet < channel_bets_:
            index, which = divmod(bet, len(self._bets.families))
            name, family = self.channels[index], self._bets.families[which]
            context += self._figures(
                index, np.concatenate((self._recent, values))[-min(since, _RECENT) :, index]
            )
            contributions = self._contributions(ratios)
        else:
            pair = (bet - channel_bets_) // len(self._pair_bets.families)
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
            statistic=float(evidence[bet, -1]) / UNIT,
            threshold=float(self._thresholds[bet]),
            contributions=contributions,
            context=tuple(context),
        )

    def _figures(self, index: int, recent: FloatArray) -> list[tuple[str, float]]:
        """Return mean and standard deviation before and after, as far as they can be computed."""
        base = self._bases[index]
        known = recent[np.abs(recent) <= _ABSURD]
        figures = [] if base is None else [("mean_before", base.mean), ("std_before", base.deviation)]
        if len(known):
            figures += [("mean_after", float(known.mean())), ("std_after", float(known.std()))]
        return figures

    def _contributions(self, ratios: npt.NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
        """Return each channel's share of the evidence, largest first."""
        bets = len(self._bets.families)
        strongest = ratios[: bets * len(self.channels)].reshape(-1, bets).max(axis=1).astype(np.float64)
        shares = strongest / strongest.sum()
        return tuple(
            (self.channels[index], float(shares[index])) for index in np.argsort(-shares, kind="stable")
        )


def _counted(bins: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.uint16]:
    """Count each row's bins, the missing ones left out."""
    rows = len(bins)
    flat = bins + np.arange(rows)[:, None] * (size + 1)
    counts = np.bincount(flat.ravel(), minlength=rows * (size + 1)).reshape(rows, size + 1)
    return counts[:, :size].astype(np.uint16)


def _grown(counts: npt.NDArray[np.int32], more: npt.NDArray[np.uint16], most: int) -> npt.NDArray[np.int32]:
    """Add to the counts; halve those of a row that holds more than `most`, so that the old fade."""
    grown = counts + more.astype(np.int32)
    full = grown.sum(axis=-1, keepdims=True) > most
    return np.where(full, grown // 2, grown).astype(np.int32)


def _at(signal: Signal, row: int, ts: float) -> Signal:
    fields = {name: getattr(signal, name) for name in Signal.__slots__}
    return Signal(**{**fields, "row": row, "ts": ts})


def _restored_base(base: Mapping[str, Any]) -> ChannelBaseline:
    fields = dict(base)
    whitening = dict(fields.pop("whitening"))
    for name in ("numerator", "delays"):
        whitening[name] = np.array(whitening[name])
    for name in ("edges", "counts", "inflation"):
        fields[name] = np.array(fields[name])
    return ChannelBaseline(whitening=Whitening(**whitening), **fields)
