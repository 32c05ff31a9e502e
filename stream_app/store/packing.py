"""Packing states: msgpack with numpy arrays, a version and a checksum; never a pickle.

Layout: 4 bytes ``SGS1``, 4 bytes CRC-32 of the rest, then msgpack. A damaged or foreign blob is refused by name.
"""

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from stream_app.errors import StateError

__all__ = ["pack_state", "unpack_state"]

_MAGIC = b"SGS1"
_ARRAY = 1
# Positions in this list are stored: only ever append.
_DTYPES = (
    "float64",
    "float32",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
)
_CODES = {np.dtype(name).newbyteorder("<"): code for code, name in enumerate(_DTYPES)}


def pack_state(state: Mapping[str, Any]) -> bytes:
    """Pack plain values and arrays into bytes.

    Raises
    ------
    StateError
        If something in it is neither.

    Examples
    --------
    >>> unpack_state(pack_state({"a": np.arange(3)}), "here")["a"].tolist()
    [0, 1, 2]
    """
    try:
        body = _encoder.encode(state)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StateError(f"a state can't be packed: {error}") from error
    return _MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def unpack_state(blob: bytes, where: str) -> dict[str, Any]:
    """Unpack what `pack_state` made.

    Parameters
    ----------
    blob : bytes
        The packed state.
    where : str
        The key it was read from, for the message.

    Raises
    ------
    StateError
        If it is damaged, or not one of ours.
    """
    if blob[:4] != _MAGIC:
        raise StateError(f"{where}: not a state of this program's version (it begins with {blob[:4]!r})")
    body = blob[8:]
    if len(blob) < 8 or struct.unpack("<I", blob[4:8])[0] != zlib.crc32(body):
        raise StateError(f"{where}: the stored state is damaged (its checksum is wrong)")
    try:
        state = _decoder.decode(body)
    except (msgspec.DecodeError, ValueError, TypeError, IndexError, RecursionError, struct.error) as error:
        raise StateError(f"{where}: the stored state is damaged: {error}") from error
    if not isinstance(state, dict):
        raise StateError(f"{where}: the stored state is a {type(state).__name__}, not a table")
    return state


def _pack_other(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        # By dtype, not by its name: numpy puts the name together anew each time.
        code = _CODES.get(value.dtype)
        if code is None:
            code = _CODES.get(value.dtype.newbyteorder("<"))
            value = value.astype(value.dtype.newbyteorder("<"))
        if code is None:
            raise TypeError(f"an array of {value.dtype} is not a plain value")
        head = struct.pack(f"<BB{value.ndim}I", code, value.ndim, *value.shape)
        return msgspec.msgpack.Ext(_ARRAY, head + value.tobytes())
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} is not a plain value")


def _unpack_other(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        raise ValueError(f"unknown extension {code}")
    kind, dimensions = struct.unpack_from("<BB", data)
    shape = struct.unpack_from(f"<{dimensions}I", data, 2)
    # Copied, because an array over the received bytes could not be written to.
    return np.frombuffer(data, dtype=_DTYPES[kind], offset=2 + 4 * dimensions).reshape(shape).copy()


_encoder = msgspec.msgpack.Encoder(enc_hook=_pack_other)
_decoder = msgspec.msgpack.Decoder(ext_hook=_unpack_other)
