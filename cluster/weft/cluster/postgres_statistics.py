"""What a PostgreSQL store counts, in plain slots: read by whoever publishes it."""

import msgspec

from weft.storage.statistics import Histogram, HistogramSnapshot

__all__ = ["PostgresCounter", "PostgresStatistics"]


class PostgresStatistics(msgspec.Struct, frozen=True):
    """What a store on PostgreSQL did, and how it stands.

    Attributes:
        shard: its number.
        epoch: how often the shard was taken over.
        fenced: whether another process has it now.
        proved_age_s: since the epoch was last proved to be the present one.
        commit_ns: commits, from sending the statement to its answer, waits for a
            database that was away included.
        rows: entries written by a commit.
        commits: that took effect.
        conflicts: groups decided again: what they were decided on had changed.
        fetches: statements that fetched what was missing.
        reconnects: connections of the writer that were made anew.
        settled: commits whose answer was lost, and that turned out to have been made.
        across: commits that proved other shards' fences as well.
        synchronous_standbys: that have every commit before it is acknowledged.
        asynchronous_standbys: that may lack some.
    """

    shard: int
    epoch: int
    fenced: bool
    proved_age_s: float
    commit_ns: HistogramSnapshot
    rows: HistogramSnapshot
    commits: int
    conflicts: int
    fetches: int
    reconnects: int
    settled: int
    across: int
    synchronous_standbys: int
    asynchronous_standbys: int


class PostgresCounter:
    """The slots behind :class:`PostgresStatistics`."""

    __slots__ = (
        "across",
        "asynchronous_standbys",
        "commit",
        "commits",
        "conflicts",
        "fetches",
        "rows",
        "settled",
        "synchronous_standbys",
    )

    def __init__(self) -> None:
        self.commit, self.rows = Histogram(), Histogram()
        self.commits = self.conflicts = self.fetches = self.settled = self.across = 0
        self.synchronous_standbys = self.asynchronous_standbys = 0
