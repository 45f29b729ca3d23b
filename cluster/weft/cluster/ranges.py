"""Stretches of a tree, by their two ends: what a scan of ordered keys asks SQL for."""

from typing import Final, NamedTuple

__all__ = ["FIRST_LIMIT", "LAST_LIMIT", "Range"]

_BEHIND: Final = b"\xff" * 512
"""No key is longer than 511 bytes, so none with a prefix lies behind it and this."""

FIRST_LIMIT: Final = 64
"""Entries a scan begins with: most stretches are shorter."""

LAST_LIMIT: Final = 1
"""Who reads backwards mostly looks for the last one, and a state may have 16 MiB."""

LIMIT_MAX: Final = 8_192

GROWTH: Final = 8


class Range(NamedTuple):
    """The keys from ``low`` up to, and without, ``high``.

    Attributes:
        tree: the tree's name.
        low: the lower end.
        high: the upper end.
        reverse: read from the upper end.
    """

    tree: str
    low: bytes
    high: bytes
    reverse: bool

    @classmethod
    def of(
        cls,
        tree: str,
        prefix: bytes = b"",
        start: bytes | None = None,
        *,
        reverse: bool = False,
    ) -> "Range":
        """Return what a scan of an engine covers: see ``ReadTransaction.scan``."""
        low, high = prefix, prefix + _BEHIND
        if start is not None and reverse:
            high = min(high, start)
        elif start is not None:
            low = max(low, start)
        return cls(tree, low, high, reverse)

    def within(self, low: bytes, high: bytes) -> "Range":
        """Return the part of it that lies between two keys."""
        return self._replace(low=max(low, self.low), high=min(high, self.high))

    def behind(self, key: bytes) -> "Range":
        """Return what is left of it behind a key that was read."""
        if self.reverse:
            return self._replace(high=key)
        return self._replace(low=key + b"\0")

    @property
    def first_limit(self) -> int:
        """How many entries to ask for at first."""
        return LAST_LIMIT if self.reverse else FIRST_LIMIT

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.low <= key < self.high
