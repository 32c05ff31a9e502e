"""Wrapper of a user's detector class: its results are checked, and its errors name it."""

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any, Self, get_args

import numpy.typing as npt

from stream_app.core.one_source import checked_batch
from stream_app.core.signals import WHOLE_SOURCE, Kind, Signal
from stream_app.errors import DataError, PluginError, StateError

__all__ = ["ClassDetector", "detector_class"]

_KINDS = frozenset(get_args(Kind))


def detector_class(cls: Any, name: str) -> type[Any]:
    """Return an object if it is a class with the methods of a detector.

    Parameters
    ----------
    cls : object
        What a package or the settings name.
    name : str
        Name of the detector, for messages.

    Raises
    ------
    PluginError
        If it is no class, a method is missing, or one takes other arguments.

    Examples
    --------
    >>> detector_class(object, "ewma")
    Traceback (most recent call last):
    stream_app.errors.PluginError: detector ewma: object has no update(ts, values), state(), from_state(state); see CONTRIBUTING.md
    """
    if not inspect.isclass(cls):
        raise PluginError(f"detector {name}: {cls!r} is no class; see CONTRIBUTING.md")
    missing = [
        shown
        for shown, arguments in (("update(ts, values)", 3), ("state()", 1), ("from_state(state)", 1))
        if not _takes(getattr(cls, shown.partition("(")[0], None), arguments)
    ]
    if missing:
        raise PluginError(f"detector {name}: {cls.__name__} has no {', '.join(missing)}; see CONTRIBUTING.md")
    return cls


def _takes(method: Any, arguments: int) -> bool:
    try:
        inspect.signature(method).bind(*range(arguments))
    except (TypeError, ValueError):
        return False
    return True


class ClassDetector:
    """An object of a class from outside, as a detector like ours.

    A failure of the object is a `PluginError` that names it: a worker stops with that line, because going on without
    a detector would hide what it was there for.

    Parameters
    ----------
    inner : object
        The object; see `stream_app.core.registry.type_of_class` for its methods.
    name : str
        Name of the detector.
    channels : tuple of str
        Names of the columns.
    """

    __slots__ = ("_inner", "_name", "channels")

    def __init__(self, inner: Any, name: str, channels: tuple[str, ...]) -> None:
        self._inner = inner
        self._name = name
        self.channels = channels

    @classmethod
    def build(
        cls, known: type[Any], name: str, channels: tuple[str, ...], parameters: Mapping[str, Any]
    ) -> Self:
        """Make a detector for some channels.

        Raises
        ------
        DataError
            If the constructor takes no such parameter, or refuses a value.
        """
        try:
            inspect.signature(known).bind(channels, **parameters)
        except TypeError as error:
            raise DataError(
                f"detector {name}: the parameters {dict(parameters)} do not fit "
                f"{known.__name__}{inspect.signature(known)}: {error}"
            ) from error
        try:
            return cls(known(channels, **parameters), name, channels)
        except Exception as error:
            raise DataError(
                f"detector {name}: {known.__name__} refuses its parameters {dict(parameters)}: "
                f"{type(error).__name__}: {error}"
            ) from error

    @classmethod
    def restore(cls, known: type[Any], name: str, state: Mapping[str, Any]) -> Self:
        """Make the detector that had a state.

        Raises
        ------
        StateError
            If the class refuses it.
        """
        try:
            return cls(known.from_state(state["inner"]), name, tuple(state["channels"]))
        except Exception as error:
            raise StateError(
                f"detector {name}: {known.__name__}.from_state refuses the state: {type(error).__name__}: {error}"
            ) from error

    def update(self, ts: npt.ArrayLike, values: npt.ArrayLike) -> list[Signal]:
        """Take a batch.

        Parameters
        ----------
        ts : array_like, shape (n,)
            Event times, epoch seconds.
        values : array_like, shape (n, d)
            A row an event; missing is NaN.

        Raises
        ------
        DataError
            If the shapes do not fit.
        PluginError
            If the object fails, or returns anything but signals of this batch.
        """
        times, x = checked_batch(self.channels, ts, values)
        if not len(x):
            return []
        try:
            found = self._inner.update(times, x)
            signals = list(found if isinstance(found, Iterable) else found.signals)
        except Exception as error:
            raise PluginError(
                f"detector {self._name}: update failed: {type(error).__name__}: {error}; repair it, or take it out of "
                "the settings"
            ) from error
        for signal in signals:
            problem = self._problem(signal, len(x))
            if problem:
                raise PluginError(f"detector {self._name}: update returned {signal!r}: {problem}")
        return signals

    def _problem(self, signal: Any, rows: int) -> str | None:
        if not isinstance(signal, Signal):
            return "expected a stream_app.Signal"
        if not 0 <= signal.row < rows:
            return f"row {signal.row} is none of the batch's {rows}"
        if signal.channel not in self.channels and signal.channel != WHOLE_SOURCE:
            return f"channel {signal.channel!r} is none of {', '.join(self.channels)}"
        if signal.kind not in _KINDS:
            return f"kind {signal.kind!r} is none of {', '.join(sorted(_KINDS))}"
        try:
            numbers = (signal.statistic, signal.threshold, *(value for _, value in signal.context))
            return None if all(map(math.isfinite, numbers)) else "its numbers must be finite"
        except (TypeError, ValueError):
            return "statistic and threshold must be numbers, context pairs of a name and a number"

    def state(self) -> dict[str, Any]:
        """Return the state as plain values and numpy arrays.

        Raises
        ------
        PluginError
            If the object fails, or returns no dict.
        """
        try:
            state = self._inner.state()
        except Exception as error:
            raise PluginError(
                f"detector {self._name}: state failed: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(state, dict):
            raise PluginError(
                f"detector {self._name}: state returned a {type(state).__name__}, expected a dict"
            )
        return {"channels": list(self.channels), "inner": state}
