"""Feeding values to one River detector, as fast as each detector allows.

The two quick feeds work on River's private attributes. Tests hold them to the bits of the public ``update``.
"""
# ruff: noqa: SLF001 - see above

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["Feed", "Hit", "feed_for"]


@dataclass(frozen=True, slots=True)
class Hit:
    """Signal or warning of a detector after a value.

    Parameters
    ----------
    at : int
        Index of the value in the run.
    what : {'drift', 'warning', 'over'}
        A drift, the begin of a warning, the end of a warning.
    statistic, threshold : float
        Where River shows them, otherwise 1 and 1.
    p_value : float or None
        Where the detector has one.
    context : tuple of (name, number)
        Figures for a person.
    """

    at: int
    what: Literal["drift", "warning", "over"]
    statistic: float = 1.0
    threshold: float = 1.0
    p_value: float | None = None
    context: tuple[tuple[str, float], ...] = ()


Feed: TypeAlias = Callable[[Any, Sequence[float], int, float], tuple[list[Hit], int, float]]
"""``feed(detector, values, count, total)``: count and total of the values since the last drift go in and out."""


def feed_for(cls: type[Any]) -> Feed:
    """Return the quickest exact feed of a detector class.

    Parameters
    ----------
    cls : type
        A River drift detector.

    Returns
    -------
    callable
        All of them leave the detector in the state, and give the drifts, that calling ``update`` would.
    """
    from river.drift import ADWIN, PageHinkley  # noqa: PLC0415 as in the catalogue

    quick: dict[type[Any], Feed] = {ADWIN: _feed_adwin, PageHinkley: _feed_page_hinkley}
    return quick.get(cls, _feed_any)


def _feed_any(
    detector: Any, values: Sequence[float], count: int, total: float
) -> tuple[list[Hit], int, float]:
    hits = []
    update = detector.update
    warns = hasattr(detector, "warning_detected")
    for i, x in enumerate(values):
        warned = warns and detector.warning_detected
        update(x)
        count += 1
        total += x
        warning = warns and detector.warning_detected
        if detector.drift_detected:
            hits.append(_drift(detector, i, count, total))
            count, total = 0, 0.0
        # A warning that ends in a drift has come true: the drift says so.
        elif warning != warned:
            hits.append(Hit(i, "warning" if warning else "over", context=_since(count, total)))
    return hits, count, total


def _drift(detector: Any, at: int, count: int, total: float) -> Hit:
    from river.drift import KSWIN  # noqa: PLC0415 as in the catalogue

    context = _since(count, total)
    if isinstance(detector, KSWIN):
        p = float(detector.p_value)
        return Hit(at, "drift", 1.0 - p, 1.0 - detector.alpha, p, context)
    return Hit(at, "drift", context=context)


def _since(count: int, total: float) -> tuple[tuple[str, float], ...]:
    return (("events_since_reset", float(count)), ("mean_since_reset", total / count))


def _feed_adwin(
    detector: Any, values: Sequence[float], count: int, total: float
) -> tuple[list[Hit], int, float]:
    # `ADWIN.update` is a Python wrapper around one compiled call; calling that directly saves a third.
    hits = []
    update = detector._helper.update
    fresh = not detector.drift_detected
    for i, x in enumerate(values):
        total += x
        if fresh:
            found = update(x)
        else:
            detector.update(x)
            update = detector._helper.update
            found = detector.drift_detected
            fresh = True
        if found:
            detector._drift_detected = True
            n, kept = count + i + 1, detector.width
            hits.append(_adwin_hit(detector, i, n - kept, (total - detector.total) / max(n - kept, 1)))
            count, total, fresh = -i - 1, 0.0, False
    if fresh and values:
        detector._drift_detected = False
    return hits, count + len(values), total


def _adwin_hit(detector: Any, at: int, dropped: int, mean_before: float) -> Hit:
    mean_after = float(detector.estimation)
    context = (
        ("mean_before", mean_before),
        ("mean_after", mean_after),
        ("n_before", float(dropped)),
        ("n_after", float(detector.width)),
    )
    return Hit(at, "drift", abs(mean_after - mean_before), 0.0, None, context)


def _feed_page_hinkley(
    detector: Any, values: Sequence[float], count: int, total: float
) -> tuple[list[Hit], int, float]:
    # The arithmetic of `PageHinkley.update` and `Mean.update`, operation by operation, on local variables:
    # the attribute look-ups of the original cost three times the arithmetic.
    hits = []
    alpha, delta, threshold, least = (
        detector.alpha,
        detector.delta,
        detector.threshold,
        detector.min_instances,
    )
    up, down = detector.mode != "down", detector.mode != "up"
    start = 0
    while start < len(values):
        if detector.drift_detected:
            detector._reset()
            count, total = 0, 0.0
        mean = detector._x_mean
        n, m = mean.n, mean._mean
        increase, decrease = detector._sum_increase, detector._sum_decrease
        low, high = detector._min_increase, detector._max_decrease
        found = False
        i = start
        for i in range(start, len(values)):
            x = values[i]
            n += 1.0
            m += (1.0 / n) * (x - m)
            dev = x - m
            increase = alpha * increase + dev - delta
            decrease = alpha * decrease + dev + delta
            low = min(low, increase)
            high = max(high, decrease)
            # The sums first: they are rarely beyond the threshold, so the rest is rarely asked.
            if ((increase - low > threshold and up) or (high - decrease > threshold and down)) and n >= least:
                found = True
                break
        mean.n, mean._mean = n, m
        detector._sum_increase, detector._sum_decrease = increase, decrease
        detector._min_increase, detector._max_decrease = low, high
        detector._drift_detected = found
        if found:
            statistic = max(increase - low if up else 0.0, high - decrease if down else 0.0)
            hits.append(Hit(i, "drift", statistic, threshold, None, _since(int(n), m * n)))
        start = i + 1
    return hits, count, total
