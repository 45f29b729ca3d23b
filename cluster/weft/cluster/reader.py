"""A database as a reader: beside its writers, from any process; nobody is fenced.

It shows the logs of all shards, one behind the other, and the sum of their counters.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from weft.cluster.acquire import refuse_unfinished
from weft.cluster.errors import DatabaseRefused
from weft.cluster.reading import Readers, Reading
from weft.cluster.slots import SlotMap
from weft.cluster.snapshot import PostgresSnapshot

__all__ = ["SLOTS_SHARDS", "PostgresReader", "ShardRow"]

SLOTS_SHARDS: Final = "SELECT shard FROM weft_slot ORDER BY slot"
"""The shard of each slot."""

_SHARDS: Final = """
    SELECT s.shard, s.epoch, s.incarnation::text, s.owner,
        (extract(epoch FROM s.since) * 1000000)::bigint, s.log,
        extract(epoch FROM clock_timestamp() - h.at)::float, coalesce(m.slots, 0)
    FROM weft_shard s LEFT JOIN weft_heartbeat h
        ON h.shard = s.shard AND h.epoch = s.epoch
    LEFT JOIN (SELECT shard, count(*) AS slots FROM weft_slot GROUP BY shard) m
        ON m.shard = s.shard
    ORDER BY s.shard
"""

_NO_TABLE: Final = "42P01"


class ShardRow(msgspec.Struct, frozen=True):
    """How a shard stands.

    Attributes:
        shard: its number.
        epoch: how often it was taken over.
        incarnation: of the process that has it; None if it is free.
        owner: how that process calls itself.
        since_us: when it took the shard over, microseconds since the Unix epoch.
        log: the number of its log: the high bits of its ``seq``.
        heartbeat_age_s: since it showed that it lives; None if it has gone in order.
        slots: how many it has; none if it is drained: it is out of service.
    """

    shard: int
    epoch: int
    incarnation: str | None
    owner: str | None
    since_us: int
    log: int
    heartbeat_age_s: float | None
    slots: int


class PostgresReader:
    """A store in a database that is read only.

    Args:
        dsn: the database's address, for libpq.
        prepare: whether the server may keep statements prepared.

    Raises:
        DatabaseRefused: it has no store, or does not show it.
        StoreUnavailable: it cannot be reached.
        MigrationUnfinished: a migration has begun to fill it.
    """

    def __init__(self, dsn: str, *, prepare: bool = True) -> None:
        self._readers = Readers(dsn, prepare=prepare)
        try:
            with Reading(self._readers) as reading:
                reading.rows("SELECT 1 FROM weft_schema LIMIT 1")
                refuse_unfinished(reading.rows)
        except DatabaseRefused as refused:
            self.close()
            if refused.details.get("sqlstate") == _NO_TABLE:
                words = "There is no store in this database."
                raise DatabaseRefused(words, cause=refused) from refused
            raise
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Generator[PostgresSnapshot]:
        """Open a snapshot."""
        with Reading(self._readers) as reading:
            yield PostgresSnapshot(reading)

    def slot_map(self) -> SlotMap:
        """Return which shard has which slot."""
        with Reading(self._readers) as reading:
            return SlotMap(tuple(shard for (shard,) in reading.rows(SLOTS_SHARDS)))

    def shards(self) -> list[ShardRow]:
        """Return how the shards stand, by number."""
        with Reading(self._readers) as reading:
            return [ShardRow(*row) for row in reading.rows(_SHARDS)]

    def close(self) -> None:
        """Close all connections."""
        self._readers.close()
