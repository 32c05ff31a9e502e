"""A table of the monitor file."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Table"]


class Table(BaseModel):
    """A table that knows all its keys: one that is misspelt is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
