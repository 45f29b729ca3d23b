"""What everybody who asks a daemon needs: its paths, its events, its errors' classes.

Guarantees: importing it costs nothing that a short command would notice.

Not here: connections. The command line has one that blocks, the client one on an event
loop.
"""

from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

__all__ = ["Event", "EventLines", "family_of", "is_token", "path_of"]

E = TypeVar("E", bound=BaseException)


def path_of(*parts: str) -> str:
    """Return a path; ids in it may hold any character.

    Args:
        parts: what stands between the slashes.
    """
    return "/" + "/".join(map(_segment, parts))


def is_token(text: str) -> bool:
    """Whether a text can be sent as a token: as it is, in a header."""
    return text.isascii() and text.isprintable() and text.split() == [text]


def _segment(part: str) -> str:
    if part in {".", ".."}:  # a client would take them for a way up
        return part.replace(".", "%2E")
    return quote(part, safe="")


class Event(NamedTuple):
    """A server-sent event.

    Attributes:
        event: its kind.
        data: decoded JSON; None if there is none.
        id: where to go on behind it.
    """

    event: str
    data: Any
    id: str


class EventLines:
    """Makes events of the lines of a stream, as they come; comments are passed over."""

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> Event | None:
        """Take a line; return the event that it ends, if it ends one.

        Args:
            line: without its break.
        """
        fields = self._fields
        if not line:
            self._fields = {}
            return _event(fields) if fields.keys() & {"event", "data"} else None
        name, _, value = line.partition(":")
        if name:
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        return None


def _event(fields: dict[str, str]) -> Event:
    data = fields.get("data")
    decoded = msgspec.json.decode(data) if data else None
    return Event(fields.get("event", "message"), decoded, fields.get("id", ""))


def family_of(base: type[E]) -> dict[str, type[E]]:
    """Return a class and all that derive from it, by their names."""
    found = {base.__name__: base}
    for kind in base.__subclasses__():
        found |= family_of(kind)
    return found
