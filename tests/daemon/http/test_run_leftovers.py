"""Threads that exist for one run, and go with it."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.http.asking import ALICE, bearer, token_file
from tests.daemon.http.run_support import TIMEOUT_S, Client, serving
from weft.actors import Runtime
from weft.daemon.http.run_leftovers import STATELESS_SESSION, Temporary
from weft.storage import LmdbStore, MemoryStore

BODY = {"assistant_id": "count"}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving() as opened:
        yield opened


def threads_of(runtime: Runtime) -> list[str]:
    """Return the threads that exist for one run."""
    with runtime.store.read() as snapshot:
        return [
            thread.thread_id
            for session in snapshot.sessions()
            if session.session_id.startswith(STATELESS_SESSION)
            for thread in snapshot.threads(session.session_id)
        ]


def wait_until_none(runtime: Runtime) -> None:
    """Follow the changes until no thread exists for one run."""
    events = runtime.events(timeout_s=TIMEOUT_S)
    while threads_of(runtime):
        next(events)


def thread_in(answer: Any) -> str:
    thread_id: str = answer.headers["content-location"].split("/")[2]
    return thread_id


def test_the_thread_goes_when_the_answer_was_read(client: Client) -> None:
    assert 3 == client.post("/runs/wait", json=BODY).json()["n"]
    wait_until_none(client.runtime)
    assert "end" == client.heard("POST", "/runs/stream", json=BODY)[-1].event
    wait_until_none(client.runtime)


def test_the_thread_stays_if_it_is_to_be_kept(client: Client) -> None:
    answer = client.post("/runs/wait", json={**BODY, "on_completion": "keep"})
    thread_id = thread_in(answer)
    assert 3 == len(client.states_of(thread_id))
    assert (
        "default"
        == client.get(f"/threads/{thread_id}").json()["metadata"]["session_id"]
    )


def test_the_thread_of_a_run_that_nobody_joins_goes_after_a_while() -> None:
    with serving() as client:
        client.app.site.temporary = Temporary(client.runtime, grace_s=0.0)
        thread_id = thread_in(client.post("/runs", json=BODY))
        wait_until_none(client.runtime)
        assert 404 == client.get(f"/threads/{thread_id}").status_code


def test_who_was_cut_off_still_finds_the_answer(client: Client) -> None:
    body = {"assistant_id": "walk", "on_disconnect": "continue"}
    with client.events("POST", "/runs/stream", json=body) as events:
        where = events.headers["location"]
        events.take(1)
    client.gate.open(3)
    assert "end" == client.heard("GET", where)[-1].event


def test_threads_of_a_bound_token_are_its_owners(tmp_path: Path) -> None:
    with serving(tokens=token_file(tmp_path)) as client:
        answer = client.post("/runs", json=BODY, headers=bearer(ALICE))
        thread = client.runtime.thread(thread_in(answer)).get().get(timeout=5)
        session = client.runtime.session(thread.session_id).get().get(timeout=5)
        assert "alice" == session.user_id


def test_what_a_crash_has_left_goes_with_the_next_process(tmp_path: Path) -> None:
    with serving(store=LmdbStore(tmp_path)) as client:
        client.post("/runs/batch", json=[BODY] * 3).raise_for_status()
    with serving(store=LmdbStore(tmp_path)) as client:
        assert 3 == len(threads_of(client.runtime))
        client.app.site.temporary = Temporary(client.runtime, grace_s=0.0)
        client.post("/runs/wait", json=BODY).raise_for_status()
        wait_until_none(client.runtime)


def test_a_repeated_request_has_the_same_thread(client: Client) -> None:
    key = {"Idempotency-Key": "again"}
    first, second = (client.post("/runs", json=BODY, headers=key) for _ in range(2))
    assert first.json()["run_id"] == second.json()["run_id"]
    assert thread_in(first) == thread_in(second)


def test_a_thread_in_use_again_stays() -> None:
    async def remove(runtime: Runtime, thread_id: str) -> None:
        temporary = Temporary(runtime, grace_s=0.0)
        temporary.remove(thread_id)
        await asyncio.wait_for(temporary.settled(), TIMEOUT_S)

    def wait(context: Any, _config: Any) -> None:
        while not context.cancelled:
            threading.Event().wait(0.001)

    with Runtime.open(store=MemoryStore(), workflows={"wait": wait}) as runtime:
        thread = runtime.session("stateless").create_thread("t", "wait").get(timeout=5)
        run = thread.start_run().get(timeout=5)
        asyncio.run(remove(runtime, thread.thread_id))
        assert thread.thread_id == thread.get().get(timeout=5).thread_id
        runtime.coordinator.cancel_run(run.run_id).get(timeout=5)
