"""Which thread actors a session has, and what a session without any takes."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest

from tests.actors.conftest import Open, echo
from tests.actors.support import answer, settle
from weft.actors import Runtime
from weft.actors.children import NO_CHILDREN, Children
from weft.actors.messages import Passivate
from weft.actors.passivation import Passivation
from weft.actors.session import SessionActor
from weft.storage import CreateSession, MemoryStore

SESSION_SIZE_BYTES_MAX = 400
"""Of a session with nothing in flight, its id not counted: ref 128, actor 152, names
64, and its places in the directory and the ring."""

SESSIONS = 2000


@pytest.fixture
def with_echo(open_runtime: Open) -> Runtime:
    return open_runtime(workflows={"default": echo})


def children(runtime: Runtime, session_id: str) -> Children:
    settle(runtime)
    session = runtime._services.sessions[session_id].actor
    assert isinstance(session, SessionActor)
    return session._children


def test_a_session_has_children_only_while_they_are_resident(
    with_echo: Runtime,
) -> None:
    notes = answer(with_echo.session("alice").create_thread("notes"))
    assert NO_CHILDREN is children(with_echo, "alice")
    answer(notes.run({"n": 1}))
    assert [notes.thread_id] == list(children(with_echo, "alice"))
    with_echo._dispatcher.post(
        with_echo._services.sessions["alice"],
        Passivate(),
    )
    settle(with_echo)
    assert NO_CHILDREN is children(with_echo, "alice")
    assert {"n": 2} == answer(notes.run({"n": 2}))


def test_a_child_that_moves_has_one_parent(with_echo: Runtime) -> None:
    notes = answer(with_echo.session("alice").create_thread("notes"))
    answer(with_echo.session("bob").open())
    answer(notes.run({"n": 1}))
    answer(notes.transfer_to("bob"))
    assert [] == list(children(with_echo, "alice"))
    assert [notes.thread_id] == list(children(with_echo, "bob"))
    parent = with_echo._services.threads[notes.thread_id].parent
    assert with_echo._services.sessions["bob"] is parent
    assert not NO_CHILDREN


@pytest.fixture
def traced() -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    yield
    tracemalloc.stop()


def traced_bytes() -> int:
    gc.collect()
    ours = tracemalloc.Filter(inclusive=True, filename_pattern="*/weft/actors/*")
    traces = tracemalloc.take_snapshot().filter_traces([ours])
    return sum(trace.size for trace in traces.statistics("filename"))


@pytest.mark.usefixtures("traced")
def test_a_resident_session_stays_slim(open_runtime: Open) -> None:
    store = MemoryStore()
    ids = [f"01900000-0000-7000-8000-{number:012x}" for number in range(SESSIONS)]
    store.apply([CreateSession(op_id=each, session_id=each) for each in ids])
    policy = Passivation(sessions_max=SESSIONS + 1, idle_s=3600.0)
    runtime = open_runtime(store=store, passivation=policy)
    root = runtime._root.actor
    assert root is not None
    for each in ids[: SESSIONS // 2]:  # caches fill
        root.session(each)
    before = traced_bytes()
    for each in ids[SESSIONS // 2 :]:
        root.session(each)
    grown = traced_bytes() - before
    assert SESSION_SIZE_BYTES_MAX >= grown / (SESSIONS // 2)
