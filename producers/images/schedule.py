"""The little language of ``--drift`` for images: how bad they are, and when.

::

    schedule  := change (";" change)*
    change    := "sudden:at=" moment ",level=" level                          sudden:at=500,level=3
               | "gradual:from=" moment ",over=" length ",level=" level       gradual:from=500,over=1000,level=9
               | "recurring:every=" length ",for=" length ",level=" level     recurring:every=500,for=200,level=2
    moment, length := number of images, or time with its unit (90s, 2m)

Everything counts from the first image. A gradual change climbs level by level in equal steps and reaches the last
at its end. A recurring one begins after the first period. Where changes overlap, the one that is written last holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from producers.drift import Moment
from producers.images.corruptions import MAX_LEVEL
from stream_app.errors import SettingsError
from stream_app.settings import parse_duration

__all__ = ["LevelChange", "levels_at", "parse_levels"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Form: TypeAlias = Literal["sudden", "gradual", "recurring"]

_KEYS: dict[Form, tuple[str, ...]] = {
    "sudden": ("at", "level"),
    "gradual": ("from", "over", "level"),
    "recurring": ("every", "for", "level"),
}
_LIKE = "sudden:at=500,level=3; gradual:from=500,over=1000,level=9; recurring:every=500,for=200,level=2"


@dataclass(frozen=True, slots=True)
class LevelChange:
    """One change of the level.

    Parameters
    ----------
    text : str
        As it was written; the label ``drift`` of the images it touches.
    form : {'sudden', 'gradual', 'recurring'}
    level : int
        0 to 9.
    begin : Moment
        First image; of a recurring one, the period.
    length : Moment or None
        Of the transition; of a recurring one, how much of each period is touched.
    """

    text: str
    form: Form
    level: int
    begin: Moment
    length: Moment | None = None


def parse_levels(text: str) -> tuple[LevelChange, ...]:
    """Read a schedule.

    Raises
    ------
    SettingsError
        Naming the change that is wrong and what was expected.

    Examples
    --------
    >>> change, = parse_levels("gradual:from=500,over=2m,level=9")
    >>> change.level, change.begin, change.length
    (9, Moment(at=500.0, events=True), Moment(at=120.0, events=False))
    """
    changes = tuple(_change(part.strip()) for part in text.split(";") if part.strip())
    if not changes:
        raise SettingsError(f"--drift: {text!r} holds no change; expected some like {_LIKE}")
    return changes


def levels_at(
    changes: Sequence[LevelChange], base: int, numbers: IntArray, seconds: FloatArray
) -> tuple[IntArray, IntArray]:
    """Return the level of each image.

    Parameters
    ----------
    changes : sequence of LevelChange
    base : int
        Level where no change holds.
    numbers, seconds : ndarray (n,)
        Number of each image, and its event time after the first one.

    Returns
    -------
    levels : ndarray of int (n,)
    which : ndarray of int (n,)
        Index of the change that holds, -1 for none.

    Examples
    --------
    >>> levels_at(parse_levels("sudden:at=2,level=3"), 0, np.arange(4), np.arange(4.0))[0].tolist()
    [0, 0, 3, 3]
    >>> levels_at(parse_levels("gradual:from=1,over=4,level=4"), 0, np.arange(7), np.arange(7.0))[0].tolist()
    [0, 0, 1, 2, 3, 4, 4]
    """
    levels = np.full(len(numbers), base, dtype=np.int64)
    which = np.full(len(numbers), -1, dtype=np.int64)
    for index, change in enumerate(changes):
        since = _along(change.begin, numbers, seconds) - change.begin.at
        inside = since >= 0.0
        share = np.ones(len(numbers))
        if change.length is not None and change.form == "gradual":
            share = np.clip(since / change.length.at, 0.0, 1.0)
        elif change.length is not None:
            inside &= np.mod(since, change.begin.at) < change.length.at
        # A whole level is reached when all of its share has passed; rounding must not hold it back.
        climbed = np.trunc((change.level - levels) * share * (1.0 + 1e-12)).astype(np.int64)
        levels = np.where(inside, levels + climbed, levels)
        which = np.where(inside, index, which)
    return levels, which


def _along(moment: Moment, numbers: IntArray, seconds: FloatArray) -> FloatArray:
    return numbers.astype(np.float64) if moment.events else seconds


def _change(text: str) -> LevelChange:
    name, _, rest = text.partition(":")
    form = next((known for known in _KEYS if known == name.strip()), None)
    if form is None:
        raise SettingsError(f"--drift: {text!r}: expected a change like {_LIKE}")
    said: dict[str, str] = {}
    for part in rest.split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key not in _KEYS[form] or key in said:
            raise SettingsError(
                f"--drift: {text!r}: {part.strip()!r}: {form} has {', '.join(_KEYS[form])}, each once"
            )
        said[key] = value
    if missing := [key for key in _KEYS[form] if key not in said]:
        raise SettingsError(f"--drift: {text!r}: {form} needs {', '.join(missing)}, as in {_LIKE}")
    level = _level(said["level"], text)
    first, *second = [_moment(said[key], key, text) for key in _KEYS[form][:-1]]
    length = second[0] if second else None
    if (
        length is not None
        and form == "recurring"
        and (length.events, False) != (first.events, length.at >= first.at)
    ):
        raise SettingsError(f"--drift: {text!r}: for must be less than every, both images or both times")
    return LevelChange(text, form, level, first, length)


def _level(word: str, text: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) <= MAX_LEVEL):
        raise SettingsError(f"--drift: {text!r}: a level from 0 to {MAX_LEVEL} is expected, not {word!r}")
    return int(word)


def _moment(word: str, key: str, text: str) -> Moment:
    """Read a number of images, or a time with its unit."""
    if word.isascii() and word.isdigit():
        moment = Moment(float(word), events=True)
    else:
        try:
            moment = Moment(parse_duration(word))
        except ValueError as error:
            raise SettingsError(f"--drift: {text!r}: {key}: {error}, and no number of images") from None
    if moment.at <= 0.0 and key not in {"at", "from"}:
        raise SettingsError(f"--drift: {text!r}: {key} must be above 0")
    return moment
