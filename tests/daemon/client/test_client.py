"""What a client adds to the contract: places, tokens, broken connections, the feed."""

import asyncio
import inspect
import socket
from pathlib import Path
from typing import Any

import pykka
import pytest

from tests.actors.support import Stop, answer, failure
from tests.daemon.client.conftest import Behind, Serve, Shared
from tests.daemon.http.asking import ALICE, READER, token_file
from weft.actors import Coordinator, Runtime
from weft.daemon.app import create_app
from weft.daemon.client import (
    AccessDenied,
    DaemonUnreachable,
    RemoteCoordinator,
    connect,
)
from weft.daemon.http import HttpSettings, Tokens
from weft.daemon.listen import Address, bind, bind_unix
from weft.daemon.server import BackgroundServer
from weft.storage import (
    CreateSession,
    DeadlineExceeded,
    InvalidArgument,
    MemoryStore,
    NameTaken,
    Overloaded,
    SessionExists,
    SessionNotFound,
    StoreClosed,
    ThreadNotFound,
    WorkflowExecutionError,
)

LOOPBACK = Address("127.0.0.1", 0)


def methods(kind: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_a_client_has_every_method_of_the_coordinator() -> None:
    assert set(methods(Coordinator)) == set(methods(RemoteCoordinator))


@pytest.mark.parametrize("name", sorted(methods(Coordinator)))
def test_a_method_of_a_client_takes_what_the_local_one_takes(name: str) -> None:
    local = inspect.signature(methods(Coordinator)[name]).parameters
    remote = inspect.signature(methods(RemoteCoordinator)[name]).parameters
    takes_more = inspect.Parameter.VAR_KEYWORD in {p.kind for p in remote.values()}
    local_only = {"stream"} if name in {"run", "join_run"} else set()
    if name == "join_run":
        local_only.add("mode")  # goes with the stream
    missing = set(local) - set(remote) - local_only
    assert takes_more or not missing


def test_a_daemon_is_reached_through_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "weft.sock"
    with Runtime.open(store=MemoryStore()) as runtime, bind_unix(path) as listener:
        app = create_app(runtime, HttpSettings())
        tcp = bind(LOOPBACK)
        with (
            BackgroundServer(app, tcp, local=[listener]),
            connect(path) as by_path,
            connect(f"unix:{path}") as by_name,
        ):
            answer(by_path.coordinator.create_session("alice"))
            assert "open" == answer(by_name.session("alice").get()).status


def test_a_token_says_what_a_client_may_do(tmp_path: Path) -> None:
    tokens = Tokens(token_file(tmp_path))
    with Runtime.open(store=MemoryStore()) as runtime:
        app = create_app(runtime, HttpSettings(), tokens)
        with (
            BackgroundServer(app, bind(LOOPBACK)) as server,
            connect(server.url) as nobody,
            connect(server.url, READER) as reader,
            connect(server.url, ALICE) as alice,
        ):
            assert AccessDenied is type(failure(nobody.session("s").get()))
            assert AccessDenied is type(failure(reader.session("s").open()))
            assert "alice" == answer(alice.session("s").open()).user_id
            assert "alice" == answer(reader.session("s").get()).user_id
            assert AccessDenied is type(failure(alice.coordinator.health_check()))
            key = alice.session("s").create_thread("notes", op_id="key-1")
            assert "key-1" == key.op_id
            taken = failure(alice.session("s").create_thread("notes", op_id="key-2"))
            assert (NameTaken, "key-2") == (type(taken), taken.op_id)


def test_what_belongs_to_somebody_else_is_not_there(tmp_path: Path) -> None:
    tokens = Tokens(token_file(tmp_path))
    with Runtime.open(store=MemoryStore(), workflows={"default": len}) as runtime:
        runtime.session("bobs").open(user_id="bob").get()
        thread = runtime.session("bobs").create_thread("t", thread_id="t").get()
        thread.append_state({"n": 1}).get()
        app = create_app(runtime, HttpSettings(), tokens)
        with (
            BackgroundServer(app, bind(LOOPBACK)) as server,
            connect(server.url, ALICE) as alice,
        ):
            ours = alice.coordinator
            own = alice.session("own").create_thread("x", thread_id="x")
            answer(own)
            for asked in (
                ours.get_thread("t"),
                ours.get_thread_state("t"),
                ours.append_state("t", {}),
                ours.restore_state("t", 1),
                ours.delete_history("t"),
                ours.update_thread("t", metadata={"a": 1}),
                ours.remove_thread("t"),
                ours.fork_thread("t", "copy", "own"),
                ours.run({}, thread_id="t"),
                ours.start_run({}, thread_id="t"),
                ours.list_runs("t"),
            ):
                assert ThreadNotFound is type(failure(asked))
            assert SessionNotFound is type(
                failure(ours.fork_thread("x", "copy", "bobs"))
            )
            assert SessionNotFound is type(
                failure(ours.save_association("bobs", "t", "mine"))
            )
            assert ThreadNotFound is type(
                failure(ours.save_association("own", "t", "mine"))
            )
            assert answer(ours.find_association("bobs/t")) is None
            assert 1 == runtime.thread("t").state().get().step  # type: ignore[union-attr]


def test_a_daemon_that_is_not_there_is_told_with_the_op_id() -> None:
    listener = bind(LOOPBACK)
    port = listener.getsockname()[1]
    listener.close()
    with connect(f"127.0.0.1:{port}") as client:
        error = failure(client.coordinator.create_session("alice", op_id="op-1"))
    assert (DaemonUnreachable, "op-1") == (type(error), error.op_id)
    assert f"127.0.0.1:{port}" in str(error)


@pytest.mark.parametrize("place", ["ftp://host", "http://", "http://[::1", ""])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(InvalidArgument, match="neither a URL"):
        connect(place)


def test_a_restart_of_the_daemon_is_not_noticed(open_runtime: Serve) -> None:
    served = open_runtime()
    runtime = served.runtime
    app = create_app(runtime, HttpSettings())
    first = bind(LOOPBACK)
    address = Address("127.0.0.1", first.getsockname()[1])
    with BackgroundServer(app, first) as server, connect(server.url) as client:
        answer(client.coordinator.create_session("alice"))
        server.stop()
        with BackgroundServer(create_app(runtime, HttpSettings()), bind(address)):
            assert SessionExists is type(
                failure(client.coordinator.create_session("alice"))
            )


def test_who_asks_too_much_is_told_when_to_come_again() -> None:
    settings = HttpSettings(requests_per_s=0.1, requests_burst=1)
    with Runtime.open(store=MemoryStore()) as runtime:
        app = create_app(runtime, settings)
        with (
            BackgroundServer(app, bind(LOOPBACK)) as server,
            connect(server.url) as client,
        ):
            answer(client.coordinator.list_sessions())
            error = failure(client.coordinator.list_sessions())
    assert isinstance(error, Overloaded)
    assert 1 <= error.retry_after_s <= 11


def test_a_failed_workflow_is_told_with_its_cause(runtime: Behind) -> None:
    notes = answer(runtime.session("alice").create_thread("notes", "fail"))
    error = failure(notes.run({"why": "no ink"}))
    assert isinstance(error, WorkflowExecutionError)
    assert "notes" == error.thread_name
    assert error.run_id
    assert "ValueError: no ink" in str(error.__cause__)
    with pytest.raises(WorkflowExecutionError):
        list(notes.stream({"why": "no ink"}))


def test_waiting_for_an_answer_has_an_end_and_the_run_goes_on(
    open_runtime: Serve,
) -> None:
    stop = Stop()
    runtime = open_runtime(workflows={"stop": lambda _c, _k: stop.here()})
    notes = answer(runtime.session("alice").create_thread("notes", "stop"))
    running = notes.run(op_id="op-1")
    stop.reached()
    with pytest.raises(pykka.Timeout):
        running.get(timeout=0.01)
    assert DeadlineExceeded is type(failure(notes.run(op_id="op-2", timeout_s=0.05)))
    stop.open()
    assert answer(running) is None
    assert answer(notes.run(op_id="op-1")) is None


def test_a_run_is_started_looked_at_joined_and_forgotten(runtime: Behind) -> None:
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", "count"))
    run = answer(notes.start_run({"to": 3}, metadata={"by": "me"}))
    assert 3 == answer(coordinator.join_run(run.run_id))
    ended = answer(coordinator.get_run(run.run_id))
    local = runtime.local.get_run(run.run_id).get()
    assert local == ended
    assert [ended] == answer(coordinator.list_runs(notes.thread_id))
    assert not answer(coordinator.cancel_run(run.run_id))
    assert answer(coordinator.delete_run(notes.thread_id, run.run_id))
    assert not answer(coordinator.delete_run(notes.thread_id, run.run_id))
    assert answer(coordinator.get_run(run.run_id)) is None
    assert ThreadNotFound is type(failure(coordinator.join_run(run.run_id)))
    with pytest.raises(ThreadNotFound):
        list(coordinator.join_stream(run.run_id))


def test_who_joins_behind_the_end_sees_only_how_a_run_failed(runtime: Behind) -> None:
    alice = runtime.session("alice")
    good, bad = (
        answer(answer(alice.create_thread(name, name)).start_run())
        for name in ("count", "fail")
    )
    for joined in (runtime.coordinator, runtime.local):
        assert 3 == answer(joined.join_run(good.run_id))
        assert [] == list(joined.join_stream(good.run_id))
        error = failure(joined.join_run(bad.run_id))
        with pytest.raises(type(error)):
            list(joined.join_stream(bad.run_id))


def test_a_stream_of_several_modes_says_which_is_which(runtime: Behind) -> None:
    notes = answer(runtime.session("alice").create_thread("notes", "count"))
    seen = list(notes.stream({"to": 2}, mode=["states", "updates"]))
    assert {("states", 1), ("states", 2)} <= set(seen)
    assert {"states", "updates"} == {mode for mode, _ in seen}
    with pytest.raises(InvalidArgument):
        list(notes.stream({"to": 2}, mode=[]))


def test_a_long_stream_waits_for_a_slow_reader(runtime: Behind) -> None:
    notes = answer(runtime.session("alice").create_thread("notes", "count"))
    stream = notes.stream({"to": 400})
    assert list(range(1, 401)) == list(stream)


def test_states_and_rows_are_the_same_here_and_there(runtime: Behind) -> None:
    remote, local = runtime.coordinator, runtime.local
    notes = answer(runtime.session("alice").create_thread("notes"))
    thread_id = notes.thread_id
    answer(notes.append_state({"n": 1}, metadata={"by": "hand"}))
    answer(notes.append_state([1, None, "ä"]))
    answer(notes.restore(1))
    assert local.thread_history(thread_id).get() == answer(notes.history())
    assert local.get_thread_state(thread_id, 2).get() == answer(notes.state(2))
    assert answer(notes.state(9)) is None
    answer(remote.update_thread(thread_id, metadata={"a": 1}, config={"b": 2}))
    assert local.get_thread(thread_id).get() == answer(notes.get())
    copy = answer(notes.fork("copy", "bob"))
    assert "bob" == answer(copy.get()).session_id
    row = answer(remote.get_association("alice", thread_id))
    assert row is not None
    assert local.get_association("alice", thread_id).get() == row
    assert row == answer(remote.find_association(row.association_id))
    renamed = answer(
        remote.save_association(
            "alice", thread_id, "other", seen_seq=row.updated_seq, op_id="op-1"
        )
    )
    assert "other" == renamed.thread_name
    assert 2 == answer(remote.delete_history(thread_id, keep_latest=1))
    assert answer(remote.delete_association("alice", thread_id))
    assert answer(remote.get_association("alice", "nobody")) is None
    assert answer(copy.remove())
    assert 0 == answer(remote.cleanup_inactive_associations(30))
    assert 1 == answer(remote.cleanup_inactive_associations(0))


def test_checks_and_repairs_report_as_a_local_runtime_does(runtime: Behind) -> None:
    remote = runtime.coordinator
    answer(remote.create_session("alice"))
    assert answer(remote.sync_session_data("alice")).clean
    assert answer(remote.repair_session_inconsistencies("alice", dry_run=True)).dry_run
    assert answer(remote.repair_all()).clean
    first, second = answer(remote.batch_sync_sessions(["alice", "nobody"]))
    assert first.clean  # type: ignore[union-attr]
    assert SessionNotFound is type(second)


def test_the_change_feed_is_read_and_resumed(runtime: Behind) -> None:
    answer(runtime.session("alice").open())
    with runtime.client.events(timeout_s=10) as feed:
        first = next(feed)
        answer(runtime.session("bob").open())
        second = next(feed)
    assert [("CreateSession", 1), ("CreateSession", 2)] == [
        (record.kind, record.seq) for record in (first, second)
    ]
    assert 2 == feed.after_seq

    async def resumed() -> str:
        async with runtime.client as client:
            async for record in client.events(1, timeout_s=10):
                return record.session_ids[0]
        raise AssertionError

    client = runtime.client
    runtime.client = connect(client._connection.place)
    assert "bob" == asyncio.run(resumed())


def test_closing_a_client_answers_those_who_wait(open_runtime: Serve) -> None:
    stop = Stop()
    served = open_runtime(workflows={"stop": lambda _c, _k: stop.here()})
    notes = answer(served.session("alice").create_thread("notes", "stop"))
    with connect(served.client._connection.place) as client:
        running = client.thread(notes.thread_id).run()
        stop.reached()
    assert StoreClosed is type(failure(running))
    assert StoreClosed is type(failure(client.session("alice").get()))
    assert client.closed
    client.close()
    stop.open()


def test_a_daemon_that_stops_ends_a_wait_and_names_the_run(
    open_runtime: Serve,
) -> None:
    stop = Stop()
    served = open_runtime(workflows={"stop": lambda _c, _k: stop.here()})
    answer(served.session("alice").create_thread("notes", "stop", thread_id="t"))
    app = create_app(served.runtime, HttpSettings())
    listener = bind(LOOPBACK)
    with (
        BackgroundServer(app, listener, on_stopping=app.goodbye) as server,
        connect(server.url) as client,
    ):
        running = client.thread("t").run(op_id="op-1")
        stop.reached()
        server.stop()
        error = failure(running)
    stop.open()
    assert (DaemonUnreachable, "op-1") == (type(error), error.op_id)


def test_a_daemon_that_says_nothing_is_given_up(station: Shared) -> None:
    del station
    with socket.create_server(("127.0.0.1", 0)) as mute:
        place = f"127.0.0.1:{mute.getsockname()[1]}"
        with connect(place) as client:
            client._connection.grace_s = 0.05
            opened = client.session("s").open(op_id="op-1", timeout_s=0.05)
            error = failure(opened)
    assert (DeadlineExceeded, "op-1") == (type(error), error.op_id)


def test_ids_and_data_arrive_as_they_are(runtime: Behind) -> None:
    for name in ("a/b", "..", "a b?c#d%2F", "ü", "a&b=c+d"):
        handle = runtime.session(name)
        made = answer(handle.create_thread(name, metadata={"ä": ["/", None, 1.5]}))
        found = answer(made.get())
        assert (name, name) == (found.session_id, found.thread_name)
        assert {"ä": ["/", None, 1.5]} == found.metadata


@pytest.mark.parametrize(
    "values", [object(), {("a", "b"): 1}, "\ud800"], ids=["object", "tuple", "text"]
)
def test_what_cannot_be_sent_is_refused_at_the_door(
    runtime: Behind, values: Any
) -> None:
    answer(runtime.session("alice").create_thread("t", thread_id="t"))
    error = failure(runtime.coordinator.append_state("t", values))
    assert InvalidArgument is type(error)


def test_a_batch_with_what_is_no_operation_is_refused(runtime: Behind) -> None:
    coordinator = runtime.coordinator
    assert InvalidArgument is type(failure(coordinator.transact([])))
    batch = [CreateSession(session_id="a" * 101)]
    assert InvalidArgument is type(failure(coordinator.transact(batch)))
