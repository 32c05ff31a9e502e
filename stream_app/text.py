"""Text of events that is shown to people: it may hold anything."""

import json

__all__ = ["printable"]


def printable(text: str) -> str:
    r"""Spell out the characters of a text that are not printable, as JSON does.

    Examples
    --------
    >>> print(printable("pump \x1b[2J\n\x9b1m\u202e"))
    pump \u001b[2J\n\u009b1m\u202e
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
