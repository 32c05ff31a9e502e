"""Lua scripts, each atomic in Redis, read from the files beside this one."""

from importlib.resources import files

__all__ = ["script"]


def script(name: str) -> str:
    """Text of a script by its name without the suffix."""
    return (files(__name__) / f"{name}.lua").read_text(encoding="utf-8")
