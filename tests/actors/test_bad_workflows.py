"""Workflows that do what they should not, on each executor: a named error, no harm.

The run in question ends with an error that says what it was; its thread is usable
afterwards, and a neighbour that was in progress meanwhile comes to its end.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors import executor_contract as contract
from tests.actors.conftest import Open
from tests.actors.executor_contract import KINDS, eventually, workflow_of
from tests.actors.support import answer, failure
from weft.actors import (
    LoopExecutor,
    PoolExecutor,
    ProcessExecutor,
    Runtime,
    ThreadHandle,
    WorkerDied,
)
from weft.actors.executors import Executors
from weft.actors.steps import FORKED_EXIT_CODE
from weft.actors.workflow import Kind
from weft.storage import InvalidArgument, Overloaded, WorkflowExecutionError

of_each_kind = pytest.mark.parametrize("kind", KINDS)

DEADLINE_S = 0.5


class House:
    """A runtime with the workflows of one kind, and a thread for each of two."""

    def __init__(self, open_runtime: Open, kind: Kind, tmp_path: Path) -> None:
        executors = Executors(
            threads=PoolExecutor(size_max=2, abandoned_max=1),
            asyncio=LoopExecutor(blocked_after_s=0.1, blocked_max=1),
            processes=ProcessExecutor(size_max=2),
        )
        functions = (*contract.PLAIN, contract.die)
        made = {one.__name__: workflow_of(kind, one) for one in functions}
        self.kind = kind
        self.runtime: Runtime = open_runtime(workflows=made, executor=executors)
        self.until = tmp_path / "go on"
        self.alice = self.runtime.session("alice")
        self.bad = self.thread("bad")
        self.good = self.thread("good")

    def thread(self, name: str) -> ThreadHandle:
        return answer(self.alice.create_thread(name))

    def works(self, thread: ThreadHandle) -> bool:
        return bool(7 == answer(thread.run({"value": 7}, workflow="give")))

    def status(self, thread: ThreadHandle) -> str:
        runs = answer(self.runtime.coordinator.list_runs(thread.thread_id))
        return str(runs[0].status)

    def state(self, thread: ThreadHandle) -> Any:
        found = answer(thread.state())
        return None if found is None else found.values


@pytest.fixture(params=KINDS)
def house(
    request: pytest.FixtureRequest, open_runtime: Open, tmp_path: Path
) -> Iterator[House]:
    made = House(open_runtime, request.param, tmp_path)
    yield made
    made.until.touch()


@pytest.mark.parametrize(
    ("workflow", "config", "cause"),
    [
        ("fail", {"error": "value"}, "ValueError"),
        ("fail", {"error": "exit"}, "SystemExit"),
        ("fail", {"error": "interrupt"}, "KeyboardInterrupt"),
        ("spoil", {"huge": False}, "InvalidArgument"),
        ("spoil", {"huge": True}, "InvalidArgument"),
    ],
    ids=["raises", "exits", "interrupts", "unencodable", "100 MB"],
)
def test_what_a_workflow_does_wrong_costs_its_run_only(
    house: House, workflow: str, config: dict[str, Any], cause: str
) -> None:
    neighbour = house.good.run({"from": 0, "to": 3}, workflow="count")
    error = failure(house.bad.run(config, workflow=workflow))
    assert isinstance(error, WorkflowExecutionError)
    assert cause == type(error.cause).__name__
    assert "error" == house.status(house.bad)
    assert "before" == house.state(house.bad)
    assert 2 == answer(neighbour)["n"]
    assert house.works(house.bad)


def test_a_workflow_that_forks_has_no_second_self(house: House) -> None:
    neighbour = house.good.run({"from": 0, "to": 3}, workflow="count")
    assert FORKED_EXIT_CODE == answer(house.bad.run(workflow="fork"))
    assert 2 == answer(neighbour)["n"]
    assert house.works(house.bad)


def test_a_workflow_that_hangs_is_answered_and_fenced_and_others_go_on(
    house: House,
) -> None:
    hang = {"until": str(house.until)}
    error = failure(house.bad.run(hang, workflow="hang", deadline_s=DEADLINE_S))
    assert isinstance(error.cause, TimeoutError)
    assert "timeout" == house.status(house.bad)
    assert house.works(house.bad)
    assert house.works(house.good)
    house.until.touch()
    pool = house.runtime.statistics
    assert eventually(lambda: not pool().pool.abandoned)
    assert eventually(lambda: not pool().loops.blocked)
    assert 7 == house.state(house.bad)  # nothing came late
    assert house.runtime.check().clean


def test_who_comes_when_everything_hangs_is_told_so_until_it_goes_on(
    house: House,
) -> None:
    limit = {"threads": 3, "asyncio": 2, "processes": 6}[house.kind]
    hang = {"until": str(house.until)}
    for number in range(limit):
        thread = house.thread(f"hangs-{number}")
        error = failure(thread.run(hang, workflow="hang", deadline_s=DEADLINE_S))
        assert isinstance(error.cause, TimeoutError)
    if house.kind == "processes":  # they are killed: nothing hangs
        assert house.works(house.bad)
        return
    assert eventually(lambda: is_refused(house))
    house.until.touch()
    assert eventually(lambda: not is_refused(house))
    assert house.works(house.bad)


def is_refused(house: House) -> bool:
    run = house.good.run({"value": 7}, workflow="give", deadline_s=DEADLINE_S)
    try:
        answer(run)
    except WorkflowExecutionError as error:
        return isinstance(error.cause, Overloaded) and error.cause.retry_after_s > 0
    return False


def test_a_process_that_dies_is_its_runs_error(
    open_runtime: Open, tmp_path: Path
) -> None:
    house = House(open_runtime, "processes", tmp_path)
    error = failure(house.bad.run({"signal": 9, "code": 0}, workflow="die"))
    assert isinstance(error.cause, WorkerDied)
    assert "before" == house.state(house.bad)
    assert house.works(house.bad)


def test_what_must_not_be_awaited_later_is_refused(open_runtime: Open) -> None:
    runtime = open_runtime(workflows={"it": lambda _context, _config: contract.pause()})
    notes = answer(runtime.session("alice").create_thread("notes", "it"))
    assert InvalidArgument is type(failure(notes.run()).cause)
