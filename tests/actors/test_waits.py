"""Workflows that wait for runs: circles are refused, depth is not the pool's size."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.executor_contract import eventually
from tests.actors.support import LONG_S, Stop, answer, answers, failure, settle
from weft.actors import (
    DeadlockError,
    ExecutionContext,
    PoolExecutor,
    Runtime,
)
from weft.actors import waits as waits_module
from weft.actors.failure import statistics
from weft.storage import Overloaded, WorkflowExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.actors.conftest import Open


class Asking:
    """A workflow that does what the test says, in the runtime it runs in.

    Attributes:
        runtime: set by the test.
        calls: the thread ids of its runs, in order.
    """

    runtime: Runtime

    def __init__(self, ask: Callable[[Runtime, ExecutionContext, Any], Any]) -> None:
        self._ask = ask
        self.calls: list[str] = []

    def __call__(self, context: ExecutionContext, config: Any) -> Any:
        self.calls.append(context.thread_id)
        return self._ask(self.runtime, context, config)


def opened(open_runtime: Open, asking: Asking, **options: Any) -> Runtime:
    """Open a runtime with threads a, b and c of alice that ask."""
    asking.runtime = open_runtime(workflows={"ask": asking.__call__}, **options)
    alice = asking.runtime.session("alice")
    for name in "abc":
        answer(alice.create_thread(name, "ask", thread_id=name))
    return asking.runtime


def deadlock_in(runtime: Runtime, thread_id: str, config: Any = None) -> DeadlockError:
    """Run a thread and return the deadlock behind its failure."""
    error = failure(runtime.thread(thread_id).run(config or {}))
    while isinstance(error, WorkflowExecutionError):
        assert isinstance(error.cause, WorkflowExecutionError | DeadlockError)
        error = error.cause
    assert isinstance(error, DeadlockError)
    assert {} == waits_module._waits
    return error


def names_in(error: DeadlockError) -> list[str]:
    """Return the names in a chain, which tells ids and runs besides."""
    for link in error.chain:
        name, _, rest = link.partition(" ")
        assert rest.startswith(f"({name}, run ")
        assert link in str(error)
    return [link.partition(" ")[0] for link in error.chain]


# Circles

OWN_RUN: dict[str, Callable[[Runtime, ExecutionContext, Any], Any]] = {
    "by id": lambda runtime, it, _: runtime.thread(it.thread_id).run().get(),
    "by name": lambda runtime, it, _: runtime.coordinator.execute_workflow_in_session(
        it.session_id, it.thread_name
    ).get(),
    "mapped": lambda runtime, it, _: (
        runtime.thread(it.thread_id).run().map(lambda result: result).get()
    ),
    "with a timeout": lambda runtime, it, _: (
        runtime.thread(it.thread_id).run(timeout_s=LONG_S).get(timeout=LONG_S)
    ),
    "streamed": lambda runtime, it, _: list(runtime.thread(it.thread_id).stream()),
    "a transfer": lambda runtime, it, _: (
        runtime.thread(it.thread_id).transfer_to("bob", if_running="wait").get()
    ),
    "a removal": lambda runtime, it, _: (
        runtime.thread(it.thread_id).remove(if_running="wait").get()
    ),
    "a removal that cancels": lambda runtime, it, _: (
        runtime.thread(it.thread_id).remove(if_running="cancel").get()
    ),
    "a removal by name": lambda runtime, it, _: (
        runtime.coordinator.remove_thread_from_session(
            it.session_id, it.thread_name, "wait"
        ).get()
    ),
}


@pytest.mark.parametrize("ask", OWN_RUN.values(), ids=OWN_RUN)
def test_a_run_that_waits_for_its_own_thread_is_refused_and_changes_nothing(
    open_runtime: Open, ask: Callable[[Runtime, ExecutionContext, Any], Any]
) -> None:
    asking = Asking(ask)
    runtime = opened(open_runtime, asking)
    error = deadlock_in(runtime, "a")
    assert ["a", "a"] == names_in(error)
    assert "a" == error.thread_id
    settle(runtime)
    assert ["a"] == asking.calls  # what was asked does not run later either
    thread = answer(runtime.thread("a").get())
    assert ("alice", "error") == (thread.session_id, thread.status)
    assert 1 == len(answer(runtime.coordinator.list_runs("a")))
    assert {"runs": 1} == answer(runtime.thread("a").run(workflow="default"))
    assert runtime.check().clean


@pytest.mark.parametrize("ask", OWN_RUN.values(), ids=OWN_RUN)
def test_a_refusal_that_was_raised_is_none_that_nobody_retrieved(
    open_runtime: Open, ask: Callable[[Runtime, ExecutionContext, Any], Any]
) -> None:
    before = statistics().unretrieved_failures
    runtime = opened(open_runtime, Asking(ask))
    deadlock_in(runtime, "a")
    settle(runtime)
    gc.collect()
    assert before == statistics().unretrieved_failures


def pass_on(runtime: Runtime, context: ExecutionContext, config: Any) -> Any:
    """Run the thread that comes next in the config, and wait for it.

    Whoever asked before waits already: else it might be the one that is refused.
    """
    before = list(config["next"]).index(context.thread_id)
    assert eventually(lambda: len(waits_module._waits) >= before)
    following = config["next"].get(context.thread_id)
    return runtime.thread(following).run(config).get() if following else "end"


@pytest.mark.parametrize("order", ["ab", "abc"])
def test_runs_that_wait_for_each_other_in_a_circle_are_refused_with_the_circle(
    open_runtime: Open, order: str
) -> None:
    asking = Asking(pass_on)
    runtime = opened(open_runtime, asking)
    config = {"next": dict(zip(order, order[1:] + order[0], strict=True))}
    error = deadlock_in(runtime, "a", config)
    last = order[-1]
    assert [last, *order] == names_in(error)
    assert list(order) == asking.calls
    assert "error" == answer(runtime.thread("a").get()).status


def test_a_transfer_that_waits_for_a_run_that_waits_for_me_is_refused(
    open_runtime: Open,
) -> None:
    def ask(runtime: Runtime, context: ExecutionContext, _config: Any) -> Any:
        if context.thread_id == "a":
            return runtime.thread("b").run().get()
        return runtime.thread("a").transfer_to("bob", if_running="wait").get()

    runtime = opened(open_runtime, Asking(ask))
    assert ["b", "a", "b"] == names_in(deadlock_in(runtime, "a"))
    assert "alice" == answer(runtime.thread("a").get()).session_id


def test_of_two_runs_that_come_to_wait_for_each_other_at_once_one_is_refused(
    open_runtime: Open,
) -> None:
    meeting = threading.Barrier(2, timeout=LONG_S)

    def ask(runtime: Runtime, context: ExecutionContext, config: Any) -> Any:
        if config.get("nested"):
            return "nested"
        meeting.wait()
        other = "b" if context.thread_id == "a" else "a"
        return runtime.thread(other).run({"nested": True}).get(timeout=LONG_S)

    runtime = opened(open_runtime, Asking(ask))
    for _ in range(20):
        runs = [runtime.thread(name).run() for name in "ab"]
        causes = []
        for run in runs:
            try:
                assert "nested" == run.get(timeout=LONG_S)
            except WorkflowExecutionError as error:
                causes.append(type(error.cause))
        assert causes in ([DeadlockError], [DeadlockError, DeadlockError])
    assert {} == waits_module._waits


# What is no circle


def test_a_run_may_ask_for_its_own_next_run_and_not_wait(open_runtime: Open) -> None:
    asked: list[Any] = []

    def ask(runtime: Runtime, context: ExecutionContext, _config: Any) -> Any:
        if not asked:
            asked.append(runtime.thread(context.thread_id).run())
        return len(asking.calls)

    asking = Asking(ask)
    runtime = opened(open_runtime, asking)
    assert 1 == answer(runtime.thread("a").run())
    assert 2 == answer(asked[0])


def test_two_runs_may_wait_for_the_same_third_one(open_runtime: Open) -> None:
    stop = Stop()

    def ask(runtime: Runtime, context: ExecutionContext, _config: Any) -> Any:
        if context.thread_id == "c":
            stop.here()
            return "c"
        return runtime.thread("c").run().get()

    runtime = opened(open_runtime, Asking(ask))
    runs = [runtime.thread(name).run() for name in "ab"]
    stop.reached()
    stop.open()
    assert ["c", "c"] == answers(runs)


def test_who_has_its_answer_waits_no_more_also_before_it_has_woken_up(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(runtime: Runtime, context: ExecutionContext, config: Any) -> Any:
        if config.get("nested"):
            return "nested"
        if context.thread_id == "a":
            return runtime.thread("b").run({"nested": True}).get()
        return runtime.thread("a").run({"nested": True}).get()

    monkeypatch.setattr(waits_module, "_waits", Keeping())
    runtime = opened(open_runtime, Asking(ask))
    assert "nested" == answer(runtime.thread("a").run())
    assert "nested" == answer(runtime.thread("b").run())  # a's old wait is still there


class Keeping(dict[Any, Any]):
    """A dict that nothing is taken out of."""

    def __delitem__(self, _key: Any) -> None:
        pass


def test_a_thread_of_the_same_id_in_another_runtime_is_another_thread(
    open_runtime: Open,
) -> None:
    other = open_runtime()
    answer(other.session("alice").create_thread("a", thread_id="a"))
    runtime = opened(
        open_runtime,
        Asking(lambda _runtime, _it, _config: other.thread("a").run().get()),
    )
    assert {"runs": 1} == answer(runtime.thread("a").run())


def test_a_run_may_move_its_own_thread_along(open_runtime: Open) -> None:
    def ask(runtime: Runtime, context: ExecutionContext, _config: Any) -> Any:
        moved = runtime.thread(context.thread_id).transfer_to("bob", if_running="move")
        return moved.get().session_id

    runtime = opened(open_runtime, Asking(ask))
    assert "bob" == answer(runtime.thread("a").run())


# Depth


def nest(runtime: Runtime, context: ExecutionContext, config: Any) -> Any:
    """Run the next of a row of threads, and wait for it."""
    depth = config["depth"]
    if not depth:
        return 0
    name = f"{context.thread_name}-{depth}"
    thread = runtime.session("alice").create_thread(name, "ask").get()
    return 1 + thread.run({"depth": depth - 1}).get()


@pytest.mark.parametrize("size_max", [1, 2])
def test_runs_nest_deeper_than_the_pool_is_large(
    open_runtime: Open, size_max: int
) -> None:
    executor = PoolExecutor(size_max=size_max)
    runtime = opened(open_runtime, Asking(nest), executor=executor)
    assert 20 == answer(runtime.thread("a").run({"depth": 20}))
    settle(runtime)
    assert 0 == executor.statistics().waiting


def test_beyond_the_limit_of_waiting_runs_there_is_overloaded(
    open_runtime: Open,
) -> None:
    executor = PoolExecutor(size_max=1, spares_max=3)
    runtime = opened(open_runtime, Asking(nest), executor=executor)
    assert 3 == answer(runtime.thread("a").run({"depth": 3}))
    error: Any = failure(runtime.thread("b").run({"depth": 4}))
    for _ in range(4):
        error = error.cause if isinstance(error, WorkflowExecutionError) else error
    assert Overloaded is type(error)
    assert 1.0 == error.retry_after_s
    assert 3 == answer(runtime.thread("c").run({"depth": 3}))  # nothing was lost


def test_many_rows_of_nested_runs_at_once_all_end(open_runtime: Open) -> None:
    executor = PoolExecutor(size_max=2, spares_max=30)
    runtime = opened(open_runtime, Asking(nest), executor=executor)
    rows = [
        answer(runtime.session("alice").create_thread(f"row-{n}", "ask"))
        for n in range(6)
    ]
    assert [5] * 6 == answers([row.run({"depth": 5}) for row in rows])
    assert runtime.check().clean
