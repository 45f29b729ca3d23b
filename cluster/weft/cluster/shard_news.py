"""What shards tell each other after a commit that concerned the sessions of several.

The commit is the truth, and the fences see to it that nobody decides on anything else.
But a session's actor routes by what it remembers, and a thread's actor lives where its
session does: so the shard that committed tells the others which sessions to look at
anew and which threads have left, before it answers. One that does not hear of it within
:data:`PATIENCE_S` is being replaced or will be; it may then send a command astray once,
and it never decides one wrongly.

Guarantees:
    * a commit group is told in one call to each peer, whatever its size;
    * when a caller has its answer, the sessions of all shards that answer show it;
    * a thread that has left has no actor here any more; whoever waits for it is told;
    * a run that came along with its thread goes on here, from its last durable state.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from weft.actors.light_actor import handles
from weft.actors.messages import ChildGone, Release, Resume
from weft.actors.resident import Resident
from weft.actors.services import Services
from weft.storage import Outcome, Snapshot, ThreadNotFound
from weft.storage.rules import Event

if TYPE_CHECKING:
    from concurrent.futures import Future as Call

    from weft.cluster.shard_store import ShardStore

__all__ = ["Changed", "Herald", "Receiver", "Wake"]

PATIENCE_S: Final = 1.0
"""How long an answer waits for the peers to hear of it: a turn takes microseconds, a
call 0.5 ms."""


RETOLD_ENTRIES: Final = 1000
"""Of the log, by a new process: what its predecessor committed in its last moments."""


class Changed(msgspec.Struct, frozen=True, array_like=True):
    """What a commit elsewhere changed here; from shard to shard, and to the receiver.

    Attributes:
        session_ids: sessions to be read anew.
        left: threads that this shard's sessions own no more.
        came: threads that they own now, and did not.
    """

    session_ids: tuple[str, ...]
    left: tuple[str, ...] = ()
    came: tuple[str, ...] = ()


class Wake(msgspec.Struct, frozen=True):
    """Have sessions resident; to the receiver."""

    session_ids: tuple[str, ...]


def changes_by_shard(
    outcomes: Iterable[Outcome], shard_of: Callable[[str], int], me: int
) -> dict[int, Changed]:
    """Return what other shards, and this one, are to be told of a group.

    Args:
        outcomes: of the group.
        shard_of: where a session is.
        me: this shard. Its own views are fed by its writer; it is told only of threads
            that came from, or went to, another one.
    """
    notes: dict[int, _Note] = {}
    for outcome in outcomes:
        events: dict[int, list[Event]] = {}
        for event in outcome.events:
            events.setdefault(shard_of(event.session_id), []).append(event)
        if events.keys() - {me}:
            for shard, found in events.items():
                notes.setdefault(shard, _Note()).add(found)
    return {shard: note.changed(shard == me) for shard, note in notes.items()}


class _Note:
    """What a shard is to be told of a group, one operation after the other."""

    def __init__(self) -> None:
        self._session_ids: dict[str, None] = {}
        self._left: set[str] = set()
        self._came: set[str] = set()

    def add(self, events: Sequence[Event]) -> None:
        """Take note of an operation's events.

        A thread that has left and come back is in both: whoever hears of it strikes
        off what left before it takes over what came.
        """
        self._session_ids.update(dict.fromkeys(event.session_id for event in events))
        released = {_thread(one) for one in events if one.change == "released"}
        adopted = {_thread(one) for one in events if one.change == "adopted"}
        self._left |= released - adopted
        self._came = self._came - released | (adopted - released)

    def changed(self, is_mine: bool) -> Changed:
        """Return it; the own sessions need not be read anew."""
        return Changed(
            () if is_mine else tuple(self._session_ids),
            tuple(sorted(self._left)),
            tuple(sorted(self._came)),
        )


def _thread(event: Event) -> str:
    return "" if event.thread is None else event.thread.thread_id


class Receiver(Resident):
    """Brings this shard's actors up to date with what others committed.

    Args:
        services: the runtime's shared parts.
        store: the shard's.
    """

    kind: ClassVar[str] = "system"

    def __init__(self, services: Services, store: "ShardStore") -> None:
        super().__init__(services.scheduler, "receiver")
        self._services = services
        self._store = store

    @handles(Changed)
    def _see(self, changed: Changed) -> None:
        for thread_id in changed.left:
            self._strike_off(thread_id)
        for session_id in changed.session_ids:
            cell = self._services.sessions.get(session_id)
            actor = None if cell is None else cell.actor
            if actor is not None:
                actor.activate()
        if changed.came:
            self._take_over(changed.came)

    @handles(Wake)
    def _wake(self, wake: Wake) -> None:
        root: Any = self._services.root.actor
        for session_id in wake.session_ids:
            root.session(session_id)

    def _strike_off(self, thread_id: str) -> None:
        services = self._services
        services.owners.forget(thread_id)
        cell = services.threads.pop(thread_id, None)
        if cell is None:
            return
        services.stopped["thread", "removed"] += 1
        if cell.parent is not None:
            services.scheduler.post(cell.parent, ChildGone(cell))
        error = ThreadNotFound(
            f"Thread {thread_id!r} has gone to another shard.", thread_id=thread_id
        )
        services.scheduler.post(cell, Release(error))

    def _take_over(self, thread_ids: Sequence[str]) -> None:
        """Have the runs go on that came along."""
        with self._store.read() as snapshot:
            found = [*snapshot.unfinished([*snapshot.threads_of(thread_ids)])]
        root: Any = self._services.root.actor
        for run, thread in found:
            cell = root.session(thread.session_id)
            self._services.scheduler.post_system(cell, Resume(run, thread))


class Herald:
    """Tells peers, and knows for whom somebody still waits.

    Args:
        me: this shard.
        shard_of: where a session is.
        send: tells a peer; never blocks.
        receive: tells this shard's own receiver; returns when it has heard.
    """

    def __init__(
        self,
        me: int,
        shard_of: Callable[[str], int],
        send: Callable[[int, Changed], "Call[Any]"],
        receive: Callable[[Changed], "Call[Any]"],
    ) -> None:
        self._me = me
        self._shard_of = shard_of
        self._send = send
        self._receive = receive
        self._calls: dict[str, list[Call[Any]]] = {}
        self.unheard = 0

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Tell whoever is concerned by a group; on the writer's OS thread."""
        abroad = [outcome for outcome in outcomes if self._is_foreign(outcome)]
        changes = changes_by_shard(abroad, self._shard_of, self._me)
        calls = [
            self._receive(changed) if shard == self._me else self._send(shard, changed)
            for shard, changed in changes.items()
        ]
        self._calls.update((outcome.operation.op_id, calls) for outcome in abroad)

    def tell_again(self, snapshot: Snapshot) -> None:
        """Tell what the process before may have committed and not told.

        Args:
            snapshot: with this shard's log.
        """
        concerned: dict[int, set[str]] = {}
        newest = snapshot.scan("L", b"", reverse=True)
        for _, record in islice(newest, RETOLD_ENTRIES):
            for session_id in record.session_ids:
                shard = self._shard_of(session_id)
                if shard != self._me:
                    concerned.setdefault(shard, set()).add(session_id)
        for shard, session_ids in concerned.items():
            self._send(shard, Changed(tuple(sorted(session_ids))))

    def _is_foreign(self, outcome: Outcome) -> bool:
        return any(
            self._shard_of(event.session_id) != self._me for event in outcome.events
        )

    async def heard(self, op_ids: Iterable[str]) -> None:
        """Return when the peers have heard of operations, or have had their time."""
        told = [self._calls.pop(op_id, ()) for op_id in op_ids]
        calls = {call for calls in told for call in calls}
        if calls:
            waits = [asyncio.wrap_future(call) for call in calls]
            done, late = await asyncio.wait(waits, timeout=PATIENCE_S)
            failed = [one for one in done if one.exception() is not None]
            self.unheard += len(late) + len(failed)
