"""Deadlines and overload: who waits is told in time, and what is true stays true."""

from typing import Any

import pykka
import pytest

from tests.actors.conftest import Open
from tests.actors.support import (
    LONG_S,
    GatedStore,
    Stop,
    Walk,
    answer,
    answers,
    failure,
    settle,
)
from weft.actors import Runtime
from weft.actors import mailroom as mailroom_module
from weft.storage import (
    DeadlineExceeded,
    Overloaded,
)
from weft.storage import writer as writer_module

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
