"""The fence: a process's right to write for a shard, and how it is told that it ended.

Whoever takes a shard over raises its epoch and names itself by a random incarnation.
Every commit proves both in its own transaction, so processes of two epochs may run side
by side, but never commit side by side. The incarnation is there because a failover that
loses commits can issue an epoch twice.

Guarantees: who was fenced stays fenced; a process takes a shard over once in its life,
so two of them cannot play ping-pong.
"""

import msgspec

from weft.storage.errors import StoreClosed, StoreUnavailable

__all__ = ["Fence", "Fenced", "HistoryLost", "PeerFenced"]


class Fence(msgspec.Struct, frozen=True):
    """What a process proves with every commit.

    Attributes:
        shard: the shard's number.
        epoch: how often it was taken over.
        incarnation: the process's own, a random UUID.
        log: the number of its operation log: the high bits of its ``seq``.
    """

    shard: int
    epoch: int
    incarnation: str
    log: int


class Fenced(StoreClosed):
    """Another process has taken this shard over."""

    remedy = "Ask the process that has it now; this one must be opened anew to write."


class HistoryLost(Fenced):
    """The database has gone back behind what it had acknowledged."""

    remedy = (
        "A standby without the last commits was promoted: use synchronous replication, "
        "and compare with the old primary before anything else writes."
    )


class PeerFenced(StoreUnavailable):
    """Another shard that takes part was taken over meanwhile; nothing was changed."""

    remedy = "Ask that shard for its present fence and try again."

    @property
    def shards(self) -> list[int]:
        """The shards whose fences are not valid any more."""
        return list(self.details.get("shards", ()))
