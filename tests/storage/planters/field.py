"""What is planted in: the trees of a store, and what in them is untouched so far."""

from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple, TypeVar

from weft.storage import keys
from weft.storage.codec import encode
from weft.storage.engine import WriteTransaction
from weft.storage.records import (
    EMPTY,
    NIL,
    Association,
    Run,
    Session,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot

T = TypeVar("T")


class Planted(NamedTuple):
    """The finding that a damage must give, without its words."""

    kind: str
    session_id: str | None
    thread_id: str | None


Planter = Callable[["Field"], Planted]


class Field:
    """The trees to damage, and what in them is untouched so far.

    Attributes:
        threads: idle live threads.
        busy: live threads with a run in progress.
        sessions: open sessions.
        removed: rows of threads that were removed.
        log: entries of the log with neighbours on both sides, no two consecutive.
    """

    def __init__(self, trees: WriteTransaction) -> None:
        self.trees = trees
        self.view = view = Snapshot(trees)
        self.sessions = [s for s in view.sessions() if s.status == "open"]
        self._open = [s.session_id for s in self.sessions]
        live = [t for s in self.sessions for t in view.threads(s.session_id)]
        self.threads = [t for t in live if t.run_id is None]
        self.busy = [t for t in live if t.run_id is not None]
        rows = [r for s in view.sessions() for r in self.past_rows(s)]
        self.removed = [r for r in rows if isinstance(self.head(r), Tombstone)]
        self.log = [(keys.log_place(op.seq), op) for op in view.operations() if op.seq][
            2:-2:2
        ]
        self._numbers = count(1)

    def head(self, row: Association) -> Any:
        """Return the record or tombstone of a row's thread."""
        return self.view.get(keys.thread_key(row.thread_id))

    def past_rows(self, session: Session) -> list[Association]:
        """Return a session's inactive rows."""
        rows = self.view.associations(session.session_id, active_only=False)
        return [row for row in rows if not row.is_active]

    def fresh(self, what: str) -> str:
        """Return an id or name that the store does not have."""
        return f"ghost-{what}-{next(self._numbers)}"

    def thread(self, suits: Callable[[Thread], object] = lambda _: True) -> Thread:
        """Take an idle thread for which a condition holds."""
        return self._take_thread(self.threads, suits)

    def busy_thread(self, suits: Callable[[Thread], object] = lambda _: True) -> Thread:
        """Take a thread with a run in progress for which a condition holds."""
        return self._take_thread(self.busy, suits)

    def _take_thread(
        self, pool: list[Thread], suits: Callable[[Thread], object]
    ) -> Thread:
        thread = take(pool, suits)
        # Its session must not be taken as a whole any more.
        self.sessions = [s for s in self.sessions if s.session_id != thread.session_id]
        return thread

    def session(self, suits: Callable[[Session], object] = lambda _: True) -> Session:
        """Take a session with all its threads."""
        session = take(self.sessions, suits)
        self._open.remove(session.session_id)
        for pool in (self.threads, self.busy):
            pool[:] = [t for t in pool if t.session_id != session.session_id]
        return session

    def removed_row(
        self, suits: Callable[[Association], object] = lambda _: True
    ) -> Association:
        """Take a row of a removed thread, with all its rows."""
        row = take(self.removed, suits)
        self.removed = [r for r in self.removed if r.thread_id != row.thread_id]
        return row

    def stranger(self, thread: Thread) -> str:
        """Return an open session that never had anything to do with a thread."""
        rows = self.view.associations_by_thread(thread.thread_id)
        known = {row.session_id for row in rows}
        return next(s for s in self._open if s not in known)

    def put(self, key: keys.Key, value: Any) -> None:
        """Write a value with a right checksum."""
        tree, raw = keys.place(key)
        self.trees.put_many(tree, [(raw, encode(tree, raw, value))])

    def delete(self, key: keys.Key) -> None:
        """Delete an entry that is there."""
        tree, raw = keys.place(key)
        assert self.trees.get(tree, raw) is not None, key
        self.trees.delete(tree, raw)

    def spoil(self, key: keys.Key) -> None:
        """Flip a bit of a value that is there."""
        tree, raw = keys.place(key)
        data = self.trees.get(tree, raw)
        assert data is not None, key
        at = len(data) // 2
        spoiled = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        self.trees.put_many(tree, [(raw, spoiled)])


def take(pool: list[T], suits: Callable[[T], object]) -> T:
    """Remove and return the first element for which a condition holds."""
    found = next(element for element in pool if suits(element))
    pool.remove(found)
    return found


def own_row(field: Field, thread: Thread) -> Association:
    """Return the row of a thread and its owner."""
    row = field.view.association(thread.session_id, thread.thread_id)
    assert row is not None
    return row


def row_key(row: Association) -> keys.Key:
    """Return the key of a row."""
    return keys.association_key(row.thread_id, row.session_id)


def row_of(session_id: str, thread_id: str, *, is_active: bool) -> Association:
    """Return a made-up row."""
    return Association(
        thread_id,
        session_id,
        "planted",
        is_active,
        "session_thread",
        EMPTY,
        1,
        0,
        0,
        1,
        1,
        1,
    )


def run_of(field: Field, thread_id: str) -> Run:
    """Return a made-up run that has ended."""
    run_id = field.fresh("run")
    return Run(
        run_id, thread_id, "w", "", EMPTY, "success", 1, None, NIL, 0, 0, 0, 1, 1, 1
    )


def about(kind: str, thread: Thread) -> Planted:
    """Return a finding about a thread in its own session."""
    return Planted(kind, thread.session_id, thread.thread_id)
