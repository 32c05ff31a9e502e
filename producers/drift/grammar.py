"""The little language of ``--drift``: which channel changes, how, when, and whether at once or by and by.

::

    schedule := change (";" change)*
    change   := [source "/"] channel ":" effect "@" from ".." [to] ["~" over]
    effect   := "mean" ± number ["sd"]          shift: flow:mean+2sd@3600..7200
              | "scale" "*" number              gain: flow:scale*1.2@1h..
              | "noise+" number ["sd"]          added white noise: flow:noise+1sd@1h..2h
              | "slope" ± number ["sd"] "/" time   steady drift: flow:slope+1sd/h@1h..3h
              | "stuck"                         the last value again and again
              | "dropout" [number "%"]          missing values, all or a share
    from, to, over := time (seconds, or 90m, 2h) or "#" number of the event

`from` and `to` count from the first event of each source, by event time or by events; ``~`` makes the change
gradual: it grows in a straight line over that long. The channel ``*`` is every channel.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stream_app.errors import SettingsError
from stream_app.settings import parse_duration

__all__ = ["EFFECTS", "Change", "Effect", "Moment", "parse_schedule"]

Effect: TypeAlias = Literal["mean", "scale", "noise", "slope", "stuck", "dropout"]

_NUMBER = r"(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
EFFECTS: dict[Effect, re.Pattern[str]] = {
    "mean": re.compile(rf"mean(?P<sign>[+-]){_NUMBER.replace('(', '(?P<size>', 1)}(?P<sd>sd)?"),
    "scale": re.compile(rf"scale\*{_NUMBER.replace('(', '(?P<size>', 1)}"),
    "noise": re.compile(rf"noise\+{_NUMBER.replace('(', '(?P<size>', 1)}(?P<sd>sd)?"),
    "slope": re.compile(
        rf"slope(?P<sign>[+-]){_NUMBER.replace('(', '(?P<size>', 1)}(?P<sd>sd)?/(?P<per>[\w.]+)"
    ),
    "stuck": re.compile(r"stuck"),
    "dropout": re.compile(rf"dropout(?:{_NUMBER.replace('(', '(?P<size>', 1)}%)?"),
}
_CHANGE = re.compile(r"(?:(?P<source>[^:;]+)/)?(?P<channel>[^:;/]+):(?P<effect>[^@]+)@(?P<window>[^@]+)")
_WINDOW = re.compile(r"(?P<begin>#?[\w.]+?)\.\.(?P<end>#?[\w.]+)?(?:~(?P<over>#?[\w.]+))?")


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in a source's stream: so many seconds, or so many events, after its first."""

    at: float
    events: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One change to inject.

    Parameters
    ----------
    text : str
        As it was written; the label ``drift`` of the events it touches.
    channel : str
        ``*`` for all.
    effect : {'mean', 'scale', 'noise', 'slope', 'stuck', 'dropout'}
    size : float
        Signed shift, factor, noise, rise a second, or share of dropped values.
    in_sd : bool
        Whether `size` is in standard deviations of the channel before the change.
    begin : Moment
    end : Moment or None
        First moment without the change; None for never.
    over : Moment or None
        Length of the transition; None for at once.
    source : str or None
        Only in this source; None for all.
    """

    text: str
    channel: str
    effect: Effect
    size: float
    in_sd: bool
    begin: Moment
    end: Moment | None = None
    over: Moment | None = None
    source: str | None = None


def parse_schedule(text: str) -> tuple[Change, ...]:
    """Read a schedule.

    Raises
    ------
    SettingsError
        Naming the change that is wrong and what was expected.

    Examples
    --------
    >>> change, = parse_schedule("flow:mean+2sd@1h..2h~10m")
    >>> change.effect, change.size, change.in_sd, change.begin.at, change.end.at, change.over.at
    ('mean', 2.0, True, 3600.0, 7200.0, 600.0)
    """
    return tuple(_change(part.strip()) for part in text.split(";") if part.strip())


def _change(text: str) -> Change:
    match = _CHANGE.fullmatch(text)
    if match is None:
        raise SettingsError(
            f"--drift: {text!r}: expected CHANNEL:EFFECT@FROM..TO, like flow:mean+2sd@3600..7200"
        )
    channel, source = match["channel"].strip(), match["source"]
    effect, size, in_sd = _effect(match["effect"].strip(), text)
    window = _WINDOW.fullmatch(match["window"].strip())
    if window is None:
        raise SettingsError(
            f"--drift: {text!r}: {match['window']!r} is no stretch; expected FROM..TO, FROM.. or FROM..TO~OVER, "
            "like 3600..7200, 1h.. or #500..#900~#50"
        )
    begin = _moment(window["begin"], text)
    end = _moment(window["end"], text) if window["end"] else None
    over = _moment(window["over"], text) if window["over"] else None
    if end is not None and end.events == begin.events and end.at <= begin.at:
        raise SettingsError(f"--drift: {text!r}: the change ends before it begins")
    if over is not None and effect in {"stuck", "slope"}:
        raise SettingsError(f"--drift: {text!r}: {effect} has no transition; leave out ~{window['over']}")
    if over is not None and over.events != begin.events:
        raise SettingsError(
            f"--drift: {text!r}: begin and transition must both be times or both event numbers"
        )
    return Change(text, channel, effect, size, in_sd, begin, end, over, source)


def _effect(word: str, text: str) -> tuple[Effect, float, bool]:
    for name, pattern in EFFECTS.items():
        match = pattern.fullmatch(word)
        if match is None:
            continue
        said = match.groupdict()
        size = float(said.get("size") or (100.0 if name == "dropout" else 0.0))
        if name == "dropout":
            if size > 100.0:
                raise SettingsError(f"--drift: {text!r}: no more than 100% can drop out")
            size /= 100.0
        if name == "slope":
            size /= _seconds(said["per"], text)
        return name, -size if said.get("sign") == "-" else size, said.get("sd") is not None
    raise SettingsError(
        f"--drift: {text!r}: {word!r} is no effect; expected one like mean+2sd, mean-0.5, scale*1.2, noise+1sd, "
        "slope+1sd/h, stuck, dropout30%"
    )


def _moment(word: str, text: str) -> Moment:
    if word.startswith("#"):
        if not word[1:].isdigit():
            raise SettingsError(f"--drift: {text!r}: {word!r} is no number of an event, like #500")
        return Moment(float(word[1:]), events=True)
    try:
        return Moment(float(word))
    except ValueError:
        return Moment(_seconds(word, text))


def _seconds(word: str, text: str) -> float:
    try:
        seconds = parse_duration(word)
    except ValueError as error:
        raise SettingsError(f"--drift: {text!r}: {error}") from None
    if seconds <= 0.0:
        raise SettingsError(f"--drift: {text!r}: a time above 0 is expected, not {word!r}")
    return seconds
