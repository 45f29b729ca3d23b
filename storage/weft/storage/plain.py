"""MessagePack values as JSON that people can read and nothing is lost in.

What JSON has is JSON: null, booleans, integers, floats, strings, arrays, objects. What
it has not is an object of one key that begins with ``$``:

=============  =============================================================
``$bytes``     bytes, in base64
``$time``      a MessagePack timestamp, in RFC 3339, UTC
``$float``     ``"nan"``, ``"inf"`` or ``"-inf"``
``$map``       a mapping whose keys are no strings, or whose only key begins with
               ``$``, as ``[[key, value], ...]``
``$ext``       an extension, as ``[code, base64]``
``$msgpack``   a whole value as it is, in base64, where none of these would do
=============  =============================================================

Guarantees: ``to_msgpack(to_json(data)) == data``, byte for byte, whatever the data is:
what does not come back is carried in ``$msgpack``.
"""

import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

__all__ = ["to_json", "to_msgpack"]

_decode: Final = msgspec.msgpack.Decoder().decode
_encode: Final = msgspec.msgpack.Encoder().encode
_decode_json: Final = msgspec.json.Decoder().decode
_encode_json: Final = msgspec.json.Encoder().encode

_UNREADABLE: Final = (
    ValueError,  # of msgspec, base64, datetime and Unicode alike
    TypeError,
    OverflowError,
    RecursionError,
)


def to_json(data: bytes) -> bytes:
    """Return a MessagePack value as JSON.

    Args:
        data: one encoded value, sound or not.
    """
    # Bytes, times and the like become strings in plain JSON, which do not come back.
    for write in (_encode_json, _encode_tagged):
        try:
            plain = write(_decode(data))
            if to_msgpack(plain) == data:
                return plain
        except _UNREADABLE:
            continue
    return _encode_json({"$msgpack": _base64(data)})


def to_msgpack(plain: bytes) -> bytes:
    """Return the MessagePack value that JSON stands for.

    Raises:
        ValueError: it is no JSON, or a key with ``$`` does not hold what it should.
    """
    value = _decode_json(plain)
    if b'"$' not in plain:
        return _encode(value)
    if isinstance(value, dict) and set(value) == {"$msgpack"}:
        data = b64decode(_text(value["$msgpack"]), validate=True)
        _decode(data)
        return data
    return _encode(_untagged(value))


def _encode_tagged(value: Any) -> bytes:
    return _encode_json(_tagged(value))


def _tagged(value: Any) -> Any:
    if isinstance(value, dict):
        return _tagged_mapping(value)
    if isinstance(value, list | tuple):
        return [_tagged(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    write = _WRITERS.get(type(value))
    return value if write is None else write(value)


def _tagged_mapping(value: dict[Any, Any]) -> Any:
    if all(type(key) is str for key in value) and not _is_tag(value):
        return {key: _tagged(item) for key, item in value.items()}
    return {"$map": [[_tagged(key), _tagged(item)] for key, item in value.items()]}


def _is_tag(value: dict[Any, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith("$")


def _untagged(value: Any) -> Any:
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    if not _is_tag(value):
        return {key: _untagged(item) for key, item in value.items()}
    ((tag, content),) = value.items()
    read = _TAGS.get(tag)
    if read is None:
        raise ValueError(f"{tag!r} is no tag")
    return read(content)


def _map(content: Any) -> dict[Any, Any]:
    return {_key(_untagged(key)): _untagged(item) for key, item in content}


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _ext(content: Any) -> msgspec.msgpack.Ext:
    code, data = content
    return msgspec.msgpack.Ext(code, b64decode(_text(data), validate=True))


def _time(content: Any) -> datetime:
    when = datetime.fromisoformat(_text(content))
    if when.tzinfo is None:
        raise ValueError(f"{content!r} has no time zone")
    return when


def _float(content: Any) -> float:
    if content not in {"nan", "inf", "-inf"}:
        raise ValueError(f"{content!r} is no $float")
    return float(content)


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError(f"a string is expected, not {content!r}")
    return content


def _base64(data: bytes | bytearray | memoryview) -> str:
    return b64encode(data).decode("ascii")


_WRITERS: Final[dict[type, Callable[[Any], Any]]] = {
    bytes: lambda value: {"$bytes": _base64(value)},
    datetime: lambda value: {"$time": value.astimezone(UTC).isoformat()},
    msgspec.msgpack.Ext: lambda value: {"$ext": [value.code, _base64(value.data)]},
}

_TAGS: Final[dict[str, Callable[[Any], Any]]] = {
    "$bytes": lambda content: b64decode(_text(content), validate=True),
    "$time": _time,
    "$float": _float,
    "$map": _map,
    "$ext": _ext,
}
