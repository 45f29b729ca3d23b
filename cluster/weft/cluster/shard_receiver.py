"""Who hears what other shards committed, and brings this shard's actors up to date.

News of another shard comes beside the feeds of the own writer, and the two have no
order. So what is told is not applied: the names concerned are read from the database.
That reading may show commits of the own writer whose feeds the sessions have yet to
handle, and an old feed must not have the last word about a name: then the names are
read when those feeds are through. A feed that comes later is of a later commit.

Guarantees:
    * who has been answered has had this shard's sessions read what the database says;
    * news of a group cost a look of the size of the news, not of the sessions;
    * a thread that has left has no actor here any more; whoever waits for it is told;
    * a run that came along with its thread goes on here, from its last durable state.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import msgspec

from weft.actors.future import Future
from weft.actors.light_actor import handles
from weft.actors.messages import ChildGone, Release, Resume
from weft.actors.names import NO_NAMES
from weft.actors.resident import Resident
from weft.actors.services import Services
from weft.actors.session import SessionActor
from weft.cluster.shard_news import Changed, Wake
from weft.storage import ThreadNotFound

if TYPE_CHECKING:
    from weft.cluster.shard_store import ShardSnapshot, ShardStore

__all__ = ["Receiver", "Told"]

HOPS: Final = 2
"""From the writer to the root, and from there to the sessions: mail is handled in the
order in which it was posted."""

Name = tuple[str, str]
"""Of a thread, behind its session."""


class Told(msgspec.Struct, frozen=True):
    """The own writer has published a group.

    Attributes:
        seq: the last operation of it.
        hops: that its news has still to make; 0: the sessions have handled it.
    """

    seq: int
    hops: int = HOPS


class _Late(NamedTuple):
    """Names to be read when the sessions have handled an operation's feed."""

    seq: int
    names: list[Name]
    seen: Future[None]


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
        self._told_seq = 0
        self._late: list[_Late] = []

    @handles(Changed, deferred=True)
    def _see(self, changed: Changed, seen: Future[None] | None) -> None:
        for thread_id in changed.left:
            self._strike_off(thread_id)
        for session_id in changed.session_ids:
            actor = self._resident(session_id)
            if actor is not None:
                actor.activate()
        if changed.came:
            self._take_over(changed)
        self._look(changed.names, seen or Future())

    @handles(Wake)
    def _wake(self, wake: Wake) -> None:
        root: Any = self._services.root.actor
        for session_id in wake.session_ids:
            root.session(session_id)

    def _resident(self, session_id: str) -> SessionActor | None:
        cell = self._services.sessions.get(session_id)
        return None if cell is None else cell.actor

    # Names

    def _look(self, names: Iterable[Name], seen: Future[None]) -> None:
        """Read names, now or when the feeds of all that the reading shows are through.

        Args:
            names: of any sessions; one that is not resident reads them when it wakes.
            seen: done when they have been read.
        """
        wanted = [name for name in names if self._resident(name[0]) is not None]
        if wanted:
            with self._store.read() as snapshot:
                seq = snapshot.seq
                if seq > self._told_seq:
                    self._late.append(_Late(seq, wanted, seen))
                    return
                self._correct(snapshot, wanted)
        seen.try_set(None)

    @handles(Told)
    def _hear(self, told: Told) -> None:
        if told.hops:
            onward = Told(told.seq, told.hops - 1)
            self._services.scheduler.post(self.actor_ref, onward)
            return
        self._told_seq = max(self._told_seq, told.seq)
        ready = [late for late in self._late if late.seq <= told.seq]
        if ready:
            self._late = [late for late in self._late if late.seq > told.seq]
            self._read(ready)

    def _read(self, ready: list[_Late]) -> None:
        names = (name for late in ready for name in late.names)
        try:
            with self._store.read() as snapshot:
                self._correct(snapshot, list(dict.fromkeys(names)))
        finally:
            for late in ready:
                late.seen.try_set(None)

    def _correct(self, snapshot: "ShardSnapshot", names: list[Name]) -> None:
        """Have sessions know names as the database does."""
        holders = snapshot.holders(names)
        live = [one for one in holders.values() if one in self._services.threads]
        threads = {thread.thread_id: thread for thread in snapshot.threads_of(live)}
        for session_id, name in names:
            actor = self._resident(session_id)
            if actor is not None:
                holder = holders.get((session_id, name))
                _know(actor, name, holder)
                if holder in threads:
                    actor._own_children().adopt(threads[holder])  # noqa: SLF001

    # Threads

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

    def _take_over(self, changed: Changed) -> None:
        """Have the runs go on that came along."""
        with self._store.read() as snapshot:
            concerned = snapshot.with_queue(changed.came) | set(changed.busy)
            threads = [*snapshot.threads_of(concerned)]
            found = [*snapshot.unfinished(threads)] if threads else []
        root: Any = self._services.root.actor
        for run, thread in found:
            cell = root.session(thread.session_id)
            self._services.scheduler.post_system(cell, Resume(run, thread))


def _know(actor: SessionActor, name: str, holder: str | None) -> None:
    names = actor._names  # noqa: SLF001 - in a turn, as its own handlers do
    if holder is None:
        if names is not NO_NAMES:
            names.pop(name, None)
    elif names is NO_NAMES:
        actor._names = {name: holder}  # noqa: SLF001
    else:
        names[name] = holder
