"""Server-sent events as they come from a daemon, one after the other."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec

__all__ = ["ServerEvent", "read_events"]


class ServerEvent(NamedTuple):
    """One event.

    Attributes:
        name: its kind.
        data: decoded JSON; None if there is none.
    """

    name: str
    data: Any


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[ServerEvent]:
    """Yield the events that lines make; comments are passed over.

    Args:
        lines: without their breaks.
    """
    name, data = "message", list[str]()
    async for line in lines:
        if not line:
            if data or name != "message":
                text = "\n".join(data)
                yield ServerEvent(name, msgspec.json.decode(text) if text else None)
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
