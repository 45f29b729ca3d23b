"""Slots: which shard a session belongs to.

A session's slot follows from its id and never changes; which shard has a slot is in the
database, and moves. A map of it is a hint for whoever routes: the shard's fence is what
decides.
"""

from collections import Counter
from typing import Final
from zlib import crc32

import msgspec

__all__ = ["SLOTS", "SlotMap", "slot_of"]

SLOTS: Final = 65_536
"""Eight for each of 8,000 shards. In every database for ever."""


def slot_of(session_id: str) -> int:
    """Return the slot of a session."""
    return crc32(session_id.encode()) % SLOTS


class SlotMap(msgspec.Struct, frozen=True):
    """Which shard has which slot, at one moment.

    Attributes:
        shards: the shard of each slot.
    """

    shards: tuple[int, ...]

    def shard_of(self, session_id: str) -> int:
        """Return the shard that a session belongs to."""
        return self.shards[slot_of(session_id)]

    @property
    def keeper(self) -> int:
        """The shard that looks after what belongs to no session, by having slot 0.

        Whoever gets or loses a slot begins anew, so there is one, and it knows it.
        """
        return self.shards[0]

    def slots_of(self, shard: int) -> list[int]:
        """Return the slots that a shard has, in order."""
        return [slot for slot, one in enumerate(self.shards) if one == shard]

    def counts(self) -> dict[int, int]:
        """Return how many slots each shard has; not the shards that have none."""
        return dict(sorted(Counter(self.shards).items()))
