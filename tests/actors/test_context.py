"""What a run sees of the world it runs in."""

from typing import Any

from tests.actors.conftest import Open
from tests.actors.support import Stop, answer
from weft.actors import ExecutionContext


def test_a_context_tells_where_the_run_is(open_runtime: Open) -> None:
    seen: list[Any] = []

    def look(context: ExecutionContext, _config: Any) -> Any:
        seen.append(
            (
                context.session_id,
                context.thread_id,
                context.thread_name,
                context.run_id,
                context.attempt,
                context.state,
                context.cancelled,
            )
        )
        yield {"n": 1}
        seen.append(context.state)

    runtime = open_runtime(workflows={"look": look})
    notes = answer(
        runtime.session("alice").create_thread("notes", "look", thread_id="t")
    )
    answer(notes.run())
    (run,) = answer(runtime.coordinator.list_runs("t"))
    assert [("alice", "t", "notes", run.run_id, 1, None, False), {"n": 1}] == seen
    answer(notes.run())
    assert {"n": 1} == seen[2][5]


def test_a_context_follows_a_transfer_and_a_rename(open_runtime: Open) -> None:
    stop, seen = Stop(), []

    def look(context: ExecutionContext, _config: Any) -> Any:
        yield 1
        stop.here()
        seen.append((context.session_id, context.thread_name))

    runtime = open_runtime(workflows={"look": look})
    notes = answer(runtime.session("alice").create_thread("notes", "look"))
    result = notes.run()
    stop.reached()
    answer(notes.transfer_to("bob", if_running="move", new_name="moved"))
    answer(notes.rename("renamed"))
    stop.open()
    answer(result)
    assert [("bob", "renamed")] == seen


def test_the_state_is_a_fresh_copy_at_each_look(open_runtime: Open) -> None:
    def spoil(context: ExecutionContext, _config: Any) -> Any:
        yield {"lines": [1]}
        context.state["lines"].append(2)
        yield context.state

    runtime = open_runtime(workflows={"spoil": spoil})
    notes = answer(runtime.session("alice").create_thread("notes", "spoil"))
    assert {"lines": [1]} == answer(notes.run())


def test_a_context_says_what_it_is() -> None:
    context = ExecutionContext("alice", "t", "notes", "r", 2)
    assert "<ExecutionContext run=r thread=t session=alice attempt=2>" == repr(context)
    context.cancel()
    assert context.cancelled
