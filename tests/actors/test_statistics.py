"""What a runtime counts of its runs, wherever they are executed."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors import executor_contract as contract
from tests.actors.conftest import Open
from tests.actors.executor_contract import eventually
from tests.actors.support import Stop, answer, answers, failure
from weft.actors import ExecutionContext, LoopExecutor, workflow
from weft.actors.executors import Executors
from weft.storage import WorkflowExecutionError


@pytest.fixture
def stop() -> Iterator[Stop]:
    made = Stop()
    yield made
    made.open()


def test_runs_that_wait_are_counted_by_what_they_wait_for(
    open_runtime: Open, stop: Stop
) -> None:
    @workflow(concurrency_max=1)
    def hold(_context: ExecutionContext, _config: Any) -> None:
        stop.here()

    runtime = open_runtime(workflows={"hold": hold})
    alice = runtime.session("alice")
    threads = [answer(alice.create_thread(name, "hold")) for name in "ab"]
    first = threads[0].run()
    stop.reached()
    runs = [first, threads[0].run(), threads[1].run()]
    assert eventually(lambda: runtime.statistics().runs_pending == 1)
    assert eventually(lambda: runtime.statistics().runs_held == 1)
    stop.open()
    assert [None] * 3 == answers(runs)
    assert (0, 0) == (
        runtime.statistics().runs_pending,
        runtime.statistics().runs_held,
    )


def test_loops_and_processes_are_counted(
    open_runtime: Open, stop: Stop, tmp_path: Path
) -> None:
    async def block(_context: ExecutionContext, _config: Any) -> None:
        stop.here()

    hang = workflow(executor="processes")(contract.hang)
    runtime = open_runtime(workflows={"block": block, "hang": hang})
    alice = runtime.session("alice")
    until = tmp_path / "go on"
    runs = [
        answer(alice.create_thread("a", "block")).run(),
        answer(alice.create_thread("b", "hang")).run({"until": str(until)}),
    ]
    stop.reached()
    assert eventually(lambda: runtime.statistics().processes.processes == 1)
    found = runtime.statistics()
    assert (1, 1) == (found.loops.running, found.processes.running)
    stop.open()
    until.touch()
    assert [None, "it went on"] == answers(runs)
    assert eventually(lambda: runtime.statistics().processes.idle == 1)
    found = runtime.statistics()
    assert (0, 1) == (found.loops.running, found.loops.done)
    assert (0, 0) == (found.processes.running, found.processes.died)


class Silent(LoopExecutor):
    """An executor that tells nothing of itself."""

    def statistics(self) -> Any:
        return None


def test_of_an_executor_of_ones_own_nothing_is_known(open_runtime: Open) -> None:
    own = Executors(asyncio=Silent(), processes=Silent())
    found = open_runtime(executor=own).statistics()
    assert (0, 0) == (found.loops.loops, found.processes.processes)


def test_a_write_of_a_run_that_was_given_up_is_refused_and_counted(
    open_runtime: Open, stop: Stop
) -> None:
    refused = threading.Event()

    @workflow(timeout_s=0.1)
    def late(context: ExecutionContext, _config: Any) -> None:
        stop.here()
        try:
            context.step("late", lambda: 1)
        except Exception:
            refused.set()
            raise

    runtime = open_runtime(workflows={"late": late})
    notes = answer(runtime.session("alice").create_thread("notes", "late"))
    error = failure(notes.run())
    assert isinstance(error, WorkflowExecutionError)
    assert isinstance(error.cause, TimeoutError)
    assert 0 == runtime.statistics().stale_writes
    stop.open()
    assert refused.wait(20)
    assert 1 == runtime.statistics().stale_writes
    assert answer(notes.state()) is None
    assert {"runs": 1} == answer(notes.run(workflow="default"))
