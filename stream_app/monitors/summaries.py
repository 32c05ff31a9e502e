"""What an alert says in one line: what changed, from what to what, what is usual, and for how long."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from stream_app.core.signals import WHOLE_SOURCE, Signal
from stream_app.settings.durations import format_duration

__all__ = ["summarise"]

_DIGITS = (4, 5, 6, 8, 12)
_NOTABLE_SHARE = 0.1
_OTHER_SPREAD = 1.5
"""From such a ratio on it is the spread of a channel that is told, where its mean is where it usually is."""
_STILL = 0.05
_NEAR = 0.1
"""A mean within this part of the usual band about its middle says nothing: channels are odd together, not each by itself."""


def summarise(signal: Signal, units: Mapping[str, str] | None = None) -> str:
    """Say in one line what a detector has seen.

    Parameters
    ----------
    signal : Signal
        Of any detector of readings.
    units : mapping of str to str, optional
        Channel to unit.

    Examples
    --------
    >>> signal = Signal(
    ...     row=0, ts=0.0, kind="anomaly", detector="anomaly", channel="*", statistic=7.1, threshold=5.0,
    ...     contributions=(("flow", 0.8), ("pressure", 0.2)),
    ...     context=(("mean_before", 124.9), ("mean_after", 61.2), ("usual_low", 122.0), ("usual_high", 127.8)),
    ... )
    >>> summarise(signal, {"flow": "l/min"})
    'flow 124.9 → 61.2 l/min, usually 122 to 127.8; also pressure (20%)'
    >>> stuck = Signal(
    ...     row=0, ts=0.0, kind="quality", detector="quality.stuck", channel="flow", statistic=40, threshold=24,
    ...     context=(("value", 1.18), ("seconds", 84.0)),
    ... )
    >>> summarise(stuck)
    'flow stuck at 1.18 for 1 min 24 s: 40 equal readings, usually fewer than 24'
    """
    figures = _Figures(signal, units or {})
    return _WORDS.get(signal.detector, _any_detector)(figures) or _any_detector(figures)


class _Figures:
    """A signal's figures as text; of one that is missing, as a forged record may lack it, there is none."""

    def __init__(self, signal: Signal, units: Mapping[str, str]) -> None:
        self.signal = signal
        self.values = dict(signal.context)
        blamed = signal.contributions
        self.channel = blamed[0][0] if signal.channel == WHOLE_SOURCE and blamed else signal.channel
        self.unit = units.get(self.channel, "")

    def get(self, name: str) -> float | None:
        return self.values.get(name)

    def has(self, *names: str) -> bool:
        return all(name in self.values for name in names)

    @property
    def where(self) -> str:
        return "all channels" if self.channel == WHOLE_SOURCE else self.channel

    def text(self, name: str) -> str:
        return _with_unit(_number(self.values[name]), self.unit)

    def change(self, before: str, after: str) -> str:
        """Return from what to what, with as many digits as show the difference."""
        a, b = self.values[before], self.values[after]
        digits = next((d for d in _DIGITS if _number(a, d) != _number(b, d)), _DIGITS[0])
        return f"{_number(a, digits)} → {_with_unit(_number(b, digits), self.unit)}"

    @property
    def mean(self) -> str:
        return self.change("mean_before", "mean_after")

    @property
    def spread(self) -> str:
        return self.change("std_before", "std_after")

    @property
    def since(self) -> str:
        events = self.get("events_since_onset")
        return "" if events is None else f" over the last {events:,.0f} events"

    @property
    def usual(self) -> str:
        """The usual band, as the end of a sentence."""
        low, high = self.get("usual_low"), self.get("usual_high")
        return "" if low is None or high is None else f", usually {_number(low)} to {_number(high)}"

    @property
    def others(self) -> str:
        """The other channels that have a notable share."""
        rest = [
            f"{name} ({share:.0%})"
            for name, share in self.signal.contributions
            if share >= _NOTABLE_SHARE and name != self.channel
        ]
        return f"; also {', '.join(rest)}" if rest else ""


def _number(value: float, digits: int = 4) -> str:
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e" in text and 1.0 <= abs(value) < 1e9 else text


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number


def _anomaly(x: _Figures) -> str | None:
    if not x.has("mean_before", "mean_after"):
        return None
    low, high = x.get("usual_low"), x.get("usual_high")
    noise, usual_noise = x.get("noise_after"), x.get("noise_before")
    inside = low is not None and high is not None and low <= x.values["mean_after"] <= high
    if inside and noise is not None and usual_noise is not None and usual_noise > 0.0:
        ratio = noise / usual_noise
        if not 1.0 / _OTHER_SPREAD < ratio < _OTHER_SPREAD:
            direction = "more" if ratio > 1.0 else "less"
            factor = _number(max(ratio, 1.0 / ratio), 2) if ratio > 0.0 else "infinitely"
            return (
                f"{x.where} varies {factor} times {direction} than usual, at {x.text('mean_after')}{x.others}"
            )
    if not inside:
        return f"{x.where} {x.mean}{x.usual}{x.others}"
    moved = x.values["mean_after"] - x.values["mean_before"]
    if abs(moved) < _NEAR * (x.values["usual_high"] - x.values["usual_low"]):
        how = "does not go with the other channels as usual" if x.others else "is unusual"
        return f"{x.where} {how}, at {x.text('mean_after')}{x.others}"
    direction = "lower" if moved < 0.0 else "higher"
    return f"mean of {x.where} {direction} than usual, {x.mean}; single events {x.usual.removeprefix(', ')}{x.others}"


def _variation(ratio: float) -> str:
    if ratio < _STILL:
        return "hardly moves any more"
    return (
        f"varies {_number(max(ratio, 1.0 / ratio), 2)} times {'more' if ratio > 1.0 else 'less'} than usual"
    )


def _mean_shift(x: _Figures) -> str | None:
    if not x.has("mean_before", "mean_after"):
        return None
    return f"{x.where} at a new level: {x.mean}{x.usual}"


def _level(x: _Figures) -> str | None:
    if not x.has("mean_before", "mean_after"):
        return None
    usual = f", usual spread {x.text('std_before')}" if x.has("std_before") else ""
    return f"mean of {x.where} {x.mean}{x.since}{usual}"


def _scale(x: _Figures) -> str | None:
    return f"spread of {x.where} {x.spread}{x.since}" if x.has("std_before", "std_after") else None


def _distribution(x: _Figures) -> str | None:
    if not x.has("mean_before", "mean_after", "std_before", "std_after"):
        return None
    return f"distribution of {x.where} changed{x.since}: mean {x.mean}, spread {x.spread}"


def _correlation(x: _Figures) -> str | None:
    blamed = x.signal.contributions
    if len(blamed) < 2 or not x.has("correlation_before"):
        return None
    return f"{blamed[0][0]} and {blamed[1][0]} no longer vary together as before: correlation was {x.values['correlation_before']:.2f}"


def _jointly(x: _Figures) -> str:
    blamed = ", ".join(
        f"{name} {share:.0%}" for name, share in x.signal.contributions if share >= _NOTABLE_SHARE
    )
    return f"channels together no longer look as before{x.since}" + (f": {blamed}" if blamed else "")


def _range(x: _Figures) -> str | None:
    value, low, high = x.get("value"), x.get("low"), x.get("high")
    if value is None:
        return f"{x.where} is no finite number"
    if low is not None and value < low:
        return f"{x.where} {x.text('value')}, below its limit of {x.text('low')}"
    if high is not None and value > high:
        return f"{x.where} {x.text('value')}, above its limit of {x.text('high')}"
    return None


def _missing(x: _Figures) -> str:
    found, most = x.signal.statistic, x.signal.threshold
    if x.has("channels"):
        blamed = [name for name, _ in x.signal.contributions]
        among = ": " if len(blamed) == found else ", among them "
        return f"{found:.0f} of {x.values['channels']:.0f} channels missing" + (
            among + ", ".join(blamed) if blamed else ""
        )
    of = x.get("of")
    readings = "readings" if of is None else f"of the last {of:,.0f} readings"
    return f"{x.where} missing in {found:,.0f} {readings}, usually in fewer than {most:,.0f}"


def _stuck(x: _Figures) -> str | None:
    if not x.has("value", "seconds"):
        return None
    return (
        f"{x.where} stuck at {x.text('value')} for {format_duration(x.values['seconds'])}: "
        f"{x.signal.statistic:,.0f} equal readings, usually fewer than {x.signal.threshold:,.0f}"
    )


def _gone(x: _Figures) -> str:
    return f"{x.where} no longer comes: missing in {x.signal.statistic:,.0f} readings in a row"


def _new(x: _Figures) -> str:
    return f"new channel: {x.where}"


def _silence(x: _Figures) -> str:
    gap = x.get("usual_gap")
    usual = "" if gap is None else f", usually one every {format_duration(gap)}"
    return f"no readings for {format_duration(x.signal.statistic)}{usual}"


def _burst(x: _Figures) -> str:
    rate = x.get("usual_rate")
    usual = "" if rate is None else f", usually {_number(rate)}"
    return f"{_number(x.signal.statistic)} readings a second{usual}"


def _refused(x: _Figures) -> str:
    behind = x.values.get("seconds_behind", 0.0)
    direction = "older than the newest" if behind > 0.0 else "ahead of the others"
    return (
        f"{x.signal.statistic:,.0f} events in a row refused for their times, the last {format_duration(abs(behind))} "
        f"{direction} of this source: is its clock right?"
    )


def _new_category(x: _Figures) -> str | None:
    blamed = x.signal.contributions
    return f"new category in {x.signal.channel}: {blamed[0][0]}" if blamed else None


def _category_shares(x: _Figures) -> str | None:
    blamed = x.signal.contributions
    if not blamed or not x.has("share_before", "share_after"):
        return None
    before, after = x.values["share_before"], x.values["share_after"]
    return f"shares in {x.signal.channel} have shifted: {blamed[0][0]} {before:.1%} → {after:.1%}"


def _any_detector(x: _Figures) -> str:
    where = "all channels" if x.signal.channel == WHOLE_SOURCE else x.signal.channel
    changed = x.signal.kind == "drift" and x.has("mean_before", "mean_after")
    words = f"distribution of {where} changed" if changed else f"{x.signal.kind} in {where}"
    words += f", found by {x.signal.detector}"
    if x.has("mean_before", "mean_after"):
        words += f": mean {x.mean}"
        if x.has("std_before", "std_after"):
            words += f", spread {x.spread}"
    elif x.signal.statistic > x.signal.threshold:
        words += f": {_number(x.signal.statistic, 3)}, above {_number(x.signal.threshold, 3)}"
    blamed = [f"{name} {share:.0%}" for name, share in x.signal.contributions if share >= _NOTABLE_SHARE]
    if blamed and x.signal.channel == WHOLE_SOURCE:
        words += f"; most by {', '.join(blamed)}"
    return words


_Words: TypeAlias = Callable[[_Figures], str | None]

_WORDS: Mapping[str, _Words] = {
    "anomaly": _anomaly,
    "mean_shift": _mean_shift,
    "drift.level": _level,
    "drift.scale": _scale,
    "drift.shape": _distribution,
    "drift.correlation": _correlation,
    "drift.multivariate": _jointly,
    "drift.distance": _jointly,
    "quality.range": _range,
    "quality.missing": _missing,
    "quality.stuck": _stuck,
    "quality.gone": _gone,
    "quality.new": _new,
    "quality.silence": _silence,
    "quality.burst": _burst,
    "quality.refused": _refused,
    "new_category": _new_category,
    "category_shares": _category_shares,
}
"""How the signals of each detector are told; None where a signal lacks what is to be told."""
