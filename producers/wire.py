"""Making the types in which events are encoded: structs take two thirds of the time of dicts."""

import functools
from collections.abc import Callable
from typing import Any

import msgspec

__all__ = ["record_type"]


@functools.lru_cache(maxsize=256)
def record_type(
    name: str, keys: tuple[str, ...], kind: Any, *, optional: bool = False
) -> Callable[..., msgspec.Struct]:
    """Make a type of records with given keys, the same one whenever it is asked for again.

    Parameters
    ----------
    name : str
        Of the type.
    keys : tuple of str
        Any texts; values come in their order.
    kind : type
        Of all values.
    optional : bool
        Leave out of the JSON what is None.

    Returns
    -------
    callable

    Examples
    --------
    >>> values = record_type("Values", ("flow rate", "level"), float | None, optional=True)
    >>> msgspec.json.encode(values(2.5, None))
    b'{"flow rate":2.5}'
    """
    names = {f"f{i}": key for i, key in enumerate(keys)}
    fields = [(field, kind, None) if optional else (field, kind) for field in names]
    return msgspec.defstruct(name, fields, rename=names, omit_defaults=optional, gc=False)
