"""What is said about a thread changes, and nothing else of it."""

import threading
from collections.abc import Iterator

import pytest

from weft.actors import Runtime
from weft.storage import (
    AppendState,
    InvalidArgument,
    MemoryStore,
    RenameThread,
    StaleRevision,
    ThreadNotFound,
    UpdateThread,
    new_id,
)
from weft.storage.records import NIL

T = 5.0


def test_metadata_and_config_are_updated_key_by_key() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        thread = runtime.session("a").create_thread(
            "t", thread_id="t", metadata={"x": 1, "y": 1}, config={"c": 1}
        )
        before = thread.get(timeout=T).get().get(timeout=T)
        updating = runtime.coordinator.update_thread(
            "t", metadata={"y": 2, "z": {"n": 3}}, config={"d": 2}
        )
        after = updating.get(timeout=T)
        assert {"x": 1, "y": 2, "z": {"n": 3}} == after.metadata
        assert {"c": 1, "d": 2} == after.config
        assert (before.rev, before.thread_name) == (after.rev, after.thread_name)
        assert after == runtime.coordinator.get_thread("t").get(timeout=T)
        assert runtime.check().clean


def test_the_next_run_has_the_new_config() -> None:
    def tell(_context: object, config: dict[str, int]) -> dict[str, int]:
        return config

    with Runtime.open(store=MemoryStore(), workflows={"default": tell}) as runtime:
        making = runtime.session("a").create_thread("t", thread_id="t", config={"c": 1})
        thread = making.get(timeout=T)
        assert {"c": 1} == thread.run().get(timeout=T)
        runtime.coordinator.update_thread("t", config={"c": 2}).get(timeout=T)
        assert {"c": 2, "e": 3} == thread.run({"e": 3}).get(timeout=T)


def test_a_repeated_update_is_made_once() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        runtime.session("a").create_thread("t", thread_id="t").get(timeout=T)
        update = runtime.coordinator.update_thread
        first = update("t", metadata={"x": 1}, op_id="once").get(timeout=T)
        update("t", metadata={"x": 2}).get(timeout=T)
        assert first == update("t", metadata={"x": 1}, op_id="once").get(timeout=T)
        assert {"x": 2} == runtime.thread("t").get().get(timeout=T).metadata


def test_it_is_refused_for_a_thread_that_is_not_there_or_elsewhere() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        runtime.session("a").create_thread("t", thread_id="t").get(timeout=T)
        update = runtime.coordinator.update_thread
        with pytest.raises(ThreadNotFound):
            update("none", metadata={}).get(timeout=T)
        with pytest.raises(ThreadNotFound, match="does not belong"):
            update("t", metadata={"x": 1}, session_id="b").get(timeout=T)
        with pytest.raises(InvalidArgument):
            update("t", metadata={"x": object()}).get(timeout=T)
        assert {} == runtime.thread("t").get().get(timeout=T).metadata


def test_a_thread_is_renamed_and_updated_in_one_transaction() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        session = runtime.session("a")
        for name in ("t", "u"):
            session.create_thread(name, thread_id=name).get(timeout=T)
        update = UpdateThread(thread_id="t", metadata={"x": 1})  # type: ignore[arg-type]

        def both(name: str) -> list[object]:
            return [RenameThread(thread_id="t", new_name=name), update]

        with pytest.raises(Exception, match="'u'"):
            runtime.coordinator.transact(both("u")).get(timeout=T)  # type: ignore[arg-type]
        assert {} == runtime.thread("t").get().get(timeout=T).metadata
        runtime.coordinator.transact(both("v")).get(timeout=T)  # type: ignore[arg-type]
        thread = runtime.thread("t").get().get(timeout=T)
        assert ("v", {"x": 1}) == (thread.thread_name, thread.metadata)
        assert ["u", "v"] == [t.thread_name for t in session.threads().get(timeout=T)]


def test_a_state_that_comes_after_another_step_is_refused() -> None:
    def state(after_step: int) -> AppendState:
        return AppendState(
            thread_id="t", state_id=new_id(), values=NIL, after_step=after_step
        )

    with Runtime.open(store=MemoryStore()) as runtime:
        runtime.session("a").create_thread("t", thread_id="t").get(timeout=T)
        transact = runtime.coordinator.transact
        (first,) = transact([state(0)]).get(timeout=T)
        assert 1 == first.step
        with pytest.raises(StaleRevision, match="is 1, the write comes after 0"):
            transact([state(0)]).get(timeout=T)
        (second,) = transact([state(1)]).get(timeout=T)
        assert 2 == second.step


def test_a_run_in_progress_goes_on_under_the_config_that_it_began_with() -> None:
    begun, going_on = threading.Event(), threading.Event()

    def wait(_context: object, config: dict[str, int]) -> Iterator[dict[str, int]]:
        yield {"first": config["c"]}
        begun.set()
        assert going_on.wait(T)
        yield {"second": config["c"]}

    with Runtime.open(store=MemoryStore(), workflows={"default": wait}) as runtime:
        making = runtime.session("a").create_thread("t", thread_id="t", config={"c": 1})
        thread = making.get(timeout=T)
        running = thread.run()
        assert begun.wait(T)
        updating = runtime.coordinator.update_thread(
            "t", metadata={"x": 1}, config={"c": 2}
        )
        assert "busy" == updating.get(timeout=T).status
        going_on.set()
        assert {"second": 1} == running.get(timeout=T)
        record = thread.get().get(timeout=T)
        assert ("idle", {"x": 1}, {"c": 2}) == (
            record.status,
            record.metadata,
            record.config,
        )
        assert {"second": 2} == thread.run().get(timeout=T)
        assert runtime.check().clean
