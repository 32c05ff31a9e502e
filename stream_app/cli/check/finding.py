"""One thing that a check looked at."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, and what is wrong with it, if anything.

    Parameters
    ----------
    check : str
        What was looked at.
    ok : bool
        Whether a worker can do with it.
    about : str
        What was found.
    problem : str, optional
        What is wrong.
    doubt : str, optional
        What a person should look at, although a worker can do with it.
    """

    check: str
    ok: bool
    about: str = ""
    problem: str | None = None
    doubt: str | None = None
