"""The limits of a file with a model, asked before anything of it is unpacked."""

from pathlib import Path
from zipfile import BadZipFile, ZipFile

__all__ = ["check_sizes"]

_MAX_BYTES = 1 << 29
"""Of all members: a forest on 60,000 images takes 150 MB."""

_MAX_SCHEMA_BYTES = 1 << 25
_SCHEMA = "schema.json"


def check_sizes(path: Path) -> None:
    """Refuse a file that unpacks to more than a model, or whose members are something else.

    A member never unpacks to more than its entry says: what follows is not read. Members that are archives themselves
    would, so there may be arrays only, beside the schema.

    Raises
    ------
    ValueError
        If so.
    OSError
        If the file cannot be read.
    """
    try:
        with ZipFile(path) as packed:
            members = packed.infolist()
    except BadZipFile as error:
        raise ValueError(str(error)) from None
    for member in members:
        if member.filename != _SCHEMA and not member.filename.endswith(".npy"):
            raise ValueError(f"it holds {member.filename[:80]!r}, which is no array")
    total = sum(member.file_size for member in members)
    if total > _MAX_BYTES:
        raise ValueError(f"it unpacks to {total:,} bytes, at most {_MAX_BYTES:,} are read")
    schema = sum(member.file_size for member in members if member.filename == _SCHEMA)
    if schema > _MAX_SCHEMA_BYTES:
        raise ValueError(f"its schema unpacks to {schema:,} bytes, at most {_MAX_SCHEMA_BYTES:,} are read")
