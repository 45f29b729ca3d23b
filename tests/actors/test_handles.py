"""Handles: addresses of sessions and threads that stay right."""

import asyncio
from typing import Any

from tests.actors.support import answer, failure
from weft.actors import Runtime, SessionHandle, ThreadHandle
from weft.storage import (
    NameTaken,
    SessionClosed,
    SessionNotFound,
    ThreadExists,
    ThreadNotFound,
)


def test_making_a_handle_creates_nothing(runtime: Runtime) -> None:
    alice, nobody = runtime.session("alice"), runtime.thread("nobody")
    assert ("<session 'alice'>", "<thread 'nobody'>") == (repr(alice), repr(nobody))
    assert SessionNotFound is type(failure(alice.get()))
    assert SessionNotFound is type(failure(alice.threads()))
    assert ThreadNotFound is type(failure(nobody.get()))
    assert 0 == runtime.statistics().store.seq


def test_a_session_is_created_with_its_first_thread(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    notes = answer(
        alice.create_thread("notes", "echo", config={"a": 1}, metadata={"m": 1})
    )
    assert isinstance(notes, ThreadHandle)
    thread = answer(notes.get())
    assert ("alice", "notes", "echo", {"a": 1}, {"m": 1}) == (
        thread.session_id,
        thread.thread_name,
        thread.workflow,
        thread.config,
        thread.metadata,
    )
    assert "open" == answer(alice.get()).status
    assert 1 == runtime.statistics().store.seq


def test_a_session_is_opened_once_or_again(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    first = answer(alice.open(user_id="al", metadata={"a": 1}))
    assert ("al", {"a": 1}) == (first.user_id, first.metadata)
    assert first == answer(alice.open(user_id="other"))


def test_what_cannot_be_created_is_told(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    answer(alice.create_thread("notes", thread_id="t"))
    assert NameTaken is type(failure(alice.create_thread("notes")))
    assert ThreadExists is type(
        failure(runtime.session("bob").create_thread("x", thread_id="t"))
    )
    assert SessionNotFound is type(failure(runtime.session("bob").get()))
    answer(alice.close())
    assert SessionClosed is type(failure(alice.create_thread("more")))


def test_a_repeated_creation_returns_the_same_thread(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    first, again = (
        answer(alice.create_thread("notes", op_id="op-1")).thread_id for _ in range(2)
    )
    assert first == again


def test_a_handle_follows_its_thread(runtime: Runtime) -> None:
    notes = answer(runtime.session("alice").create_thread("notes"))
    for number, session_id in enumerate(("bob", "carol", "bob"), 1):
        moved = answer(notes.transfer_to(session_id))
        assert (session_id, 1 + number) == (moved.session_id, moved.rev)
        assert {"runs": number} == answer(notes.run())
    assert "drafts" == answer(notes.rename("drafts")).thread_name
    assert ["drafts"] == [
        thread.thread_name for thread in answer(runtime.session("bob").threads())
    ]
    assert answer(notes.remove())
    assert ThreadNotFound is type(failure(notes.run()))


def test_a_session_is_created_with_the_transfer_to_it(runtime: Runtime) -> None:
    notes = answer(runtime.session("alice").create_thread("notes"))
    before = runtime.statistics().store.seq
    answer(notes.transfer_to("bob", new_name="moved"))
    assert before + 1 == runtime.statistics().store.seq
    assert "open" == answer(runtime.session("bob").get()).status


def test_a_handle_reads_what_the_runs_left(runtime: Runtime) -> None:
    notes = answer(runtime.session("alice").create_thread("notes", "count"))
    assert answer(notes.state()) is None
    assert [1, 2, 3] == list(notes.stream())
    state = answer(notes.state())
    assert state is not None
    assert (3, 3) == (state.values, state.step)
    assert [3, 2] == [s.values for s in answer(notes.history(limit=2))]
    assert [1] == [s.values for s in answer(notes.history(before=2))]


def test_a_session_moves_its_threads_when_it_closes(runtime: Runtime) -> None:
    alice, bob = runtime.session("alice"), runtime.session("bob")
    threads = [answer(alice.create_thread(name)) for name in "xy"]
    answer(bob.open())
    assert "closed" == answer(alice.close("bob")).status
    assert ["x", "y"] == [thread.thread_name for thread in answer(bob.threads())]
    assert [{"runs": 1}] * 2 == [answer(thread.run()) for thread in threads]


def test_handles_are_used_alike_in_asyncio(runtime: Runtime) -> None:
    async def main() -> Any:
        alice = runtime.session("alice")
        assert isinstance(alice, SessionHandle)
        notes = await alice.create_thread("notes", "count")
        states = [state async for state in notes.stream({"to": 2})]
        result = await notes.run()
        moved = await notes.transfer_to("bob")
        return states, result, moved.session_id, await notes.remove()

    assert ([1, 2], 3, "bob", True) == asyncio.run(main())
