"""The name of a deployment, which all its topics, keys and groups carry."""

from typing import Annotated

from pydantic import AfterValidator, Field

__all__ = ["DEFAULT_GROUP", "DEFAULT_KEYS", "Deployment"]

DEFAULT_KEYS, DEFAULT_GROUP = "sg", "streamgauge"
"""What stands in keys and as the consumer group where a deployment has no name."""


def _not_taken(name: str) -> str:
    if name in {DEFAULT_KEYS, DEFAULT_GROUP}:
        raise ValueError(f"{name} names what a deployment without a prefix writes; choose another")
    return name


Deployment = Annotated[
    str,
    # Without the characters that end it in a topic (.) and in a key (:), no name is the beginning of another.
    Field(max_length=63, pattern=r"^[A-Za-z0-9_-]*$"),
    AfterValidator(_not_taken),
]
"""Letters, digits, ``_`` and ``-``; empty for the deployment without a name."""
