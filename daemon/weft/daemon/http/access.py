"""What a principal sees: everything, or the sessions of one owner.

A session of somebody else is not there: the answer is the same as for an id that
nobody uses. Threads, rows and log entries follow the session that they belong to.

Guarantees: what is asked for is judged when the request comes in, on what is durable
then; what a bound principal creates is its owner's.
"""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from weft.actors import Runtime
from weft.daemon.http.principals import Principal
from weft.daemon.http.problems import RequestFault
from weft.storage import (
    CreateSession,
    CreateThreads,
    Operation,
    OperationRecord,
    SessionExists,
    SessionNotFound,
    Snapshot,
    Thread,
    ThreadNotFound,
    TransferThreads,
)
from weft.storage.ids import check_id
from weft.storage.rules import subjects

__all__ = ["Access"]


class Access:
    """What one principal sees of one runtime.

    Args:
        runtime: what is served.
        principal: who asks.

    Attributes:
        owner: whose sessions alone; None for all.
    """

    __slots__ = ("_runtime", "owner")

    def __init__(self, runtime: Runtime, principal: Principal) -> None:
        self._runtime = runtime
        self.owner = principal.owner

    def session(self, session_id: str) -> str:
        """Return the id of a session, if it is seen.

        Raises:
            SessionNotFound: it is not.
        """
        if self.owner is not None:
            with self._runtime.store.read() as snapshot:
                if not self._owns(snapshot, session_id):
                    raise _no_session(session_id)
        return session_id

    def new_session(self, session_id: str | None) -> None:
        """Let a session be created, or opened, under an id.

        Raises:
            SessionExists: somebody else has one of this id.
        """
        if self.owner is None or session_id is None:
            return
        with self._runtime.store.read() as snapshot:
            session = snapshot.session(check_id(session_id, "session id"))
        if session is not None and session.user_id != self.owner:
            words = f"Session {session_id!r} exists already."
            raise SessionExists(words, session_id=session_id)

    def user(self, user_id: str | None) -> str | None:
        """Return whose a new session is to be.

        Raises:
            RequestFault: a bound principal names somebody else.
        """
        if self.owner is None:
            return user_id
        if user_id not in {None, self.owner}:
            detail = "This token is bound to another user. Leave user_id out."
            raise RequestFault(403, detail)
        return self.owner

    def thread(self, thread_id: str) -> str:
        """Return the id of a thread, if it is seen.

        Raises:
            ThreadNotFound: it is not.
        """
        if self.owner is not None:
            with self._runtime.store.read() as snapshot:
                self._own_thread(snapshot, thread_id)
        return thread_id

    def run(self, run_id: str) -> str:
        """Return the id of a run, if its thread is seen or it does not exist.

        Raises:
            ThreadNotFound: its thread is somebody else's.
        """
        if self.owner is not None:
            with self._runtime.store.read() as snapshot:
                run = snapshot.run(check_id(run_id, "run id"))
                if run is not None:
                    self._own_thread(snapshot, run.thread_id)
        return run_id

    def sees_session(self, session_id: str) -> bool:
        """Whether a session is seen; for filters over many."""
        if self.owner is None:
            return True
        with self._runtime.store.read() as snapshot:
            return self._owns(snapshot, session_id)

    def sees(self, snapshot: Snapshot, thread: Thread) -> bool:
        """Whether a thread is seen; for filters over many."""
        return self.owner is None or self._owns(snapshot, thread.session_id)

    def parts(self, operations: Iterable[Operation]) -> list[list[Operation]]:
        """Return operations as this principal may have them applied, in one batch.

        Returns:
            for each operation what stands for it; the last one's answer is its answer.

        Raises:
            SessionNotFound, ThreadNotFound: one touches what is somebody else's.
        """
        if self.owner is None:
            return [[operation] for operation in operations]
        with self._runtime.store.read() as snapshot:
            return list(self._admit(snapshot, operations))

    def _admit(
        self, snapshot: Snapshot, operations: Iterable[Operation]
    ) -> Iterator[list[Operation]]:
        made: set[str] = set()
        begun: set[str] = set()
        for operation in operations:
            created = _created(operation)
            if created is not None and snapshot.session(created) is None:
                made.add(created)
            if isinstance(operation, CreateThreads):
                begun |= {thread.thread_id for thread in operation.threads}
            self._judge(snapshot, operation, made, begun)
            yield list(self._bound(operation, creates=created in made))

    def _judge(
        self,
        snapshot: Snapshot,
        operation: Operation,
        made: set[str],
        begun: set[str],
    ) -> None:
        sessions, threads = subjects(operation)
        for session_id in sessions:
            if session_id not in made and not self._owns(snapshot, session_id):
                raise _no_session(session_id)
        for thread_id in threads:
            if thread_id not in begun:
                self._own_thread(snapshot, thread_id)

    def _bound(self, operation: Operation, *, creates: bool) -> Iterator[Operation]:
        """Yield an operation so that the session it creates is the owner's."""
        match operation:
            case CreateSession():
                yield replace(operation, user_id=self.user(operation.user_id))
            case (
                CreateThreads(session_id=session_id)
                | TransferThreads(to_session_id=session_id)
            ) if operation.create_session:
                if creates:
                    yield CreateSession(session_id=session_id, user_id=self.owner)
                yield replace(operation, create_session=False)
            case _:
                self.user(getattr(operation, "user_id", None))
                yield operation

    def record(
        self, snapshot: Snapshot, record: OperationRecord
    ) -> OperationRecord | None:
        """Return what is seen of an entry of the log, None for nothing."""
        if self.owner is None:
            return record
        own = tuple(
            session_id
            for session_id in record.session_ids
            if self._owns(snapshot, session_id)
        )
        if len(own) == len(record.session_ids):
            return record if own else None
        threads = tuple(
            thread_id
            for thread_id in record.thread_ids
            if any(snapshot.association(each, thread_id) for each in own)
        )
        return replace(record, session_ids=own, thread_ids=threads) if own else None

    def _owns(self, snapshot: Snapshot, session_id: str) -> bool:
        session = snapshot.session(check_id(session_id, "session id"))
        return session is not None and session.user_id == self.owner

    def _own_thread(self, snapshot: Snapshot, thread_id: str) -> None:
        thread = snapshot.thread(check_id(thread_id, "thread id"))
        if thread is None or not self._owns(snapshot, thread.session_id):
            words = f"Thread {thread_id!r} does not exist."
            raise ThreadNotFound(words, thread_id=thread_id)


def _created(operation: Operation) -> str | None:
    """Return the session that an operation creates if it is missing."""
    match operation:
        case CreateSession():
            return operation.session_id
        case CreateThreads(create_session=True):
            return operation.session_id
        case TransferThreads(create_session=True):
            return operation.to_session_id
    return None


def _no_session(session_id: str) -> SessionNotFound:
    return SessionNotFound(
        f"Session {session_id!r} does not exist.", session_id=session_id
    )
