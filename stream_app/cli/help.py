"""Help texts: a terminal breaks lines where it wants to, not where the source does."""

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["help_of"]


def help_of(command: Callable[..., Any]) -> str:
    """Return what a command's docstring says, a line a paragraph."""
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
