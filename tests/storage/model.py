"""The store's meaning in plain dicts: what the rules must come to, written anew.

Slow and obvious. An operation works on a copy, and the copy counts only if nothing was
refused; there are no drafts, groups, keys or bytes here. Refusals are the names of the
error classes.
"""

from copy import deepcopy
from typing import Any, Final, get_args

import msgspec

from weft.storage import operations as op
from weft.storage.items_reader import ItemReader
from weft.storage.operations_associations import DeleteAssociation, SaveAssociation
from weft.storage.operations_checkpoints import GraphOperation
from weft.storage.operations_items import PutItem, RemoveItem, TouchItems
from weft.storage.snapshot import Snapshot

Fields = dict[str, Any]

LEFT: Final = {"success": "idle", "interrupted": "interrupted"}
"""The status of a thread after a run; that of any other end is `error`."""


class No(Exception):
    """The operation is refused; the argument is the error's class name."""


class World:
    """Everything a store shows of sessions, threads, associations, runs and states."""

    def __init__(self) -> None:
        self.sessions: dict[str, Fields] = {}
        self.threads: dict[str, Fields] = {}
        self.graves: dict[str, int] = {}
        self.rows: dict[tuple[str, str], Fields] = {}
        self.runs: dict[str, Fields] = {}
        self.interactions: list[tuple[str, str]] = []
        self.items: dict[tuple[tuple[str, ...], str], Fields] = {}

    def image(self) -> Fields:
        """Return everything, to be compared with that of a store."""
        return deepcopy(vars(self)) | {
            "names": sorted(
                (t["session"], t["name"], i) for i, t in self.threads.items()
            ),
            "interactions": sorted(self.interactions),
        }

    def owner(self, session_id: str) -> Fields:
        """Return an open session."""
        if session_id not in self.sessions:
            raise No("SessionNotFound")
        if self.sessions[session_id]["status"] == "closed":
            raise No("SessionClosed")
        return self.sessions[session_id]

    def live(self, thread_id: str, session_id: str | None = None) -> Fields:
        """Return a live thread, of a session if one is given."""
        thread = self.threads.get(thread_id)
        if thread is None or session_id not in {None, thread["session"]}:
            raise No("ThreadNotFound")
        return thread

    def called(self, session_id: str, name: str) -> str | None:
        """Return the id of the session's thread of this name."""
        for thread_id, thread in self.threads.items():
            if (thread["session"], thread["name"]) == (session_id, name):
                return thread_id
        return None

    def find(self, session_id: str, thread: str) -> str:
        """Return the id of a session's thread, given by name or id."""
        self.owner(session_id)
        thread_id = self.called(session_id, thread) or thread
        self.live(thread_id, session_id)
        return thread_id

    def place(self, thread_id: str, session_id: str, name: str) -> None:
        """Let a thread be in a session under a name."""
        if self.called(session_id, name) is not None:
            raise No("NameTaken")
        self.threads[thread_id].update(session=session_id, name=name)
        row = self.rows.setdefault((session_id, thread_id), {"version": 0})
        row.update(name=name, active=True, version=row["version"] + 1)

    def create_session(self, session_id: str, o: op.CreateSession | None) -> None:
        """Add a session."""
        self.sessions[session_id] = {
            "user": o.user_id if o else None,
            "metadata": bytes(o.metadata) if o else b"\x80",
            "status": "open",
            "rev": 1,
        }

    def append(self, thread_id: str, state_id: str, values: Any) -> None:
        """Add a state to a thread."""
        states = self.threads[thread_id]["states"]
        step = states[-1][0] + 1 if states else 1
        states.append((step, state_id, bytes(values)))


class Model:
    """A world and the answers already given."""

    def __init__(self) -> None:
        self.world = World()
        self.seq = 0
        self.answers: dict[str, tuple[op.Operation, int | None, str | None]] = {}

    def apply(self, operation: op.Operation) -> tuple[int | None, str | None]:
        """Return the number an operation takes, or the name of its refusal."""
        if operation.op_id in self.answers:
            first, seq, error = self.answers[operation.op_id]
            other = first.kind != operation.kind
            # A refusal answers whatever parts come; an answer has the parts' shapes.
            if other or (error is None and shape(first) != shape(operation)):
                return None, "OperationMismatch"
            return seq, error
        draft = deepcopy(self.world)
        try:
            STEPS[type(operation)](draft, operation)
        except No as refusal:
            answer: tuple[int | None, str | None] = None, str(refusal)
        else:
            self.seq += 1
            self.world = draft
            answer = self.seq, None
        self.answers[operation.op_id] = (operation, *answer)
        return answer


SHAPES: Final = {
    "UpdateSession": "CreateSession",
    "CloseSession": "CreateSession",
    "TransferThreads": "CreateThreads",
    "UpdateThread": "RenameThread",
}
"""Kinds whose answers look like those of another kind."""


def shape(operation: op.Operation) -> list[str]:
    """Return what the answers to a batch look like, nothing for other operations."""
    parts = operation.parts if isinstance(operation, op.Batch) else ()
    return [SHAPES.get(part.kind, part.kind) for part in parts]


def create_session(world: World, o: op.CreateSession) -> None:
    if o.session_id not in world.sessions:
        world.create_session(o.session_id, o)
    elif not o.open_existing:
        raise No("SessionExists")
    else:
        world.owner(o.session_id)


def update_session(world: World, o: op.UpdateSession) -> None:
    session = world.owner(o.session_id)
    if o.user_id is not None:
        session["user"] = o.user_id
    if bytes(o.metadata) != b"\xc0":
        session["metadata"] = bytes(o.metadata)


def close_session(world: World, o: op.CloseSession) -> None:
    session = world.owner(o.session_id)
    if o.move_to == o.session_id:
        raise No("InvalidArgument")
    if o.move_to is not None:
        world.owner(o.move_to)
    owned = [i for i, t in world.threads.items() if t["session"] == o.session_id]
    for thread_id in sorted(owned, key=lambda i: str(world.threads[i]["name"])):
        thread = world.threads[thread_id]
        if thread["run"]:
            raise No("ThreadBusy")
        if o.move_to is None:
            bury(world, thread_id)
        else:
            move(world, thread_id, o.move_to, thread["name"])
    session.update(status="closed", rev=session["rev"] + 1)


def create_threads(world: World, o: op.CreateThreads) -> None:
    if o.create_session and o.session_id not in world.sessions:
        world.create_session(o.session_id, None)
    world.owner(o.session_id)
    for new in o.threads:
        if new.thread_id in world.threads:
            raise No("ThreadExists")
        if world.called(o.session_id, new.name) is not None:
            raise No("NameTaken")
        rev = world.graves.pop(new.thread_id, 0) + 1
        world.threads[new.thread_id] = {
            "session": None,
            "rev": rev,
            "status": "idle",
            "run": None,
            "config": bytes(new.config),
            "metadata": bytes(new.metadata),
            "states": [],
        }
        world.threads[new.thread_id]["name"] = None
        world.place(new.thread_id, o.session_id, new.name)


def remove_threads(world: World, o: op.RemoveThreads) -> None:
    for thread in o.threads:
        thread_id = world.find(o.session_id, thread) if o.session_id else thread
        if world.live(thread_id)["run"] and not o.even_busy:
            raise No("ThreadBusy")
        bury(world, thread_id)


def bury(world: World, thread_id: str) -> None:
    thread = world.threads.pop(thread_id)
    world.graves[thread_id] = thread["rev"]
    world.rows[thread["session"], thread_id]["active"] = False
    world.runs = {i: r for i, r in world.runs.items() if r["thread"] != thread_id}


def transfer_threads(world: World, o: op.TransferThreads) -> None:
    if o.new_name is not None and len(o.thread_ids) > 1:
        raise No("InvalidArgument")
    if o.from_session_id is not None:
        world.owner(o.from_session_id)
    if o.create_session and o.to_session_id not in world.sessions:
        world.create_session(o.to_session_id, None)
    world.owner(o.to_session_id)
    for thread_id in o.thread_ids:
        thread = world.live(thread_id, o.from_session_id)
        if thread["run"] and not o.even_busy:
            raise No("ThreadBusy")
        name = o.new_name or thread["name"]
        if thread["session"] == o.to_session_id:
            rename(world, thread_id, name)
        else:
            move(world, thread_id, o.to_session_id, name)


def move(world: World, thread_id: str, session_id: str, name: str) -> None:
    thread = world.threads[thread_id]
    world.rows[thread["session"], thread_id]["active"] = False
    world.place(thread_id, session_id, name)
    thread["rev"] += 1


def rename_thread(world: World, o: op.RenameThread) -> None:
    world.live(o.thread_id, o.session_id)
    rename(world, o.thread_id, o.new_name)


def update_thread(world: World, o: op.UpdateThread) -> None:
    thread = world.live(o.thread_id, o.session_id)
    for field, changes in (("metadata", o.metadata), ("config", o.config)):
        held = msgspec.msgpack.decode(thread[field])
        held.update(msgspec.msgpack.decode(changes))
        thread[field] = msgspec.msgpack.encode(held)


def rename(world: World, thread_id: str, name: str) -> None:
    thread = world.threads[thread_id]
    if world.called(thread["session"], name) not in {None, thread_id}:
        raise No("NameTaken")
    thread["name"] = name
    world.rows[thread["session"], thread_id]["name"] = name


def start_run(world: World, o: op.StartRun) -> None:
    if o.thread_id is not None:
        thread_id = o.thread_id
        thread = world.live(thread_id, o.session_id)
    else:
        assert o.session_id is not None
        assert o.thread_name is not None
        thread_id = world.find(o.session_id, o.thread_name)
        thread = world.live(thread_id)
    if thread["run"] or o.run_id in world.runs:
        raise No("ThreadBusy")
    thread.update(run=o.run_id, status="busy")
    world.runs[o.run_id] = {"thread": thread_id, "status": "running", "attempt": 1}


def held(world: World, thread_id: str, run_id: str) -> tuple[Fields, Fields]:
    thread = world.live(thread_id)
    if thread["run"] != run_id:
        raise No("StaleRevision")
    return thread, world.runs[run_id]


def resume_run(world: World, o: op.ResumeRun) -> None:
    _, run = held(world, o.thread_id, o.run_id)
    run["attempt"] += run["status"] == "running"
    run["status"] = "running"


def append_state(world: World, o: op.AppendState) -> None:
    thread = world.live(o.thread_id)
    if o.run_id is None and thread["run"]:
        raise No("ThreadBusy")
    if o.run_id is not None:
        _, run = held(world, o.thread_id, o.run_id)
        if run["attempt"] != o.attempt:
            raise No("StaleRevision")
    if o.rev not in {None, thread["rev"]}:
        raise No("StaleRevision")
    last = thread["states"][-1][0] if thread["states"] else 0
    if o.after_step not in {None, last}:
        raise No("StaleRevision")
    world.append(o.thread_id, o.state_id, o.values)


def finish_run(world: World, o: op.FinishRun) -> None:
    thread, run = held(world, o.thread_id, o.run_id)
    if run["attempt"] != o.attempt:
        raise No("StaleRevision")
    if o.status == "running":
        raise No("InvalidArgument")
    run["status"] = o.status
    thread.update(run=None, status=LEFT.get(o.status, "error"))
    if o.state_id is not None:
        world.append(o.thread_id, o.state_id, o.values)


def retry_run(world: World, o: op.RetryRun) -> None:
    _, run = held(world, o.thread_id, o.run_id)
    if run["attempt"] != o.attempt:
        raise No("StaleRevision")
    run["status"] = "pending"
    run["attempt"] += 1


def record_step(world: World, o: op.RecordStep) -> None:
    thread, run = held(world, o.thread_id, o.run_id)
    if run["attempt"] != o.attempt or thread["rev"] != o.rev:
        raise No("StaleRevision")


def track(world: World, o: op.TrackInteraction) -> None:
    world.owner(o.session_id)
    world.interactions.append((o.session_id, o.interaction_id))


def expire(world: World, o: op.Expire) -> None:
    for thread_id, session_id, version in o.associations:
        row = world.rows.get((session_id, thread_id))
        if row and not row["active"] and row["version"] == version:
            del world.rows[session_id, thread_id]
    for thread_id, rev in o.tombstones:
        if world.graves.get(thread_id) == rev:
            del world.graves[thread_id]
    for thread_id, run_id in o.runs:
        run = world.runs.get(run_id)
        if run and run["thread"] == thread_id and run["status"] != "running":
            del world.runs[run_id]
    expire_items(world, o)
    for thread_id, first, last in o.states:
        thread = world.threads.get(thread_id)
        if thread is not None:
            states = thread["states"]
            if any(state[0] == first - 1 for state in states):
                continue
            head = states[-1][0] if states and thread["run"] else None
            thread["states"] = [
                state
                for state in states
                if not first <= state[0] <= last or state[0] == head
            ]


def expire_items(world: World, o: op.Expire) -> None:
    for namespace, key, until in o.items:
        item = world.items.get((namespace, key), {})
        if item.get("until") == until <= o.at_us:
            del world.items[namespace, key]


def save_association(world: World, o: SaveAssociation) -> None:
    world.owner(o.session_id)
    row = world.rows.get((o.session_id, o.thread_id))
    if o.seen_seq is not None:
        raise No("StaleRevision")  # of the past: numbers begin at 1
    if row is not None:
        raise No("ThreadExists")
    if not o.is_active:
        raise No("InvalidArgument")
    new = op.NewThread(o.thread_id, o.thread_name)
    create_threads(world, op.CreateThreads(session_id=o.session_id, threads=(new,)))


def delete_association(world: World, o: DeleteAssociation) -> None:
    world.owner(o.session_id)
    row = world.rows.get((o.session_id, o.thread_id))
    if row is None:
        raise No("ThreadNotFound")
    if o.seen_seq is not None:
        raise No("StaleRevision")
    if row["active"]:
        if world.threads[o.thread_id]["run"]:
            raise No("ThreadBusy")
        bury(world, o.thread_id)
    del world.rows[o.session_id, o.thread_id]


def living(world: World, namespace: Any, key: str, at_us: int) -> Fields:
    """Return an item whose time is not over, nothing where there is none."""
    item = world.items.get((namespace, key), {})
    return item if item and (item["until"] or at_us + 1) > at_us else {}


def put_item(world: World, o: PutItem) -> None:
    old = living(world, o.namespace, o.key, o.at_us)
    world.items[o.namespace, o.key] = {
        "value": bytes(o.value),
        "ttl": o.ttl_us,
        "until": o.at_us + o.ttl_us if o.ttl_us else None,
        "created": old.get("created", o.at_us),
    }


def remove_item(world: World, o: RemoveItem) -> None:
    world.items.pop((o.namespace, o.key), None)


def touch_items(world: World, o: TouchItems) -> None:
    for place in o.items:
        item = living(world, *place, o.at_us)
        if item.get("ttl"):
            item["until"] = o.at_us + item["ttl"]


def batch(world: World, o: op.Batch) -> None:
    for part in o.parts:
        STEPS[type(part)](world, part)


STEPS: Final[dict[type, Any]] = {
    op.CreateSession: create_session,
    op.UpdateSession: update_session,
    op.CloseSession: close_session,
    op.CreateThreads: create_threads,
    op.RemoveThreads: remove_threads,
    op.TransferThreads: transfer_threads,
    op.RenameThread: rename_thread,
    op.UpdateThread: update_thread,
    op.StartRun: start_run,
    op.ResumeRun: resume_run,
    op.AppendState: append_state,
    op.FinishRun: finish_run,
    op.RetryRun: retry_run,
    op.RecordStep: record_step,
    # Copies are judged with the rule: no script here makes any.
    op.ForkThread: lambda _world, _o: None,
    op.TrackInteraction: track,
    op.Expire: expire,
    op.Repair: lambda _world, _o: None,  # what the rules wrote is in order
    op.Batch: batch,
    SaveAssociation: save_association,
    DeleteAssociation: delete_association,
    PutItem: put_item,
    RemoveItem: remove_item,
    TouchItems: touch_items,
    # Checkpoints are judged next door: they change nothing that is shown here.
    **dict.fromkeys(get_args(GraphOperation), lambda _world, _o: None),
}


def seen(snapshot: Snapshot) -> Fields:
    """Return what a store shows, in the terms of `World.image`, by its public reads."""
    sessions = list(snapshot.sessions())
    threads = [t for s in sessions for t in snapshot.threads(s.session_id)]
    rows = [
        r
        for s in sessions
        for r in snapshot.associations(s.session_id, active_only=False)
    ]
    return {
        "sessions": {
            s.session_id: {
                "user": s.user_id,
                "metadata": bytes(s.metadata_raw),
                "status": s.status,
                "rev": s.rev,
            }
            for s in sessions
        },
        "threads": {t.thread_id: _thread(snapshot, t) for t in threads},
        "names": sorted(
            (s.session_id, name, i)
            for s in sessions
            for name, i in snapshot.names(s.session_id)
        ),
        "rows": {
            (r.session_id, r.thread_id): {
                "name": r.thread_name,
                "active": r.is_active,
                "version": r.version,
            }
            for r in rows
        },
        "runs": {
            r.run_id: {"thread": r.thread_id, "status": r.status, "attempt": r.attempt}
            for t in threads
            for r in snapshot.runs(t.thread_id)
        },
        "interactions": sorted(
            (s.session_id, i.interaction_id)
            for s in sessions
            for i in snapshot.interactions(s.session_id)
        ),
        "items": {
            (i.namespace, i.key): {
                "value": bytes(i.value_raw),
                "ttl": i.ttl_us,
                "until": i.expires_at_us,
                "created": i.created_at_us,
            }
            for i in ItemReader(snapshot, 0).items()  # the expired ones as well
        },
    }


def _thread(snapshot: Snapshot, thread: Any) -> Fields:
    states = [
        (s.step, s.state_id, bytes(s.values_raw))
        for s in snapshot.states(thread.thread_id)
    ]
    return {
        "session": thread.session_id,
        "name": thread.thread_name,
        "rev": thread.rev,
        "status": thread.status,
        "run": thread.run_id,
        "config": bytes(thread.config_raw),
        "metadata": bytes(thread.metadata_raw),
        "states": states[::-1],
    }
