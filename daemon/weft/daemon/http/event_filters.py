"""Which events of a thread a client subscribes to, in the protocol's third version."""

from typing import Annotated, Any, Final

import msgspec

__all__ = ["Subscription"]

CHANNELS: Final = (
    "values|updates|messages|tools|lifecycle|input|checkpoints|tasks|custom(:.+)?"
)

Channel = Annotated[str, msgspec.Meta(pattern=f"^({CHANNELS})$", max_length=256)]
Channels = Annotated[list[Channel], msgspec.Meta(min_length=1, max_length=64)]
Namespace = list[Annotated[str, msgspec.Meta(max_length=1024)]]
Namespaces = Annotated[list[Namespace], msgspec.Meta(max_length=256)]
Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]

_CHANNEL_OF: Final = {"input.requested": "input"}

ALWAYS: Final = frozenset({"gap"})
"""What nobody subscribes to, and everybody is told."""


class Subscription(msgspec.Struct):
    """What a client wants to hear of a thread.

    ``channels``: kinds of events; ``custom:NAME`` is one kind of the custom ones.
    ``namespaces``: only graphs within the graph that stand under one of these paths,
    at most ``depth`` levels deeper. ``since``: events behind this ``seq``; without it,
    the thread's last runs from their beginning.
    """

    channels: Channels
    namespaces: Namespaces | None = None
    depth: Number | None = None
    since: Number | None = None

    def wants(self, method: str, namespace: list[str], data: Any) -> bool:
        """Whether an event is to be told.

        Args:
            method: the protocol's.
            namespace: where it stands.
            data: of a custom event: with its name, if it has one.
        """
        if method in ALWAYS:
            return True
        channel = _CHANNEL_OF.get(method, method)
        if channel not in self.channels:
            name = data.get("name") if channel == "custom" else None
            if name is None or f"custom:{name}" not in self.channels:
                return False
        return not self.namespaces or any(
            self._reaches(prefix, namespace) for prefix in self.namespaces
        )

    def _reaches(self, prefix: list[str], namespace: list[str]) -> bool:
        deeper = len(namespace) - len(prefix)
        if deeper < 0 or (self.depth is not None and deeper > self.depth):
            return False
        return all(map(_is_same, prefix, namespace))


def _is_same(wanted: str, found: str) -> bool:
    """Whether a part of a path is meant; ``node`` means each ``node:TASK``."""
    return found == wanted or (":" not in wanted and found.partition(":")[0] == wanted)
