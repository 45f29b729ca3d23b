"""Damages a store in one way at a time, below the rules.

A planter changes the trees so that exactly one finding of a check is the truth, and
returns that finding. Values are encoded properly, so their checksums are right; only
damaged records are not. Each takes threads, sessions and log entries that no other has
touched, so any number of them may damage one store.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Any, Final, NamedTuple, TypeVar

from msgspec.structs import replace

from weft.storage import CheckpointReader, keys
from weft.storage import keys_checkpoints as graph
from weft.storage.checkpoints import ChannelValue, Checkpoint, PendingWrite
from weft.storage.codec import encode
from weft.storage.engine import WriteTransaction
from weft.storage.records import (
    EMPTY,
    NIL,
    Association,
    Interaction,
    OperationRecord,
    Run,
    Session,
    State,
    StepResult,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore

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


def plant(store: TreeStore, planters: Iterable[str]) -> list[Planted]:
    """Damage a store in these ways, by name; return the findings they must give."""
    with store._engine.write() as trees:
        field = Field(trees)
        return [PLANTERS[name](field) for name in planters]


def plant_possible(store: TreeStore, planters: Iterable[str]) -> list[Planted]:
    """Damage a store in those of these ways for which it has something left."""
    planted = []
    with store._engine.write() as trees:
        field = Field(trees)
        for name in planters:
            with suppress(StopIteration):  # raised before anything is written
                planted.append(PLANTERS[name](field))
    return planted


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


# --- lists and records ---------------------------------------------------------------


def removed_record(field: Field) -> Planted:
    thread = field.thread(lambda t: field.view.state(t.thread_id))
    field.delete(keys.thread_key(thread.thread_id))
    return about("orphan_thread", thread)


def removed_record_of_a_busy_thread(field: Field) -> Planted:
    thread = field.busy_thread()
    field.delete(keys.thread_key(thread.thread_id))
    return about("orphan_thread", thread)


def tombstone_in_a_list(field: Field) -> Planted:
    row = field.removed_row()
    session_id = take(field.sessions, lambda _: True).session_id
    field.put(keys.name_key(session_id, field.fresh("name")), row.thread_id)
    return Planted("orphan_thread", session_id, row.thread_id)


def removed_list_entry(field: Field) -> Planted:
    thread = field.thread()
    field.delete(keys.name_key(thread.session_id, thread.thread_name))
    return about("missing_thread", thread)


def record_of_another_owner(field: Field) -> Planted:
    thread = field.thread()
    stranger = field.stranger(thread)
    field.put(keys.thread_key(thread.thread_id), replace(thread, session_id=stranger))
    return about("owner_mismatch", thread)


def record_of_an_owner_that_never_was(field: Field) -> Planted:
    thread = field.thread()
    changed = replace(thread, session_id=field.fresh("session"))
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("owner_mismatch", thread)


def record_of_a_past_owner(field: Field) -> Planted:
    def past(thread: Thread) -> list[Association]:
        rows = field.view.associations_by_thread(thread.thread_id)
        return [row for row in rows if not row.is_active]

    thread = field.thread(past)
    changed = replace(thread, session_id=past(thread)[0].session_id)
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("owner_mismatch", thread)


def second_list(field: Field) -> Planted:
    thread = field.thread()
    stranger = field.stranger(thread)
    field.put(keys.name_key(stranger, field.fresh("name")), thread.thread_id)
    return Planted("duplicate_owner", stranger, thread.thread_id)


def second_active_row(field: Field) -> Planted:
    thread = field.thread()
    row = replace(own_row(field, thread), session_id=field.stranger(thread))
    field.put(row_key(row), row)
    return Planted("duplicate_owner", row.session_id, thread.thread_id)


def second_list_and_row(field: Field) -> Planted:
    thread = field.thread()
    row = replace(own_row(field, thread), session_id=field.stranger(thread))
    field.put(row_key(row), row)
    field.put(keys.name_key(row.session_id, field.fresh("name")), thread.thread_id)
    return Planted("duplicate_owner", row.session_id, thread.thread_id)


def other_name_in_the_record(field: Field) -> Planted:
    thread = field.thread()
    changed = replace(thread, thread_name=field.fresh("name"))
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("name_mismatch", thread)


def other_name_in_the_list(field: Field) -> Planted:
    thread = field.thread()
    field.delete(keys.name_key(thread.session_id, thread.thread_name))
    field.put(keys.name_key(thread.session_id, field.fresh("name")), thread.thread_id)
    return about("name_mismatch", thread)


def other_name_in_the_row(field: Field) -> Planted:
    thread = field.thread()
    row = replace(own_row(field, thread), thread_name=field.fresh("name"))
    field.put(row_key(row), row)
    return about("name_mismatch", thread)


def second_name(field: Field) -> Planted:
    thread = field.thread()
    field.put(keys.name_key(thread.session_id, field.fresh("name")), thread.thread_id)
    return about("dangling_index_entry", thread)


def one_name_twice(field: Field) -> Planted:
    thread, ghost = field.thread(), field.fresh("thread")
    row = own_row(field, thread)
    field.put(keys.thread_key(ghost), replace(thread, thread_id=ghost))
    field.put(
        keys.association_key(ghost, thread.session_id), replace(row, thread_id=ghost)
    )
    return Planted("name_collision", thread.session_id, ghost)


def removed_session(field: Field) -> Planted:
    session = field.session(lambda s: any(field.view.names(s.session_id)))
    field.delete(keys.session_key(session.session_id))
    return Planted("thread_without_session", session.session_id, None)


def closed_session(field: Field) -> Planted:
    session = field.session(lambda s: any(field.view.names(s.session_id)))
    closed = replace(session, status="closed")
    field.put(keys.session_key(session.session_id), closed)
    return Planted("thread_without_session", session.session_id, None)


def interaction_of_nothing(field: Field) -> Planted:
    ghost = field.fresh("session")
    interaction = Interaction("i", ghost, None, "click", NIL, EMPTY, 0, 1, 1, 1)
    field.put(keys.interaction_key(ghost, 1, 0), interaction)
    return Planted("thread_without_session", ghost, None)


# --- associations and the past -------------------------------------------------------


def removed_row(field: Field) -> Planted:
    thread = field.thread()
    field.delete(row_key(own_row(field, thread)))
    return about("missing_association", thread)


def inactive_row(field: Field) -> Planted:
    thread = field.thread()
    row = replace(own_row(field, thread), is_active=False)
    field.put(row_key(row), row)
    return about("missing_association", thread)


def active_row_of_nothing(field: Field) -> Planted:
    session_id, ghost = field.sessions[0].session_id, field.fresh("thread")
    row = row_of(session_id, ghost, is_active=True)
    field.put(row_key(row), row)
    return Planted("orphan_association", session_id, ghost)


def inactive_row_of_nothing(field: Field) -> Planted:
    session_id, ghost = field.sessions[0].session_id, field.fresh("thread")
    row = row_of(session_id, ghost, is_active=False)
    field.put(row_key(row), row)
    return Planted("orphan_association", session_id, ghost)


def active_row_of_a_removed_thread(field: Field) -> Planted:
    row = replace(field.removed_row(), is_active=True)
    field.put(row_key(row), row)
    return Planted("orphan_association", row.session_id, row.thread_id)


def removed_tombstone(field: Field) -> Planted:
    owners = Counter(row.thread_id for row in field.removed)
    row = field.removed_row(lambda r: owners[r.thread_id] == 1)
    field.delete(keys.thread_key(row.thread_id))
    return Planted("orphan_association", row.session_id, row.thread_id)


def past_of_nothing(field: Field) -> Planted:
    session_id, ghost = field.sessions[0].session_id, field.fresh("thread")
    field.put(keys.past_key(session_id, ghost), value=True)
    return Planted("dangling_index_entry", session_id, ghost)


def past_of_the_owner(field: Field) -> Planted:
    thread = field.thread()
    field.put(keys.past_key(thread.session_id, thread.thread_id), value=True)
    return about("dangling_index_entry", thread)


def removed_past_row(field: Field) -> Planted:
    # another row keeps the thread known, should it be a removed one
    row = field.removed_row()
    field.delete(row_key(row))
    return Planted("dangling_index_entry", row.session_id, row.thread_id)


def removed_past(field: Field) -> Planted:
    row = field.removed_row()
    field.delete(keys.past_key(row.session_id, row.thread_id))
    return Planted("missing_index_entry", row.session_id, row.thread_id)


# --- runs and states -----------------------------------------------------------------


def ended_run(field: Field, thread: Thread) -> Run | None:
    """Return a run of a thread that is not in progress."""
    runs = field.view.runs(thread.thread_id)
    return next((run for run in runs if run.run_id != thread.run_id), None)


def with_ended_run(field: Field) -> tuple[Thread, Run]:
    """Take an idle thread that has run before."""
    thread = field.thread(lambda t: ended_run(field, t))
    run = ended_run(field, thread)
    assert run is not None
    return thread, run


def removed_run(field: Field) -> Planted:
    thread, run = with_ended_run(field)
    field.delete(keys.run_key(run.run_id))
    return about("dangling_index_entry", thread)


def removed_run_in_progress(field: Field) -> Planted:
    thread = field.busy_thread()
    field.delete(keys.run_key(thread.run_id or ""))
    return about("dangling_index_entry", thread)


def run_index_of_nothing(field: Field) -> Planted:
    thread = field.thread()
    key = keys.thread_run_key(thread.thread_id, field.fresh("run"))
    field.put(key, value=True)
    return about("dangling_index_entry", thread)


def live_index_of_nothing(field: Field) -> Planted:
    thread = field.thread()
    field.put(keys.live_run_key(field.fresh("run")), thread.thread_id)
    return about("dangling_index_entry", thread)


def live_index_of_an_ended_run(field: Field) -> Planted:
    thread, run = with_ended_run(field)
    field.put(keys.live_run_key(run.run_id), thread.thread_id)
    return about("dangling_index_entry", thread)


def busy_with_nothing(field: Field) -> Planted:
    thread = field.thread()
    changed = replace(thread, run_id=field.fresh("run"))
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("dangling_index_entry", thread)


def queue_of_nothing(field: Field) -> Planted:
    thread = field.thread()
    key = keys.queued_run_key(thread.thread_id, 1, field.fresh("run"))
    field.put(key, value=True)
    return about("dangling_index_entry", thread)


def queued(field: Field) -> tuple[Thread, keys.Key]:
    """Take a thread with a run that waits; with the key that says so."""

    def waiting(thread: Thread) -> Any:
        runs = field.view.runs(thread.thread_id)
        return next((run for run in runs if run.is_queued), None)

    thread = field.busy_thread(waiting)
    run = waiting(thread)
    return thread, keys.queued_run_key(run.thread_id, run.created_seq, run.run_id)


def removed_queue(field: Field) -> Planted:
    thread, key = queued(field)
    field.delete(key)
    return about("missing_index_entry", thread)


def damaged_queue(field: Field) -> Planted:
    _, key = queued(field)
    field.spoil(key)
    return Planted("damaged_record", None, None)


def step_of_nothing(field: Field) -> Planted:
    step_of(field, field.fresh("run"))
    return Planted("dangling_index_entry", None, None)


def step_of_an_ended_run(field: Field) -> Planted:
    thread, run = with_ended_run(field)
    step_of(field, run.run_id)
    return about("dangling_index_entry", thread)


def step_of(field: Field, run_id: str) -> None:
    """Plant what a step came to."""
    step = StepResult(run_id, "step", NIL, 1, 0, 1, 1, 1)
    field.put(keys.step_key(run_id, step.name), step)


def removed_run_index(field: Field) -> Planted:
    thread, run = with_ended_run(field)
    field.delete(keys.thread_run_key(thread.thread_id, run.run_id))
    return about("missing_index_entry", thread)


def removed_live_index(field: Field) -> Planted:
    thread = field.busy_thread()
    field.delete(keys.live_run_key(thread.run_id or ""))
    return about("missing_index_entry", thread)


def run_its_thread_forgot(field: Field) -> Planted:
    thread = field.busy_thread()
    field.put(keys.thread_key(thread.thread_id), replace(thread, run_id=None))
    return about("missing_index_entry", thread)


def run_of_nothing(field: Field) -> Planted:
    ghost = field.fresh("thread")
    run = run_of(field, ghost)
    field.put(keys.run_key(run.run_id), run)
    return Planted("run_without_thread", None, ghost)


def run_of_a_removed_thread(field: Field) -> Planted:
    thread_id = field.removed_row().thread_id
    run = run_of(field, thread_id)
    field.put(keys.run_key(run.run_id), run)
    field.put(keys.thread_run_key(thread_id, run.run_id), value=True)
    return Planted("run_without_thread", None, thread_id)


def state_of(field: Field, thread_id: str) -> None:
    """Plant a state."""
    state = State(
        field.fresh("state"), thread_id, None, 1, NIL, EMPTY, None, 0, 1, 1, 1
    )
    field.put(keys.state_key(thread_id, 1), state)


def state_of_nothing(field: Field) -> Planted:
    ghost = field.fresh("thread")
    state_of(field, ghost)
    return Planted("state_without_thread", None, ghost)


def state_of_a_removed_thread(field: Field) -> Planted:
    thread_id = field.removed_row().thread_id
    state_of(field, thread_id)
    return Planted("state_without_thread", None, thread_id)


# --- what graphs left ----------------------------------------------------------------


def graph_keys(field: Field, thread: Thread, kind: str) -> list[keys.Key]:
    """Return the keys of a kind that graphs left in a thread."""
    found = field.view.graph_entries(thread.thread_id)
    return [key for key, _ in found if key[0] == kind]


def with_graph(field: Field) -> tuple[Thread, Any]:
    """Take a thread in which graphs left checkpoints; with its newest one."""
    reader = CheckpointReader(field.view)

    def newest(thread: Thread) -> Any:
        """Return one that is a sum, of a run; its parent is there."""
        found = reader.checkpoint(thread.thread_id)
        if found is None or found.parent_id is None or found.run_id is None:
            return None
        parent = reader.checkpoint(thread.thread_id, "", found.parent_id)
        return found if parent is not None else None

    thread = field.thread(newest)
    return thread, newest(thread)


def checkpoint_of(field: Field, thread_id: str) -> None:
    """Plant a checkpoint without channels."""
    blob = ("null", b"")
    one = Checkpoint(
        thread_id, "", field.fresh("checkpoint"), None, {}, blob, blob, None, (),
        0, 1, 1, 1,
    )  # fmt: skip
    field.put(graph.key_of(one), one)


def checkpoint_of_nothing(field: Field) -> Planted:
    ghost = field.fresh("thread")
    checkpoint_of(field, ghost)
    return Planted("checkpoint_without_thread", None, ghost)


def checkpoint_of_a_removed_thread(field: Field) -> Planted:
    thread_id = field.removed_row().thread_id
    checkpoint_of(field, thread_id)
    return Planted("checkpoint_without_thread", None, thread_id)


def write_of_nothing(field: Field) -> Planted:
    ghost, blob = field.fresh("thread"), ("null", b"")
    write = PendingWrite(ghost, "", "c", "task", 0, "words", blob, "", 1)
    field.put(graph.key_of(write), write)
    return Planted("checkpoint_without_thread", None, ghost)


def value_of_no_checkpoint(field: Field) -> Planted:
    thread = field.thread()
    name, blob = field.fresh("channel"), ("null", b"")
    value = ChannelValue(thread.thread_id, "", name, "1.0", blob, 1)
    field.put(graph.key_of(value), value)
    return about("value_without_checkpoint", thread)


def lost_ancestor(field: Field) -> Planted:
    thread, newest = with_graph(field)
    changed = replace(newest, parent_id=field.fresh("checkpoint"))
    field.put(graph.key_of(newest), changed)
    return about("broken_checkpoint", thread)


def removed_mark(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.delete(graph.writer_run_key(thread.thread_id, newest.run_id))
    return about("missing_index_entry", thread)


def removed_graph_run(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.delete(graph.run_thread_key(newest.run_id, thread.thread_id))
    return about("missing_index_entry", thread)


def writer_without_a_mark(field: Field) -> Planted:
    thread = field.thread()
    field.put(graph.writer_key(thread.thread_id), field.fresh("run"))
    return about("missing_index_entry", thread)


def graph_run_of_nothing(field: Field) -> Planted:
    thread = field.thread()
    key = graph.run_thread_key(field.fresh("run"), thread.thread_id)
    field.put(key, value=True)
    return about("dangling_index_entry", thread)


def graph_run_of_no_thread(field: Field) -> Planted:
    ghost = field.fresh("thread")
    field.put(graph.run_thread_key(field.fresh("run"), ghost), value=True)
    return Planted("dangling_index_entry", None, ghost)


# --- the log and the counters --------------------------------------------------------


def logged(field: Field) -> tuple[bytes, OperationRecord]:
    """Take an entry of the log, with its place."""
    return take(field.log, lambda _: True)


def removed_log_entry(field: Field) -> Planted:
    where, _ = logged(field)
    field.delete(keys.log_key(where))
    return Planted("log_gap", None, None)


def operation_index_of_nothing(field: Field) -> Planted:
    key = keys.operation_key(field.fresh("operation"))
    field.put(key, keys.log_place(field.view.seq + 1000))
    return Planted("dangling_index_entry", None, None)


def operation_index_elsewhere(field: Field) -> Planted:
    (where, _), (_, record) = logged(field), logged(field)
    field.put(keys.operation_key(record.op_id), where)
    return Planted("dangling_index_entry", None, None)


def removed_operation_index(field: Field) -> Planted:
    _, record = logged(field)
    field.delete(keys.operation_key(record.op_id))
    return Planted("missing_index_entry", None, None)


def wrong_counters(field: Field) -> Planted:
    # More than all findings of a test together could account for.
    changed = replace(field.view.counters, states=field.view.counters.states + 1000)
    field.put(keys.COUNTERS_KEY, changed)
    return Planted("counter_mismatch", None, None)


# --- damaged values ------------------------------------------------------------------


def damaged_thread(field: Field) -> Planted:
    thread = field.thread(lambda t: field.view.state(t.thread_id))
    field.spoil(keys.thread_key(thread.thread_id))
    return about("damaged_record", thread)


def damaged_session(field: Field) -> Planted:
    session = field.session()
    field.spoil(keys.session_key(session.session_id))
    return Planted("damaged_record", session.session_id, None)


def damaged_list_entry(field: Field) -> Planted:
    thread = field.thread()
    field.spoil(keys.name_key(thread.session_id, thread.thread_name))
    return Planted("damaged_record", thread.session_id, None)


def damaged_row(field: Field) -> Planted:
    thread = field.thread()
    field.spoil(row_key(own_row(field, thread)))
    return about("damaged_record", thread)


def damaged_past_row(field: Field) -> Planted:
    row = field.removed_row()
    field.spoil(row_key(row))
    return Planted("damaged_record", row.session_id, row.thread_id)


def damaged_run(field: Field) -> Planted:
    field.spoil(keys.run_key(field.busy_thread().run_id or ""))
    return Planted("damaged_record", None, None)


def damaged_live_index(field: Field) -> Planted:
    field.spoil(keys.live_run_key(field.busy_thread().run_id or ""))
    return Planted("damaged_record", None, None)


def damaged_state(field: Field) -> Planted:
    thread = field.thread(lambda t: field.view.state(t.thread_id))
    field.spoil(keys.state_key(thread.thread_id, 1))
    return about("damaged_record", thread)


def damaged_checkpoint(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.spoil(graph.key_of(newest))
    return about("damaged_record", thread)


def damaged_write(field: Field) -> Planted:
    thread = field.thread(lambda t: graph_keys(field, t, graph.PENDING_WRITE))
    field.spoil(graph_keys(field, thread, graph.PENDING_WRITE)[0])
    return about("damaged_record", thread)


def damaged_channel(field: Field) -> Planted:
    thread, _ = with_graph(field)
    field.spoil(graph_keys(field, thread, graph.CHANNEL)[0])
    return about("damaged_record", thread)


def damaged_mark(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.spoil(graph.writer_run_key(thread.thread_id, newest.run_id))
    return about("damaged_record", thread)


def damaged_graph_run(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.spoil(graph.run_thread_key(newest.run_id, thread.thread_id))
    return Planted("damaged_record", None, None)


def checkpoint_under_the_key_of_another(field: Field) -> Planted:
    thread, newest = with_graph(field)
    changed = replace(newest, checkpoint_id=field.fresh("checkpoint"))
    field.put(graph.key_of(newest), changed)
    return about("damaged_record", thread)


def damaged_log_entry(field: Field) -> Planted:
    where, _ = logged(field)
    field.spoil(keys.log_key(where))
    return Planted("damaged_record", None, None)


def damaged_operation_index(field: Field) -> Planted:
    _, record = logged(field)
    field.spoil(keys.operation_key(record.op_id))
    return Planted("damaged_record", None, None)


def damaged_counters(field: Field) -> Planted:
    field.spoil(keys.COUNTERS_KEY)
    return Planted("damaged_record", None, None)


def record_under_the_key_of_another(field: Field) -> Planted:
    thread = field.thread()
    changed = replace(thread, thread_id=field.fresh("thread"))
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("damaged_record", thread)


PLANTERS: Final[dict[str, Planter]] = {
    name: value
    for name, value in list(globals().items())
    if getattr(value, "__annotations__", {}).get("return") is Planted
    and name != about.__name__
}
"""Every planter, by its name."""

HIDDEN: Final = frozenset(
    planter.__name__
    for planter in (
        removed_list_entry,
        one_name_twice,
        second_active_row,
        active_row_of_nothing,
        inactive_row_of_nothing,
        removed_past,
        live_index_of_nothing,
        live_index_of_an_ended_run,
        removed_run_index,
        graph_run_of_nothing,
    )
)
"""Damages that no index of the session itself leads to."""
