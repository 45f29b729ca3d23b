"""Whether what is acknowledged would survive the loss of the primary.

A commit that waits for no standby is lost when one without it is promoted: with an
asynchronous one 18,709 acknowledged operations were missing after a failover, with a
synchronous one none of 163,686.
"""

from typing import Final

import msgspec

from weft.cluster.errors import AsynchronousStandby, DatabaseRefused
from weft.cluster.line import Line

__all__ = ["Replication", "check", "look"]

_LOOK: Final = """
    SELECT pg_is_in_recovery(), current_setting('synchronous_commit'),
        current_setting('fsync'), current_setting('synchronous_standby_names'),
        count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum')),
        count(*) FILTER (WHERE r.sync_state IN ('async', 'potential'))
    FROM pg_stat_replication r
    WHERE r.state <> 'backup' AND NOT EXISTS (
        SELECT 1 FROM pg_replication_slots s
        WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
"""

_LASTING: Final = frozenset({"on", "remote_apply"})


class Replication(msgspec.Struct, frozen=True):
    """How a server keeps its commits.

    Attributes:
        is_standby: it is one itself, and takes none.
        synchronous_commit: the setting.
        fsync: whether commits reach its own disk.
        standby_names: the setting ``synchronous_standby_names``.
        synchronous: standbys that have a commit before it is acknowledged.
        asynchronous: standbys that may lack it.
    """

    is_standby: bool
    synchronous_commit: str
    fsync: bool
    standby_names: str
    synchronous: int
    asynchronous: int

    @property
    def weakness(self) -> str | None:
        """Why an acknowledged commit might be lost; None if it cannot."""
        if not self.fsync:
            return "fsync is off: a crash of the server loses commits"
        if self.synchronous_commit == "off":
            return "synchronous_commit is off: a crash of the server loses commits"
        if self.asynchronous and not self.synchronous:
            return "a standby follows asynchronously, and none synchronously"
        if self.synchronous and self.synchronous_commit not in _LASTING:
            return f"synchronous_commit is {self.synchronous_commit}: no standby syncs"
        return None


def look(line: Line) -> Replication:
    """Return how the server keeps its commits."""
    standby, commit, fsync, names, synchronous, asynchronous = line.ask(_LOOK)[0]
    return Replication(standby, commit, fsync == "on", names, synchronous, asynchronous)


def check(found: Replication, *, accept_loss: bool = False) -> None:
    """Refuse a server that might lose what it acknowledged.

    Args:
        found: how it keeps its commits.
        accept_loss: take it nevertheless.

    Raises:
        AsynchronousStandby: it might.
        DatabaseRefused: it is a standby itself.
    """
    if found.is_standby:
        raise DatabaseRefused("The server is a standby: it takes no commits.")
    if found.weakness is not None and not accept_loss:
        raise AsynchronousStandby(
            f"This database may lose what it acknowledged: {found.weakness}.",
            details=msgspec.structs.asdict(found),
        )
