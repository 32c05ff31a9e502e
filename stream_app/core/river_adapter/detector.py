"""One River drift detector for every channel of one source."""

import hashlib
import hmac
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from river.__version__ import __version__ as river_version

from stream_app.core.arrays import BoolArray, FloatArray
from stream_app.core.one_source import checked_batch
from stream_app.core.river_adapter.catalogue import build, full_name, is_binary, known_detectors
from stream_app.core.river_adapter.codec import decode, encode
from stream_app.core.river_adapter.feeding import Hit, feed_for
from stream_app.core.signals import Signal
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, OldStateError, StateError

__all__ = ["RiverDetector"]

_VERSION = 1
_SIGNED = (
    "version",
    "river",
    "detector",
    "name",
    "parameters",
    "channels",
    "every",
    "bound",
    "seed",
    "progress",
    "payload",
)


class RiverDetector:
    """Run a River drift detector on each channel of one source.

    Takes the detectors that people know (ADWIN, Page-Hinkley, KSWIN; DDM, EDDM, FHDDM, HDDM for streams of
    errors) as they are, batch by batch, with an explicit state. Each of them has a false-alarm rate of its own
    and none has a budget: see ``docs/detection/river.md``.

    Parameters
    ----------
    channels : sequence of str
        Names of the columns.
    detector : str
        ``adwin``, ``page_hinkley``, ``kswin``, ``ddm``, ``eddm``, ``fhddm``, ``hddm_a``, ``hddm_w``, or the dotted
        name of any drift detector that ``river.drift`` or ``river.drift.binary`` exports.
    parameters : mapping
        The detector's own parameters; River's defaults for the rest.
    every : int or None
        Feed only every so-many-th admissible value of a channel. None: 10 for KSWIN, whose test costs 180 µs
        a value, and 1 for the others.
    bound : float
        Values of larger magnitude are not fed. Sums of squares of a window lose the ordinary values beside a
        huge one for good: a single 1e308 silences ADWIN. At 1e12 a sum still resolves 1e-4.
    seed : int
        Seed of detectors that draw (KSWIN); channel i gets ``seed + i``. There is no unseeded one.
    name : str or None
        Name in the signals. None: as ``detector`` says.
    key : bytes or None
        Secret that signs the state (HMAC-SHA256). With a key, `from_state` refuses a state that is not signed
        with it.

    Raises
    ------
    DataError
        The detector or a parameter is unknown, of the wrong type or out of range.

    Notes
    -----
    NaN, infinities and numbers beyond the bound are never fed but counted (`skipped`); for detectors of errors
    also whatever is not 0 or 1. A signal has River's statistic where River shows one: Page-Hinkley's sum and
    threshold; ``1 - p`` against ``1 - alpha`` for KSWIN; for ADWIN the distance of the means before and after,
    against 0, as its bound is not public; otherwise 1 against 1. A begin and an end of River's warning zone are
    signals of the detector ``{name}.warning``, the latter with ``ended``.

    Cost in µs an 8-channel event: ADWIN 0.8, Page-Hinkley 3.1, DDM 5, EDDM 3.6, FHDDM 3.7,
    HDDM_A and HDDM_W 27, KSWIN 1,500 / ``every``.
    Memory: 1.8 KiB a channel for ADWIN, 5 KiB for KSWIN, below 1 KiB for the others.

    References
    ----------
    Montiel, J. et al. (2021). River: machine learning for streaming data in Python. JMLR 22(110).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values = rng.normal(size=(2000, 2))
    >>> values[1000:, 1] += 3.0
    >>> detector = RiverDetector(["flow", "pressure"], "adwin")
    >>> [(s.row, s.channel) for s in detector.update(np.arange(2000.0), values)]
    [(1023, 'pressure')]
    """

    __slots__ = (
        "_detectors", "_feed", "_key", "_progress", "_skipped", "bound", "channels", "detector", "every", "name",
        "parameters", "seed",
    )  # fmt: skip

    def __init__(
        self,
        channels: Sequence[str],
        detector: str = "adwin",
        parameters: Mapping[str, Any] | None = None,
        *,
        every: int | None = None,
        bound: float = 1e12,
        seed: int = 0,
        name: str | None = None,
        key: bytes | None = None,
    ) -> None:
        self.channels = tuple(channels)
        self.detector = full_name(detector)
        self.parameters = dict(parameters or {})
        self.every = every if every is not None else 10 if self.detector == "river.drift.KSWIN" else 1
        self.bound = bound
        self.seed = seed
        self.name = name or detector
        if self.every < 1 or not (math.isfinite(bound) and bound > 0) or seed < 0:
            raise DataError(f"{self.name}: every must be at least 1, bound positive, seed not negative")
        self._key = key
        self._detectors = [
            build(self.detector, self.parameters, seed=seed + i) for i in range(len(self.channels))
        ]
        self._feed = feed_for(known_detectors()[self.detector])
        # Of each channel: admissible values so far; count and total of those fed since the last drift.
        self._progress: list[tuple[int, int, float]] = [(0, 0, 0.0)] * len(self.channels)
        self._skipped = [0] * len(self.channels)

    @property
    def skipped(self) -> dict[str, int]:
        """Values that were not fed because they were missing, not finite, or out of bounds, by channel."""
        return dict(zip(self.channels, self._skipped, strict=True))

    def update(self, ts: npt.ArrayLike, values: npt.ArrayLike) -> list[Signal]:
        """Feed a batch.

        Parameters
        ----------
        ts : array_like, shape (n,)
            Event times, epoch seconds.
        values : array_like, shape (n, d)
            A row an event; missing is NaN.

        Returns
        -------
        list of Signal
            In the order of rows, then of channels.
        """
        times, x = checked_batch(self.channels, ts, values)
        admissible = self._admissible(x)
        complete = bool(admissible.all())
        # Python floats, converted once: River's arithmetic on numpy scalars is several times slower.
        columns: list[list[float]] = x.T.tolist() if complete and self.every == 1 else []
        found: list[tuple[int, int, Hit]] = []
        for i, detector in enumerate(self._detectors):
            seen, count, total = self._progress[i]
            if columns:
                rows, fed = None, columns[i]
                seen += len(fed)
            else:
                rows = np.flatnonzero(admissible[:, i])
                self._skipped[i] += len(x) - len(rows)
                taken = rows[-seen % self.every :: self.every]
                seen += len(rows)
                rows, fed = taken, x[taken, i].tolist()
            hits, count, total = self._feed(detector, fed, count, total)
            self._progress[i] = (seen, count, total)
            found += [(hit.at if rows is None else int(rows[hit.at]), i, hit) for hit in hits]
        found.sort(key=lambda entry: entry[:2])
        return [self._signal(row, float(times[row]), self.channels[i], hit) for row, i, hit in found]

    def _admissible(self, x: FloatArray) -> BoolArray:
        mask: BoolArray = (x == 0.0) | (x == 1.0) if is_binary(self.detector) else np.abs(x) <= self.bound
        return mask

    def _signal(self, row: int, ts: float, channel: str, hit: Hit) -> Signal:
        return Signal(
            row=row, ts=ts, kind="drift", channel=channel, statistic=hit.statistic, threshold=hit.threshold,
            detector=self.name if hit.what == "drift" else f"{self.name}.warning",
            ended=hit.what == "over", p_value=hit.p_value, context=hit.context,
        )  # fmt: skip

    def state(self) -> dict[str, Any]:
        """Give the state as plain data; `from_state` continues from it bit for bit."""
        state: dict[str, Any] = {
            "version": _VERSION,
            "river": river_version,
            "detector": self.detector,
            "name": self.name,
            "parameters": dict(self.parameters),
            "channels": list(self.channels),
            "every": self.every,
            "bound": self.bound,
            "seed": self.seed,
            "progress": [
                [*progress, skipped] for progress, skipped in zip(self._progress, self._skipped, strict=True)
            ],
            "payload": [encode(detector) for detector in self._detectors],
        }
        state["signature"] = None if self._key is None else _sign(state, self._key)
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any], *, key: bytes | None = None) -> Self:
        """Rebuild from `state`.

        Parameters
        ----------
        state : mapping
            What `state` gave.
        key : bytes or None
            The secret; None takes any state. Reading never executes what a state holds, so the key guards
            against a forged detector, not against forged code.

        Raises
        ------
        OldStateError
            The state is of another version of River, whose detectors may have other attributes.
        StateError
            It is of another version of ours, damaged, or not signed with the key.
        """
        expect_version(state, _VERSION, "the River detector")
        if state.get("river") != river_version:
            raise OldStateError(
                f"the state of the River detector {state.get('name')!r} was written by River {state.get('river')}, "
                f"this is River {river_version}"
            )
        if key is not None and not hmac.compare_digest(_sign(state, key), str(state.get("signature"))):
            raise StateError(
                f"the state of the River detector {state.get('name')!r} is not signed with the key"
            )
        try:
            restored = cls(
                state["channels"], state["detector"], state["parameters"], every=state["every"], bound=state["bound"],
                seed=state["seed"], name=state["name"], key=key,
            )  # fmt: skip
            detectors = [decode(text) for text in state["payload"]]
            restored._progress = [
                (int(seen), int(count), float(total)) for seen, count, total, _ in state["progress"]
            ]
            restored._skipped = [int(skipped) for *_, skipped in state["progress"]]
        except (KeyError, TypeError, ValueError, DataError) as error:
            raise StateError(f"a River detector's state is damaged: {error}") from error
        known = known_detectors()[restored.detector]
        if {len(detectors), len(restored._progress)} != {len(restored.channels)} or any(
            type(d) is not known for d in detectors
        ):
            raise StateError(f"the state of the River detector {restored.name!r} does not fit its channels")
        restored._detectors = detectors
        return restored


def _sign(state: Mapping[str, Any], key: bytes) -> str:
    text = json.dumps([state.get(name) for name in _SIGNED], sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
