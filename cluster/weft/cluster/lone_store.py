"""A store that nobody else writes meanwhile: for an import, into one shard or several.

An import brings operation logs along as they were, those of other shards of another
database as well. What this database's shards write afterwards must not fall among them:
when the import is over, each shard is given a new log, behind all that have come.

Guarantees: a feed of a cluster shows what was imported, once; an import that brought
one log only, into a database with one, leaves everything as it is.
"""

from typing import Any, Final

from weft.cluster.cluster_cursor import log_of, seq_of
from weft.cluster.line import Line
from weft.cluster.postgres import PostgresStore
from weft.storage.keys import SEQ_SIZE_BYTES, log_place

__all__ = ["LoneStore", "renew_logs"]

_BEHIND_ALL: Final = b"\xff" * 2 * SEQ_SIZE_BYTES
_LAST: Final = (
    'SELECT key FROM weft_entry WHERE tree = %s::text::"char" AND key < %s::bytea'
    " ORDER BY key DESC LIMIT 1"
)
_KNOWN: Final = "SELECT log, end_place FROM weft_log"
_ENTER: Final = (
    "INSERT INTO weft_log (log, shard, end_place) VALUES ({log}, 0, '\\x{place}')"
    " ON CONFLICT (log) DO UPDATE SET end_place = excluded.end_place;"
)
_RENEW: Final = "SELECT weft_reshard('{}'::int[], shard) FROM weft_shard ORDER BY shard"


class LoneStore(PostgresStore):
    """The store of an import; arguments as of :class:`PostgresStore`.

    Args:
        dsn: the database's address, for libpq.
        options: further ones.
    """

    def __init__(self, dsn: str, **options: Any) -> None:
        super().__init__(dsn, **options)
        self._dsn = dsn

    def close(self) -> None:
        """Give the shard up, and let all shards begin behind what was imported."""
        super().close()
        renew_logs(self._dsn)


def renew_logs(dsn: str) -> bool:
    """Give the shards new logs, if there are entries that none of theirs knows.

    Args:
        dsn: the database's address, for libpq.

    Returns:
        whether that was so.
    """
    line = Line(dsn, prepare=False)
    try:
        known: dict[int, bytes] = dict(line.ask(_KNOWN))
        found = _ends(line)
        if all(_log_of(known.get(log, b"")) == log for log in found) and all(
            place <= known[log] for log, place in found.items()
        ):
            return False
        enter = (_ENTER.format(log=log, place=found[log].hex()) for log in found)
        line.ask("".join(enter) + _RENEW)
    finally:
        line.close()
    return True


def _ends(line: Line) -> dict[int, bytes]:
    """Return the last place of each log that has entries."""
    found: dict[int, bytes] = {}
    before = _BEHIND_ALL
    while rows := line.ask(_LAST, ("L", before)):
        place: bytes = rows[0][0]
        log = _log_of(place)
        found[log] = place
        before = log_place(seq_of(log, 0))
    return found


def _log_of(place: bytes) -> int:
    """Return the log that a place is in; -1 for none."""
    return log_of(int.from_bytes(place[:SEQ_SIZE_BYTES]))[0] if place else -1
