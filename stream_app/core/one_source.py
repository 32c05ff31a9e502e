"""Base of the detectors of one source: their slot of a bank, their state, single events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from stream_app.core.arrays import FloatArray
from stream_app.core.bank import Bank, Layout
from stream_app.core.versions import expect_version
from stream_app.errors import DataError, SettingsError, StateError

__all__ = [
    "Moment",
    "checked_batch",
    "distinct",
    "epoch_seconds",
    "one_event",
    "one_source_bank",
    "one_source_state",
    "restored",
]

Moment: TypeAlias = float | datetime
"""An event time: epoch seconds, or a `datetime`, UTC where it says no zone."""

_SOURCE = "source"


class _Detector(Protocol):
    """A detector whose knowledge is the record of one source."""

    @property
    def bank(self) -> Bank:
        """A bank with one slot."""


D = TypeVar("D", bound=_Detector)


def one_source_bank(layout: Layout) -> Bank:
    """Make a bank with one source, in slot 0."""
    bank = Bank(layout)
    bank.add(_SOURCE)
    return bank


def one_source_state(version: int, channels: Sequence[str], config: Any, bank: Bank) -> dict[str, Any]:
    """Return all that a detector knows, as plain values.

    Parameters
    ----------
    version : int
        Of the state.
    channels : sequence of str
        Names of the columns.
    config : dataclass
        Options of the detector.
    bank : Bank
        See `one_source_bank`.
    """
    return {
        "version": version,
        "channels": list(channels),
        "config": asdict(config),
        "layout": bank.fingerprint,
        "record": bank.record(_SOURCE),
    }


def restored(
    state: Mapping[str, Any], version: int, what: str, make: Callable[[tuple[str, ...], Mapping[str, Any]], D]
) -> D:
    """Return the detector that had this state; it continues to the bit.

    Parameters
    ----------
    state : mapping
        See `one_source_state`.
    version : int
        The version that this program reads.
    what : str
        Owner of the state, named in errors.
    make : callable
        Makes a fresh detector of channels and the fields of its settings.

    Raises
    ------
    StateError
        If the state is of another version, has another layout, or is damaged.
    """
    expect_version(state, version, what)
    try:
        detector = make(tuple(state["channels"]), state["config"])
        if state["layout"] != detector.bank.fingerprint:
            raise StateError(f"the state of {what} has records of another layout than this program's")
        detector.bank.restore(_SOURCE, state["record"])
    except (KeyError, TypeError, DataError, SettingsError) as error:
        raise StateError(f"the state of {what} is damaged ({error}); start the source anew") from error
    return detector


def distinct(channels: Sequence[str], least: int = 1) -> tuple[str, ...]:
    """Return the names of channels, `least` of them or more.

    Raises
    ------
    SettingsError
        If they are fewer, one is there twice, or they are one text.

    Examples
    --------
    >>> distinct(["flow", "level"])
    ('flow', 'level')
    >>> distinct("flow")
    Traceback (most recent call last):
    stream_app.errors.SettingsError: channels are 'flow'; expected a sequence of names, like ('flow',)
    """
    if isinstance(channels, str):
        raise SettingsError(f"channels are {channels!r}; expected a sequence of names, like ({channels!r},)")
    if len(channels) < least or len(set(channels)) != len(channels):
        raise SettingsError(f"channels are {tuple(channels)!r}; expected at least {least}, distinct ones")
    return tuple(channels)


def checked_batch(
    channels: Sequence[str], ts: npt.ArrayLike, values: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return the events of a batch as arrays: times, shape (n,), and values, shape (n, d).

    Raises
    ------
    DataError
        If the shapes do not fit together or the channels, or something is no number.
    """
    try:
        times = np.ascontiguousarray(ts, dtype=np.float64)
        rows = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"values or ts are not numbers: {error}") from None
    if times.ndim != 1 or rows.shape != (len(times), len(channels)):
        raise DataError(
            f"a batch of values of shape {rows.shape} and ts of shape {times.shape} does not fit; expected "
            f"(n, {len(channels)}) and (n,) for the channels {', '.join(channels)}"
        )
    return times, rows


def epoch_seconds(ts: Moment) -> float:
    """Return an event time in epoch seconds.

    Examples
    --------
    >>> epoch_seconds(datetime(1970, 1, 1, 0, 1)), epoch_seconds(60)
    (60.0, 60.0)
    """
    if isinstance(ts, datetime):
        return (ts if ts.tzinfo else ts.replace(tzinfo=UTC)).timestamp()
    return float(ts)


def one_event(
    channels: Sequence[str], ts: Moment, values: Mapping[str, float | None]
) -> tuple[FloatArray, FloatArray]:
    """Return one event as a batch: its time, shape (1,), and its values, shape (1, d), NaN where a channel is missing.

    Raises
    ------
    DataError
        If a value is of no channel, or is no number.

    Examples
    --------
    >>> one_event(("flow", "level"), 10.0, {"level": 3.0})
    (array([10.]), array([[nan,  3.]]))
    """
    unknown = next((name for name in values if name not in channels), None)
    if unknown is not None:
        raise DataError(f"{unknown!r} is no channel; there is {', '.join(channels)}")
    try:
        row = [np.nan if (value := values.get(name)) is None else float(value) for name in channels]
        return np.array([epoch_seconds(ts)]), np.array([row])
    except (TypeError, ValueError) as error:
        raise DataError(f"the event {ts!r}, {dict(values)}: {error}; expected numbers") from None
