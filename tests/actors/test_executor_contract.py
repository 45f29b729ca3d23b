"""The contract of executors, on OS threads, on an event loop and in processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors import executor_contract as contract
from tests.actors.executor_contract import KINDS, Driver, UnpicklableError, eventually
from tests.actors.support import LONG_S
from weft.actors import (
    LoopExecutor,
    PoolExecutor,
    ProcessExecutor,
    RemoteError,
    WorkflowExecutor,
)
from weft.actors.executors import Executors
from weft.actors.steps import FORKED_EXIT_CODE
from weft.actors.workflow import Kind
from weft.storage import InvalidArgument, RunInterrupted

# What an executor can do beyond the contract; docs and tests read the same table.
CAPABILITIES: dict[Kind, dict[str, bool]] = {
    "threads": {"interrupts waits": False, "kills": False, "same process": True},
    "asyncio": {"interrupts waits": True, "kills": False, "same process": True},
    "processes": {"interrupts waits": False, "kills": True, "same process": False},
}


def able(what: str) -> list[Kind]:
    return [kind for kind in KINDS if CAPABILITIES[kind][what]]


def executor_of(kind: Kind) -> WorkflowExecutor:
    if kind == "threads":
        return PoolExecutor(size_max=2)
    if kind == "asyncio":
        return LoopExecutor(blocked_after_s=0.2)
    return ProcessExecutor(size_max=2)


@pytest.fixture(scope="module")
def shared() -> Iterator[dict[Kind, WorkflowExecutor]]:
    """Return one executor of each kind: processes take a third of a second to start."""
    made = {kind: executor_of(kind) for kind in KINDS}
    yield made
    for executor in made.values():
        assert executor.close(LONG_S)


@pytest.fixture(params=KINDS)
def driver(
    request: pytest.FixtureRequest, shared: dict[Kind, WorkflowExecutor]
) -> Driver:
    return Driver(shared[request.param], request.param)


# What comes of a run


@pytest.mark.parametrize("value", [None, 0, "", [1, {"a": b"b"}], {"n": 1}])
def test_what_a_function_returns_is_the_result(driver: Driver, value: Any) -> None:
    drive = driver.start(contract.give, {"value": value})
    assert value == drive.result()
    assert [] == drive.states


def test_what_a_generator_yields_are_states_and_the_last_is_the_result(
    driver: Driver,
) -> None:
    drive = driver.start(contract.count, {"from": 0, "to": 3})
    assert 2 == drive.result()["n"]
    assert [0, 1, 2] == [state["n"] for state in drive.states]


def test_a_generator_sees_the_state_that_it_yielded_before(driver: Driver) -> None:
    drive = driver.start(contract.count, {"from": 0, "to": 3})
    drive.result()
    assert [None, 0, 1] == [(s["before"] or {}).get("n") for s in drive.states]


def test_a_generator_that_yields_nothing_has_no_result(driver: Driver) -> None:
    assert driver.start(contract.count, {"from": 0, "to": 0}).result() is None


def test_the_context_tells_where_the_run_is(driver: Driver) -> None:
    drive = driver.start(contract.look)
    run = drive.execution.run
    number = run.run_id[1:]
    expected = ["alice", run.thread_id, f"name-{number}", run.run_id, 1, None]
    assert expected == drive.result()


def test_a_generator_is_not_advanced_before_its_state_is_durable(
    driver: Driver,
) -> None:
    driver.holds = True
    drive = driver.start(contract.count, {"from": 0, "to": 2})
    drive.reached(1)
    other = driver.start(contract.give, {"value": 1})
    assert 1 == other.result()  # whatever else runs meanwhile
    assert 1 == len(drive.states)
    drive.go_on()
    drive.reached(2)
    drive.go_on()
    assert 1 == drive.result()["n"]


def test_many_runs_between_two_states_hold_up_nobody(driver: Driver) -> None:
    driver.holds = True
    many = 20 if driver.kind != "processes" else 1  # each has a process to itself
    drives = [driver.start(contract.count, {"from": 0, "to": 1}) for _ in range(many)]
    for drive in drives:
        drive.reached(1)
    assert driver.still_works()
    for drive in drives:
        drive.go_on()
    assert [0] * many == [drive.result()["n"] for drive in drives]


# What is wrong with it is its own affair


@pytest.mark.parametrize("name", ["value", "exit", "interrupt"])
def test_what_it_raises_is_its_error(driver: Driver, name: str) -> None:
    drive = driver.start(contract.fail, {"error": name})
    expected = contract.errors()[name]
    error = drive.error()
    assert (type(expected), expected.args) == (type(error), error.args)
    assert ["before"] == drive.states
    assert drive.failed is not None
    assert type(expected).__name__ == drive.failed.failure.type
    assert driver.still_works()


def test_an_error_that_cannot_be_sent_is_told_by_its_type_and_words(
    driver: Driver,
) -> None:
    error = driver.start(contract.fail, {"error": "unpicklable"}).error()
    if CAPABILITIES[driver.kind]["same process"]:
        assert UnpicklableError is type(error)
    else:
        assert isinstance(error, RemoteError)
        assert "UnpicklableError" == error.details["type"]
        assert "raise errors()" in error.__notes__[0]
    assert driver.still_works()


@pytest.mark.parametrize("huge", [False, True])
def test_what_cannot_be_stored_is_its_error(driver: Driver, huge: bool) -> None:
    drive = driver.start(contract.spoil, {"huge": huge})
    assert InvalidArgument is type(drive.error())
    assert ["before"] == drive.states
    assert driver.still_works()


def test_a_forked_child_that_comes_out_of_the_code_ends(driver: Driver) -> None:
    assert FORKED_EXIT_CODE == driver.start(contract.fork).result()
    assert driver.still_works()


# Stopping


def test_a_run_that_is_asked_to_stop_is_interrupted(driver: Driver) -> None:
    drive = driver.start(contract.obey)
    drive.reached(1)
    drive.cancel()
    assert RunInterrupted is type(drive.error())
    assert "never" not in drive.states
    assert driver.still_works()


def test_a_run_that_is_asked_to_stop_between_two_states_does_not_go_on(
    driver: Driver,
) -> None:
    driver.holds = True
    drive = driver.start(contract.count, {"from": 0, "to": 9})
    drive.reached(1)
    drive.cancel()
    drive.go_on()
    assert RunInterrupted is type(drive.error())
    assert 1 == len(drive.states)
    assert driver.still_works()


def test_an_abandoned_run_says_nothing_and_its_place_is_taken(
    driver: Driver, tmp_path: Path
) -> None:
    until = tmp_path / "go on"
    drives = [driver.start(contract.hang, {"until": str(until)}) for _ in range(2)]
    try:
        for drive in drives:
            drive.reached(1)
        for drive in drives:
            drive.abandon()
        assert driver.still_works()
    finally:
        until.touch()
    assert eventually(lambda: all(drive.execution.abandoned for drive in drives))
    assert driver.still_works()
    assert not any(drive.future.done() for drive in drives)


def test_a_run_that_is_abandoned_between_two_states_is_over(driver: Driver) -> None:
    driver.holds = True
    drives = [driver.start(contract.count, {"from": 0, "to": 9}) for _ in range(2)]
    for drive in drives:
        drive.reached(1)
    for drive in drives:
        drive.abandon()
        drive.go_on()  # the state was on its way
    assert driver.still_works()
    assert [1, 1] == [len(drive.states) for drive in drives]
    assert not any(drive.future.done() for drive in drives)


# Limits, in front of any of them


def limits_before(driver: Driver, runs_max: int = 100) -> Executors:
    executors: dict[str, Any] = {driver.kind: driver.executor}
    return Executors(**executors, runs_max=runs_max)


def test_no_more_runs_of_a_workflow_are_in_progress_than_it_allows(
    driver: Driver,
) -> None:
    driver.executor = limited = limits_before(driver)
    driver.holds = True
    first, second = (
        driver.start(contract.count, {"from": 0, "to": 1}, concurrency_max=1)
        for _ in range(2)
    )
    first.reached(1)
    assert {"": 0, "count": 1} == limited.waiting()
    assert [] == second.states
    driver.holds = False
    assert driver.still_works()  # of another workflow
    first.go_on()
    first.result()
    second.reached(1)
    second.go_on()
    assert 0 == second.result()["n"]
    assert {"": 0, "count": 0} == limited.waiting()


def test_a_place_of_an_abandoned_run_is_given_to_the_next(driver: Driver) -> None:
    driver.executor = limits_before(driver, runs_max=1)
    driver.holds = True
    first, second, third = (
        driver.start(contract.count, {"from": 0, "to": 1}) for _ in range(3)
    )
    first.reached(1)
    second.abandon()  # before it began
    first.abandon()
    third.reached(1)
    third.go_on()
    assert 0 == third.result()["n"]
    assert [] == second.states


def test_sessions_are_served_in_turn(driver: Driver) -> None:
    driver.executor = limits_before(driver, runs_max=1)
    order: list[str] = []

    def begin(session_id: str) -> contract.Drive:
        driver.session_id = session_id
        drive = driver.start(contract.give, {"value": session_id})
        drive.future.add_done_callback(lambda future: order.append(future.get()))
        return drive

    driver.holds = True
    driver.session_id = "first"
    holder = driver.start(contract.count, {"from": 0, "to": 1})
    holder.reached(1)
    drives = [begin("alice") for _ in range(5)] + [begin("bob"), begin("carol")]
    holder.go_on()
    for drive in drives:
        drive.result()
    assert ["alice", "bob", "carol", *["alice"] * 4] == order
