"""What callers do wrong: a typed error that says what to do, and nothing changed."""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, answer, contents, failure
from weft.actors import Runtime, ThreadSpec
from weft.storage import (
    CloseSession,
    CreateSession,
    CreateThreads,
    InvalidArgument,
    LmdbStore,
    NameTaken,
    NewThread,
    RemoveThreads,
    RenameThread,
    SessionClosed,
    SessionExists,
    SessionNotFound,
    SessionThreadException,
    StartRun,
    StoreClosed,
    StoreFormatError,
    StoreLocked,
    ThreadExists,
    ThreadNotFound,
    TrackInteraction,
    TransferThreads,
    WorkflowNotRegistered,
)
from weft.storage.codec import encode
from weft.storage.store import FORMAT

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
    ("too deep", nested(2000)),
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


def together(
    calls: list[tuple[str, Callable[[Any], Call]]], bad: list[tuple[str, Any]]
) -> list[tuple[str, list[Case]]]:
    """Return, for each call, its cases with every bad value."""
    return [
        (name, [Case(what, make(value), InvalidArgument) for what, value in bad])
        for name, make in calls
    ]


def each(cases: list[Case]) -> list[tuple[str, list[Case]]]:
    return [(case.name, [case]) for case in cases]


TABLE = [
    *each(NOBODY),
    *each(TAKEN),
    *each(WRONG),
    *((f"{name}: ids", cases) for name, cases in together(ID_CALLS, BAD_IDS)),
    *((f"{name}: names", cases) for name, cases in together(NAME_CALLS, BAD_NAMES)),
    *((f"{name}: data", cases) for name, cases in together(DATA_CALLS, BAD_DATA)),
    *(
        (f"{name}: mappings", cases)
        for name, cases in together(MAPPING_CALLS, NO_MAPPING)
    ),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One runtime for all cases: none of them may change it."""
    with Runtime.open(tmp_path_factory.mktemp("weft-data")) as runtime:
        given(runtime)
        yield runtime


@pytest.mark.parametrize("cases", [row[1] for row in TABLE], ids=[r[0] for r in TABLE])
def test_what_is_wrong_gets_a_typed_error_and_changes_nothing(
    shared: Runtime, cases: list[Case]
) -> None:
    before = contents(shared)
    for case in cases:
        error = failure(case.call(shared.coordinator))
        assert case.error is type(error), (case.name, error)
        assert str(error).endswith(error.remedy)
    assert before == contents(shared)
    assert not shared.read_only


def test_all_of_that_left_the_store_clean_and_usable(shared: Runtime) -> None:
    assert shared.check().clean
    assert {"notes", "drafts"} == {
        thread.thread_name
        for thread in answer(shared.coordinator.list_threads("alice"))
    }
    assert "usable" == answer(shared.coordinator.create_session("usable")).session_id
    assert 0 == shared.statistics().restarts


def test_a_name_that_is_taken_in_the_other_session_refuses_a_transfer(
    runtime: Runtime,
) -> None:
    given(runtime)
    answer(runtime.session("bob").create_thread("notes"))
    before = contents(runtime)
    coordinator = runtime.coordinator
    error = failure(
        coordinator.transfer_thread_between_sessions("t-notes", "alice", "bob")
    )
    assert NameTaken is type(error)
    assert NameTaken is type(failure(coordinator.close_session("alice", "bob")))
    assert before == contents(runtime)


@pytest.mark.parametrize("bad", [value for _, value in BAD_IDS])
def test_a_handle_refuses_a_bad_id_at_once(runtime: Runtime, bad: Any) -> None:
    with pytest.raises(InvalidArgument):
        runtime.session(bad)
    with pytest.raises(InvalidArgument):
        runtime.thread(bad)


def test_a_wrong_stream_fails_when_it_is_read(runtime: Runtime) -> None:
    coordinator = runtime.coordinator
    for stream in (
        coordinator.stream_workflow_in_session("nobody", "notes"),
        coordinator.stream_workflow_in_session("", "notes"),
        coordinator.stream_workflow_in_session("alice", "notes", timeout_s=-1),
    ):
        with pytest.raises(SessionThreadException):
            list(stream)


# Opening


def test_a_directory_is_opened_once_in_a_process(
    tmp_store: Path, open_runtime: Open
) -> None:
    import os

    runtime = open_runtime(tmp_store)
    with pytest.raises(StoreLocked) as caught:
        Runtime.open(tmp_store)
    assert os.getpid() == caught.value.holder_pid
    assert str(os.getpid()) in str(caught.value)
    assert caught.value.remedy
    assert "alice" == answer(runtime.coordinator.create_session("alice")).session_id


OPEN_AND_SAY = """
import sys
from weft.actors import Runtime
from weft.storage import StoreLocked
try:
    Runtime.open(sys.argv[1])
except StoreLocked as error:
    print(error.holder_pid)
"""


def test_a_directory_is_opened_by_one_process(
    tmp_store: Path, open_runtime: Open
) -> None:
    import os

    open_runtime(tmp_store)
    done = subprocess.run(
        [sys.executable, "-c", OPEN_AND_SAY, str(tmp_store)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=True,
    )
    assert f"{os.getpid()}\n" == done.stdout


def test_a_directory_of_a_newer_format_is_refused_and_left_alone(
    tmp_store: Path, open_runtime: Open
) -> None:
    store = LmdbStore(tmp_store)
    with store._engine.write() as writing:
        writing.put_many("M", [(b"format", encode("M", b"format", FORMAT + 1))])
    store.close()
    before = (tmp_store / "store" / "data.mdb").read_bytes()
    for _ in range(2):  # a refused one holds no lock
        with pytest.raises(StoreFormatError) as caught:
            open_runtime(tmp_store)
        assert FORMAT + 1 == caught.value.details["format"]
        assert caught.value.remedy
    assert before == (tmp_store / "store" / "data.mdb").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"path": "x", "store": object()},
        {"workflows": [5]},
        {"workflows": [lambda: 1, lambda: 2]},
        {"workflows": {"": print}},
        {"workflows": 5},
        {"switch_interval_s": 0},
        {"switch_interval_s": -1.0},
        {"switch_interval_s": "fast"},
    ],
)
def test_wrong_options_open_nothing(
    tmp_store: Path, options: dict[str, Any], open_runtime: Open
) -> None:
    path = {"path": tmp_store} if options and "path" not in options else {}
    with pytest.raises(InvalidArgument) as caught:
        Runtime.open(**(path | options))
    assert caught.value.remedy
    assert (
        "new"
        == answer(open_runtime(tmp_store).coordinator.create_session("new")).session_id
    )


def test_a_closed_runtime_says_so(tmp_store: Path, open_runtime: Open) -> None:
    runtime = open_runtime(tmp_store)
    given(runtime)
    runtime.close()
    coordinator = runtime.coordinator
    calls: list[Call] = [
        lambda c: c.create_session("new"),
        execute("alice", "notes"),
        create({"name": "x"}),
        transfer("t-notes", "alice", "bob"),
        transact(CreateSession(session_id="new")),
        lambda c: c.get_session("alice"),
    ]
    for call in calls:
        assert StoreClosed is type(failure(call(coordinator)))
    with pytest.raises(StoreClosed):
        list(coordinator.stream_workflow_in_session("alice", "notes"))
