"""The language of ``--drift``: what changes, how, when, at once or gradually, once or again and again.

::

    schedule := change (";" change)*
    change   := [[source "/"] channel ":"] effect "@" from ".." [to] ["~" over] ["/" every]
    effect   := "mean" ± number ["sd"]          shift: flow:mean+2sd@3600..7200
              | "scale" "*" number              gain: flow:scale*1.2@1h..
              | "noise+" number ["sd"]          added white noise: flow:noise+1sd@1h..2h
              | "slope" ± number ["sd"] "/" time   steady drift: flow:slope+1sd/h@1h..3h
              | "stuck"                         the last value again and again: flow:stuck@#500..#900
              | "dropout" [number "%"]          missing values, all or a share: flow:dropout30%@1h..2h
              | "level=" number                 how bad images are, without a channel: level=3@#400..
    from, to, over, every := time (seconds, or 90m, 2h) or "#" number of the event

`from` and `to` count from the first event of each source, by event time or by events; ``~`` makes the change
gradual: it grows in a straight line over that long; ``/`` repeats it: ``mean+3@1h..2h/1d``. The channel ``*`` is every
channel.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from stream_app.errors import SettingsError
from stream_app.settings import parse_duration

__all__ = ["EFFECTS", "Change", "Effect", "Moment", "parse_levels", "parse_schedule"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Effect: TypeAlias = Literal["mean", "scale", "noise", "slope", "stuck", "dropout", "level"]

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
    "level": re.compile(r"level=(?P<size>\d+)"),
}
_CHANGE = re.compile(
    r"(?:(?:(?P<source>[^:;]+)/)?(?P<channel>[^:;/]+):)?(?P<effect>[^@:]+)@(?P<window>[^@]+)"
)
_WINDOW = re.compile(
    r"(?P<begin>#?[\w.]+?)\.\.(?P<end>#?[\w.]+)?(?:~(?P<over>#?[\w.]+))?(?:/(?P<every>#?[\w.]+))?"
)


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
        ``*`` for all; empty for images.
    effect : {'mean', 'scale', 'noise', 'slope', 'stuck', 'dropout', 'level'}
    size : float
        Signed shift, factor, noise, rise a second, share of dropped values, or level of images.
    in_sd : bool
        Whether `size` is in standard deviations of the channel before the change.
    begin : Moment
    end : Moment or None
        First moment without the change; None for never.
    over : Moment or None
        Length of the transition; None for at once.
    source : str or None
        Only in this source; None for all.
    every : Moment or None
        Time or events from one beginning of the change to the next; None for a change that comes once.
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
    every: Moment | None = None

    def locate(self, numbers: FloatArray, seconds: FloatArray) -> tuple[IntArray, FloatArray]:
        """Tell where events of one source lie in the change.

        Parameters
        ----------
        numbers, seconds : ndarray (n,)
            Number of each event, and its event time after the first one.

        Returns
        -------
        cycle : ndarray of int (n,)
            Which repetition of the change an event lies in, from 0; -1 where the change does not hold.
        since : ndarray (n,)
            Seconds or events since that repetition began; below zero before the first.

        Examples
        --------
        >>> change, = parse_schedule("flow:stuck@#2..#4/#5")
        >>> cycle, since = change.locate(np.arange(9.0), np.zeros(9))
        >>> cycle.tolist()
        [-1, -1, 0, 0, -1, -1, -1, 1, 1]
        """
        since = (numbers if self.begin.events else seconds) - self.begin.at
        cycle = np.where(since >= 0.0, 0, -1)
        if self.every is not None and self.end is not None:
            cycle = np.maximum(np.floor(since / self.every.at), -1).astype(np.int64)
            since = np.where(cycle >= 0, since - cycle * self.every.at, since)
            cycle[since >= self.end.at - self.begin.at] = -1
        elif self.end is not None:
            cycle[(numbers if self.end.events else seconds) >= self.end.at] = -1
        return cycle, since


def parse_schedule(text: str) -> tuple[Change, ...]:
    """Read a schedule of changes to the values of channels.

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
    return _schedule(text, of_images=False)


def parse_levels(text: str, highest: int) -> tuple[Change, ...]:
    """Read a schedule of levels of images.

    Parameters
    ----------
    text : str
    highest : int
        Greatest level there is.

    Raises
    ------
    SettingsError
        Naming the change that is wrong and what was expected.

    Examples
    --------
    >>> change, = parse_levels("level=9@#500..~#1000", 9)
    >>> change.size, change.begin, change.over
    (9.0, Moment(at=500.0, events=True), Moment(at=1000.0, events=True))
    """
    changes = _schedule(text, of_images=True)
    for change in changes:
        if change.size > highest:
            raise SettingsError(
                f"--drift: {change.text!r}: a level from 0 to {highest} is expected, not {change.size:g}"
            )
    return changes


def _schedule(text: str, *, of_images: bool) -> tuple[Change, ...]:
    like = "level=3@#400.." if of_images else "flow:mean+2sd@3600..7200"
    changes = tuple(_change(part.strip(), like) for part in text.split(";") if part.strip())
    if not changes:
        raise SettingsError(f"--drift: {text!r} holds no change; expected one like {like}")
    for change in changes:
        if (change.effect == "level") is not of_images:
            what = "images change by their level" if of_images else "only images have a level"
            raise SettingsError(f"--drift: {change.text!r}: {what}; expected a change like {like}")
    return changes


def _change(text: str, like: str) -> Change:
    match = _CHANGE.fullmatch(text)
    if match is None:
        raise SettingsError(f"--drift: {text!r}: expected [CHANNEL:]EFFECT@FROM..TO, like {like}")
    channel, source = (match["channel"] or "").strip(), match["source"]
    effect, size, in_sd = _effect(match["effect"].strip(), text)
    if bool(channel) is (effect == "level"):
        needs = "is of whole images and takes no channel" if channel else "needs a channel"
        raise SettingsError(f"--drift: {text!r}: {match['effect'].strip()} {needs}, as in {like}")
    window = _WINDOW.fullmatch(match["window"].strip())
    if window is None:
        raise SettingsError(
            f"--drift: {text!r}: {match['window']!r} is no stretch; expected FROM..TO, FROM.., FROM..TO~OVER or "
            "FROM..TO/EVERY, like 3600..7200, 1h.., #500..#900~#50 or 1h..2h/1d"
        )
    begin = _moment(window["begin"], text)
    end = _moment(window["end"], text) if window["end"] else None
    over = _moment(window["over"], text) if window["over"] else None
    every = _moment(window["every"], text) if window["every"] else None
    if end is not None and end.events == begin.events and end.at <= begin.at:
        raise SettingsError(f"--drift: {text!r}: the change ends before it begins")
    if over is not None and effect in {"stuck", "slope"}:
        raise SettingsError(f"--drift: {text!r}: {effect} has no transition; leave out ~{window['over']}")
    if over is not None and over.events != begin.events:
        raise SettingsError(
            f"--drift: {text!r}: begin and transition must both be times or both event numbers"
        )
    if over is not None and over.at <= 0.0:
        raise SettingsError(f"--drift: {text!r}: a transition takes more than 0; leave out ~{window['over']}")
    if every is not None:
        _check_repetition(begin, end, every, text)
    return Change(text, channel, effect, size, in_sd, begin, end, over, source, every)


def _check_repetition(begin: Moment, end: Moment | None, every: Moment, text: str) -> None:
    if end is None or len({begin.events, end.events, every.events}) > 1:
        raise SettingsError(
            f"--drift: {text!r}: a change that is repeated has an end, and begin, end and period are all times or "
            "all event numbers"
        )
    if every.at <= end.at - begin.at:
        raise SettingsError(f"--drift: {text!r}: the change takes longer than its period")


def _effect(word: str, text: str) -> tuple[Effect, float, bool]:
    for name, pattern in EFFECTS.items():
        match = pattern.fullmatch(word)
        if match is None:
            continue
        parts = match.groupdict()
        size = float(parts.get("size") or (100.0 if name == "dropout" else 0.0))
        if name == "dropout":
            if size > 100.0:
                raise SettingsError(f"--drift: {text!r}: no more than 100% can drop out")
            size /= 100.0
        if name == "slope":
            size /= _seconds(parts["per"], text)
        return name, -size if parts.get("sign") == "-" else size, parts.get("sd") is not None
    raise SettingsError(
        f"--drift: {text!r}: {word!r} is no effect; expected one like mean+2sd, mean-0.5, scale*1.2, noise+1sd, "
        "slope+1sd/h, stuck, dropout30%, and level=3 of images"
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
