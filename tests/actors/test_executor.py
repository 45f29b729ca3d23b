"""Executing workflows: what they yield, return and raise, and where they run."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, Stop, answer, answers, failure
from weft.actors import ExecutionContext, PoolExecutor, Runtime, ThreadHandle
from weft.actors.executor import Execution
from weft.actors.steps import FAILURE_CHARACTERS_MAX, failure_of
from weft.storage import InvalidArgument, WorkflowExecutionError


@dataclass(frozen=True)
class Key:
    number: int


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def run(
    open_runtime: Open, function: Callable[..., Any]
) -> tuple[Runtime, ThreadHandle]:
    runtime = open_runtime(workflows={"it": function})
    return runtime, answer(
        runtime.session("alice").create_thread("notes", "it", thread_id="t")
    )


def states(thread: ThreadHandle) -> list[Any]:
    return [state.values for state in answer(thread.history())][::-1]


# What is a state, and what is the result


def test_what_a_plain_function_returns_is_result_and_next_state(
    open_runtime: Open,
) -> None:
    _, notes = run(open_runtime, lambda _context, config: {"got": config})
    assert {"got": {"a": 1}} == answer(notes.run({"a": 1}))
    assert [{"got": {"a": 1}}] == states(notes)


def test_a_plain_function_without_a_result_leaves_no_state(open_runtime: Open) -> None:
    _, notes = run(open_runtime, lambda _context, _config: None)
    assert answer(notes.run()) is None
    assert answer(notes.state()) is None


@pytest.mark.parametrize("falsy", [0, "", [], {}, False])
def test_a_falsy_result_is_a_state(open_runtime: Open, falsy: Any) -> None:
    _, notes = run(open_runtime, lambda _context, _config: falsy)
    assert falsy == answer(notes.run())
    assert [falsy] == states(notes)


def test_a_generators_result_is_what_it_returned(open_runtime: Open) -> None:
    def work(_context: Any, _config: Any) -> Any:
        yield 1
        yield 2
        return "done"

    _, notes = run(open_runtime, work)
    assert "done" == answer(notes.run())
    assert [1, 2] == states(notes)


def test_a_generators_result_is_else_what_it_yielded_last(open_runtime: Open) -> None:
    def work(_context: Any, _config: Any) -> Any:
        yield 1
        yield 2

    _, notes = run(open_runtime, work)
    assert 2 == answer(notes.run())
    assert [1, 2] == list(notes.stream())


def test_a_generator_that_yields_nothing_has_no_result(open_runtime: Open) -> None:
    def work(_context: Any, _config: Any) -> Any:
        yield from ()

    _, notes = run(open_runtime, work)
    assert answer(notes.run()) is None
    assert [] == states(notes)


def test_none_is_a_state_like_any_other_when_it_is_yielded(open_runtime: Open) -> None:
    def work(_context: Any, _config: Any) -> Any:
        yield 1
        yield None

    _, notes = run(open_runtime, work)
    assert answer(notes.run()) is None
    assert [1, None] == states(notes)


def test_a_stream_shows_the_state_a_plain_function_left(open_runtime: Open) -> None:
    _, notes = run(open_runtime, lambda _context, _config: {"n": 1})
    assert [{"n": 1}] == list(notes.stream())


def test_what_was_yielded_does_not_change_with_the_workflows_object(
    open_runtime: Open,
) -> None:
    def work(_context: Any, _config: Any) -> Any:
        lines: list[int] = []
        for number in range(3):
            lines.append(number)
            yield lines

    _, notes = run(open_runtime, work)
    assert [[0], [0, 1], [0, 1, 2]] == list(notes.stream())
    assert [[0], [0, 1], [0, 1, 2]] == states(notes)


# What it raises is its own


def raises(error: BaseException) -> Callable[..., Any]:
    def work(_context: Any, _config: Any) -> Any:
        yield "before"
        raise error

    return work


@pytest.mark.parametrize(
    "error",
    [
        ValueError("wrong"),
        SystemExit(1),
        KeyboardInterrupt(),
        GeneratorExit(),
        UnprintableError(),
        ValueError("half a surrogate: \ud800"),
        ValueError("x" * 1_000_000),
        StopIteration("within"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_a_workflow_raises_fails_its_run_only(
    open_runtime: Open, error: BaseException
) -> None:
    runtime, notes = run(open_runtime, raises(error))
    other = answer(runtime.session("bob").create_thread("other"))
    failed = failure(notes.run())
    assert WorkflowExecutionError is type(failed)
    assert failed.cause is error or isinstance(failed.cause, RuntimeError)
    assert failed.cause is failed.__cause__
    assert ("notes", "t") == (failed.thread_name, failed.thread_id)
    (stored,) = answer(runtime.coordinator.list_runs("t"))
    assert "error" == stored.status
    assert type(failed.cause).__name__ == (stored.error or {})["type"]
    assert len((stored.error or {})["message"]) <= FAILURE_CHARACTERS_MAX
    assert stored.run_id == failed.run_id
    assert ["before"] == states(notes)
    assert "error" == answer(notes.get()).status

    assert {"again": 1} == answer(notes.run({"again": 1}, workflow="echo"))
    assert "idle" == answer(notes.get()).status
    assert {"runs": 1} == answer(other.run())
    assert 0 == runtime.statistics().restarts


def test_a_stream_gives_the_states_and_then_the_failure(open_runtime: Open) -> None:
    _, notes = run(open_runtime, raises(ValueError("wrong")))
    stream = notes.stream()
    assert "before" == next(stream)
    with pytest.raises(WorkflowExecutionError, match="ValueError: wrong"):
        next(stream)


UNSTORABLE: list[tuple[str, Any]] = [
    ("an object", object()),
    ("a function", len),
    ("half a surrogate", "\ud800"),
    ("too deep", nested(100_000)),
    ("over the limit", b"x" * ((16 << 20) + 1)),
    ("a mapping with mappings as keys", {Key(1): 1}),
]


@pytest.mark.parametrize(
    "value", [v for _, v in UNSTORABLE], ids=[n for n, _ in UNSTORABLE]
)
@pytest.mark.parametrize("way", ["yields", "returns", "returns plainly"])
def test_what_cannot_be_stored_fails_its_run_only(
    open_runtime: Open, value: Any, way: str
) -> None:
    def yields(_context: Any, _config: Any) -> Any:
        yield 1
        yield value

    def returns(_context: Any, _config: Any) -> Any:
        yield 1
        return value

    def plainly(_context: Any, _config: Any) -> Any:
        return value

    ways = {"yields": yields, "returns": returns, "returns plainly": plainly}
    runtime, notes = run(open_runtime, ways[way])
    failed = failure(notes.run())
    assert WorkflowExecutionError is type(failed)
    assert InvalidArgument is type(failed.cause)
    assert ([] if way == "returns plainly" else [1]) == states(notes)
    assert {"n": 1} == answer(notes.run({"n": 1}, workflow="echo"))
    assert not runtime.read_only
    assert 0 == runtime.statistics().restarts


def test_the_words_of_an_error_are_stored_as_far_as_it_has_any() -> None:
    assert ("ValueError", "wrong") == _pair(ValueError("wrong"))
    assert ("UnprintableError", "(no words: ValueError in __str__)") == _pair(
        UnprintableError()
    )
    assert ("ValueError", "?") == _pair(ValueError("\udfff"))
    assert FAILURE_CHARACTERS_MAX == len(_pair(ValueError("x" * 10_000))[1])


def _pair(error: BaseException) -> tuple[str, str]:
    failed = failure_of(error)
    return failed.type, failed.message


# Where it runs


def test_user_code_never_runs_on_the_dispatcher(open_runtime: Open) -> None:
    names: list[str] = []

    class Spoken(Exception):
        def __str__(self) -> str:
            names.append(threading.current_thread().name)
            return "words"

    def work(_context: Any, _config: Any) -> Any:
        names.append(threading.current_thread().name)
        yield 1
        names.append(threading.current_thread().name)
        raise Spoken

    _, notes = run(open_runtime, work)
    failure(notes.run())
    assert 3 <= len(names)
    assert {"weft-pool"} == {name.rsplit("-", 1)[0] for name in names}


def test_runs_between_two_states_hold_no_os_thread(open_runtime: Open) -> None:
    def work(_context: Any, _config: Any) -> Any:
        yield from range(5)

    runtime = open_runtime(workflows={"it": work}, executor=PoolExecutor(size_max=1))
    alice = runtime.session("alice")
    threads = answers([alice.create_thread(f"{n}", "it") for n in range(20)])
    assert [4] * 20 == answers([thread.run() for thread in threads])
    assert 1 == runtime.statistics().pool.threads


def test_a_workflow_may_use_the_runtime_it_runs_in(open_runtime: Open) -> None:
    held: list[Runtime] = []

    def work(context: ExecutionContext, _config: Any) -> Any:
        (runtime,) = held
        created = runtime.session(context.session_id).create_thread("child")
        return created.get(timeout=LONG_S).run().get(timeout=LONG_S)

    runtime, notes = run(open_runtime, work)
    held.append(runtime)
    assert {"runs": 1} == answer(notes.run())


def test_an_executor_of_ones_own_runs_the_steps(open_runtime: Open) -> None:
    class Threads:
        """Runs each step on an OS thread of its own."""

        def __init__(self) -> None:
            self.steps = 0

        def submit(self, step: Callable[[], None]) -> None:
            self.steps += 1
            threading.Thread(target=step, daemon=True).start()

        def abandon(self, execution: Execution) -> None:
            execution.abandon()

        def statistics(self) -> int:
            return self.steps

        def close(self, timeout_s: float) -> bool:
            return timeout_s >= 0

    runtime = open_runtime(executor=Threads())
    notes = answer(runtime.session("alice").create_thread("notes", "count"))
    assert [1, 2, 3] == list(notes.stream())
    assert 4 == runtime.statistics().pool


def test_a_reader_that_is_too_slow_is_cut_off_and_the_run_goes_on(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.actors.stream.STREAM_ITEMS_MAX", 3)
    stop = Stop()

    def work(_context: Any, _config: Any) -> Any:
        yield from range(10)
        stop.here()

    _, notes = run(open_runtime, work)
    stream = notes.stream(op_id="run-1")
    stop.reached()
    stop.open()
    assert 9 == answer(notes.run(op_id="run-1"))
    items: list[Any] = []
    with pytest.raises(Exception, match="behind and was cut off"):
        items.extend(iter(stream.__next__, None))
    assert 10 == len(states(notes))
