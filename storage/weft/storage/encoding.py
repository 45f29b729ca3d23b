"""Encoding at the edge: free-form data becomes what is stored, or is refused.

Guarantees: what passes here can be read back, and is no larger than a value may be; so
it cannot spoil the commit group it ends up in.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from weft.storage.errors import InvalidArgument
from weft.storage.records import EMPTY, NIL

__all__ = [
    "VALUE_SIZE_BYTES_MAX",
    "encode_change",
    "encode_fields",
    "encode_mapping",
    "encode_value",
]

VALUE_SIZE_BYTES_MAX: Final = 16 << 20
"""One encoded value. A page of LMDB's map is 4 KiB; values beyond some MiB belong in
an object store, with their address here."""

_encode: Final = msgspec.msgpack.Encoder().encode
_UNENCODABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)


def encode_value(value: Any, what: str = "value") -> msgspec.Raw:
    """Return a value as it is stored.

    Args:
        value: anything msgspec encodes to MessagePack.
        what: how to call it in the error.

    Raises:
        InvalidArgument: it cannot be encoded, or is larger than 16 MiB.
    """
    if value is None:
        return NIL
    try:
        data = _encode(value)
    except _UNENCODABLE as error:
        raise InvalidArgument(
            f"{what} cannot be encoded: {error}.", cause=error
        ) from error
    try:
        # Not all that MessagePack can write it can read, such as mappings as keys.
        msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        words = f"{what} cannot be read back: {error}."
        raise InvalidArgument(words, cause=error) from error
    if len(data) > VALUE_SIZE_BYTES_MAX:
        raise InvalidArgument(
            f"{what} has {len(data)} bytes; at most {VALUE_SIZE_BYTES_MAX} are allowed."
        )
    return msgspec.Raw(data)


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
