"""Signals about a model, with the summaries of its alerts."""

import math
from collections.abc import Callable, Mapping

from stream_app.core.performance import Crossing
from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.monitors.summaries import summarise

__all__ = ["Named", "describe", "performance_signal", "rate_signal"]

_VAGUE = 0.05

Named = tuple[str, Signal]
"""A signal with the name under which its detector runs."""


def performance_signal(
    detector: str,
    row: int,
    ts: float,
    *,
    statistic: float,
    threshold: float,
    ended: bool = False,
    channel: str = WHOLE_SOURCE,
    context: Mapping[str, float] | None = None,
) -> Named:
    """Make a signal of kind ``performance``; figures that are no numbers are left out of the context."""
    figures = tuple((name, float(value)) for name, value in (context or {}).items() if math.isfinite(value))
    return detector, Signal(
        row=row, ts=ts, kind="performance", detector=detector, channel=channel, statistic=statistic,
        threshold=threshold, ended=ended, context=figures,
    )  # fmt: skip


def rate_signal(
    detector: str,
    crossing: Crossing,
    row: int,
    ts: float,
    *,
    limit: float,
    context: Mapping[str, float] | None = None,
) -> Named:
    """Make a signal of a rate that left its limit or came back."""
    figures = {"rate": crossing.rate, "events": float(crossing.events), **(context or {})}
    return performance_signal(
        detector,
        row,
        ts,
        statistic=crossing.rate,
        threshold=limit,
        ended=not crossing.beyond,
        context=figures,
    )


def describe(signal: Signal) -> str:
    """Summarise a signal in one line.

    Parameters
    ----------
    signal : Signal
        What was seen.

    Examples
    --------
    >>> signal = Signal(
    ...     row=0, ts=0.0, kind="performance", detector="accuracy", channel="*", statistic=0.12, threshold=0.05,
    ...     context=(("accuracy", 0.85), ("baseline", 0.97), ("events", 210.0)),
    ... )
    >>> describe(signal)
    'accuracy 85.0% over the last 210 labelled predictions, 12.0 points below the baseline of 97.0%'
    """
    words = _WORDS.get(signal.detector)
    if words is not None:
        return words(signal, dict(signal.context))
    name = signal.detector.removeprefix("errors.")
    if name != signal.detector:
        return f"errors have risen ({name})"
    return summarise(signal)


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _accuracy(signal: Signal, figures: Mapping[str, float]) -> str:
    labelled = signal.detector == "accuracy"
    name, what = ("accuracy", "labelled predictions") if labelled else ("estimated accuracy", "predictions")
    # Few predictions say little: how high it may be is what a person needs then.
    few = "high" in figures and figures["high"] - figures["accuracy"] > _VAGUE
    most = f" (at most {_percent(figures['high'])})" if few else ""
    return (
        f"{name} {_percent(figures['accuracy'])}{most} over the last {figures['events']:,.0f} {what}, "
        f"{100.0 * signal.statistic:.1f} points below the baseline of {_percent(figures['baseline'])}"
    )


def _calibration(_: Signal, figures: Mapping[str, float]) -> str:
    return (
        f"confidence exceeds accuracy by {100.0 * figures['overconfidence']:.1f} points over the last "
        f"{figures['events']:,.0f} labelled predictions, by {100.0 * figures['baseline']:.1f} in the baseline"
    )


def _share(verb: str) -> Callable[[Signal, Mapping[str, float]], str]:
    def words(signal: Signal, figures: Mapping[str, float]) -> str:
        return (
            f"{_percent(figures['rate'])} of the last {figures['events']:,.0f} predictions {verb}, "
            f"{_percent(signal.threshold)} are allowed"
        )

    return words


def _class_mix(signal: Signal, _: Mapping[str, float]) -> str:
    return f"the mix of predicted classes has moved: PSI {signal.statistic:.2f}"


def _labels(signal: Signal, _: Mapping[str, float]) -> str:
    return "predicted and true labels do not meet" if signal.statistic else "predicted and true labels meet"


def _absent(signal: Signal, _: Mapping[str, float]) -> str:
    what = f"{signal.statistic:.0f} of its names never came" if signal.statistic else "all of its names came"
    return f"{signal.channel}: {what}"


def _error(signal: Signal, figures: Mapping[str, float]) -> str:
    return (
        f"mean absolute error {figures['error']:.4g} over the last {figures['events']:,.0f} labelled predictions, "
        f"{signal.statistic:.0%} above the baseline of {figures['baseline']:.4g}"
    )


def _bias(_: Signal, figures: Mapping[str, float]) -> str:
    side = "high" if figures["bias"] > figures["baseline"] else "low"
    return (
        f"values are too {side}: mean error {figures['bias']:+.4g} over the last {figures['events']:,.0f} labelled "
        f"predictions, {figures['baseline']:+.4g} in the baseline"
    )


def _coverage(_: Signal, figures: Mapping[str, float]) -> str:
    return (
        f"{_percent(figures['coverage'])} of the last {figures['events']:,.0f} true values are within the predicted "
        f"interval, {_percent(figures['promised'])} are promised"
    )


_WORDS: Mapping[str, Callable[[Signal, Mapping[str, float]], str]] = {
    "accuracy": _accuracy,
    "estimated_accuracy": _accuracy,
    "calibration": _calibration,
    "failures": _share("failed"),
    "latency": _share("were slow"),
    "class_mix": _class_mix,
    "labels": _labels,
    "absent": _absent,
    "error": _error,
    "bias": _bias,
    "coverage": _coverage,
}
