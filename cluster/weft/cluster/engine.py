"""The engine on PostgreSQL: the same trees, a statement for each commit group.

A write transaction is drafted in memory (:mod:`weft.cluster.change`) on top of what is
remembered (:mod:`weft.cluster.recall`), and sent as one autocommitted statement
(:mod:`weft.cluster.commit`) that proves the fence, proves what was decided upon, and
writes.

Guarantees: those of :mod:`weft.cluster.sender` for every commit; after any reconnect
nothing is remembered of before.
"""

from collections.abc import Sequence
from typing import Final

from weft.cluster.arrays import byte_array, char_array
from weft.cluster.change import Change
from weft.cluster.commit import Commit, Terms, commit_of
from weft.cluster.counting import COUNTERS, counters_place
from weft.cluster.fence import Fence
from weft.cluster.line import Broken, ByteArray, CharArray
from weft.cluster.postgres_statistics import PostgresCounter
from weft.cluster.ranges import Range
from weft.cluster.reading import Readers, Reading
from weft.cluster.recall import Place, Recall
from weft.cluster.sender import Conflict, Sender
from weft.storage.engine import EngineFull, EngineStatistics, Item
from weft.storage.errors import StoreReadOnly, StoreUnavailable
from weft.storage.frontier import Frontier
from weft.storage.keys import LOG_BITS, TREES, log_place

__all__ = ["LOG_BITS", "PostgresEngine", "log_bounds"]

CONFLICTS_MAX: Final = 20
"""In a row: beyond it somebody writes what is ours all the time."""

_FETCH: Final = (
    'SELECT n, tree, key, value FROM weft_fetch(%s::"char"[], %s::bytea[],'
    ' %s::"char"[], %s::bytea[], %s::bytea[], %s::boolean[], %s::int[])'
)
_SIZE: Final = "SELECT pg_total_relation_size('weft_entry')"
_ENTRIES: Final = "SELECT tree, count(*) FROM weft_entry GROUP BY tree"
_END: Final = "SELECT end_place FROM weft_log WHERE log = %s::int"
_STANDING: Final = r"""
    SELECT (SELECT value FROM weft_entry WHERE tree = 'M' AND key = %s::bytea),
        (SELECT key FROM weft_entry WHERE tree = 'T' AND key >= '\x01' AND key < '\x02'
            ORDER BY key DESC LIMIT 1),
        (SELECT key FROM weft_entry WHERE tree = 'O' AND key >= '\x01' AND key < '\x02'
            ORDER BY key DESC LIMIT 1),
        (SELECT count(*) > 1 FROM weft_shard)
"""

_NOTHING_BEYOND: Final = Frontier(b"\x02")
"""Of the threads, where other shards make some as well."""

_ESTIMATE: Final = """
    SELECT u.tree, (u.share * greatest(c.reltuples, 0))::bigint
    FROM pg_stats s JOIN pg_class c ON c.oid = 'weft_entry'::regclass
    CROSS JOIN LATERAL unnest(
        s.most_common_vals::text::text[], s.most_common_freqs) AS u (tree, share)
    WHERE s.schemaname = current_schema() AND s.tablename = 'weft_entry'
        AND s.attname = 'tree'
"""

COUNTED_SIZE_BYTES: Final = 64 << 20
"""Beyond it the entries of each tree are estimated, from what the planner knows:
counting a million takes PostgreSQL 60 ms, and LMDB nothing."""


def log_bounds(log: int) -> tuple[bytes, bytes]:
    """Return the first place of a log, and the first behind it."""
    return log_place(log << LOG_BITS), log_place((log + 1) << LOG_BITS)


class PostgresEngine:
    """Ordered trees in a PostgreSQL database, as one shard's writer sees them.

    Args:
        sender: what sends its commits.
        readers: what it is read with.
        fence: the writer's.
        end_place: where its log ends.
        counter: where fetches and conflicts are counted.
        fencing: whether commits prove the fence. False is for controls only.

    Attributes:
        recall: what is remembered.
        end_place: where the log ends.
        deferring: misses are left to :meth:`grow` instead of fetched one by one.
        peers: fences that it is to prove beside its own.
        written: the places that the last commit wrote.
    """

    def __init__(
        self,
        sender: Sender,
        readers: Readers,
        fence: Fence,
        end_place: bytes,
        counter: PostgresCounter,
        *,
        fencing: bool = True,
    ) -> None:
        self._sender = sender
        self._readers = readers
        self._fence = fence
        self._fencing = fencing
        self._counter = counter
        self._counters = counters_place(fence.shard)
        self._bounds = log_bounds(fence.log)
        self._opened = sender.opened
        self._conflicts = 0
        self._statistics = EngineStatistics(0, 0, 0, 0, dict.fromkeys(TREES, 0))
        self.recall = Recall()
        self.end_place = end_place
        self.deferring = False
        self.peers: Sequence[Fence] = ()
        self.written: set[Place] = set()

    def read(self) -> Reading:
        """Open a read transaction: one moment of the database."""
        return Reading(self._readers, self._sender.admit)

    def write(self) -> "_Write":
        """Open the write transaction; nothing is sent before its end."""
        return _Write(self)

    def begin(self) -> Change:
        """Return an empty draft, once no commit is in doubt any more.

        Raises:
            EngineFull: there was a reconnect; what is kept above is old, too.
        """
        self._sender.admit()
        self.settle()
        if self._follow_reconnects() and self.deferring:
            raise EngineFull
        return Change(self.recall, self._bounds, None if self.deferring else self.grow)

    def settle(self) -> None:
        """Learn what became of a commit in doubt, if there is one.

        Raises:
            Broken: the database is still away.
        """
        commit = self._sender.settle()
        if commit is not None:
            self.end_place = commit.after

    def commit(self, change: Change) -> None:
        """Send a draft that knew all that it asked for.

        Raises:
            EngineFull: what it was decided upon had changed; decide again.
            StoreUnavailable: it changes again and again.
        """
        commit = self._commit_of(change)
        try:
            self._sender.send(commit)
        except Conflict as conflict:
            self._forget_after(commit)
            raise EngineFull from conflict
        self._conflicts = 0
        self.end_place = commit.after
        self._counter.across += bool(self.peers)
        self.recall.end_group(change.writes.items())
        self.written = {(t, k) for t, keys in change.writes.items() for k in keys}

    def _commit_of(self, change: Change) -> Commit:
        facts = change.writes.get("M", {})
        if COUNTERS in facts and self._counters != COUNTERS:
            facts[self._counters] = facts.pop(COUNTERS)
        terms = Terms(
            fences=(self._fence, *self.peers) if self._fencing else (),
            log=self._fence.log,
            before=self.end_place,
            prove_end=self._fencing,
            blind=self.deferring,
        )
        return commit_of(change.writes, change.reads, self.recall.entries, terms)

    def _forget_after(self, commit: Commit) -> None:
        self._conflicts += 1
        self._counter.conflicts += 1
        if self._conflicts > CONFLICTS_MAX:
            self._conflicts = 0
            raise StoreUnavailable(
                "Somebody else writes the same entries all the time."
            )
        places = commit.places()
        self.recall.doubt(places)
        self.recall.want(places)
        if not self._fencing:
            self.end_place = self._sender.ask(_END, (self._fence.log,))[0][0]

    def grow(self) -> None:
        """Fetch what was missed, in one statement."""
        recall = self.recall
        missed, short = sorted(recall.missed), list(recall.short.items())
        if not missed and not short:
            return
        self._counter.fetches += 1
        rows = self._sender.ask(_FETCH, (*_points(missed), *_stretches(recall, short)))
        self._follow_reconnects()
        recall.missed, recall.short = set(), {}
        for place in missed:
            recall.learn(place, None)
        found: list[list[Item]] = [[] for _ in short]
        for n, tree, key, value in rows:
            if n:
                found[n - 1].append((key, value))
            else:
                recall.learn((tree, key), value)
        for (stretch, limit), items in zip(short, found, strict=True):
            recall.learn_range(stretch, items, limit)

    def _follow_reconnects(self) -> bool:
        """Forget everything after a reconnect: a failover may have undone it."""
        if self._opened == self._sender.opened:
            return False
        self._opened = self._sender.opened
        missed, short = self.recall.missed, self.recall.short
        self.recall.forget()
        self.recall.missed, self.recall.short = missed, short
        return True

    def standing(self) -> tuple[bytes | None, Frontier, Frontier]:
        """Return what a writer goes on from, beside the end of its log.

        Returns:
            the record of this shard's own counters, and how far the threads and the
            operations go that have generated ids.
        """
        ((counters, *last, shared),) = self._sender.ask(_STANDING, (self._counters,))
        threads, operations = (Frontier(key) if key else Frontier() for key in last)
        return counters, _NOTHING_BEYOND if shared else threads, operations

    def statistics(self) -> EngineStatistics:
        """Return how full the database is; as it was known last, if it is away."""
        try:
            with Reading(self._readers) as reading:
                ((size,),) = reading.rows(_SIZE)
                small = size <= COUNTED_SIZE_BYTES
                counts = dict(reading.rows(_ENTRIES if small else _ESTIMATE))
        except Broken:
            return self._statistics
        entries = {tree: counts.get(tree, 0) for tree in TREES}
        self._statistics = EngineStatistics(
            size, size, size, self._readers.reading, entries
        )
        return self._statistics

    def close(self) -> None:
        """Close the connections of readers."""
        self._readers.close()


_OTHERS: Final = (StoreReadOnly, StoreUnavailable, EngineFull)
"""Failures that no rule ends with."""


class _Write:
    """A write transaction, for the length of a ``with``."""

    __slots__ = ("_change", "_engine")

    def __init__(self, engine: PostgresEngine) -> None:
        self._engine = engine

    def __enter__(self) -> Change:
        self._change = self._engine.begin()
        return self._change

    def __exit__(
        self, _kind: object, failure: BaseException | None, _traceback: object
    ) -> None:
        own = isinstance(failure, Exception) and not isinstance(failure, _OTHERS)
        if self._change.is_void and (failure is None or own):
            # Whatever it came to, it did so for want of knowledge.
            raise EngineFull from failure
        if failure is None:
            self._engine.commit(self._change)
        else:
            self._engine.recall.end_group(())


def _points(missed: Sequence[Place]) -> list[object]:
    return [
        CharArray(char_array("".join(tree for tree, _ in missed))),
        ByteArray(byte_array([key for _, key in missed])),
    ]


def _stretches(recall: Recall, short: Sequence[tuple[Range, int]]) -> list[object]:
    """Return what is to be fetched of stretches: what lies behind the known part."""
    rest = []
    for stretch, _ in short:
        found = recall.ranges.get(stretch)
        known = found.items if found is not None else ()
        rest.append(stretch.behind(known[-1][0]) if known else stretch)
    return [
        CharArray(char_array("".join(stretch.tree for stretch in rest))),
        ByteArray(byte_array([stretch.low for stretch in rest])),
        ByteArray(byte_array([stretch.high for stretch in rest])),
        [stretch.reverse for stretch in rest],
        [limit for _, limit in short],
    ]
