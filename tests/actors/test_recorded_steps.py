"""Steps whose result is recorded: executed again only if nothing was recorded."""

import threading
from typing import Any

from tests.actors.conftest import Open
from tests.actors.support import GatedStore, Stop, answer, failure, settle
from weft.actors import ExecutionContext, RetryPolicy, RunPolicy, workflow
from weft.actors.future import Future
from weft.storage import InvalidArgument, RecordStep

QUICK = RunPolicy(retry=RetryPolicy(backoff_s=0.01))


def test_a_recorded_step_is_not_executed_by_the_next_attempt(
    open_runtime: Open,
) -> None:
    calls = []

    @workflow(policy=QUICK)
    def paying(context: ExecutionContext, _config: Any) -> Any:
        def pay() -> dict[str, int]:
            calls.append(context.attempt)
            return {"receipt": len(calls)}

        first = context.step("pay", pay)
        assert first == context.step("pay", pay)
        if context.attempt < 3:
            raise OSError
        other = context.step("pay again", pay)
        return first, other

    runtime = open_runtime(workflows={"paying": paying})
    notes = answer(runtime.session("alice").create_thread("notes", "paying"))
    assert [{"receipt": 1}, {"receipt": 2}] == answer(notes.run())
    assert [1, 3] == calls
    assert [{"receipt": 3}, {"receipt": 4}] == answer(notes.run())  # a run of its own
    with runtime.store.read() as snapshot:
        assert [] == list(snapshot.scan("R", b"\x03"))


def test_a_step_is_durable_before_the_code_goes_on(
    gated: GatedStore, open_runtime: Open
) -> None:
    before, went_on = Stop(), threading.Event()

    def work(context: ExecutionContext, _config: Any) -> Any:
        before.here()
        result = context.step("one", lambda: 1)
        went_on.set()
        return result

    runtime = open_runtime(store=gated, workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    result = notes.run()
    before.reached()
    with gated.shut(runtime):
        before.open()
        assert not went_on.wait(0.1)
    assert 1 == answer(result)
    kinds = [type(one) for group in gated.groups for one in group]
    assert 1 == kinds.count(RecordStep)


def test_a_step_that_raises_is_not_recorded(open_runtime: Open) -> None:
    def work(context: ExecutionContext, _config: Any) -> Any:
        try:
            context.step("one", lambda: 1 / 0)
        except ZeroDivisionError:
            return context.step("one", lambda: "second")

    runtime = open_runtime(workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    assert "second" == answer(notes.run())


def test_a_moved_run_records_its_steps(open_runtime: Open) -> None:
    before = Stop()

    def work(context: ExecutionContext, _config: Any) -> Any:
        before.here()
        return context.step("one", lambda: context.thread_name)

    runtime = open_runtime(workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    result = notes.run()
    before.reached()
    moving = notes.transfer_to("bob", if_running="move")
    settle(runtime)
    before.open()
    assert "notes" == answer(result)
    assert "bob" == answer(moving).session_id


def test_a_step_needs_a_name_and_a_runtime(open_runtime: Open) -> None:
    def work(context: ExecutionContext, _config: Any) -> Any:
        return context.step("", lambda: 1)

    runtime = open_runtime(workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    assert InvalidArgument is type(failure(notes.run()).cause)
    alone = ExecutionContext("s", "t", "n", "r", 1)
    failed: Future[Any] = Future()
    try:
        alone.step("one", lambda: 1)
    except InvalidArgument as error:
        failed.fail(error)
    assert "in a run" in str(failure(failed))


def test_an_asynchronous_step_is_recorded(open_runtime: Open) -> None:
    calls = []

    async def work(context: ExecutionContext, _config: Any) -> Any:
        async def effect() -> int:
            calls.append(1)
            return 7

        return [await context.step_async("one", effect) for _ in range(2)]

    runtime = open_runtime(workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    assert [7, 7] == answer(notes.run())
    assert [1] == calls
