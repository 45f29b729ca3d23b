"""Asynchronous workflows: in a runtime, among each other, and where they block."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.actors import executor_contract as contract
from tests.actors.conftest import Open
from tests.actors.executor_contract import Driver, eventually
from tests.actors.support import LONG_S, Stop, answer, failure
from weft.actors import (
    DeadlockError,
    ExecutionContext,
    LoopExecutor,
    Runtime,
    workflow,
)
from weft.actors import waits as waits_module
from weft.storage import Overloaded, RunInterrupted, WorkflowExecutionError


def runtime_with(open_runtime: Open, function: Any) -> tuple[Runtime, list[Runtime]]:
    """Return a runtime with thread a that runs it, twice, and where it is found."""
    runtime = open_runtime(workflows={"it": function})
    answer(runtime.session("alice").create_thread("a", "it", thread_id="a"))
    return runtime, [runtime]


def test_an_asynchronous_workflow_may_await_the_runtime_it_runs_in(
    open_runtime: Open,
) -> None:
    held: list[Runtime] = []

    async def work(context: ExecutionContext, _config: Any) -> Any:
        alice = held[0].session(context.session_id)
        children = [await alice.create_thread(name) for name in "xyz"]
        results = await asyncio.gather(*(_awaited(child.run()) for child in children))
        yield results
        async for state in children[0].stream({"to": 2}, workflow="count"):
            yield state

    runtime, held[:] = runtime_with(open_runtime, work)
    assert [[{"runs": 1}] * 3, 1, 2] == list(runtime.thread("a").stream())
    assert {} == waits_module._waits
    assert {} == waits_module._outside


async def _awaited(future: Any) -> Any:
    return await future


def test_an_asynchronous_run_that_awaits_itself_is_refused(open_runtime: Open) -> None:
    held: list[Runtime] = []

    async def work(context: ExecutionContext, _config: Any) -> Any:
        return await held[0].thread(context.thread_id).run()

    runtime, held[:] = runtime_with(open_runtime, work)
    error = failure(runtime.thread("a").run())
    assert isinstance(error, WorkflowExecutionError)
    assert DeadlockError is type(error.cause)
    assert {"runs": 1} == answer(runtime.thread("a").run(workflow="default"))


def test_getting_instead_of_awaiting_on_the_loop_is_refused(open_runtime: Open) -> None:
    held: list[Runtime] = []

    async def work(context: ExecutionContext, _config: Any) -> Any:
        alice = held[0].session(context.session_id)
        child = await alice.create_thread("x")
        later = child.run(after_seconds=3600)  # it cannot be there when it is got
        return later.get(timeout=LONG_S)

    runtime, held[:] = runtime_with(open_runtime, work)
    error = failure(runtime.thread("a").run())
    assert "Await the future" in str(error.cause)


def test_being_asked_to_stop_interrupts_an_await_and_cleans_up() -> None:
    seen: list[str] = []
    waits = threading.Event()

    async def work(_context: Any, _config: Any) -> Any:
        yield "begun"
        try:
            waits.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    executor = LoopExecutor()
    drive = Driver(executor, "asyncio").start(work)
    assert waits.wait(LONG_S)
    drive.cancel()
    assert RunInterrupted is type(drive.error())
    assert ["cancelled"] == seen
    assert executor.close(LONG_S)


def test_being_asked_to_stop_before_the_first_step_ends_the_run() -> None:
    executor, stop = LoopExecutor(), Stop()

    async def block(_context: Any, _config: Any) -> None:
        stop.here()

    driver = Driver(executor, "asyncio")
    blocking = driver.start(block)
    stop.reached()
    drive = driver.start(contract.give, {"value": 1})
    drive.cancel()  # the loop hears of both at once
    stop.open()
    assert RunInterrupted is type(drive.error())
    assert blocking.result() is None
    assert executor.close(LONG_S)


def test_a_run_whose_loop_blocks_before_its_first_step_begins_on_another() -> None:
    """The loop has come to it, made its task, and then to one that blocks."""
    executor = LoopExecutor(blocked_after_s=0.1)
    both, stop = Stop(), Stop()

    async def gather(_context: Any, _config: Any) -> None:
        both.here()

    async def block(_context: Any, _config: Any) -> None:
        stop.here()

    driver = Driver(executor, "asyncio")
    first = driver.start(gather)
    both.reached()
    blocking = driver.start(block)
    behind = driver.start(contract.give, {"value": 1})
    both.open()
    stop.reached()
    assert 1 == behind.result()
    stop.open()
    assert [None, None] == [first.result(), blocking.result()]
    assert executor.close(LONG_S)


def test_what_a_task_of_a_run_raises_does_not_end_the_loop() -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def work(_context: Any, _config: Any) -> Any:
        task = asyncio.get_running_loop().create_task(leave())
        try:
            await task
        except SystemExit:
            return "it went on"

    executor = LoopExecutor()
    driver = Driver(executor, "asyncio")
    assert "it went on" == driver.start(work).result()
    assert driver.still_works()
    assert executor.close(LONG_S)


def test_a_blocked_loop_is_replaced_for_new_runs_until_there_are_too_many(
    tmp_path: Path,
) -> None:
    executor = LoopExecutor(blocked_after_s=0.3, blocked_max=1)
    driver = Driver(executor, "asyncio")
    until = tmp_path / "go on"
    first = driver.start(contract.hang, {"until": str(until)})
    first.reached(1)
    assert driver.still_works()
    assert 1 == executor.statistics().blocked
    second = driver.start(contract.hang, {"until": str(until)})
    second.reached(1)
    assert eventually(lambda: executor.is_stuck)
    refused = driver.start(contract.give, {"value": 1}).error()
    assert isinstance(refused, Overloaded)
    assert refused.retry_after_s > 0
    until.touch()
    assert ["begun", "begun"] == [first.result(), second.result()]
    assert eventually(lambda: not executor.is_stuck)  # as soon as it comes round
    assert driver.still_works()
    assert eventually(lambda: 1 == executor.statistics().loops)
    assert executor.close(LONG_S)


def test_a_hung_loop_does_not_hold_up_its_closing() -> None:
    stop = Stop()

    async def block(_context: Any, _config: Any) -> None:
        stop.here()

    executor = LoopExecutor()
    Driver(executor, "asyncio").start(block)
    stop.reached()
    assert not executor.close(0.05)
    stop.open()
    assert executor.close(LONG_S)


def test_a_run_that_waits_for_one_of_its_own_workflow_lets_it_in(
    open_runtime: Open,
) -> None:
    held: list[Runtime] = []

    @workflow(concurrency_max=1)
    async def nest(context: ExecutionContext, config: Any) -> Any:
        depth = config["depth"]
        if not depth:
            return 0
        alice = held[0].session(context.session_id)
        child = await alice.create_thread(f"at-{depth}", "it")
        return 1 + await child.run({"depth": depth - 1})

    runtime, held[:] = runtime_with(open_runtime, nest)
    assert 5 == answer(runtime.thread("a").run({"depth": 5}))
    assert {"it": 0, "": 0} == runtime._executor.waiting()


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(TypeError):
        LoopExecutor().submit(threading.Event().set)
