"""The database as a cluster's callers see it: they read it, and the shards write it."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from weft.cluster.cluster_cursor import LogEnd, log_of
from weft.cluster.errors import NotInCluster
from weft.cluster.reader import PostgresReader
from weft.cluster.reading import Reading
from weft.cluster.snapshot import PostgresSnapshot
from weft.storage import Operation, Outcome
from weft.storage.engine import EngineStatistics
from weft.storage.keys import SEQ_SIZE_BYTES, TREES
from weft.storage.store import StoreStatistics

__all__ = ["ClusterStore"]

_LOGS: Final = """
    SELECT l.log, l.end_place, s.log IS NOT NULL
    FROM weft_log l LEFT JOIN weft_shard s ON s.log = l.log ORDER BY l.log
"""


class ClusterStore(PostgresReader):
    """A store that is read here and written elsewhere."""

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Refuse: an operation is sent to the shard of its session.

        Raises:
            NotInCluster: always.
        """
        raise NotInCluster(
            "Nothing is written from here: operations are sent to the shards.",
            details={"operations": len(operations)},
        )

    def log_ends(self) -> list[LogEnd]:
        """Return where each log ends, by its number."""
        with Reading(self._readers) as reading:
            return _ends(reading)

    @contextmanager
    def read_logs(self) -> Generator[tuple[PostgresSnapshot, list[LogEnd]]]:
        """Open a snapshot, and see where each log ends in it."""
        with Reading(self._readers) as reading:
            yield PostgresSnapshot(reading), _ends(reading)

    def statistics(self) -> StoreStatistics:
        """Return what the database holds, not how large it is."""
        with self.read() as snapshot:
            seq, counters = snapshot.seq, snapshot.counters
        engine = EngineStatistics(0, 0, 0, 0, dict.fromkeys(TREES, 0))
        return StoreStatistics(seq, counters, engine)


def _ends(reading: Reading) -> list[LogEnd]:
    rows = reading.rows(_LOGS)
    return [
        LogEnd(log, log_of(int.from_bytes(place[:SEQ_SIZE_BYTES]))[1], grows)
        for log, place, grows in rows
    ]
