"""Sessions: what they own, what they make wait, what is left when a storm is over."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import (
    LONG_S,
    GatedStore,
    answer,
    answers,
    failure,
    in_threads,
    settle,
)
from weft.actors import ExecutionContext, Future, Runtime
from weft.actors.session import SessionActor
from weft.storage import (
    CreateSession,
    CreateThreads,
    NewThread,
    RemoveThreads,
    SessionThreadException,
    ThreadNotFound,
    TransferThreads,
)


def actor(runtime: Runtime, session_id: str) -> SessionActor:
    found = runtime._services.sessions[session_id].actor
    assert isinstance(found, SessionActor)
    return found


def test_a_session_is_one_actor_however_it_is_asked(runtime: Runtime) -> None:
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    first = actor(runtime, "alice")
    answer(runtime.coordinator.rename_thread("t", "x"))
    answer(runtime.thread("t").rename("y"))
    answer(runtime.coordinator.update_session("alice", metadata={}))
    assert first is actor(runtime, "alice")
    assert "urn:weft:session:alice" == first.actor_urn
    assert "session" == first.kind


def test_a_view_follows_what_the_writer_decides(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    notes = answer(alice.create_thread("notes", thread_id="t"))
    assert {"notes": "t"} == actor(runtime, "alice")._names
    answer(notes.rename("drafts"))
    assert {"drafts": "t"} == actor(runtime, "alice")._names
    failure(runtime.coordinator.rename_thread("nobody", "x", session_id="alice"))
    assert {"drafts": "t"} == actor(runtime, "alice")._names
    answer(notes.remove())
    assert {} == actor(runtime, "alice")._names
    assert "open" == actor(runtime, "alice")._status
    answer(alice.close())
    assert "closed" == actor(runtime, "alice")._status


def test_a_session_that_has_retired_forwards_its_mail(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    notes = answer(alice.create_thread("notes"))
    old = runtime._services.sessions["alice"]
    actor(runtime, "alice").retire()
    assert "alice" not in runtime._services.sessions
    runtime._services.sessions["alice"] = old  # a client that looked it up before
    futures: list[Future[Any]] = [
        alice.create_thread("drafts"),
        runtime.coordinator.execute_workflow_in_session("alice", "notes"),
    ]
    settle(runtime)
    del runtime._services.sessions["alice"]
    futures.append(notes.rename("memos"))
    created, ran, renamed = answers(futures)
    assert {"runs": 1} == ran
    assert "memos" == renamed.thread_name
    assert "drafts" == answer(created.get()).thread_name


def test_a_run_that_begins_as_its_thread_moves_is_executed_by_the_new_owner(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(runtime.session("bob").open())
    actor(runtime, "alice")._names.clear()  # so it asks the writer
    with gated.shut(runtime):
        run = coordinator.execute_workflow_in_session("alice", "notes")
        settle(runtime)
        move = TransferThreads(thread_ids=("t",), to_session_id="bob", even_busy=True)
        moved = coordinator.transact([move])
    assert "bob" == answer(moved)[0][0].session_id
    assert {"runs": 1} == answer(run)
    assert "idle" == answer(coordinator.get_thread("t")).status


def test_a_start_that_meets_the_threads_next_life_is_executed_there(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    assert {"runs": 1} == answer(notes.run())
    with gated.shut(runtime):
        again = runtime.coordinator.transact(
            [
                CreateSession(session_id="bob"),
                RemoveThreads(threads=("t",)),
                CreateThreads(session_id="bob", threads=(NewThread("t", "new"),)),
            ]
        )
        settle(runtime)
        run = notes.run()
        settle(runtime)
        assert 2 == runtime._writer.statistics().queued
    answer(again)
    assert {"runs": 1} == answer(run)
    assert "idle" == answer(notes.get()).status
    assert {} == runtime._services.live_runs


def test_the_commands_behind_a_removal_are_told_that_the_thread_is_gone(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    with gated.shut(runtime):
        removal = notes.remove()
        settle(runtime)
        late: list[Future[Any]] = [
            notes.run(),
            notes.rename("x"),
            notes.transfer_to("bob"),
            coordinator.remove_thread_from_session("alice", "notes"),
            coordinator.execute_workflow_in_session("alice", "notes"),
        ]
    assert answer(removal)
    assert {ThreadNotFound} == {type(failure(future)) for future in late}
    settle(runtime)
    assert not actor(runtime, "alice")._stash


def test_a_name_that_is_given_up_can_be_taken_at_once(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    with gated.shut(runtime):
        removal = coordinator.remove_thread_from_session("alice", "notes")
        created = coordinator.coordinate_threads("alice", [{"name": "notes"}])
    assert answer(removal)
    assert "t" != answer(created)["notes"]


# A storm

SESSIONS = ("a", "b", "c")
THREADS = tuple(f"t-{number}" for number in range(6))


@pytest.fixture
def _eager_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def work(context: ExecutionContext, config: Any) -> Any:
    for number in range(config.get("steps", 2)):
        yield number
        if context.cancelled:
            return


def something(runtime: Runtime, random: Random) -> Future[Any]:  # noqa: PLR0911 - a table
    coordinator = runtime.coordinator
    thread = runtime.thread(random.choice(THREADS))
    session = runtime.session(random.choice(SESSIONS))
    match random.randrange(12):
        case 0 | 1:
            return session.create_thread(
                random.choice("xyz"), "work", thread_id=thread.thread_id
            )
        case 2:
            return thread.remove(if_running=random.choice(("reject", "cancel", "wait")))
        case 3:
            return coordinator.remove_thread_from_session(
                session.session_id, random.choice("xyz"), "cancel"
            )
        case 4 | 5 | 6:
            return thread.transfer_to(
                session.session_id,
                new_name=random.choice((None, "x", "y", "z")),
                if_running=random.choice(("reject", "wait", "move")),
            )
        case 7:
            return thread.rename(random.choice("xyz"))
        case 8:
            move = TransferThreads(
                thread_ids=(thread.thread_id,),
                to_session_id=session.session_id,
                even_busy=True,
            )
            return coordinator.transact([move])
        case 9:
            return coordinator.execute_workflow_in_session(
                session.session_id, random.choice("xyz"), timeout_s=LONG_S
            )
        case _:
            return thread.run({"steps": random.randrange(4)})


@pytest.mark.usefixtures("_eager_switching")
@pytest.mark.parametrize("seed", range(4))
def test_a_storm_of_commands_leaves_every_view_right_and_nobody_waiting(
    tmp_store: Path, open_runtime: Open, seed: int
) -> None:
    runtime = open_runtime(tmp_store, workflows={"work": work})
    for session_id in SESSIONS:
        answer(runtime.session(session_id).open())

    def storm(number: int) -> None:
        random, waiting = Random(f"{seed}/{number}"), []
        for _ in range(150):
            waiting.append(something(runtime, random))
            if len(waiting) > 6:
                told(waiting.pop(random.randrange(len(waiting))))
        for future in waiting:
            told(future)

    in_threads([lambda n=number: storm(n) for number in range(4)])  # type: ignore[misc]
    settle(runtime)
    assert {} == runtime._services.live_runs
    assert runtime.check().clean
    with runtime.store.read() as snapshot:
        assert [] == list(snapshot.live_runs())
        for session_id in SESSIONS:
            found = actor(runtime, session_id)
            assert dict(snapshot.names(session_id)) == found._names
            assert not found._stash
            for thread_id, child in found._children.items():
                assert runtime._services.threads[thread_id] is child
                assert child.parent is found.actor_ref
                assert thread_id in found._names.values()
    assert 0 == runtime.statistics().restarts


def told(future: Future[Any]) -> None:
    """Wait for an answer; only our own errors are among them."""
    with suppress(SessionThreadException):
        future.get(timeout=LONG_S)
