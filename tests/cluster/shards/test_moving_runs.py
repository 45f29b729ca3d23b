"""A thread that runs is moved to another shard: its run goes along, or is cancelled."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future as Call
from contextlib import suppress
from typing import Any

import pytest

from tests.cluster.local import LocalCluster, ids_on
from tests.cluster.shards.looking import WAIT_S, remembered
from weft.actors import ExecutionContext
from weft.storage import Run, WorkflowExecutionError, new_id


class Gate:
    """Where each attempt of a run waits for its test."""

    def __init__(self) -> None:
        self.reached = threading.Semaphore(0)
        self.opened = threading.Semaphore(0)

    def wait(self, context: ExecutionContext) -> None:
        """Wait until the gate is opened, or the attempt is told to stop."""
        self.reached.release()
        deadline_s = time.monotonic() + WAIT_S
        while not (self.opened.acquire(timeout=0.02) or context.cancelled):
            assert time.monotonic() < deadline_s

    def await_run(self) -> None:
        assert self.reached.acquire(timeout=WAIT_S)


GATES: dict[str, Gate] = {}


def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Count from the last durable state to three, and wait behind each."""
    for n in range((context.state or {}).get("n", 0) + 1, 4):
        yield {"n": n, "attempt": context.attempt}
        GATES[config["gate"]].wait(context)


@pytest.fixture(scope="module")
def workflows() -> dict[str, Any]:
    """Return what the shards of this file run."""
    return {"default": count}


@pytest.fixture(params=[(0, 1), (1, 0)], ids=["up", "down"])
def pair(request: pytest.FixtureRequest, cluster: LocalCluster) -> tuple[str, str]:
    """Two sessions on different shards: logs go up from one to the other, or down."""
    prefix = new_id()
    here, there = (ids_on(shard, 2, 1, prefix)[0] for shard in request.param)
    for session_id in (here, there):
        cluster.runtime.coordinator.create_session(session_id).get(timeout=WAIT_S)
    return here, there


class Scene:
    """A run that waits behind its first state."""

    def __init__(self, cluster: LocalCluster, session_id: str) -> None:
        self.coordinator = cluster.runtime.coordinator
        self.thread_id = new_id()
        self.gate = GATES[self.thread_id] = Gate()
        config = {"gate": self.thread_id}
        self.coordinator.create_thread_with_session(
            session_id, config, "notes", thread_id=self.thread_id
        ).get(timeout=WAIT_S)
        started = self.coordinator.start_run(thread_id=self.thread_id)
        self.run_id = started.get(timeout=WAIT_S).run_id
        self.gate.await_run()

    def move(self, here: str, there: str) -> Any:
        return self.coordinator.transfer_thread_between_sessions(
            self.thread_id, here, there, if_running="move"
        )

    def end(self) -> Run:
        self.gate.opened.release(10)
        return self.ended()

    def ended(self) -> Run:
        """Return the run once it has ended, by itself if nobody opens the gate."""
        ended = self.coordinator.join_run(self.run_id)
        with suppress(WorkflowExecutionError):
            ended.get(timeout=WAIT_S)
        return self.run()

    def run(self) -> Run:
        run = self.coordinator.get_run(self.run_id).get(timeout=WAIT_S)
        assert run is not None
        return run

    def states(self) -> list[int]:
        history = self.coordinator.thread_history(self.thread_id).get(timeout=WAIT_S)
        return [state.values["n"] for state in reversed(history)]


def test_a_run_goes_on_from_its_last_state_where_its_thread_went(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    scene = Scene(cluster, here)
    assert there == scene.move(here, there).get(timeout=WAIT_S).session_id
    scene.gate.await_run()  # its next attempt, on the other shard
    run = scene.end()
    assert ("success", 2) == (run.status, run.attempt)
    assert [1, 2, 3] == scene.states()
    views = remembered(cluster)
    assert {} == views[here]
    assert {"notes": scene.thread_id} == views[there]


def test_the_attempt_that_was_left_behind_writes_nothing_any_more(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    scene = Scene(cluster, here)
    scene.move(here, there).get(timeout=WAIT_S)
    scene.end()
    history = scene.coordinator.thread_history(scene.thread_id).get(timeout=WAIT_S)
    attempts = [state.values["attempt"] for state in reversed(history)]
    assert [1, 2, 2] == attempts


@pytest.mark.parametrize("first", ["cancel", "move"])
def test_a_cancel_that_races_a_move_follows_the_run(
    cluster: LocalCluster, pair: tuple[str, str], first: str
) -> None:
    here, there = pair
    scene = Scene(cluster, here)
    if first == "cancel":
        cancelled = cluster.runtime.cancel(scene.run_id)
        moved = scene.move(here, there)
    else:
        moved = scene.move(here, there)
        cancelled = cluster.runtime.cancel(scene.run_id)
    assert there == moved.get(timeout=WAIT_S).session_id
    assert cancelled.get(timeout=WAIT_S)
    # The gate stays shut: nothing but the cancel ends the attempt on the new shard.
    assert "interrupted" == scene.ended().status
    thread = scene.coordinator.get_thread(scene.thread_id).get(timeout=WAIT_S)
    assert (there, None) == (thread.session_id, thread.run_id)


def test_a_cancel_waits_for_a_run_that_is_between_two_shards(
    cluster: LocalCluster, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(cluster, pair[0])
    ask, left = cluster.post.cancel, [3]

    def not_yet(shard: int, run_id: str, *, undo: bool) -> "Call[bool]":
        if left[0]:
            left[0] -= 1
            answer: Call[bool] = Call()
            answer.set_result(False)
            return answer
        return ask(shard, run_id, undo=undo)

    monkeypatch.setattr(cluster.post, "cancel", not_yet)
    assert cluster.runtime.cancel(scene.run_id).get(timeout=WAIT_S)
    assert "interrupted" == scene.ended().status
    assert not cluster.runtime.cancel(scene.run_id).get(timeout=WAIT_S), "it has ended"


def test_a_cancel_behind_a_move_reaches_the_run_on_its_new_shard(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    scene = Scene(cluster, here)
    scene.move(here, there).get(timeout=WAIT_S)
    scene.gate.await_run()
    assert cluster.runtime.cancel(scene.run_id).get(timeout=WAIT_S)
    assert "interrupted" == scene.end().status


def test_after_all_of_this_the_database_is_consistent(cluster: LocalCluster) -> None:
    assert [] == cluster.runtime.check().inconsistencies
    assert [] == cluster.defects
