"""Which shard a session is on, as a caller knows it: the map is a hint.

A session's slot is for ever (:mod:`weft.cluster.slots`). Which shard has the slot is
read from the database now and then: a caller whose map is old reaches a shard that says
so, reads the map again and goes to the right one.

Guarantees: an old map costs a caller a detour, never a wrong answer.
"""

import time
from collections.abc import Callable
from typing import Final

from weft.cluster.slots import SlotMap

__all__ = ["RouterMap"]

RELOAD_INTERVAL_S: Final = 0.05
"""The map is not read more often: a re-shard sends all callers here at once."""


class RouterMap:
    """The shard of each slot, as it was when it was read last.

    Args:
        load: reads the map.
        monotonic_s: the clock.
    """

    def __init__(
        self,
        load: Callable[[], SlotMap],
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._monotonic_s = monotonic_s
        self._slots = load()
        self._loaded_s = monotonic_s()

    def shard_of(self, session_id: str) -> int:
        """Return where a session probably is."""
        return self._slots.shard_of(session_id)

    @property
    def keeper(self) -> int:
        """The shard that probably looks after what belongs to no session."""
        return self._slots.keeper

    @property
    def shards(self) -> list[int]:
        """All shards that have a slot."""
        return list(self._slots.counts())

    def reload(self) -> None:
        """Read the map again, unless that was done a moment ago."""
        now_s = self._monotonic_s()
        if now_s - self._loaded_s >= RELOAD_INTERVAL_S:
            self._slots = self._load()
            self._loaded_s = now_s
