"""Re-sharding: slots go to another shard, and all concerned are fenced.

One transaction. Whoever wrote for these shards has to open anew, with a new epoch and a
new log; everybody else's slot map is a hint that has become wrong.
"""

from collections.abc import Iterable
from typing import Final

from weft.cluster.acquire import named
from weft.cluster.line import Line
from weft.cluster.slots import SLOTS
from weft.storage.errors import InvalidArgument

__all__ = ["reshard"]

_RESHARD: Final = """
    WITH held AS MATERIALIZED (SELECT FROM weft_shard ORDER BY shard FOR UPDATE)
    SELECT weft_reshard(%s::int[], %s::int) FROM (SELECT count(*) FROM held) AS of_all
"""
"""One re-sharding after the other: whose slots they are, and who is to be fenced, must
not change between the look and the move."""


def reshard(dsn: str, slots: Iterable[int], to_shard: int) -> list[int]:
    """Move slots to a shard, which is made if it is new.

    Args:
        dsn: the database's address, for libpq.
        slots: those to move.
        to_shard: where to.

    Returns:
        the shards that were fenced.

    Raises:
        InvalidArgument: there is no such slot, or no such shard can be.
        DatabaseRefused: the database did not do it; nothing was changed.
        Broken: it cannot be reached.
    """
    chosen = sorted(set(slots))
    if not chosen or chosen[0] < 0 or chosen[-1] >= SLOTS or to_shard < 0:
        raise InvalidArgument(f"Slots are 0 to {SLOTS - 1}, shards 0 and above.")
    line = Line(dsn, prepare=False)
    try:
        with named():
            rows = line.ask(_RESHARD, (chosen, to_shard))
    finally:
        line.close()
    fenced: list[int] = rows[0][0]
    return fenced
