"""Packing states: msgpack with numpy arrays and a checksum or a signature; never a pickle.

Layout: 4 bytes ``SGS1``, 4 bytes CRC-32 of the rest, then msgpack. With a key: 4 bytes ``SGH1``, 32 bytes
HMAC-SHA256 of the format, of what the state is bound to and of the rest, then msgpack. A damaged or foreign blob is refused by
name, and with a key a forged one, too, before anything in it is looked at.
"""

import hashlib
import hmac
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from stream_app.errors import StateError

__all__ = ["pack_state", "unpack_state"]

_MAGIC = b"SGS1"
_SIGNED = b"SGH1"
_CHECKSUM_BYTES = 4
_SIGNATURE_BYTES = 32
_ARRAY = 1
_LONGEST_SIDE = 2**24
"""An array without elements may claim any shape; nobody shall loop over its rows."""

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
_KINDS = tuple(np.dtype(name).newbyteorder("<") for name in _DTYPES)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}
_SHAPES = tuple(struct.Struct(f"<{sides}I") for sides in range(33))


def pack_state(state: Mapping[str, Any], *, key: bytes | None = None, bound_to: str = "") -> bytes:
    """Pack plain values and arrays into bytes.

    Parameters
    ----------
    state : mapping
        Of plain values and arrays.
    key : bytes, optional
        Sign with it; a checksum stands in for the signature where there is none.
    bound_to : str
        What the state belongs to; signed with it, so that it cannot be put in another's place.

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
    if key is not None:
        return _SIGNED + _signature(key, bound_to, body) + body
    return _MAGIC + struct.pack("<I", zlib.crc32(body)) + body


def unpack_state(blob: bytes, where: str, *, key: bytes | None = None, bound_to: str = "") -> dict[str, Any]:
    """Unpack what `pack_state` made.

    Parameters
    ----------
    blob : bytes
        The packed state.
    where : str
        The key it was read from, for the message.
    key, bound_to
        As it was packed.

    Raises
    ------
    StateError
        If it is damaged, forged, or not one of ours.
    """
    body = _opened(blob, where, key, bound_to)
    try:
        state = _decoder.decode(body)
    except (msgspec.DecodeError, ValueError, TypeError, IndexError, RecursionError, struct.error) as error:
        raise StateError(f"{where}: the stored state is damaged: {error}") from error
    if not isinstance(state, dict):
        raise StateError(f"{where}: the stored state is a {type(state).__name__}, not a table")
    return state


def _signature(key: bytes, bound_to: str, body: bytes) -> bytes:
    name = bound_to.encode()
    head = _SIGNED + struct.pack("<I", len(name)) + name
    return hmac.digest(key, head + hashlib.sha256(body).digest(), "sha256")


def _opened(blob: bytes, where: str, key: bytes | None, bound_to: str) -> bytes:
    magic = blob[:4]
    if magic not in {_MAGIC, _SIGNED}:
        raise StateError(f"{where}: not a state of this program's format (it begins with {magic!r})")
    if key is None:
        if magic == _SIGNED:
            raise StateError(
                f"{where}: the stored state is signed; set redis.state_key to the key of its writer"
            )
        body = blob[4 + _CHECKSUM_BYTES :]
        if blob[4 : 4 + _CHECKSUM_BYTES] != struct.pack("<I", zlib.crc32(body)):
            raise StateError(f"{where}: the stored state is damaged (its checksum is wrong)")
        return body
    if magic != _SIGNED:
        raise StateError(
            f"{where}: the stored state is not signed, and redis.state_key is set; "
            "it is forged, or from before: begin afresh with another worker.group"
        )
    body = blob[4 + _SIGNATURE_BYTES :]
    if not hmac.compare_digest(blob[4 : 4 + _SIGNATURE_BYTES], _signature(key, bound_to, body)):
        raise StateError(
            f"{where}: the stored state is forged or damaged (its signature is wrong), or redis.state_key is another"
        )
    return body


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
    kind, sides = data[0], data[1]
    shape = _SHAPES[sides].unpack_from(data, 2)
    flat = np.frombuffer(data, dtype=_KINDS[kind], offset=2 + 4 * sides)
    # Copied, because an array over the received bytes could not be written to.
    if shape == flat.shape:  # by far the most; reshaping costs as much as copying
        return flat.copy()
    if max(shape, default=0) > _LONGEST_SIDE:
        raise ValueError(f"an array of shape {shape}")
    return flat.reshape(shape).copy()


_encoder = msgspec.msgpack.Encoder(enc_hook=_pack_other)
_decoder = msgspec.msgpack.Decoder(ext_hook=_unpack_other)
