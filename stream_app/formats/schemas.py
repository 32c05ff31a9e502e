"""Schemas of a registry that were compiled, by their number."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
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
        What it refers to, by the names that it has for them.
    """

    text: str
    references: Mapping[str, "Artifact"] = field(default_factory=dict)

    def all_references(self) -> Iterator[tuple[str, "Artifact"]]:
        """Yield all that it refers to with the names, each behind what it refers to itself."""
        for name, one in self.references.items():
            yield from one.all_references()
            yield name, one


class Schemas(Generic[C]):
    """Compiled schemas.

    Parameters
    ----------
    compile_one : callable
        Compiles one; raises `SettingsError` where it cannot be used.
    """

    def __init__(self, compile_one: Callable[[Artifact], C]) -> None:
        self._compile = compile_one
        self._kept: OrderedDict[SchemaId, C] = OrderedDict()

    def __contains__(self, key: SchemaId) -> bool:
        return key in self._kept

    def get(self, key: SchemaId) -> C | None:
        """Return a schema; None where none of this number was put here."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: SchemaId, artifact: Artifact) -> None:
        """Keep a schema.

        Raises
        ------
        SettingsError
            If it cannot be used.
        """
        self._kept[key] = self._compile(artifact)
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_SCHEMAS:
            self._kept.popitem(last=False)
