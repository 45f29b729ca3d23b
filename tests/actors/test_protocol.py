"""The protocol between clients, sessions, threads and the writer, seen turn by turn."""

from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import (
    LONG_S,
    GatedStore,
    Trace,
    answer,
    answers,
    failure,
    in_threads,
    settle,
    view,
)
from weft.actors import Future, Runtime
from weft.actors.messages import Command, Feed, RunCommand
from weft.storage import (
    OperationRecord,
    SessionThreadException,
    Thread,
    ThreadNotFound,
)

SESSIONS = ("a", "b", "c", "d")


def log(runtime: Runtime) -> list[OperationRecord]:
    return answer(runtime.coordinator.list_operations(limit=1_000_000))


def names_stored(runtime: Runtime, session_id: str) -> dict[str, str]:
    with runtime.store.read() as snapshot:
        return dict(snapshot.names(session_id))


def random_change(runtime: Runtime, random: Random) -> tuple[str, Future[Any]]:
    """Ask for something, sensible or not; return who was asked, and the answer."""
    coordinator = runtime.coordinator
    session, other = random.choice(SESSIONS), random.choice(SESSIONS)
    name = random.choice("xyz")
    threads = answer(coordinator.list_threads(session))
    thread_id = random.choice(threads).thread_id if threads else "nobody"
    match random.randrange(7):
        case 0 | 1:
            future: Future[Any] = coordinator.coordinate_threads(
                session, [{"name": name}]
            )
        case 2:
            future = coordinator.remove_thread_from_session(session, name)
        case 3:
            future = coordinator.transfer_thread_between_sessions(
                thread_id, session, other, if_running="move"
            )
        case 4:
            future = coordinator.execute_workflow_in_session(session, name)
        case 5:
            future = coordinator.rename_thread(thread_id, name, session_id=session)
        case _:
            future = coordinator.track_user_interaction(session, {"type": "click"})
    return session, future


# Every change passes a turn of its session


@pytest.mark.parametrize("seed", range(5))
def test_every_change_of_a_session_passes_a_turn_of_its_actor(
    open_runtime: Open, seed: int
) -> None:
    runtime = open_runtime()
    for session in SESSIONS:
        answer(runtime.coordinator.create_session(session))
    begun = len(log(runtime))
    trace, random, asked = Trace(runtime), Random(seed), []
    for _ in range(60):
        session, future = random_change(runtime, random)
        asked.append((session, future.op_id))
        if random.random() < 0.5:
            future.add_done_callback(lambda done: done.done())
        else:
            settled(future)
    settle_all(runtime)

    applied = [record for record in log(runtime)[begun:] if record.outcome == "applied"]
    assert len(applied) > 20
    for session in SESSIONS:
        fed = [m.seq for m in trace.of("session", session) if isinstance(m, Feed)]
        concerned = [r.seq for r in applied if session in r.session_ids]
        assert concerned == fed
    for session, op_id in asked:
        assert op_id in {
            message.operation.op_id if isinstance(message, Command) else message.op_id
            for message in trace.of("session", session)
            if isinstance(message, Command | RunCommand)
        }


def settled(future: Future[Any]) -> None:
    """Wait for an answer, whichever it is."""
    with suppress(SessionThreadException):  # refusals are part of the workload
        future.get(timeout=LONG_S)


def settle_all(runtime: Runtime) -> None:
    """Wait until everything that was asked is answered, and its runs have ended."""
    for session in SESSIONS:
        answer(runtime.coordinator.track_user_interaction(session, {"type": "end"}))
    while runtime._services.live_runs or runtime._writer.statistics().queued:
        settle(runtime)
    answer(runtime.coordinator.create_session("last"))
    settle(runtime)


def test_when_the_client_has_its_answer_the_view_shows_it(runtime: Runtime) -> None:
    random = Random(1)
    for session in SESSIONS:
        answer(runtime.coordinator.create_session(session))
    for _ in range(60):
        _, future = random_change(runtime, random)
        settled(future)
        for session in SESSIONS:
            assert names_stored(runtime, session) == view(runtime, session)._names


# Who is resident is fed, who is not reads


def test_a_feed_at_or_below_the_watermark_changes_nothing(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    answer(alice.create_thread("notes"))
    trace = Trace(runtime)
    answer(alice.create_thread("drafts"))
    old = trace.of("session", "alice")
    answer(runtime.coordinator.remove_thread_from_session("alice", "drafts"))
    actor, cell = view(runtime, "alice"), runtime._services.sessions["alice"]
    names, watermark = dict(actor._names), actor._watermark
    feeds = [message for message in old if isinstance(message, Feed)]
    assert feeds
    for feed in feeds:
        cell.ask(feed, timeout=LONG_S)
    assert (names, watermark) == (actor._names, actor._watermark)
    assert ["notes"] == list(names)


def test_a_passive_session_gets_no_feed_and_reads_a_snapshot_when_it_wakes(
    tmp_store: Path, open_runtime: Open
) -> None:
    first = open_runtime(tmp_store)
    answer(first.session("alice").create_thread("notes", thread_id="t"))
    answer(first.session("bob").open())
    first.close()
    runtime = open_runtime(tmp_store)
    trace = Trace(runtime)
    answer(
        runtime.coordinator.transfer_thread_between_sessions("t", "alice", "bob"),
    )
    assert "bob" not in runtime._services.sessions
    assert [] == trace.of("session", "bob")
    assert {"runs": 1} == answer(
        runtime.coordinator.execute_workflow_in_session("bob", "notes")
    )
    assert {"notes": "t"} == view(runtime, "bob")._names
    seqs = [m.seq for m in trace.of("session", "bob") if isinstance(m, Feed)]
    moved = next(r for r in log(runtime) if r.kind == "TransferThreads")
    assert seqs
    assert all(seq > (moved.seq or 0) for seq in seqs)


def test_an_unknown_session_does_not_stay_resident(runtime: Runtime) -> None:
    coordinator = runtime.coordinator
    for number in range(5):
        failure(coordinator.remove_thread_from_session(f"nobody-{number}", "x"))
        failure(coordinator.execute_workflow_in_session(f"none-{number}", "x"))
        failure(coordinator.close_session(f"no-{number}"))
    settle(runtime)
    assert {} == runtime._services.sessions


# Only the writer refuses


def test_a_session_with_a_wrong_view_still_gives_the_writers_truth(
    runtime: Runtime,
) -> None:
    coordinator = runtime.coordinator
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(coordinator.create_session("bob"))

    view(runtime, "alice")._names.clear()
    assert {"runs": 1} == answer(
        coordinator.execute_workflow_in_session("alice", "notes")
    )
    view(runtime, "alice")._names = {"ghost": "nobody"}
    assert isinstance(
        failure(coordinator.execute_workflow_in_session("alice", "ghost")),
        ThreadNotFound,
    )
    assert isinstance(
        failure(coordinator.remove_thread_from_session("alice", "ghost")),
        ThreadNotFound,
    )
    view(runtime, "bob")._names = {"notes": "t"}
    failed = failure(coordinator.execute_workflow_in_session("bob", "notes"))
    assert isinstance(failed, ThreadNotFound)
    view(runtime, "alice")._names.clear()
    assert answer(coordinator.remove_thread_from_session("alice", "notes"))
    assert runtime.check().clean


def test_a_repeated_operation_is_answered_whatever_the_view_says_now(
    runtime: Runtime,
) -> None:
    coordinator = runtime.coordinator
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(coordinator.create_session("bob"))

    def move() -> Future[Thread]:
        return coordinator.transfer_thread_between_sessions(
            "t", "alice", "bob", op_id="move-1"
        )

    first = answer(move())
    seq = log(runtime)[-1].seq
    assert first == answer(move())
    assert seq == log(runtime)[-1].seq


# Nobody waits for anybody but the writer


def test_two_sessions_that_swap_threads_never_hang(
    tmp_store: Path, open_runtime: Open
) -> None:
    runtime = open_runtime(tmp_store)
    coordinator = runtime.coordinator
    ids = [f"t-{number}" for number in range(4)]
    for number, thread_id in enumerate(ids):
        owner = ("a", "b")[number % 2]
        answer(runtime.session(owner).create_thread(thread_id, thread_id=thread_id))

    def swap(thread_id: str, owner: str, other: str) -> None:
        for _ in range(50):
            thread = answer(
                coordinator.transfer_thread_between_sessions(
                    thread_id, owner, other, if_running="wait"
                )
            )
            assert other == thread.session_id
            owner, other = other, owner

    in_threads(
        [
            lambda i=i, t=t: swap(t, "ab"[i % 2], "ba"[i % 2])  # type: ignore[misc]
            for i, t in enumerate(ids)
        ]
    )
    assert [51] * 4 == [answer(coordinator.get_thread(t)).rev for t in ids]
    assert runtime.check().clean
    for session in ("a", "b"):
        assert names_stored(runtime, session) == view(runtime, session)._names


def test_opposite_transfers_of_a_pair_commit_together(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    for owner in ("a", "b"):
        answer(runtime.session(owner).create_thread(owner, thread_id=owner))
    with gated.shut(runtime):
        futures = [
            coordinator.transfer_thread_between_sessions("a", "a", "b"),
            coordinator.transfer_thread_between_sessions("b", "b", "a"),
        ]
    assert ["b", "a"] == [thread.session_id for thread in answers(futures)]
    assert 2 == len(gated.groups[-1])
