"""The database as a cluster's callers see it: they read it, and the shards write it."""

from collections.abc import Sequence

from weft.cluster.cluster_errors import NotInCluster
from weft.cluster.reader import PostgresReader
from weft.storage import Operation, Outcome
from weft.storage.engine import EngineStatistics
from weft.storage.keys import TREES
from weft.storage.store import StoreStatistics

__all__ = ["ClusterStore"]


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

    def statistics(self) -> StoreStatistics:
        """Return what the database holds, not how large it is."""
        with self.read() as snapshot:
            seq, counters = snapshot.seq, snapshot.counters
        engine = EngineStatistics(0, 0, 0, 0, dict.fromkeys(TREES, 0))
        return StoreStatistics(seq, counters, engine)
