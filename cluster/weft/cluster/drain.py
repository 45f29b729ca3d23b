"""Draining: all slots of a shard go to the others, which begin anew, as it does.

Guarantees: it is one transaction, so a shard is drained or as it was; the last shard
that has slots keeps them, however many are drained at once.
"""

from typing import Final

from weft.cluster.acquire import named
from weft.cluster.line import Line
from weft.cluster.reader import PostgresReader
from weft.cluster.slots import SlotMap
from weft.storage.errors import InvalidArgument

__all__ = ["drain_slots"]

_DRAIN: Final = """
    SELECT FROM weft_shard ORDER BY shard FOR UPDATE;
    WITH taker AS (
        SELECT shard, row_number() OVER (ORDER BY count(*), shard) - 1 AS turn,
            count(*) OVER () AS takers
        FROM weft_slot WHERE shard <> {shard} GROUP BY shard
    ), mine AS (
        SELECT slot, row_number() OVER (ORDER BY slot) - 1 AS turn
        FROM weft_slot WHERE shard = {shard}
    ), moved AS (
        UPDATE weft_slot s SET shard = taker.shard
        FROM mine JOIN taker ON taker.turn = mine.turn % taker.takers
        WHERE s.slot = mine.slot RETURNING s.shard
    ), concerned AS (SELECT shard FROM moved UNION SELECT {shard} FROM moved)
    SELECT weft_reshard('{{}}'::int[], shard) FROM concerned ORDER BY shard
"""
"""The locks come first, in the order in which commits take theirs. No slot is moved by
``weft_reshard`` here: it gives each shard concerned its new epoch and log, once."""


def drain_slots(dsn: str, shard: int) -> SlotMap:
    """Give all slots of a shard to the others that have some; they go round.

    Args:
        dsn: the database's address, for libpq.
        shard: the one that is to have none; it may have none already.

    Returns:
        which shard has which slot now.

    Raises:
        InvalidArgument: there is no such shard, or no other has slots.
        DatabaseRefused: the database did not do it; nothing was changed.
        Broken: it cannot be reached.
    """
    reader, line = PostgresReader(dsn), Line(dsn)
    try:
        if shard not in {row.shard for row in reader.shards()}:
            raise InvalidArgument(f"There is no shard {shard}; nothing was changed.")
        with named():
            line.ask(_DRAIN.format(shard=int(shard)))
        found = reader.slot_map()
    finally:
        line.close()
        reader.close()
    if shard in found.counts():
        raise InvalidArgument(
            f"Shard {shard} is the last one that has slots; nothing was changed. "
            "Move some to another first: weft cluster reshard."
        )
    return found
