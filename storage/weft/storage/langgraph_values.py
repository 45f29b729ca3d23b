"""LangGraph's checkpoint values, decoded without running anybody's code.

LangGraph's serializer writes what MessagePack has not as extensions that say "import
this module, call this name with these arguments". Nothing is imported or called here:
a table says what a few well-known types become, and the rest keeps its arguments
beside the name of its type.

=================================================  ================================
type                                               becomes
=================================================  ================================
UUID, Decimal, paths, IP addresses, ZoneInfo,      a string
date, time, a datetime without zone
datetime with a zone                               a timestamp
set, frozenset, deque                              a list
any other class, message, enum, array              ``{"type": ..., "value": ...}``
an extension that is not LangGraph's               ``{"ext": code, "data": bytes}``
=================================================  ================================
"""

from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

import msgspec

__all__ = ["Undecodable", "Values"]

_CONSTRUCTORS: Final = frozenset((0, 1, 2, 3, 4, 5))
"""One argument, several, by keyword, a method; Pydantic 1 and 2: all of them are
``(module, name, arguments, ...)``."""

_ARRAY: Final = 6
_DELTA_SNAPSHOT: Final = 7

_BROKEN: Final = (ValueError, TypeError, OverflowError, RecursionError, IndexError)


class Undecodable(Exception):
    """A value cannot be decoded, or only by running code; the argument says why."""


def _path(parts: Any) -> str:
    return str(PurePosixPath(*parts))


def _moment(text: Any) -> datetime | str:
    when = datetime.fromisoformat(text)
    return str(text) if when.tzinfo is None else when


_ADDRESSES: Final = {
    ("ipaddress", f"IPv{version}{what}"): str
    for version in (4, 6)
    for what in ("Address", "Interface", "Network")
}
_KNOWN: Final[dict[tuple[str, str], Callable[[Any], Any]]] = {
    **_ADDRESSES,
    ("uuid", "UUID"): lambda text: str(UUID(hex=text)),
    ("decimal", "Decimal"): str,
    ("zoneinfo", "ZoneInfo"): str,
    ("builtins", "set"): list,
    ("builtins", "frozenset"): list,
    ("collections", "deque"): list,
    ("pathlib", "Path"): _path,
    ("pathlib", "PosixPath"): _path,
    ("pathlib", "PurePosixPath"): _path,
    ("datetime", "datetime"): _moment,
    ("datetime", "date"): lambda parts: date(*parts).isoformat(),
    ("datetime", "time"): lambda parts: time(
        **{key: part for key, part in parts.items() if key != "tzinfo"}
    ).isoformat(),
}


class Values:
    """Decodes values, and remembers what was kept with its type's name.

    Attributes:
        kept: how many values of which type.
    """

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}
        self._decode = msgspec.msgpack.Decoder(ext_hook=self._extension).decode

    def decode(self, kind: str | None, data: bytes | None) -> Any:
        """Return a value.

        Args:
            kind: how it is serialized, as the database says.
            data: the bytes.

        Raises:
            Undecodable: the bytes are damaged, or of a kind that is not decoded.
        """
        try:
            match kind:
                case "msgpack":
                    return self._decode(data or b"")
                case "json":
                    return msgspec.json.decode(data or b"")
                case "null":
                    return None
                case "bytes" | "bytearray":
                    return bytes(data or b"")
        except _BROKEN as error:
            raise Undecodable(f"its {kind} value is damaged: {error}") from error
        why = " (it could run code)" if kind == "pickle" else ""
        raise Undecodable(f"values of kind {kind!r} are not decoded{why}")

    def _extension(self, code: int, data: memoryview) -> Any:
        if code in _CONSTRUCTORS:
            module, name, arguments = self._decode(data)[:3]
            known = _KNOWN.get((module, name))
            if known is not None:
                return known(arguments)
            return self._keep(f"{module}.{name}", arguments)
        if code == _ARRAY:
            dtype, shape, order, content = self._decode(data)
            array = {"dtype": dtype, "shape": shape, "order": order, "data": content}
            return self._keep("numpy.ndarray", array)
        if code == _DELTA_SNAPSHOT:
            return self._decode(data)
        self._count(f"extension {code}")
        return {"ext": code, "data": bytes(data)}

    def _keep(self, name: str, value: Any) -> dict[str, Any]:
        self._count(name)
        return {"type": name, "value": value}

    def _count(self, name: str) -> None:
        self.kept[name] = self.kept.get(name, 0) + 1
