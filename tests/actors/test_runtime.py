"""The runtime: opening, closing, failing disks, failing actors, asyncio, forks."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pykka
import pytest
import uvloop

from tests.actors.conftest import Open
from tests.actors.support import (
    LONG_S,
    FailingStore,
    GatedStore,
    Stop,
    WrappedStore,
    answer,
    answers,
    failure,
    in_threads,
    settle,
)
from weft.actors import ActorCrashed, ExecutionContext, Future, PoolExecutor, Runtime
from weft.actors import mailroom as mailroom_module
from weft.actors import submitter as submitter_module
from weft.actors.messages import Command, RunCommand, Settled, Yielded
from weft.actors.session import SessionActor
from weft.actors.thread import ThreadActor
from weft.storage import (
    DeadlineExceeded,
    InvalidArgument,
    MemoryStore,
    Overloaded,
    SessionNotFound,
    SessionThreadException,
    Snapshot,
    StoreClosed,
    StoreCorrupt,
    StoreReadOnly,
    WorkflowExecutionError,
)
from weft.storage import writer as writer_module


class Walk:
    """A generator of 1, 2 that stops behind its first state."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.begun = 0

    def __call__(self, _context: ExecutionContext, _config: Any) -> Any:
        self.begun += 1
        yield 1
        self.stop.here()
        yield 2


@pytest.fixture
def walk() -> Any:
    made = Walk()
    yield made
    made.stop.open()


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


# Deadlines


def test_a_deadline_tells_the_op_id_and_asking_again_tells_the_truth(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    answer(coordinator.create_session("alice"))
    with gated.shut(runtime):
        future = coordinator.create_thread_with_session(
            "alice", {}, "notes", op_id="create-1", timeout_s=0.02
        )
        error = failure(future)
    assert DeadlineExceeded is type(error)
    assert "create-1" == error.op_id == future.op_id
    assert [] == answer(coordinator.list_threads("alice"))  # late: not applied
    thread_id = answer(
        coordinator.create_thread_with_session("alice", {}, "notes", op_id="create-1")
    )
    assert thread_id == answer(coordinator.list_threads("alice"))[0].thread_id


def test_what_was_applied_although_its_caller_gave_up_is_answered_the_second_time(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    with gated.shut(runtime):
        future = coordinator.create_session("alice")
        with pytest.raises(pykka.Timeout):
            future.get(timeout=0.01)
    first = answer(future)
    assert first == answer(coordinator.create_session("alice", op_id=future.op_id))


def test_a_run_goes_on_when_its_caller_gives_up(walk: Walk, open_runtime: Open) -> None:
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(runtime.session("alice").create_thread("notes", "walk"))
    future = notes.run(op_id="run-1", timeout_s=0.05)
    stream = notes.stream(timeout_s=0.05)
    assert "run-1" == failure(future).op_id
    with pytest.raises(DeadlineExceeded):
        list(stream)
    walk.stop.open()
    assert 2 == answer(notes.run(op_id="run-1"))


def test_a_deadline_that_is_met_leaves_no_timer_behind(runtime: Runtime) -> None:
    for number in range(50):
        answer(runtime.coordinator.create_session(f"s-{number}", timeout_s=LONG_S))
    live = [entry[2] for entry in list(runtime._timers._heap) if entry[2]._is_live()]
    assert len(live) <= 2  # those that move the clock hand and retention on


# Overload


def test_a_full_queue_is_told_at_once(
    gated: GatedStore, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_OPERATIONS_MAX", 2)
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    with gated.shut(runtime):
        futures = [coordinator.create_session(f"s-{n}") for n in range(4)]
        late = [failure(future) for future in futures[2:]]
    assert [Overloaded, Overloaded] == [type(error) for error in late]
    assert ["s-0", "s-1"] == [s.session_id for s in answers(futures[:2])]
    assert "s-3" == answer(coordinator.create_session("s-3")).session_id


def test_when_too_much_mail_waits_clients_are_told_at_once(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = open_runtime()
    coordinator = runtime.coordinator
    answer(coordinator.create_session("alice"))
    settle(runtime)
    monkeypatch.setattr(mailroom_module, "MAIL_MAX", 3)
    stop = Stop()
    monkeypatch.setattr(runtime._dispatcher, "trace", lambda *_: stop.here())
    futures: list[Any] = [coordinator.create_session("s-0")]
    stop.reached()  # in hand; what comes now waits
    futures += [coordinator.create_session(f"s-{n}") for n in range(1, 4)]
    notes = runtime.thread("t")
    late: list[Any] = [coordinator.create_session("s-4"), notes.run(), notes.stream()]
    for refused in late[:2]:
        error = failure(refused)
        assert (Overloaded, refused.op_id) == (type(error), error.op_id)
    with pytest.raises(Overloaded):
        list(late[2])
    runtime._dispatcher.trace = None
    stop.open()
    assert 4 == len(answers(futures))
    assert "s-4" == answer(coordinator.create_session("s-4")).session_id


# A store that cannot write


@pytest.fixture
def _no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitter_module, "RETRY_DELAY_S", 0.01)


@pytest.mark.usefixtures("_no_delay")
@pytest.mark.parametrize("cause", [OSError(28, "No space left"), StoreReadOnly("full")])
def test_when_the_store_fails_everybody_is_told_and_runs_end_when_it_writes_again(
    failing: FailingStore, walk: Walk, open_runtime: Open, cause: Exception
) -> None:
    runtime = open_runtime(store=failing, workflows={"walk": walk.__call__})
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", "walk"))
    drafts = answer(runtime.session("alice").create_thread("drafts"))
    stream = notes.stream()
    walk.stop.reached()

    failing.error = cause
    waiting: list[Future[Any]] = [
        coordinator.create_session("bob"),
        coordinator.coordinate_threads("alice", [{"name": "new"}]),
        coordinator.remove_thread_from_session("alice", "drafts"),
        drafts.transfer_to("bob"),
        drafts.run(),
        coordinator.track_user_interaction("alice", {"type": "click"}),
    ]
    errors = [failure(future) for future in waiting]
    assert {StoreReadOnly} == {type(error) for error in errors}
    assert [f.op_id for f in waiting] == [error.op_id for error in errors]
    assert "unhealthy" == answer(coordinator.health_check()).status
    failing.failed.clear()
    walk.stop.open()
    assert failing.failed.wait(LONG_S)  # the run's next state, in vain

    failing.error = None
    assert [1, 2] == list(stream)
    assert "idle" == answer(notes.get()).status
    assert {"runs": 1} == answer(drafts.run())
    assert "healthy" == answer(coordinator.health_check()).status
    assert runtime.check().clean


@pytest.mark.usefixtures("_no_delay")
def test_a_runtime_closes_while_the_store_fails(
    failing: FailingStore, walk: Walk, open_runtime: Open
) -> None:
    runtime = open_runtime(store=failing, workflows={"walk": walk.__call__})
    notes = answer(runtime.session("alice").create_thread("notes", "walk"))
    result = notes.run()
    walk.stop.reached()
    failing.error = OSError(5, "I/O error")
    walk.stop.open()
    assert failing.failed.wait(LONG_S)
    runtime.close(timeout_s=0.1)
    assert StoreClosed is type(failure(result))


class CorruptStore(WrappedStore):
    """A store that cannot be read while ``corrupt`` is set."""

    corrupt = False

    def read(self) -> Any:
        if self.corrupt:
            raise StoreCorrupt("A page is damaged.")
        return super().read()


def test_nobody_waits_for_ever_when_the_store_cannot_be_read(
    open_runtime: Open,
) -> None:
    store = CorruptStore(MemoryStore())
    runtime = open_runtime(store=store)
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    store.corrupt = True
    futures: list[Any] = [
        coordinator.create_session("bob"),  # has to be activated
        coordinator.execute_workflow_in_session("carol", "notes"),
        runtime.thread("u").run(),  # has to be looked up
        coordinator.rename_thread("u", "x"),
        notes.run(),  # has to be begun
        coordinator.get_session("alice"),
    ]
    assert {"StoreCorrupt"} == {type(failure(f)).__name__ for f in futures[:4]}
    with pytest.raises(SessionThreadException):
        futures[4].get(timeout=LONG_S)
    assert StoreCorrupt is type(failure(futures[5]))
    store.corrupt = False
    settle(runtime)
    assert "bob" == answer(coordinator.create_session("bob")).session_id
    assert SessionNotFound is type(
        failure(coordinator.execute_workflow_in_session("carol", "notes"))
    )
    assert {"runs": 1} == answer(notes.run())


# Actors that fail


def fail_once(
    monkeypatch: pytest.MonkeyPatch, actor: Any, kind: type, suits: Any = None
) -> list[Any]:
    """Have a handler raise once, for the first message that suits."""
    handlers = dict(actor.handlers)
    broken: list[Any] = []
    real = handlers[kind]

    def handler(self: Any, message: Any) -> Any:
        if not broken and (suits is None or suits(message)):
            broken.append(message)
            raise RuntimeError("a defect")
        return real(self, message)

    monkeypatch.setattr(actor, "handlers", handlers | {kind: handler})
    return broken


def test_a_thread_whose_actor_fails_answers_and_goes_on(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = answer(runtime.session("alice").create_thread("notes"))
    broken = fail_once(monkeypatch, ThreadActor, RunCommand)
    futures = [notes.run() for _ in range(4)]
    error = failure(futures[0])
    assert WorkflowExecutionError is type(error)
    assert "a defect" == str(error.cause)
    assert [{"runs": n} for n in (1, 2, 3)] == answers(futures[1:])
    assert 1 == len(broken)
    assert 1 == runtime.statistics().restarts


def test_a_run_whose_threads_actor_fails_is_taken_over(
    walk: Walk, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.stop.open()
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    broken = fail_once(monkeypatch, ThreadActor, Yielded)
    result, queued = notes.run(op_id="run-1"), notes.run()
    assert WorkflowExecutionError is type(failure(result))
    assert WorkflowExecutionError is type(failure(queued))
    assert 2 == answer(notes.run(op_id="run-1"))
    assert 2 == answer(notes.run())  # behind the queued one, which was kept
    _, kept, run = answer(runtime.coordinator.list_runs("t"))
    assert ("success", 1) == (kept.status, kept.attempt)
    assert ("success", 2) == (run.status, run.attempt)
    assert 1 == len(broken)
    assert runtime._services.sessions["alice"] is runtime._services.threads["t"].parent


def test_a_run_that_is_taken_over_goes_before_the_mail_behind_it(
    walk: Walk, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.stop.open()
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    later: list[Future[Any]] = []

    def suits(message: Settled) -> bool:
        if isinstance(message.request, Yielded):
            later.extend(notes.run() for _ in range(3))  # mail behind this message
            return True
        return False

    fail_once(monkeypatch, ThreadActor, Settled, suits)
    failure(notes.run(op_id="run-1"))
    assert [2, 2, 2] == answers(later)
    assert 2 == answer(notes.run(op_id="run-1"))
    runs = answer(runtime.coordinator.list_runs("t"))
    assert [1, 1, 1, 2] == sorted(run.attempt for run in runs)


@pytest.mark.parametrize("kind", [Command, Settled])
def test_a_session_whose_actor_fails_reads_its_view_anew_and_answers(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    coordinator = runtime.coordinator
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    actor(runtime, "alice")._names.clear()  # a wrong view
    broken = fail_once(monkeypatch, SessionActor, kind)
    future = coordinator.rename_thread("t", "drafts", session_id="alice")
    waiting = coordinator.rename_thread("t", "memos", session_id="alice")
    if kind is Command:
        error = failure(future)
        assert (ActorCrashed, future.op_id) == (type(error), error.op_id)
        assert "a defect" == str(error.cause)
    else:  # what became of it is known
        assert "drafts" == answer(future).thread_name
    assert "memos" == answer(waiting).thread_name
    assert {"memos": "t"} == actor(runtime, "alice")._names
    assert {"runs": 1} == answer(
        coordinator.execute_workflow_in_session("alice", "memos")
    )
    assert 1 == len(broken)
    assert {"session": 1} == runtime.statistics().restarts_by_kind


def actor(runtime: Runtime, session_id: str) -> Any:
    """Return who has a session now."""
    return runtime._services.sessions[session_id].actor


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


# Processes


FORK = """
import os, sys
from weft.actors import Runtime
from weft.storage import StoreClosed, StoreLocked

runtime = Runtime.open(sys.argv[1])
runtime.coordinator.create_session("alice").get(timeout=20)
pid = os.fork()
if pid == 0:
    for call in (
        lambda: runtime.coordinator.create_session("bob"),
        lambda: runtime.coordinator.execute_workflow_in_session("alice", "x"),
        lambda: runtime.coordinator.get_session("alice"),
    ):
        try:
            call().get(timeout=20)
        except StoreClosed:
            pass
        else:
            os._exit(1)
    runtime.close()
    try:
        Runtime.open(sys.argv[1])
    except StoreLocked as error:
        if error.holder_pid != os.getppid():
            os._exit(2)
    else:
        os._exit(3)
    with Runtime.open(sys.argv[2]) as other:
        other.coordinator.create_session("bob").get(timeout=20)
    os._exit(0)
_, status = os.waitpid(pid, 0)
runtime.coordinator.create_session("carol").get(timeout=20)
runtime.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_cannot_use_its_parents_runtime_and_may_open_its_own(
    tmp_path: Path, open_runtime: Open
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, tmp_path / "a", tmp_path / "b"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert ["alice", "carol"] == sessions(open_runtime(tmp_path / "a"))
    assert ["bob"] == sessions(open_runtime(tmp_path / "b"))


def sessions(runtime: Runtime) -> list[str]:
    def look(snapshot: Snapshot) -> list[str]:
        return [session.session_id for session in snapshot.sessions()]

    with runtime.store.read() as snapshot:
        return look(snapshot)


# Numbers


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
    assert 1 == found.pool.threads - found.pool.idle
    walk.stop.open()
    assert 2 == answer(result)
    assert {"success": 4, "error": 1} == runtime.statistics().runs
    assert 1 == runtime.statistics().actors["thread", "idle"] - 1
