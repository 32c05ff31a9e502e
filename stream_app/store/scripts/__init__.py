"""Lua scripts, each atomic in Redis, read from the files beside this one."""

from functools import cache
from importlib.resources import files

__all__ = ["script"]


@cache
def script(*names: str) -> str:
    """Text of a script by its name without the suffix; several are put one after the other."""
    return "".join((files(__name__) / f"{name}.lua").read_text(encoding="utf-8") for name in names)
