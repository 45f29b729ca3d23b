"""A shard's store: the PostgreSQL store, with an eye on the sessions of other shards.

What concerns this shard's sessions only is a commit group like any other. An operation
over sessions of several shards is committed by one of them, in one transaction that
proves the fences of all: there is no moment at which one half has happened, and nobody
to ask afterwards what became of it. A group with such operations among others is one
transaction, too, with the fences that any of them needs. Who repeats one gets its first
answer wherever it is sent, because the index of ``op_id`` is one for all shards.

Which fences are needed is noted as an operation arrives, so that most are decided once.
The last word has what it was decided to change: the note goes when its sender has given
up, and threads move while it waits.

Guarantees:
    * a commit that changes the sessions of other shards proves the fences of all;
    * outcomes come in the order of the shard's log, across or not;
    * a peer that was taken over meanwhile makes an operation be tried under its new
      fence, :data:`ATTEMPTS_MAX` times, then refused without an entry in the log;
    * an error that nobody foresaw ends the process: what is in memory after it is
      not known, and a new one reads it from the database.
"""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from typing import Any, Final

from weft.cluster.errors import ShardUnavailable
from weft.cluster.fence import Fence, PeerFenced
from weft.cluster.postgres import PostgresStore
from weft.cluster.reading import Reading
from weft.cluster.slots import SlotMap
from weft.cluster.snapshot import PostgresSnapshot
from weft.storage import (
    Batch,
    CloseSession,
    CreateThreads,
    ForkThread,
    Operation,
    Outcome,
    SessionThreadException,
    TransferThreads,
    UpdateSession,
    new_id,
)
from weft.storage.frontier import Frontier

__all__ = ["ShardSnapshot", "ShardStore"]

logger = logging.getLogger("weft.cluster")

ATTEMPTS_MAX: Final = 3
"""Under the fences of the peers, each time newer ones; a peer that restarts three times
within milliseconds is not going to stop."""

BEHIND: Final = b"\x02"
"""Behind all UUIDs: beyond it nothing is taken for new without a proof."""

_FENCES: Final = (
    "SELECT shard, epoch, incarnation::text, log FROM weft_shard"
    " WHERE shard = ANY(%s::int[])"
)
_NEWEST_LOG: Final = "SELECT max(log) FROM weft_shard"
"""It grows whenever slots move, and at no other time."""

Concerned = dict[str, tuple[int, ...]]
"""The other shards that operations concern, by ``op_id``."""


class Unproved(Exception):
    """A group would change sessions of shards whose fences it does not prove.

    Attributes:
        concerned: what those of its operations concern that do.
    """

    def __init__(self, concerned: Concerned) -> None:
        super().__init__(concerned)
        self.concerned = concerned


class ShardSnapshot(PostgresSnapshot):
    """A snapshot of the whole database that shows the runs of one shard's threads.

    Args:
        reading: the read transaction.
        base: the ``seq`` that the log begins behind.
        owns: whether a session is this shard's.
    """

    __slots__ = ("_owns",)

    def __init__(
        self, reading: Reading, base: int, owns: Callable[[str], bool]
    ) -> None:
        super().__init__(reading, base)
        self._owns = owns

    def live_runs(self) -> Iterator[tuple[str, str]]:
        """Yield run and thread ids of this shard's runs in progress."""
        return filter(self._is_here, super().live_runs())

    def queued_runs(self, thread_id: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield run and thread ids of this shard's runs that wait for their turn."""
        found = super().queued_runs(thread_id)
        return found if thread_id is not None else filter(self._is_here, found)

    def _is_here(self, run: tuple[str, str]) -> bool:
        thread = self.thread(run[1])
        return thread is not None and self._owns(thread.session_id)


class ShardStore(PostgresStore):
    """The store of one shard's process.

    Args:
        dsn: the database.
        shard: the shard's number.
        on_defect: called with an error that nobody foresaw; does not return in a
            shard's process.
        options: as of :class:`PostgresStore`.

    Attributes:
        across: notes of what operations concern, kept by whoever sends them for as
            long as somebody waits.
        tell: told of outcomes, after the commit, on the writer's OS thread.
    """

    def __init__(
        self,
        dsn: str,
        *,
        shard: int,
        on_defect: Callable[[BaseException], object],
        **options: Any,
    ) -> None:
        super().__init__(dsn, shard=shard, **options)
        self._on_defect = on_defect
        self._shard = shard
        try:
            with self._postgres.read() as reading:
                ((self._newest_log,),) = reading.rows(_NEWEST_LOG)
            self._slots: SlotMap = self.slot_map()  # an epoch implies its own part
        except BaseException:
            self.close()  # else it would go on proving an epoch that nobody uses
            raise
        self._crossing = False
        self._known_fences: dict[int, Fence] = {}
        self.across: Concerned = {}
        self.tell: Callable[[Sequence[Outcome]], object] = _tell_nobody
        self.crossed = 0

    @property
    def slots(self) -> SlotMap:
        """Which shard has which slot: exact for the own ones, a hint for others."""
        return self._slots

    def shard_of(self, session_id: str) -> int:
        """Return where a session is, by the map as it is known now."""
        return self._slots.shard_of(session_id)

    def owns(self, session_id: str) -> bool:
        """Return whether a session is this shard's."""
        return self.shard_of(session_id) == self._shard

    def _reload(self) -> None:
        """Know no frontier: other shards put entries beyond all that this one knows.

        That an id is new is proved by the commit instead.
        """
        super()._reload()
        self._threads, self._operations = Frontier(BEHIND), Frontier(BEHIND)

    @contextmanager
    def read(self) -> Generator[ShardSnapshot]:
        """Open a snapshot: of the whole database, with this shard's runs."""
        with self._postgres.read() as reading:
            yield ShardSnapshot(reading, self._base, self.owns)

    def fences(self, shards: Sequence[int]) -> list[Fence]:
        """Return the present fences of shards; the map is that of the same time.

        Raises:
            PeerFenced: nobody has one of them at present: its slots have moved.
        """
        with self._postgres.read() as reading:
            rows = reading.rows(_FENCES, (list(shards),))
            ((newest,),) = reading.rows(_NEWEST_LOG)
        if newest != self._newest_log:
            self._slots, self._newest_log = self.slot_map(), newest
        held = [Fence(*row) for row in rows if row[2] is not None]
        if len(held) < len(shards):
            free = sorted(set(shards) - {fence.shard for fence in held})
            raise PeerFenced(details={"shards": free})
        return held

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply a group, whatever of it is across, in one transaction if it may be."""
        if self._crossing:
            return super().apply(operations)
        try:
            outcomes = self._apply(operations)
        except (SessionThreadException, OSError):
            raise  # foreseen: the writer answers with it
        except BaseException as error:
            logger.exception("a commit failed for no known reason")
            self._on_defect(error)
            raise
        self.tell(outcomes)
        return outcomes

    def _apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        across, concerned = self.across, Concerned()
        if across:
            ids = (one.op_id for one in operations)
            concerned.update((one, across.get(one, ())) for one in ids)
        try:
            return self._apply_whole(operations, concerned)
        except PeerFenced:
            return self._apply_apart(operations, concerned)

    def _apply_whole(
        self, operations: Sequence[Operation], concerned: Concerned
    ) -> list[Outcome]:
        """Apply a group in one transaction, with the fences that it turns out to need.

        Args:
            operations: the group.
            concerned: what is known to be concerned; what is found out is added.

        Raises:
            PeerFenced: a peer is taken over again and again.
        """
        while True:
            named = (concerned.get(one.op_id, ()) for one in operations)
            peers = tuple(sorted({shard for shards in named for shard in shards}))
            try:
                if peers:
                    return self._apply_across(operations, peers)
                return super().apply(operations)
            except Unproved as found:  # each time a shard more, so it comes to an end
                for op_id, shards in found.concerned.items():
                    both = {*concerned.get(op_id, ()), *shards}
                    concerned[op_id] = tuple(sorted(both))

    def _decided(self, outcomes: Sequence[Outcome]) -> None:
        """Let nothing be committed without the fences of all that it concerns."""
        proved = {self._shard, *(fence.shard for fence in self._postgres.peers)}
        lacking: Concerned = {}
        for outcome in outcomes:
            shards = {self.shard_of(event.session_id) for event in outcome.events}
            if not shards <= proved:
                lacking[outcome.operation.op_id] = tuple(shards - {self._shard})
        if lacking:
            raise Unproved(lacking)

    def _apply_apart(
        self, operations: Sequence[Operation], concerned: Concerned
    ) -> list[Outcome]:
        """Apply a group in pieces: those alone are refused whose peer is away."""
        outcomes: list[Outcome] = []
        for peers, run in groupby(operations, lambda one: concerned.get(one.op_id, ())):
            group = list(run)
            try:
                outcomes += self._apply_whole(group, concerned)
            except PeerFenced:
                words = f"Shards {list(peers)} are being taken over."
                busy = ShardUnavailable(words)
                outcomes += [Outcome(one, None, error=busy) for one in group]
            except SessionThreadException as error:
                if outcomes:  # half the group has happened: nobody could be told so
                    self._on_defect(error)
                raise
        return outcomes

    def _touches(self, group: Sequence[Operation]) -> list[Operation]:
        """Return what has the records of other shards' sessions written, too.

        Their own shard may close them at the same time: it looks at names that it
        knows, and would not see one that comes from here. Both write the session's
        record now, so one of the two is decided again on what the other did.
        """
        times = {
            session_id: operation.at_us
            for operation in group
            for session_id in receivers_of(operation)
            if not self.owns(session_id)
        }
        return [
            UpdateSession(op_id=new_id(), at_us=at_us, session_id=session_id)
            for session_id, at_us in times.items()
        ]

    def _apply_across(
        self, group: Sequence[Operation], peers: tuple[int, ...]
    ) -> list[Outcome]:
        """Apply a group in one transaction with the fences of several shards.

        Raises:
            PeerFenced: a peer is taken over again and again.
        """
        whole = [*group, *self._touches(group)]
        for _ in range(ATTEMPTS_MAX - 1):
            with suppress(PeerFenced):
                return self._cross(whole, peers, len(group))
        return self._cross(whole, peers, len(group))

    def _cross(
        self, whole: Sequence[Operation], peers: tuple[int, ...], count: int
    ) -> list[Outcome]:
        self._crossing = True
        try:
            outcomes = self.apply_across(whole, self._peers(peers))[:count]
        except PeerFenced as error:
            logger.info("the fences of %s have changed: %s", peers, error)
            self._known_fences.clear()
            raise
        finally:
            self._crossing = False
        self.crossed += sum(map(self._is_across, outcomes))
        return outcomes

    def _is_across(self, outcome: Outcome) -> bool:
        return any(not self.owns(event.session_id) for event in outcome.events)

    def _peers(self, shards: tuple[int, ...]) -> list[Fence]:
        """Return fences as they were known last: it is the commit that proves them."""
        known = self._known_fences
        if not known.keys() >= set(shards):
            known.update((fence.shard, fence) for fence in self.fences(shards))
        return [known[shard] for shard in shards]


def receivers_of(operation: Operation) -> set[str]:
    """Return the sessions that an operation may bring threads to."""
    match operation:
        case Batch():
            return {one for part in operation.parts for one in receivers_of(part)}
        case CreateThreads():
            return {operation.session_id}
        case TransferThreads():
            return {operation.to_session_id}
        case CloseSession() if operation.move_to is not None:
            return {operation.move_to}
        case ForkThread() if operation.session_id is not None:
            return {operation.session_id}
        case _:
            return set()


def _tell_nobody(outcomes: Sequence[Outcome]) -> None:
    """Nobody listens yet."""
