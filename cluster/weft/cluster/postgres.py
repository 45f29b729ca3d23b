"""The store on PostgreSQL: one shard's writer, and everybody's truth.

The same rules, records and bytes as every other store; the database may be written by
many shards, each the only one for its sessions while its fence holds.

Guarantees:
    * an answer is durable on the primary, and on every synchronous standby;
    * what a group was decided upon still held when it was committed;
    * a process that was fenced acknowledges nothing any more, and says so by name.

Without Ray one process opens shard 0 and has all sessions. A second one that opens it
takes it over, and the first is fenced; or is refused, if it says so.
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from weft.cluster.acquire import acquire, named, refuse_unfinished
from weft.cluster.engine import PostgresEngine, log_bounds
from weft.cluster.fence import Fence, Fenced
from weft.cluster.foresight import Foresight
from weft.cluster.line import Broken, Line, Refused
from weft.cluster.postgres_statistics import PostgresCounter, PostgresStatistics
from weft.cluster.pulse import HOLDS, INTERVAL_S, Pulse, check_fence, fence_values
from weft.cluster.ranges import Range
from weft.cluster.reader import SLOTS_SHARDS
from weft.cluster.reading import Readers
from weft.cluster.recall import Recall
from weft.cluster.replication import Replication, check, look
from weft.cluster.schema import install
from weft.cluster.sender import Sender
from weft.cluster.slots import SlotMap
from weft.cluster.snapshot import PostgresSnapshot
from weft.storage.codec import decode
from weft.storage.engine import WriteTransaction
from weft.storage.keys import COUNTERS_KEY, HEAD, LOG_BITS, SEQ_SIZE_BYTES, Key
from weft.storage.operations import Operation, Repair
from weft.storage.outcome import Outcome
from weft.storage.recent import Recent
from weft.storage.records import Counters
from weft.storage.store import TreeStore, clock_us

__all__ = ["PostgresStore"]

HEADS_MAX: Final = 65_536
"""Last states that are known from group to group. Beyond it all are forgotten, which
costs each thread one more look."""

_RELEASE: Final = "DELETE FROM weft_heartbeat WHERE shard = %s::int AND epoch = %s::int"


_T = TypeVar("_T")


class PostgresStore(TreeStore):
    """A shard's store in a PostgreSQL database.

    Args:
        dsn: the database's address, for libpq.
        shard: which shard's writer this is to be.
        owner: how to call this process in the database; host and pid if omitted.
        incarnation: this process's own UUID; a random one if omitted.
        take_over: from a process that has the shard and lives; else it is refused.
        accept_loss: take a database that may lose what it acknowledged.
        fencing: prove the fence with every commit. False is for controls only.
        retry_s: how long a commit waits for a database that is away, in seconds.
        prepare: the server may keep statements prepared; False behind pgbouncer 1.20
            and older.
        pulse_s: how often the fence is proved while nothing is committed, in seconds.
        clock: microseconds since the Unix epoch.

    Raises:
        StoreLocked: another process has the shard, and is not to be taken over from.
        AsynchronousStandby: the database may lose what it acknowledged.
        MigrationUnfinished: a migration has begun to fill the database.
        StoreUnavailable: it cannot be reached, has no such shard, or refuses.
        StoreFormatError: a newer format wrote it.
    """

    def __init__(
        self,
        dsn: str,
        *,
        shard: int = 0,
        owner: str | None = None,
        incarnation: str | None = None,
        take_over: bool = True,
        accept_loss: bool = False,
        fencing: bool = True,
        retry_s: float = 10.0,
        prepare: bool = True,
        pulse_s: float = INTERVAL_S,
        clock: Callable[[], int] = clock_us,
    ) -> None:
        self._counter = PostgresCounter()
        self._line = Line(dsn, prepare=prepare)
        self._readers = Readers(dsn, prepare=prepare)
        try:
            with named():
                install(self._line)
                self._note(look(self._line), accept_loss=accept_loss)
                refuse_unfinished(self._line.ask)
                self.fence, end = acquire(
                    self._line,
                    shard,
                    owner,
                    take_over=take_over,
                    incarnation=incarnation,
                )
            self._readers.bounds = log_bounds(self.fence.log)
            self._base = self.fence.log << LOG_BITS
            self._sender = Sender(
                self._line, self.fence, self._counter, fencing=fencing, retry_s=retry_s
            )
            self._postgres = PostgresEngine(
                self._sender, self._readers, self.fence, end, self._counter,
                fencing=fencing,
            )  # fmt: skip
            self._generation = self._postgres.recall.generation
            self._heads: dict[Key, Any] = {}
            self._stale = False
            super().__init__(self._postgres, clock=clock)
        except BaseException:
            self._line.close()
            self._readers.close()
            raise
        self._pulse = Pulse(
            Line(dsn, prepare=prepare),
            self.fence,
            self._prove_begun,
            self._sender.fence_off,
            self._note,
            pulse_s,
        )
        self._pulse.start()

    def _check_format(self) -> None:
        with named():
            refuse_unfinished(self._line.ask)  # nobody can begin to fill it any more
        super()._check_format()

    # Reading

    @contextmanager
    def read(self) -> Generator[PostgresSnapshot]:
        """Open a snapshot: the truth, whoever writes.

        Raises:
            Fenced: another process has the shard.
            Broken: the database cannot be reached.
        """
        with self._postgres.read() as reading:
            yield PostgresSnapshot(reading, self._base)

    def slot_map(self) -> SlotMap:
        """Return which shard has which slot."""
        with self._postgres.read() as reading:
            return SlotMap(tuple(shard for (shard,) in reading.rows(SLOTS_SHARDS)))

    # Writing

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply a group in one durable transaction: see :meth:`TreeStore.apply`.

        Raises:
            Fenced: another process has the shard; nothing was changed.
            StoreReadOnly: the database did not take it, or is away.
            StoreUnavailable: a group is in doubt, and the database is still away.
        """
        if any(type(one) is Repair for one in operations):
            self._postgres.recall.forget()  # what it mends is what lies in the trees
        return super().apply(operations)

    def apply_across(
        self, operations: Sequence[Operation], peers: Sequence[Fence]
    ) -> list[Outcome]:
        """Apply a group that concerns sessions of other shards as well.

        What is remembered is not used: the others' entries are not this shard's.

        Args:
            operations: as in :meth:`apply`.
            peers: the fences of the other shards, proved in the same transaction.

        Raises:
            PeerFenced: another process has a peer's shard now; nothing was changed.
            Fenced: likewise, with this one.
        """
        engine = self._postgres
        kept, engine.recall = engine.recall, Recall()
        self._heads, engine.peers, engine.written = {}, peers, set()
        self._generation = engine.recall.generation
        try:
            return self.apply(operations)
        finally:
            engine.recall, engine.peers = kept, ()
            self._heads, self._generation = {}, kept.generation
            for place in engine.written:
                kept.entries.pop(place, None)

    def forget(self) -> None:
        """Have everything read anew from the next group on; from any OS thread."""
        self._stale = True

    def _try(self, operations: Sequence[Operation]) -> list[Outcome]:
        with self._deferred():
            heads = self._foresee(operations)
            # Records are not kept from group to group: each is to be looked at, for
            # the commit to prove it. The last states are; a step is put only once.
            self._recent = Recent(
                {key: self._heads[key] for key in heads if key in self._heads}
            )
            outcomes = super()._try(operations)
        recent = self._recent.young.items()
        self._heads.update((key, value) for key, value in recent if key[0] == HEAD)
        if len(self._heads) > HEADS_MAX:
            self._heads.clear()
        return outcomes

    def _write(self, change: Callable[[WriteTransaction], _T]) -> _T:
        self._heads = {}
        with self._deferred():
            return super()._write(change)

    @contextmanager
    def _deferred(self) -> Generator[None]:
        engine = self._postgres
        before, engine.deferring = engine.deferring, True
        try:
            yield
        finally:
            engine.deferring = before

    def _foresee(self, operations: Sequence[Operation]) -> list[Key]:
        """Fetch what a group will look at; return the last states it asks for."""
        engine = self._postgres
        while True:
            self._follow()
            seen = Foresight(operations, self._is_new)
            self._want_heads(seen)
            for places, absent in seen.rounds(engine.recall.entries):
                engine.recall.assume_absent(absent)
                engine.recall.want(places)
                engine.grow()
            if self._generation == engine.recall.generation:
                return seen.heads

    def _want_heads(self, seen: Foresight) -> None:
        recall = self._postgres.recall
        for key in seen.heads:
            if key not in self._heads:
                stretch = Range.of("X", seen.head_prefix(key), reverse=True)
                if stretch not in recall.ranges:
                    recall.want_more(stretch)

    def _is_new(self, tree: str, key: bytes) -> bool:
        frontier = self._threads if tree == "T" else self._operations
        return frontier.is_before(key)

    def _follow(self) -> None:
        """Go on from what the database says, after everything was forgotten."""
        recall = self._postgres.recall
        if self._stale and not self._postgres.peers:
            self._stale = False
            recall.forget()
        if self._generation == recall.generation:
            return
        self._heads = {}
        self._reload()
        self._generation = recall.generation

    def _settle(self) -> list[Outcome]:
        self._postgres.settle()
        return super()._settle()

    def _reload(self) -> None:
        data, self._threads, self._operations = self._postgres.standing()
        tree, raw = COUNTERS_KEY[-2:]
        self._counters = Counters() if data is None else decode(tree, raw, data)
        place = self._postgres.end_place
        number, refusals = place[:SEQ_SIZE_BYTES], place[SEQ_SIZE_BYTES:]
        self._end = int.from_bytes(number), int.from_bytes(refusals)
        self._unsure = False

    # The fence

    @property
    def fenced(self) -> bool:
        """Whether another process has the shard now; for good."""
        return self._sender.fenced is not None

    def on_fenced(self, callback: Callable[[Fenced], None]) -> None:
        """Have a function called, once, when another process has taken the shard over.

        Args:
            callback: told why; on any OS thread; at once if it has happened.
        """
        self._sender.on_fenced(callback)

    @property
    def proved_age_s(self) -> float:
        """Seconds since the fence was known to hold."""
        return time.monotonic() - self._sender.proved_s

    def prove(self) -> None:
        """Have the database confirm now that this process has the shard.

        From any OS thread, on a connection of its own.

        Raises:
            Fenced: it has not.
            Broken: the database cannot be reached.
        """
        self._sender.admit()
        done = self._prove_begun()
        try:
            with self._postgres.read() as reading:
                check_fence(reading.rows(HOLDS, fence_values(self.fence)), self.fence)
        except Fenced as error:
            self._sender.fence_off(error)
            raise
        done()

    def _prove_begun(self) -> Callable[[], None]:
        began_s = time.monotonic()

        def done() -> None:
            self._sender.proved_s = max(self._sender.proved_s, began_s)

        return done

    def _note(self, found: Replication, *, accept_loss: bool = True) -> None:
        self._counter.synchronous_standbys = found.synchronous
        self._counter.asynchronous_standbys = found.asynchronous
        check(found, accept_loss=accept_loss)

    # Counting and ending

    def cluster_statistics(self) -> PostgresStatistics:
        """Return what the store did as a shard; callable from any OS thread."""
        counter = self._counter
        return PostgresStatistics(
            shard=self.fence.shard,
            epoch=self.fence.epoch,
            fenced=self.fenced,
            proved_age_s=self.proved_age_s,
            commit_ns=counter.commit.snapshot(),
            rows=counter.rows.snapshot(),
            commits=counter.commits,
            conflicts=counter.conflicts,
            fetches=counter.fetches,
            reconnects=max(0, self._line.opened - 1),
            settled=counter.settled,
            across=counter.across,
            synchronous_standbys=counter.synchronous_standbys,
            asynchronous_standbys=counter.asynchronous_standbys,
        )

    def close(self) -> None:
        """Give the shard up and close all connections."""
        self._pulse.stop()
        if self._line.is_open and not self.fenced:
            with suppress(Broken, Refused):
                self._line.ask(_RELEASE, (self.fence.shard, self.fence.epoch))
        self._line.close()
        super().close()
