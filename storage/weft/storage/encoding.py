"""Encoding at the edge: free-form data becomes what is stored, or is refused.

Guarantees: what passes here can be read back, by every version of Python, and is no
larger and no deeper than a value may be; so it cannot spoil the commit group it ends up
in, nor the store of somebody else that it is taken to.
"""

import gc
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from weft.storage.errors import InvalidArgument
from weft.storage.records import EMPTY, NIL

__all__ = [
    "VALUE_DEPTH_MAX",
    "VALUE_SIZE_BYTES_MAX",
    "check_readable",
    "encode_change",
    "encode_fields",
    "encode_mapping",
    "encode_value",
]

VALUE_SIZE_BYTES_MAX: Final = 16 << 20
"""One encoded value. A page of LMDB's map is 4 KiB; values beyond some MiB belong in
an object store, with their address here."""

VALUE_DEPTH_MAX: Final = 128
"""The steps from a value down to its innermost part. Without a limit of our own it is
Python's: some 900 in 3.11, of which the caller's frames are taken, and ten thousand in
3.12, so that one could write what another cannot read. 128 is serde_json's."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder().decode
_UNENCODABLE: Final = (TypeError, ValueError, OverflowError)


def encode_value(value: Any, what: str = "value") -> msgspec.Raw:
    """Return a value as it is stored.

    Args:
        value: anything msgspec encodes to MessagePack.
        what: how to call it in the error.

    Raises:
        InvalidArgument: it cannot be encoded, is larger than 16 MiB, or nests deeper
            than 128 levels.
    """
    if value is None:
        return NIL
    try:
        data = _encode(value)
    except RecursionError as error:
        raise _too_deep(what) from error
    except _UNENCODABLE as error:
        raise InvalidArgument(
            f"{what} cannot be encoded: {error}.", cause=error
        ) from error
    check_readable(data, what)
    if len(data) > VALUE_SIZE_BYTES_MAX:
        raise InvalidArgument(
            f"{what} has {len(data)} bytes; at most {VALUE_SIZE_BYTES_MAX} are allowed."
        )
    return msgspec.Raw(data)


def check_readable(data: bytes, what: str) -> None:
    """Refuse an encoded value that not every Python can read back.

    Args:
        data: a whole MessagePack value.
        what: how to call it in the error.

    Raises:
        InvalidArgument: it cannot be decoded, or nests deeper than 128 levels.
    """
    try:
        # Not all that MessagePack can write it can read, such as mappings as keys.
        value = _decode(data)
    except RecursionError as error:
        raise _too_deep(what) from error
    except (msgspec.DecodeError, TypeError) as error:  # TypeError: msgspec 0.21
        words = f"{what} cannot be read back: {error}."
        raise InvalidArgument(words, cause=error) from error
    # A level takes a byte at least.
    if len(data) > VALUE_DEPTH_MAX and _is_deep(value):
        raise _too_deep(what)


def _is_deep(value: Any) -> bool:
    # Plain data, fresh from a decoder: nothing in it leads back to itself.
    level = [value]
    for _ in range(VALUE_DEPTH_MAX + 1):
        # All of a level in C: 3 us for 6 kB of messages, a quarter of decoding them.
        level = gc.get_referents(*level)
        if not level:
            return False
    return True


def _too_deep(what: str) -> InvalidArgument:
    words = f"{what} nests deeper than the {VALUE_DEPTH_MAX} levels that are allowed."
    return InvalidArgument(words)


def encode_mapping(value: Mapping[str, Any] | None, what: str) -> msgspec.Raw:
    """Return a mapping as it is stored; None counts as empty.

    Raises:
        InvalidArgument: not a mapping with string keys, or not encodable.
    """
    if not value:
        if value is None or isinstance(value, Mapping):
            return EMPTY
    elif isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidArgument(f"{what} must have strings as keys.")
        return encode_value(dict(value), what)
    raise InvalidArgument(f"{what} must be a mapping, not {type(value).__name__}.")


def encode_fields(
    record: msgspec.Struct, encode: Callable[[Any, str], msgspec.Raw], *names: str
) -> None:
    """Encode the fields of a new record that its caller gave as they were."""
    for name in names:
        value = getattr(record, name)
        if type(value) is not msgspec.Raw:
            force_setattr(record, name, encode(value, name))


def encode_change(value: Mapping[str, Any] | None, what: str) -> msgspec.Raw:
    """Return a mapping as it is stored; None stays one: it leaves things as they are.

    Raises:
        InvalidArgument: as :func:`encode_mapping`.
    """
    return NIL if value is None else encode_mapping(value, what)
