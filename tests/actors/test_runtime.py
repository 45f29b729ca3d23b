"""The runtime: opening, closing, asyncio, and the sum of its numbers."""

import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.actors.conftest import Open
from tests.actors.executor_contract import eventually
from tests.actors.support import (
    LONG_S,
    GatedStore,
    Walk,
    answer,
    answers,
    failure,
    in_threads,
    settle,
)
from weft.actors import PoolExecutor, Runtime
from weft.actors.pool import PoolStatistics
from weft.storage import (
    InvalidArgument,
    MemoryStore,
    SessionNotFound,
    StoreClosed,
)

# Opening and closing


def test_a_runtime_is_closed_at_the_end_of_with(tmp_store: Path) -> None:
    with Runtime.open(tmp_store) as runtime:
        answer(runtime.coordinator.create_session("alice"))
    assert runtime.closed
    with Runtime.open(tmp_store) as runtime:
        assert "alice" == answer(runtime.coordinator.get_session("alice")).session_id


def test_a_runtime_is_closed_at_the_end_of_async_with(tmp_store: Path) -> None:
    async def main() -> Runtime:
        async with Runtime.open(tmp_store) as runtime:
            await runtime.coordinator.create_session("alice")
            assert not runtime.closed
        return runtime

    assert asyncio.run(main()).closed


def test_closing_twice_is_no_error(runtime: Runtime) -> None:
    runtime.close()
    runtime.close()
    assert runtime.closed
    assert ["The runtime is closed."] == answer(
        runtime.coordinator.health_check()
    ).issues


@pytest.mark.parametrize("options", [{}, {"path": "x", "store": MemoryStore()}])
def test_a_runtime_is_opened_on_a_path_or_on_a_store(options: Any) -> None:
    with pytest.raises(InvalidArgument, match="one of them"):
        Runtime.open(**options)
    assert not Path("x").exists()


def test_no_os_thread_outlives_the_runtimes(
    open_runtime: Open, tmp_store: Path
) -> None:
    before = set(threading.enumerate())
    runtimes = [open_runtime(tmp_store), open_runtime()]
    for runtime in runtimes:
        answer(answer(runtime.session("alice").create_thread("notes")).run())
    dispatcher = runtimes[0]._dispatcher._thread
    for runtime in runtimes:
        runtime.close()
    assert dispatcher is not None
    dispatcher.join(LONG_S)
    left = set(threading.enumerate()) - before
    assert set() == {thread.name for thread in left if thread.is_alive()}


def test_a_closed_runtime_is_freed_with_its_file_descriptors(tmp_path: Path) -> None:
    def lived(n: int) -> weakref.ref[Runtime]:
        with Runtime.open(tmp_path / str(n)) as runtime:
            answer(runtime.session("alice").create_thread("notes"))
        return weakref.ref(runtime)

    lived(0)  # what is made once stays
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    refs = [lived(n) for n in range(1, 4)]
    gc.collect()
    assert [None] * 3 == [ref() for ref in refs]
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_closing_waits_for_the_run_in_progress(walk: Walk, open_runtime: Open) -> None:
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(runtime.session("alice").create_thread("notes", "walk"))
    result = notes.run()
    walk.stop.reached()
    closing = threading.Thread(target=runtime.close, daemon=True)
    closing.start()
    while not runtime.closed:
        settle(runtime)
    walk.stop.open()
    assert 2 == answer(result)
    closing.join(LONG_S)
    assert not closing.is_alive()


def test_a_run_that_does_not_end_in_time_is_answered_and_resumed_at_the_next_open(
    tmp_store: Path, walk: Walk, open_runtime: Open
) -> None:
    runtime = open_runtime(tmp_store, workflows={"walk": walk.__call__})
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    first, second = notes.run(op_id="run-1"), notes.run()
    walk.stop.reached()
    runtime.close(timeout_s=0.05)
    assert StoreClosed is type(failure(first))
    assert StoreClosed is type(failure(second))
    walk.stop.open()
    again = open_runtime(tmp_store, workflows={"walk": walk.__call__})
    assert 2 == answer(again.thread("t").run(op_id="run-1"))
    assert 2 == answer(again.thread("t").run())  # behind the second, which was kept
    _, kept, run = answer(again.coordinator.list_runs("t"))
    assert ("success", 1) == (kept.status, kept.attempt)
    assert ("success", 2) == (run.status, run.attempt)
    assert 4 == walk.begun


@pytest.mark.parametrize("before", [True, False])
def test_a_runtime_that_is_told_to_hurry_waits_for_no_run(
    walk: Walk, open_runtime: Open, before: bool
) -> None:
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(runtime.session("alice").create_thread("notes", "walk"))
    result = notes.run()
    walk.stop.reached()
    if before:
        runtime.hurry()
    closing = threading.Thread(target=runtime.close, args=(1e6,), daemon=True)
    closing.start()
    if not before:
        while not runtime._services.closing:
            settle(runtime)
        runtime.hurry()
    closing.join(LONG_S)
    assert not closing.is_alive()
    assert StoreClosed is type(failure(result))


def test_a_run_that_waits_in_the_queue_is_answered_when_the_runtime_closes(
    walk: Walk, open_runtime: Open
) -> None:
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(runtime.session("alice").create_thread("notes", "walk"))
    first, second = notes.run(), notes.run()
    walk.stop.reached()
    closing = threading.Thread(target=runtime.close, daemon=True)
    closing.start()
    while not runtime._services.closing:
        settle(runtime)
    walk.stop.open()
    assert 2 == answer(first)
    assert StoreClosed is type(failure(second))
    closing.join(LONG_S)
    assert 1 == walk.begun


@pytest.mark.parametrize("round_", range(5))
def test_nobody_who_calls_while_the_runtime_closes_waits_for_ever(
    open_runtime: Open, round_: int
) -> None:
    assert round_ < 5
    runtime = open_runtime()
    notes = answer(runtime.session("alice").create_thread("notes"))
    coordinator = runtime.coordinator
    begun = threading.Barrier(4, timeout=LONG_S)

    def call(ask: Callable[[], Any]) -> None:
        answer(ask())
        begun.wait()
        while True:
            try:
                ask().get(timeout=LONG_S)
            except StoreClosed:
                return

    def close() -> None:
        begun.wait()
        runtime.close()

    in_threads(
        [
            lambda: call(lambda: coordinator.create_session("alice", if_exists="open")),
            lambda: call(notes.run),
            lambda: call(
                lambda: coordinator.track_user_interaction("alice", {"type": "x"})
            ),
            close,
        ]
    )


def test_two_runtimes_in_one_process_keep_to_themselves(
    tmp_path: Path, open_runtime: Open
) -> None:
    one, two = open_runtime(tmp_path / "one"), open_runtime(tmp_path / "two")
    assert one._dispatcher is two._dispatcher
    answers([r.session("alice").create_thread("notes") for r in (one, two)])
    answer(one.coordinator.execute_workflow_in_session("alice", "notes"))
    one.close()
    assert {"runs": 1} == answer(
        two.coordinator.execute_workflow_in_session("alice", "notes")
    )
    assert ({"success": 1}, {"success": 1}) == (
        one._services.finished_runs,
        two.statistics().runs,
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_switch_interval_is_put_back_whichever_runtime_closes_first(
    open_runtime: Open, order: tuple[int, int]
) -> None:
    before = sys.getswitchinterval()
    runtimes = [open_runtime(switch_interval_s=0.0005) for _ in range(2)]
    assert pytest.approx(0.0005) == sys.getswitchinterval()
    for number in order:
        runtimes[number].close()
    assert before == sys.getswitchinterval()


def test_a_runtime_that_set_no_switch_interval_leaves_it_alone(
    open_runtime: Open,
) -> None:
    before = sys.getswitchinterval()
    runtime = open_runtime()
    try:
        sys.setswitchinterval(0.002)
        runtime.close()
        assert pytest.approx(0.002) == sys.getswitchinterval()
    finally:
        sys.setswitchinterval(before)


# asyncio


def uvloop_run(main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


@pytest.mark.parametrize("run", [asyncio.run, uvloop_run])
def test_futures_and_streams_are_awaited_without_blocking_the_loop(
    walk: Walk, open_runtime: Open, run: Callable[[Any], Any]
) -> None:
    runtime = open_runtime(workflows={"walk": walk.__call__})
    coordinator = runtime.coordinator

    async def main() -> None:
        await coordinator.create_session("alice")
        ids = await coordinator.coordinate_threads(
            "alice", [{"name": f"n-{n}"} for n in range(20)]
        )
        results = await asyncio.gather(
            *(coordinator.execute_workflow_in_session("alice", name) for name in ids)
        )
        assert [{"runs": 1}] * 20 == results
        with pytest.raises(SessionNotFound):
            await coordinator.execute_workflow_in_session("nobody", "x")
        stream = coordinator.stream_workflow_in_session("alice", "n-0", workflow="walk")
        assert 1 == await anext(stream)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.wait({waiting}, timeout=0)
        walk.stop.open()  # on the loop: a blocked one would never get here
        assert 2 == await waiting
        assert [] == [item async for item in await stream]

    run(main())


def test_a_task_that_is_cancelled_abandons_only_its_waiting(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)

    async def main() -> str | None:
        with gated.shut(runtime):
            future = runtime.coordinator.create_session("alice")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await future
        return future.op_id

    op_id = asyncio.run(main())
    assert (
        "alice"
        == answer(runtime.coordinator.create_session("alice", op_id=op_id)).session_id
    )


# Numbers


def _busy(pool: PoolStatistics) -> int:
    return pool.threads - pool.idle


def test_the_statistics_add_up(walk: Walk, open_runtime: Open) -> None:
    runtime = open_runtime(
        workflows={"walk": walk.__call__}, executor=PoolExecutor(size_max=2)
    )
    alice, coordinator = runtime.session("alice"), runtime.coordinator
    notes = answer(alice.create_thread("notes"))
    other = answer(alice.create_thread("other", "walk"))
    answers([notes.run() for _ in range(3)])
    failure(notes.run(workflow="fail"))
    failure(notes.run(workflow="nothing"))
    failure(coordinator.create_session("alice"))
    answer(coordinator.create_session("bob", op_id="bob-1"))
    answer(coordinator.create_session("bob", op_id="bob-1"))
    result = other.run()
    walk.stop.reached()
    found = runtime.statistics()
    assert {
        ("CreateThreads", "applied"): 2,
        ("StartRun", "applied"): 5,
        ("ResumeRun", "applied"): 2,  # those that were queued
        ("FinishRun", "applied"): 4,
        ("AppendState", "applied"): 1,
        ("CreateSession", "refused"): 1,
        ("CreateSession", "applied"): 1,
        ("CreateSession", "replayed"): 1,
    } == found.writer.operations
    assert {"success": 3, "error": 1} == found.runs
    assert {
        ("session", "idle"): 2,
        ("session", "quarantined"): 0,
        ("thread", "running"): 1,
        ("thread", "idle"): 1,
    } == found.actors
    assert (0, 15) == (found.restarts, found.store.seq)
    counters = found.store.counters
    assert 2 == counters.sessions["open"]
    assert (1, 1) == (counters.threads["busy"], counters.threads["error"])
    # An OS thread is idle a moment after its run has told its end.
    assert eventually(lambda: 1 == _busy(runtime.statistics().pool))
    walk.stop.open()
    assert 2 == answer(result)
    assert {"success": 4, "error": 1} == runtime.statistics().runs
    assert 1 == runtime.statistics().actors["thread", "idle"] - 1
