"""Every change that a coordinator can make: its call, its answer, its effect."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from weft.actors import Coordinator, Future
from weft.storage import (
    CloseSession,
    CreateSession,
    CreateThreads,
    NewThread,
    RenameThread,
    Session,
    Snapshot,
    Thread,
    TrackInteraction,
    TransferThreads,
    UpdateSession,
)

NOON = datetime(2026, 1, 2, 12, 0, 0, 5, tzinfo=UTC)


class Change(NamedTuple):
    """A change: how it is asked for, what it answers, what is to be seen of it."""

    name: str
    call: Callable[[Coordinator, str], Future[Any]]
    answer: Callable[[Any], Any]
    effect: Callable[[Any], Any]


def names(snapshot: Snapshot, session_id: str = "alice") -> dict[str, str]:
    return dict(snapshot.names(session_id))


def owner(snapshot: Snapshot, thread_id: str = "t") -> str | None:
    thread = snapshot.thread(thread_id)
    return None if thread is None else thread.session_id


CHANGES = [
    Change(
        "create_session",
        lambda c, o: c.create_session(
            "carol", user_id="cy", metadata={"a": [1]}, op_id=o
        ),
        lambda s: (
            ("carol", "cy", {"a": [1]}, "open")
            == (s.session_id, s.user_id, s.metadata, s.status)
        ),
        lambda s: s.session("carol") is not None,
    ),
    Change(
        "create_session, generated id",
        lambda c, o: c.create_session(op_id=o),
        lambda s: isinstance(s, Session) and len(s.session_id) == 36,
        lambda s: len(list(s.sessions())) == 3,
    ),
    Change(
        "create_session, existing",
        lambda c, o: c.create_session("alice", user_id="x", if_exists="open", op_id=o),
        lambda s: ("alice", "al") == (s.session_id, s.user_id),
        lambda s: len(list(s.sessions())) == 2,
    ),
    Change(
        "update_session",
        lambda c, o: c.update_session("alice", metadata={"b": 2}, op_id=o),
        lambda s: ({"b": 2}, "al") == (s.metadata, s.user_id),
        lambda s: {"b": 2} == s.session("alice").metadata,
    ),
    Change(
        "update_session, user",
        lambda c, o: c.update_session("alice", user_id="new", op_id=o),
        lambda s: ({"role": "owner"}, "new") == (s.metadata, s.user_id),
        lambda s: "new" == s.session("alice").user_id,
    ),
    Change(
        "close_session",
        lambda c, o: c.close_session("alice", op_id=o),
        lambda s: "closed" == s.status,
        lambda s: ({}, None) == (names(s), s.thread("t")),
    ),
    Change(
        "close_session into another",
        lambda c, o: c.close_session("alice", "bob", op_id=o),
        lambda s: "closed" == s.status,
        lambda s: ({}, {"notes": "t"}) == (names(s), names(s, "bob")),
    ),
    Change(
        "coordinate_threads",
        lambda c, o: c.coordinate_threads(
            "alice", [{"name": "x", "thread_id": "tx"}, {"name": "y"}], op_id=o
        ),
        lambda found: ["x", "y"] == list(found) and "tx" == found["x"],
        lambda s: {"notes", "x", "y"} == set(names(s)),
    ),
    Change(
        "create_thread_with_session",
        lambda c, o: c.create_thread_with_session(
            "alice",
            {"free": [1], "name": "not the name"},
            "x",
            workflow="count",
            thread_id="tx",
            metadata={"m": 1},
            op_id=o,
        ),
        lambda found: "tx" == found,
        lambda s: (
            ({"free": [1], "name": "not the name"}, {"m": 1}, "count", "x")
            == (
                s.thread("tx").config,
                s.thread("tx").metadata,
                s.thread("tx").workflow,
                s.thread("tx").thread_name,
            )
        ),
    ),
    Change(
        "remove_thread_from_session, by name",
        lambda c, o: c.remove_thread_from_session("alice", "notes", op_id=o),
        lambda found: found is True,
        lambda s: owner(s) is None and {} == names(s),
    ),
    Change(
        "remove_thread_from_session, by id",
        lambda c, o: c.remove_thread_from_session("alice", "t", "wait", op_id=o),
        lambda found: found is True,
        lambda s: owner(s) is None,
    ),
    Change(
        "remove_thread",
        lambda c, o: c.remove_thread("t", "cancel", op_id=o),
        lambda found: found is True,
        lambda s: owner(s) is None,
    ),
    Change(
        "transfer_thread_between_sessions",
        lambda c, o: c.transfer_thread_between_sessions("t", "alice", "bob", op_id=o),
        lambda t: (
            isinstance(t, Thread) and bool(t) and "bob" == t.session_id and 2 == t.rev
        ),
        lambda s: ("bob", {}, {"notes": "t"}) == (owner(s), names(s), names(s, "bob")),
    ),
    Change(
        "transfer, renamed",
        lambda c, o: c.transfer_thread_between_sessions(
            "t", "alice", "bob", "moved", "wait", op_id=o
        ),
        lambda t: ("bob", "moved") == (t.session_id, t.thread_name),
        lambda s: {"moved": "t"} == names(s, "bob"),
    ),
    Change(
        "transfer to its own session",
        lambda c, o: c.transfer_thread_between_sessions("t", "alice", "alice", op_id=o),
        lambda t: ("alice", 1) == (t.session_id, t.rev),
        lambda s: {"notes": "t"} == names(s),
    ),
    Change(
        "rename_thread",
        lambda c, o: c.rename_thread("t", "drafts", op_id=o),
        lambda t: ("alice", "drafts", 1) == (t.session_id, t.thread_name, t.rev),
        lambda s: {"drafts": "t"} == names(s),
    ),
    Change(
        "track_user_interaction",
        lambda c, o: c.track_user_interaction(
            "alice",
            {
                "interaction_type": "message",
                "content": {"text": "hi"},
                "thread_id": "t",
                "metadata": {"m": 1},
                "timestamp": NOON,
            },
            op_id=o,
        ),
        lambda i: (
            ("message", {"text": "hi"}, "t", {"m": 1}, NOON)
            == (i.interaction_type, i.content, i.thread_id, i.metadata, i.timestamp)
        ),
        lambda s: 1 == len(list(s.interactions("alice"))),
    ),
    Change(
        "execute_workflow_in_session",
        lambda c, o: c.execute_workflow_in_session(
            "alice", "notes", {"to": 4}, workflow="count", op_id=o
        ),
        lambda result: 4 == result,
        lambda s: [4, 3, 2, 1] == [state.values for state in s.states("t")],
    ),
    Change(
        "transact",
        lambda c, o: c.transact(
            [
                CreateSession(session_id="carol"),
                TransferThreads(thread_ids=("t",), to_session_id="carol"),
                RenameThread(thread_id="t", new_name="moved"),
                CreateThreads(session_id="bob", threads=(NewThread("u", "new"),)),
                UpdateSession(session_id="bob", user_id="bo"),
                TrackInteraction(
                    session_id="bob",
                    interaction_id="i",
                    interaction_type="click",
                    timestamp_us=1,
                ),
                CloseSession(session_id="alice"),
            ],
            op_id=o,
        ),
        lambda found: (
            ["Session", "list", "Thread", "list", "Session", "Interaction"]
            == [type(one).__name__ for one in found[:6]]
            and "closed" == found[6].status
        ),
        lambda s: (
            ({}, {"moved": "t"}, {"new": "u"})
            == (names(s), names(s, "carol"), names(s, "bob"))
        ),
    ),
]
