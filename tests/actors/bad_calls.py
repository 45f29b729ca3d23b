"""Calls of a coordinator that are wrong, each by itself, and the error of each."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from tests.actors.support import answer
from weft.actors import Runtime
from weft.storage import (
    CreateSession,
    CreateThreads,
    InvalidArgument,
    NameTaken,
    SessionClosed,
    SessionExists,
    SessionNotFound,
    SessionThreadException,
    StartRun,
    ThreadExists,
    ThreadNotFound,
    TrackInteraction,
    WorkflowNotRegistered,
)

Call = Callable[[Any], Any]
"""A call of a coordinator, by somebody who checks no types."""

UNENCODABLE = object()
UNTYPED: Any = b"untyped"
LONG_ID = "x" * 101
LONG_NAME = "ä" * 128  # 256 bytes

ALICE: Any = {"session_id": "alice"}


def given(runtime: Runtime) -> None:
    """What every case finds: two open sessions, one closed, two threads."""
    for name in ("notes", "drafts"):
        answer(runtime.session("alice").create_thread(name, thread_id=f"t-{name}"))
    answer(runtime.coordinator.create_session("bob"))
    answer(runtime.coordinator.create_session("gone"))
    answer(runtime.coordinator.close_session("gone"))


class Case(NamedTuple):
    """A call, and the class of its error."""

    name: str
    call: Call
    error: type[SessionThreadException]


def create(spec: Any, session_id: Any = "alice") -> Call:
    return lambda c: c.coordinate_threads(session_id, [spec])


def transfer(*arguments: Any, **options: Any) -> Call:
    return lambda c: c.transfer_thread_between_sessions(*arguments, **options)


def late(session_id: str, timeout_s: Any) -> Call:
    return lambda c: c.create_session(session_id, timeout_s=timeout_s)


def execute(*arguments: Any, **options: Any) -> Call:
    return lambda c: c.execute_workflow_in_session(*arguments, **options)


def transact(*operations: Any) -> Call:
    return lambda c: c.transact(operations)


def untyped(kind: Any, **fields: Any) -> Any:
    """Make an operation as an untyped caller might."""
    return kind(**fields)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


NOBODY = [
    Case("close", lambda c: c.close_session("nobody"), SessionNotFound),
    Case("update", lambda c: c.update_session("nobody"), SessionNotFound),
    Case("get", lambda c: c.get_session("nobody"), SessionNotFound),
    Case("create in", create({"name": "x"}, "nobody"), SessionNotFound),
    Case(
        "create none in", lambda c: c.coordinate_threads("nobody", []), SessionNotFound
    ),
    Case("execute in", execute("nobody", "notes"), SessionNotFound),
    Case("transfer from", transfer("t-notes", "nobody", "bob"), SessionNotFound),
    Case("transfer to", transfer("t-notes", "alice", "nobody"), SessionNotFound),
    Case(
        "remove from",
        lambda c: c.remove_thread_from_session("nobody", "notes"),
        SessionNotFound,
    ),
    Case(
        "track in",
        lambda c: c.track_user_interaction("nobody", {"type": "x"}),
        SessionNotFound,
    ),
    Case("list in", lambda c: c.list_threads("nobody"), SessionNotFound),
    Case("interactions of", lambda c: c.list_interactions("nobody"), SessionNotFound),
    Case(
        "validate", lambda c: c.validate_session_consistency("nobody"), SessionNotFound
    ),
    Case("thread", lambda c: c.get_thread("nobody"), ThreadNotFound),
    Case("state of", lambda c: c.get_thread_state("nobody"), ThreadNotFound),
    Case("history of", lambda c: c.thread_history("nobody"), ThreadNotFound),
    Case("runs of", lambda c: c.list_runs("nobody"), ThreadNotFound),
    Case("execute", execute("alice", "nobody"), ThreadNotFound),
    Case("run", lambda c: c.run(None, thread_id="nobody"), ThreadNotFound),
    Case("rename", lambda c: c.rename_thread("nobody", "x"), ThreadNotFound),
    Case("remove by id", lambda c: c.remove_thread("nobody"), ThreadNotFound),
    Case(
        "remove",
        lambda c: c.remove_thread_from_session("alice", "nobody"),
        ThreadNotFound,
    ),
    Case("transfer", transfer("nobody", "alice", "bob"), ThreadNotFound),
    Case("wrong owner", transfer("t-notes", "bob", "alice"), ThreadNotFound),
    Case(
        "wrong owner, move",
        transfer("t-notes", "bob", "alice", if_running="move"),
        ThreadNotFound,
    ),
    Case(
        "rename of another's",
        lambda c: c.rename_thread("t-notes", "x", session_id="bob"),
        ThreadNotFound,
    ),
]

TAKEN = [
    Case("session", lambda c: c.create_session("alice"), SessionExists),
    Case("name", create({"name": "notes"}), NameTaken),
    Case("id", create({"name": "x", "thread_id": "t-notes"}), ThreadExists),
    Case("rename", lambda c: c.rename_thread("t-notes", "drafts"), NameTaken),
    Case(
        "two in one call",
        lambda c: c.coordinate_threads("bob", [{"name": "x"}, {"name": "x"}]),
        NameTaken,
    ),
    Case("transfer within", transfer("t-notes", "alice", "alice", "drafts"), NameTaken),
    Case("closed: create", create({"name": "x"}, "gone"), SessionClosed),
    Case(
        "closed: open",
        lambda c: c.create_session("gone", if_exists="open"),
        SessionClosed,
    ),
    Case("closed: close", lambda c: c.close_session("gone"), SessionClosed),
    Case("closed: update", lambda c: c.update_session("gone"), SessionClosed),
    Case("closed: execute", execute("gone", "notes"), SessionClosed),
    Case("closed: transfer to", transfer("t-notes", "alice", "gone"), SessionClosed),
    Case("closed: move to", lambda c: c.close_session("alice", "gone"), SessionClosed),
    Case(
        "closed: track",
        lambda c: c.track_user_interaction("gone", {"type": "x"}),
        SessionClosed,
    ),
    Case(
        "unregistered", execute("alice", "notes", workflow="no"), WorkflowNotRegistered
    ),
]


LIMITS: list[Any] = [-1, "x", 1.5]

LIMIT_CALLS: list[tuple[str, Callable[[Any], Call]]] = [
    ("list_sessions", lambda n: lambda c: c.list_sessions(limit=n)),
    (
        "sorted sessions",
        lambda n: lambda c: c.list_sessions(sort="user_id", limit=n),
    ),
    ("history", lambda n: lambda c: c.thread_history("t-notes", limit=n)),
    ("runs", lambda n: lambda c: c.list_runs("t-notes", limit=n)),
    (
        "interactions",
        lambda n: lambda c: c.list_interactions("alice", limit=n),
    ),
    ("operations", lambda n: lambda c: c.list_operations(limit=n)),
]

WRONG = [
    Case("unknown field", create({"name": "x", "colour": "red"}), InvalidArgument),
    Case("missing name", create({"workflow": "count"}), InvalidArgument),
    Case("no thread config", create(5), InvalidArgument),
    Case(
        "configs not a list", lambda c: c.coordinate_threads("bob", 5), InvalidArgument
    ),
    Case(
        "one config, no list",
        lambda c: c.coordinate_threads("bob", {"name": "x"}),
        InvalidArgument,
    ),
    Case(
        "too many threads",
        lambda c: c.coordinate_threads("bob", [{"name": f"{n}"} for n in range(1001)]),
        InvalidArgument,
    ),
    Case(
        "if_exists",
        lambda c: c.create_session("new", if_exists="ignore"),
        InvalidArgument,
    ),
    Case(
        "transfer, if_running",
        transfer("t-notes", "alice", "bob", if_running="cancel"),
        InvalidArgument,
    ),
    Case(
        "remove, if_running",
        lambda c: c.remove_thread_from_session("alice", "notes", "move"),
        InvalidArgument,
    ),
    Case(
        "remove_thread, if_running",
        lambda c: c.remove_thread("t-notes", ["wait"]),
        InvalidArgument,
    ),
    Case("into itself", lambda c: c.close_session("alice", "alice"), InvalidArgument),
    Case("empty batch", transact(), InvalidArgument),
    Case("no batch", lambda c: c.transact(None), InvalidArgument),
    Case("no operation", transact({"kind": "CreateSession"}), InvalidArgument),
    Case("a run in a batch", transact(StartRun(run_id="r", **ALICE)), InvalidArgument),
    Case(
        "a batch of too many",
        transact(*[CreateSession(session_id=f"s-{n}") for n in range(1001)]),
        InvalidArgument,
    ),
    Case(
        "threads of a part",
        transact(untyped(CreateThreads, threads=("x",), **ALICE)),
        InvalidArgument,
    ),
    Case(
        "flag of a part",
        transact(untyped(CreateSession, session_id="new", open_existing="yes")),
        InvalidArgument,
    ),
    Case(
        "number of a part",
        transact(
            untyped(
                TrackInteraction,
                interaction_id="i",
                interaction_type="x",
                timestamp_us="now",
                **ALICE,
            )
        ),
        InvalidArgument,
    ),
    Case(
        "interaction without type",
        lambda c: c.track_user_interaction("alice", {"content": 1}),
        InvalidArgument,
    ),
    Case(
        "interaction field",
        lambda c: c.track_user_interaction("alice", {"type": "x", "kind": "y"}),
        InvalidArgument,
    ),
    Case(
        "naive time",
        lambda c: c.track_user_interaction(
            "alice",
            {"type": "x", "timestamp": datetime(2026, 1, 1)},  # noqa: DTZ001
        ),
        InvalidArgument,
    ),
    Case("filter", lambda c: c.list_sessions({"colour": "red"}), InvalidArgument),
    Case("sort", lambda c: c.list_sessions(sort="colour"), InvalidArgument),
    Case("sort's type", lambda c: c.list_sessions(sort=UNTYPED), InvalidArgument),
    Case(
        "sort and cursor",
        lambda c: c.list_sessions(sort="user_id", cursor="alice"),
        InvalidArgument,
    ),
    Case(
        "history before",
        lambda c: c.thread_history("t-notes", before=-1),
        InvalidArgument,
    ),
    Case("after_seq", lambda c: c.list_operations(-1), InvalidArgument),
    Case("after_seq's type", lambda c: c.list_operations(UNTYPED), InvalidArgument),
    *(
        Case(f"limit {limit} of {name}", call(limit), InvalidArgument)
        for limit in LIMITS
        for name, call in LIMIT_CALLS
    ),
    *(
        Case(
            f"timeout_s {timeout_s}",
            late("new", timeout_s),
            InvalidArgument,
        )
        for timeout_s in (-1, float("nan"), float("inf"), "1", True)
    ),
    Case("a run's timeout_s", execute("alice", "notes", timeout_s=-1), InvalidArgument),
]
