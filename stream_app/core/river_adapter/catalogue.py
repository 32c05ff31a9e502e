"""Which River detectors exist, by name, and how their parameters are checked."""

import inspect
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from stream_app.errors import DataError

__all__ = ["SHORT_NAMES", "build", "full_name", "is_binary", "known_detectors"]

SHORT_NAMES: Mapping[str, str] = {
    "adwin": "river.drift.ADWIN",
    "page_hinkley": "river.drift.PageHinkley",
    "kswin": "river.drift.KSWIN",
    "ddm": "river.drift.binary.DDM",
    "eddm": "river.drift.binary.EDDM",
    "fhddm": "river.drift.binary.FHDDM",
    "hddm_a": "river.drift.binary.HDDMA",
    "hddm_w": "river.drift.binary.HDDMW",
}
"""Names as in the settings."""

# River checks few of its parameters; outside of these bounds it fails at the first update, or never fires.
_AT_LEAST_ONE = frozenset(
    {"clock", "max_buckets", "min_window_length", "window_size", "stat_size", "sliding_window_size",
     "short_window_size", "t_0"}
)  # fmt: skip
_BETWEEN_0_AND_1 = frozenset(
    {"confidence_level", "drift_confidence", "warning_confidence", "lambda_val"}
    | {f"{name}.{parameter}" for name, parameter in [("ADWIN", "delta"), ("KSWIN", "alpha")]}
)


@lru_cache(maxsize=1)
def known_detectors() -> dict[str, type[Any]]:
    """Map full dotted names to River's drift detectors.

    Only what ``river.drift`` and ``river.drift.binary`` export as a drift detector; a name from the settings
    is looked up here and nothing is ever imported by it.

    Examples
    --------
    >>> "river.drift.ADWIN" in known_detectors(), "river.drift.binary.DDM" in known_detectors()
    (True, True)
    """
    # Not above: with scikit-learn and more behind it, it takes 0.3 s to load, and few streams have such detectors.
    from river import base, drift  # noqa: PLC0415

    found: dict[str, type[Any]] = {}
    for module in (drift, drift.binary):
        for name in module.__all__:
            cls = getattr(module, name, None)
            if inspect.isclass(cls) and issubclass(cls, (base.DriftDetector, base.BinaryDriftDetector)):
                found[f"{module.__name__}.{name}"] = cls
    return found


def full_name(name: str) -> str:
    """Return the dotted name of a detector given by its short or dotted name.

    Raises
    ------
    DataError
        There is no such drift detector.
    """
    full = SHORT_NAMES.get(name, name)
    if full not in known_detectors():
        known = ", ".join([*SHORT_NAMES, *sorted(known_detectors().keys() - set(SHORT_NAMES.values()))])
        raise DataError(f"unknown River drift detector {name!r}; known are {known}")
    return full


def is_binary(name: str) -> bool:
    """Return whether a detector, by dotted name, takes errors (0 or 1) instead of numbers."""
    from river import base  # noqa: PLC0415 as in known_detectors

    return issubclass(known_detectors()[name], base.BinaryDriftDetector)


def build(name: str, parameters: Mapping[str, Any], *, seed: int) -> Any:
    """Build a detector from its dotted name and plain parameters.

    Parameters
    ----------
    name : str
        Dotted name, as `full_name` gives it.
    parameters : mapping
        Numbers, booleans and strings by parameter name.
    seed : int
        Added to the seed among the parameters where the detector has one, so that it is never unseeded.

    Raises
    ------
    DataError
        A parameter is unknown, of the wrong type or out of its range.
    """
    cls = known_detectors()[name]
    known = {
        key: parameter.default
        for key, parameter in inspect.signature(cls).parameters.items()
        # KSWIN's initial window is data, not a setting.
        if key != "window"
    }
    for key, value in parameters.items():
        if key not in known:
            raise DataError(f"{name} has no parameter {key!r}; it has {', '.join(known) or 'none'}")
        _check(name, key, value, known[key])
    arguments = dict(parameters)
    if "seed" in known:
        arguments["seed"] = int(arguments.get("seed", 0)) + seed
    try:
        return cls(**arguments)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise DataError(f"{name} refuses its parameters {dict(parameters)}: {error}") from error


def _check(name: str, key: str, value: Any, default: Any) -> None:
    where = f"{name}: parameter {key!r}"
    if isinstance(default, (bool, str)):
        if type(value) is not type(default):
            raise DataError(f"{where} must be a {type(default).__name__}, got {value!r}")
        return
    # A default of None stands for an optional whole number (a seed, a second window).
    number = float if isinstance(default, float) or key == "delta" else int
    if isinstance(value, bool) or not isinstance(value, (int, number)):
        raise DataError(
            f"{where} must be {'a number' if number is float else 'a whole number'}, got {value!r}"
        )
    if not math.isfinite(value) or value < 0:
        raise DataError(f"{where} must be finite and not negative, got {value!r}")
    if key in _AT_LEAST_ONE and value < 1:
        raise DataError(f"{where} must be at least 1, got {value!r}")
    short = name.rpartition(".")[2]
    if (key in _BETWEEN_0_AND_1 or f"{short}.{key}" in _BETWEEN_0_AND_1) and not 0 < value < 1:
        raise DataError(f"{where} must lie between 0 and 1, got {value!r}")
