"""The supervisor kills what hangs, and only that."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future as Call
from typing import Any

from weft.cluster.supervisor import START_S, Condition, Supervisor


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another OS thread does, with a deadline."""
    deadline_s = time.monotonic() + 5.0
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline_s
        pause.wait(0.001)


class Shards:
    """Shards that do what they are told; a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.hanging: set[int] = set()
        self.failing: dict[int, Condition] = {}
        self.starting: set[int] = set()
        self.killed: list[int] = []
        self.revived: list[int] = []

    def ping(self, shard: int) -> "Call[Any]":
        call: Call[Any] = Call()
        if shard in self.failing:
            call.set_exception(RuntimeError(self.failing[shard].name))
        elif shard not in self.hanging:
            call.set_result(None)
        return call

    def condition(self, error: BaseException) -> Condition:
        return Condition[str(error)]

    def is_starting(self, shard: int) -> bool:
        return shard in self.starting

    def kill(self, shard: int) -> None:
        self.killed.append(shard)

    def revive(self, shard: int) -> None:
        self.revived.append(shard)

    def supervisor(self, *shards: int) -> Supervisor:
        return Supervisor(
            shards, self, interval_s=0.001, monotonic_s=lambda: self.now_s
        )


def test_a_shard_that_misses_three_answers_in_a_row_is_killed() -> None:
    shards = Shards()
    supervisor = shards.supervisor(0, 1)
    supervisor.look()
    shards.hanging = {1}
    supervisor.look()
    supervisor.look()
    assert [] == shards.killed
    supervisor.look()
    assert [1] == shards.killed
    assert 1 == supervisor.statistics().killed
    assert 1 == supervisor.statistics().answering


def test_an_answer_in_between_begins_the_count_anew() -> None:
    shards = Shards()
    supervisor = shards.supervisor(0)
    supervisor.look()
    for _ in range(4):
        shards.hanging = {0}
        supervisor.look()
        supervisor.look()
        shards.hanging = set()
        supervisor.look()
    assert [] == shards.killed
    assert 8 == supervisor.statistics().missed


def test_a_shard_that_has_been_killed_gets_the_time_that_a_start_takes() -> None:
    shards = Shards()
    supervisor = shards.supervisor(0)
    supervisor.look()
    shards.hanging = {0}
    for _ in range(9):
        supervisor.look()
    assert [0] == shards.killed
    shards.now_s = START_S + 1
    for _ in range(3):
        supervisor.look()
    assert [0, 0] == shards.killed


def test_a_shard_that_has_never_answered_gets_that_time_too() -> None:
    shards = Shards()
    shards.hanging = {0}
    supervisor = shards.supervisor(0)
    for _ in range(5):
        supervisor.look()
    assert [] == shards.killed


def test_a_shard_that_is_being_restarted_is_left_alone() -> None:
    shards = Shards()
    supervisor = shards.supervisor(0)
    supervisor.look()
    shards.failing = {0: Condition.STARTING}
    for _ in range(5):
        supervisor.look()
    shards.failing, shards.hanging = {}, {0}
    for _ in range(5):
        supervisor.look()
    assert [] == shards.killed
    assert [] == shards.revived


def test_a_shard_that_is_silent_because_it_is_being_started_is_left_alone() -> None:
    """It died between two questions, and the next one waits for its successor."""
    shards = Shards()
    supervisor = shards.supervisor(0)
    supervisor.look()
    shards.hanging = shards.starting = {0}
    for _ in range(9):
        supervisor.look()
    assert [] == shards.killed


def test_one_that_has_come_up_just_before_the_third_miss_is_left_alone() -> None:
    """Its pings are old: they were sent to a process that was not there yet."""
    shards = Shards()
    supervisor = shards.supervisor(0)
    supervisor.look()
    shards.hanging = shards.starting = {0}
    supervisor.look()
    supervisor.look()
    shards.starting = set()
    supervisor.look()
    assert [] == shards.killed
    shards.hanging = set()
    supervisor.look()
    assert (1, 0) == (
        supervisor.statistics().answering,
        supervisor.statistics().killed,
    )


def test_one_that_hangs_once_it_has_come_up_is_killed_after_the_time_for_a_start() -> (
    None
):
    shards = Shards()
    supervisor = shards.supervisor(0)
    supervisor.look()
    shards.hanging = shards.starting = {0}
    supervisor.look()
    shards.starting = set()
    shards.now_s = START_S + 1
    for _ in range(2):
        supervisor.look()
    assert [] == shards.killed
    supervisor.look()
    assert [0] == shards.killed


def test_a_shard_that_is_gone_for_good_is_made_again() -> None:
    shards = Shards()
    supervisor = shards.supervisor(0, 1)
    shards.failing = {1: Condition.GONE}
    supervisor.look()
    assert [1] == shards.revived
    assert 1 == supervisor.statistics().revived


def test_a_shard_that_was_released_may_end_and_is_expected_again_when_watched() -> None:
    shards = Shards()
    supervisor = shards.supervisor(0, 1)
    supervisor.look()
    supervisor.release(1)
    shards.failing = {1: Condition.GONE}
    supervisor.look()
    assert [] == shards.revived
    assert 1 == supervisor.statistics().answering
    supervisor.watch(1)
    supervisor.look()
    assert [1] == shards.revived


def test_an_answer_that_comes_while_a_shard_is_released_is_not_heard() -> None:
    """It says that the shard is gone, which it was meant to be."""

    class Leaving(Shards):
        def ping(self, shard: int) -> "Call[Any]":
            call = super().ping(shard)
            supervisor.release(shard)
            return call

    shards = Leaving()
    supervisor = shards.supervisor(0)
    shards.failing = {0: Condition.GONE}
    supervisor.look()
    assert [] == shards.revived


def test_a_supervisor_goes_on_when_a_kill_fails() -> None:
    class Stubborn(Shards):
        def kill(self, shard: int) -> None:
            super().kill(shard)
            raise RuntimeError("it will not die")

    shards = Stubborn()
    supervisor = Supervisor([0], shards, interval_s=0.001)
    supervisor.look()
    shards.hanging = {0}
    supervisor.start()
    try:
        until(lambda: bool(shards.killed))
        shards.hanging = set()
        until(lambda: supervisor.statistics().answering == 1)
    finally:
        supervisor.stop()
    assert [0] == shards.killed
