"""Ids, names, data and limits that are wrong, and the calls that take such values."""

from collections.abc import Callable
from typing import Any

from tests.actors.bad_calls import (
    ALICE,
    LONG_ID,
    LONG_NAME,
    UNENCODABLE,
    Call,
    create,
    execute,
    nested,
    transact,
    transfer,
)
from weft.actors import ThreadSpec
from weft.storage import (
    CloseSession,
    CreateSession,
    CreateThreads,
    NewThread,
    RemoveThreads,
    RenameThread,
    TrackInteraction,
    TransferThreads,
)

BAD_IDS: list[tuple[str, Any]] = [
    ("empty", ""),
    ("over-long", LONG_ID),
    ("with a control character", "a\x00b"),
    ("with a newline", "a\n"),
    ("with half a surrogate", "\ud800"),
    ("a number", 5),
    ("bytes", b"alice"),
    ("a list", ["alice"]),
]

ID_CALLS: list[tuple[str, Callable[[Any], Call]]] = [
    ("create_session", lambda i: lambda c: c.create_session(i)),
    ("user_id", lambda i: lambda c: c.create_session("new", user_id=i)),
    ("op_id", lambda i: lambda c: c.create_session("new", op_id=i)),
    ("get_session", lambda i: lambda c: c.get_session(i)),
    ("update_session", lambda i: lambda c: c.update_session(i, metadata={})),
    ("close_session", lambda i: lambda c: c.close_session(i)),
    ("close_session into", lambda i: lambda c: c.close_session("alice", i)),
    ("coordinate_threads", lambda i: create({"name": "x"}, i)),
    ("coordinate_threads, none", lambda i: lambda c: c.coordinate_threads(i, [])),
    ("thread_id", lambda i: create(ThreadSpec("x", thread_id=i))),
    ("remove from", lambda i: lambda c: c.remove_thread_from_session(i, "notes")),
    ("remove_thread", lambda i: lambda c: c.remove_thread(i)),
    ("transfer", lambda i: transfer(i, "alice", "bob")),
    ("transfer from", lambda i: transfer("t-notes", i, "bob")),
    ("transfer to", lambda i: transfer("t-notes", "alice", i)),
    ("rename", lambda i: lambda c: c.rename_thread(i, "x")),
    (
        "rename in",
        lambda i: lambda c: c.rename_thread("t-notes", "x", session_id=i),
    ),
    ("execute in", lambda i: execute(i, "notes")),
    ("execute, op_id", lambda i: execute("alice", "notes", op_id=i)),
    ("run", lambda i: lambda c: c.run(None, thread_id=i)),
    ("cancel_run", lambda i: lambda c: c.cancel_run(i)),
    ("track in", lambda i: lambda c: c.track_user_interaction(i, {"type": "x"})),
    (
        "track, thread",
        lambda i: (
            lambda c: c.track_user_interaction("alice", {"type": "x", "thread_id": i})
        ),
    ),
    (
        "track, id",
        lambda i: (
            lambda c: c.track_user_interaction(
                "alice", {"type": "x", "interaction_id": i}
            )
        ),
    ),
    ("list_threads", lambda i: lambda c: c.list_threads(i)),
    ("get_thread", lambda i: lambda c: c.get_thread(i)),
    ("get_thread_state", lambda i: lambda c: c.get_thread_state(i)),
    ("thread_history", lambda i: lambda c: c.thread_history(i)),
    ("list_runs", lambda i: lambda c: c.list_runs(i)),
    ("get_run", lambda i: lambda c: c.get_run(i)),
    ("list_interactions", lambda i: lambda c: c.list_interactions(i)),
    ("list_associations", lambda i: lambda c: c.list_associations(i)),
    ("by thread", lambda i: lambda c: c.list_associations_by_thread(i)),
    ("get_association", lambda i: lambda c: c.get_association(i, "t-notes")),
    ("get_association of", lambda i: lambda c: c.get_association("alice", i)),
    ("association_exists", lambda i: lambda c: c.association_exists(i, "t-notes")),
    ("get_operation", lambda i: lambda c: c.get_operation(i)),
    ("list_operations", lambda i: lambda c: c.list_operations(session_id=i)),
    ("list_operations of", lambda i: lambda c: c.list_operations(thread_id=i)),
    ("list_sessions after", lambda i: lambda c: c.list_sessions(cursor=i)),
    ("validate", lambda i: lambda c: c.validate_session_consistency(i)),
    ("a part's session", lambda i: transact(CreateSession(session_id=i))),
    (
        "a part's target",
        lambda i: transact(CloseSession(session_id="alice", move_to=i)),
    ),
    (
        "a part's new thread",
        lambda i: transact(CreateThreads(threads=(NewThread(i, "x"),), **ALICE)),
    ),
    (
        "a part's thread",
        lambda i: transact(TransferThreads(thread_ids=(i,), to_session_id="bob")),
    ),
    (
        "a part's destination",
        lambda i: transact(
            TransferThreads(
                thread_ids=("t-notes",), to_session_id=i, create_session=True
            )
        ),
    ),
]

BAD_NAMES: list[tuple[str, Any]] = [
    ("empty", ""),
    ("over-long", LONG_NAME),
    ("with a control character", "a\x07"),
    ("with half a surrogate", "\udfff"),
    ("a number", 5),
]

NAME_CALLS: list[tuple[str, Callable[[Any], Call]]] = [
    ("create", lambda n: create({"name": n})),
    ("create by spec", lambda n: create(ThreadSpec(n))),
    ("create one", lambda n: lambda c: c.create_thread_with_session("alice", {}, n)),
    ("workflow", lambda n: create(ThreadSpec("x", n))),
    ("rename", lambda n: lambda c: c.rename_thread("t-notes", n)),
    ("transfer as", lambda n: transfer("t-notes", "alice", "bob", n)),
    ("remove", lambda n: lambda c: c.remove_thread_from_session("alice", n)),
    ("execute", lambda n: execute("alice", n)),
    ("execute what", lambda n: execute("alice", "notes", workflow=n)),
    ("track", lambda n: lambda c: c.track_user_interaction("alice", {"type": n})),
    (
        "a part's name",
        lambda n: transact(CreateThreads(threads=(NewThread("new", n),), **ALICE)),
    ),
    (
        "a part's new name",
        lambda n: transact(RenameThread(thread_id="t-notes", new_name=n)),
    ),
    ("a part's thread name", lambda n: transact(RemoveThreads(threads=(n,), **ALICE))),
    (
        "a part's type",
        lambda n: transact(
            TrackInteraction(
                interaction_id="i", interaction_type=n, timestamp_us=0, **ALICE
            )
        ),
    ),
]

BAD_DATA: list[tuple[str, Any]] = [
    ("an object", UNENCODABLE),
    ("a lambda", lambda: None),
    ("a bare surrogate", "\ud800"),
    ("too deep", nested(100_000)),
    ("too large an integer", 1 << 70),
    ("over 16 MiB", "x" * (16 << 20)),
]

DATA_CALLS: list[tuple[str, Callable[[Any], Call]]] = [
    (
        "session metadata",
        lambda d: lambda c: c.create_session("new", metadata={"d": d}),
    ),
    ("new metadata", lambda d: lambda c: c.update_session("alice", metadata={"d": d})),
    ("thread config", lambda d: create({"name": "x", "config": {"d": d}})),
    ("thread metadata", lambda d: create({"name": "x", "metadata": {"d": d}})),
    (
        "free config",
        lambda d: lambda c: c.create_thread_with_session("alice", {"d": d}, "x"),
    ),
    ("run config", lambda d: execute("alice", "notes", {"d": d})),
    (
        "content",
        lambda d: (
            lambda c: c.track_user_interaction("alice", {"type": "x", "content": d})
        ),
    ),
]

NO_MAPPING: list[tuple[str, Any]] = [
    ("a list", [1]),
    ("a string", "abc"),
    ("a number", 5),
    ("with a number as key", {1: 2}),
]

MAPPING_CALLS: list[tuple[str, Callable[[Any], Call]]] = [
    ("session metadata", lambda m: lambda c: c.create_session("new", metadata=m)),
    ("new metadata", lambda m: lambda c: c.update_session("alice", metadata=m)),
    ("thread config", lambda m: create({"name": "x", "config": m})),
    ("spec's config", lambda m: create(ThreadSpec("x", config=m))),
    ("thread metadata", lambda m: create({"name": "x", "metadata": m})),
    (
        "free config",
        lambda m: lambda c: c.create_thread_with_session("alice", m, "x"),
    ),
    (
        "free metadata",
        lambda m: lambda c: c.create_thread_with_session("alice", {}, "x", metadata=m),
    ),
    ("run config", lambda m: execute("alice", "notes", m)),
    ("interaction", lambda m: lambda c: c.track_user_interaction("alice", m)),
    ("filter", lambda m: lambda c: c.list_sessions(m)),
    ("metadata filter", lambda m: lambda c: c.list_sessions({"metadata": m})),
]
