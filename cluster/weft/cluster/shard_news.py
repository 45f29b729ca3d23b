"""What shards tell each other after a commit that concerned the sessions of several.

The commit is the truth, and the fences see to it that nobody decides on anything else.
But a session's actor routes by what it remembers, and a thread's actor lives where its
session does: so the shard that committed tells the others what to look at anew and
which threads have left, before it answers. What is told is never taken for true: who
hears of it reads the database (:mod:`weft.cluster.shard_receiver`). One that does not
hear of it within :data:`PATIENCE_S` is being replaced or will be; it may then send a
command astray once, and it never decides one wrongly.

Guarantees:
    * a commit group is told in one call to each peer, whatever its size;
    * an answer comes after every peer has heard, or has had its time.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec

from weft.storage import Outcome, Snapshot
from weft.storage.rules import Event

if TYPE_CHECKING:
    from concurrent.futures import Future as Call

__all__ = ["Changed", "Herald", "Wake"]

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
        busy: those of them on which a run was in progress.
        names: of threads, each with its session: who has them is to be read anew.
    """

    session_ids: tuple[str, ...]
    left: tuple[str, ...] = ()
    came: tuple[str, ...] = ()
    busy: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()


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
        self._names: dict[tuple[str, str], None] = {}
        self._left: set[str] = set()
        self._came: dict[str, bool] = {}

    def add(self, events: Sequence[Event]) -> None:
        """Take note of an operation's events.

        A thread that has left and come back is in both: whoever hears of it strikes
        off what left before it takes over what came.
        """
        released, adopted = set[str](), dict[str, bool]()
        for event in events:
            thread = event.thread
            if thread is None or event.change not in _OF_NAMES:
                self._session_ids[event.session_id] = None
                continue
            self._names[event.session_id, thread.thread_name] = None
            if event.change == "released":
                released.add(thread.thread_id)
            else:
                adopted[thread.thread_id] = thread.run_id is not None
        self._left |= released - adopted.keys()
        for thread_id in released:
            self._came.pop(thread_id, None)
        came = adopted.keys() - released
        self._came |= {thread_id: adopted[thread_id] for thread_id in came}

    def changed(self, is_mine: bool) -> Changed:
        """Return it; the own sessions need not be read anew."""
        came = tuple(sorted(self._came))
        return Changed(
            () if is_mine else tuple(self._session_ids),
            tuple(sorted(self._left)),
            came,
            tuple(thread_id for thread_id in came if self._came[thread_id]),
            () if is_mine else tuple(self._names),
        )


_OF_NAMES: Final = frozenset({"released", "adopted"})
"""Changes of which a view knows no more than who has which name."""


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
