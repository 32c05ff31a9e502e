"""Schemas of a registry that were compiled, by their number."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from stream_app.formats.framing import SchemaId

__all__ = ["MAX_SCHEMAS", "Artifact", "Schemas"]

MAX_SCHEMAS = 1_000
"""Most schemas that are kept compiled; the one that was not used for longest goes first."""

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A schema as a registry has it.

    Parameters
    ----------
    text : str
        The schema.
    references : mapping of str to Artifact
        What it refers to, by the name that it does, those first that others refer to.
    """

    text: str
    references: Mapping[str, "Artifact"] = field(default_factory=dict)


class Schemas(Generic[C]):
    """Compiled schemas.

    Parameters
    ----------
    compile : callable
        Compiles one; raises `SettingsError` where it cannot be used.
    """

    def __init__(self, compile_one: Callable[[Artifact], C]) -> None:
        self._compile = compile_one
        self._kept: OrderedDict[SchemaId, C | None] = OrderedDict()

    def __contains__(self, key: SchemaId) -> bool:
        return key in self._kept

    def get(self, key: SchemaId) -> C | None:
        """Return a schema; None where the registry has none of this number, or it was not asked yet."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: SchemaId, artifact: Artifact | None) -> None:
        """Keep a schema, or that there is none of this number.

        Raises
        ------
        SettingsError
            If it cannot be used.
        """
        self._kept[key] = None if artifact is None else self._compile(artifact)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_SCHEMAS:
            self._kept.popitem(last=False)
