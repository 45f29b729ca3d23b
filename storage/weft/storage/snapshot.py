"""Reading: one moment of the store, in records.

A snapshot is a :class:`~weft.storage.view.View` for the rules and a reader for
everybody else. It holds a read transaction, which keeps old pages from being reused:
take one, read, let it go (2,000 small commits beside one idle reader grew a 2.4 MB
file to 42 MB).
"""

from collections.abc import Iterator
from typing import Any, Final

from weft.storage.codec import decode
from weft.storage.engine import ReadTransaction
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys import (
    COUNTERS_KEY,
    NOWHERE,
    Key,
    association_key,
    log_key,
    log_place,
    operation_key,
    run_key,
    session_key,
    state_key,
    step_key,
    thread_key,
)
from weft.storage.keys_checkpoints import entry_key
from weft.storage.records import (
    Association,
    Counters,
    Interaction,
    OperationRecord,
    Run,
    Session,
    State,
    StepResult,
    Thread,
)

__all__ = ["Snapshot"]

_SEQ_SIZE_BYTES: Final = 8


class Snapshot:
    """The store at one moment; valid inside the ``with`` that made it."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: ReadTransaction) -> None:
        self._transaction = transaction

    def get(self, key: Key) -> Any:
        """Return the value of a typed key, None where there is none.

        Raises:
            StoreCorrupt: the value is damaged.
        """
        tree, raw = key[-2:]
        if tree is NOWHERE:
            state = next(self.states(key[1]), None)
            return None if state is None else state.ref
        data = self._transaction.get(tree, raw)
        return None if data is None else decode(tree, raw, data)

    def graph_entries(self, thread_id: str) -> Iterator[tuple[Key, Any]]:
        """Yield what graphs left in a thread, in the order of the keys."""
        for raw, value in self._scan("C", pack_id(thread_id)):
            yield entry_key(thread_id, raw), value

    def scan(
        self,
        tree: str,
        prefix: bytes,
        *,
        start: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, Any]]:
        """Yield the keys and records of a tree, in order.

        Args:
            tree: the tree's name.
            prefix: what the keys begin with.
            start: where to begin, inclusive; with ``reverse`` the upper end, exclusive.
            reverse: last first.
        """
        return self._scan(tree, prefix, start=start, reverse=reverse)

    def _scan(
        self,
        tree: str,
        prefix: bytes,
        *,
        start: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, Any]]:
        for key, data in self._transaction.scan(
            tree, prefix, start=start, reverse=reverse
        ):
            yield key, decode(tree, key, data)

    def entries(
        self, tree: str, prefix: bytes = b"", start: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values of a tree as they lie there, unchecked.

        Args:
            tree: the tree's name.
            prefix: what the keys begin with.
            start: where to begin, inclusive.
        """
        return self._transaction.scan(tree, prefix, start=start)

    @property
    def seq(self) -> int:
        """The number of the last applied operation."""
        return self.log_end[0]

    @property
    def log_end(self) -> tuple[int, int]:
        """The last place taken in the log: ``seq``, and refusals since it."""
        for key, _ in self._transaction.scan("L", reverse=True):
            return (
                int.from_bytes(key[:_SEQ_SIZE_BYTES], "big"),
                int.from_bytes(key[_SEQ_SIZE_BYTES:], "big"),
            )
        return 0, 0

    def raw(self, tree: str, key: bytes) -> bytes | None:
        """Return what lies under a key, unchecked; None where there is nothing."""
        return self._transaction.get(tree, key)

    def place_before(self, place: bytes) -> bytes | None:
        """Return the last place taken in the log before another one."""
        for key, _ in self._transaction.scan("L", start=place, reverse=True):
            return key
        return None

    @property
    def counters(self) -> Counters:
        """How much the store holds."""
        counters: Counters | None = self.get(COUNTERS_KEY)
        return counters or Counters()

    def session(self, session_id: str) -> Session | None:
        """Return a session."""
        found: Session | None = self.get(session_key(session_id))
        return found

    def sessions(self, after: str | None = None) -> Iterator[Session]:
        """Yield all sessions in the order of their keys.

        Args:
            after: continue behind this id.
        """
        start = None if after is None else pack_id(after) + b"\x03"
        while True:
            for key, data in self._transaction.scan("S", start=start):
                _, end = unpack_id(key)
                if key[end:] == b"\x00":
                    yield decode("S", key, data)
                # A session with ten thousand names must not cost reading them.
                start = key[:end] + b"\x03"
                break
            else:
                return

    def names(self, session_id: str) -> Iterator[tuple[str, str]]:
        """Yield name and id of a session's live threads, ordered by name."""
        prefix = pack_id(session_id) + b"\x01"
        for key, thread_id in self._scan("S", prefix):
            yield key[len(prefix) :].decode(), thread_id

    def thread(self, thread_id: str) -> Thread | None:
        """Return a live thread."""
        found = self.get(thread_key(thread_id))
        return found if isinstance(found, Thread) else None

    def threads(self, session_id: str) -> Iterator[Thread]:
        """Yield a session's live threads, ordered by name."""
        for _, thread_id in self.names(session_id):
            thread = self.thread(thread_id)
            if thread is not None:
                yield thread

    def association(self, session_id: str, thread_id: str) -> Association | None:
        """Return the row of a session and a thread, active or not."""
        found: Association | None = self.get(association_key(thread_id, session_id))
        return found

    def associations(
        self, session_id: str, *, active_only: bool = True
    ) -> Iterator[Association]:
        """Yield a session's rows: those of its threads, then those it gave away."""
        for _, thread_id in self.names(session_id):
            row = self.association(session_id, thread_id)
            if row is not None:
                yield row
        if not active_only:
            prefix = pack_id(session_id) + b"\x02"
            for key, _ in self._scan("S", prefix):
                row = self.association(session_id, unpack_id(key, len(prefix))[0])
                if row is not None and not row.is_active:
                    yield row

    def associations_by_thread(self, thread_id: str) -> Iterator[Association]:
        """Yield a thread's rows, active and not, ordered by session."""
        for _, row in self._scan("T", pack_id(thread_id) + b"\x01"):
            yield row

    def state(self, thread_id: str, step: int | None = None) -> State | None:
        """Return a thread's last state, or the one of a step."""
        if step is None:
            return next(self.states(thread_id), None)
        found: State | None = self.get(state_key(thread_id, step))
        return found

    def states(self, thread_id: str, before: int | None = None) -> Iterator[State]:
        """Yield a thread's states, newest first.

        Args:
            thread_id: the thread.
            before: only steps below this one.
        """
        prefix = pack_id(thread_id)
        start = None if before is None else prefix + before.to_bytes(8, "big")
        for _, state in self._scan("X", prefix, start=start, reverse=True):
            yield state

    def run(self, run_id: str) -> Run | None:
        """Return a run."""
        found: Run | None = self.get(run_key(run_id))
        return found

    def runs(self, thread_id: str) -> Iterator[Run]:
        """Yield a thread's runs, newest first where ids are generated."""
        prefix = pack_id(thread_id) + b"\x02"
        for key, _ in self._scan("T", prefix, reverse=True):
            run = self.run(unpack_id(key, len(prefix))[0])
            if run is not None:
                yield run

    def live_runs(self) -> Iterator[tuple[str, str]]:
        """Yield run and thread ids of the runs in progress."""
        for key, thread_id in self._scan("R", b"\x00"):
            yield unpack_id(key, 1)[0], thread_id

    def queued_runs(self, thread_id: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield run and thread ids of the runs that wait for their turn.

        Args:
            thread_id: of this thread only; in the order they were asked for.
        """
        prefix = b"\x02" + (b"" if thread_id is None else pack_id(thread_id))
        for key, _ in self._scan("R", prefix):
            owner, end = unpack_id(key, 1)
            yield unpack_id(key, end + _SEQ_SIZE_BYTES)[0], owner

    def step(self, run_id: str, name: str) -> StepResult | None:
        """Return what a step of a run in progress came to."""
        found: StepResult | None = self.get(step_key(run_id, name))
        return found

    def steps(self, run_id: str) -> Iterator[tuple[Key, StepResult]]:
        """Yield what the steps of a run came to, in the order of their names."""
        for _, step in self._scan("R", b"\x03" + pack_id(run_id)):
            yield step_key(run_id, step.name), step

    def interactions(self, session_id: str) -> Iterator[Interaction]:
        """Yield what the user did in a session, oldest first."""
        for _, interaction in self._scan("I", pack_id(session_id)):
            yield interaction

    def operation(self, op_id: str) -> OperationRecord | None:
        """Return the log's entry of an idempotency key."""
        where: bytes | None = self.get(operation_key(op_id))
        found: OperationRecord | None = (
            None if where is None else self.get(log_key(where))
        )
        return found

    def operations(self, after_seq: int = 0) -> Iterator[OperationRecord]:
        """Yield the log, applied and refused, in the one order.

        Args:
            after_seq: begin behind this operation and the refusals before the next;
                0 for the whole log.
        """
        start = log_place(after_seq + 1) if after_seq else None
        for _, record in self._scan("L", b"", start=start):
            yield record
