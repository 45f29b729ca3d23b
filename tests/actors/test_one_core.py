"""OS threads of one process are kept on one core, the calmest, and let go again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.actors.support import LONG_S
from weft.actors import Runtime, one_core
from weft.actors.one_core import OneCore, best_core
from weft.actors.pool import Pool
from weft.storage import MemoryStore
from weft.storage.cores import freed, gather, scatter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CORES = os.sched_getaffinity(0)
PAUSE = threading.Event()

needs_two = pytest.mark.skipif(len(CORES) < 2, reason="one core leaves no choice")


@pytest.fixture(autouse=True)
def left_as_it_was() -> Iterator[None]:
    yield
    scatter()
    assert CORES == os.sched_getaffinity(0)


def cores_in(run: Callable[[Callable[[], None]], object]) -> set[int]:
    """Return the cores of whatever OS thread executes what ``run`` is given."""
    found: list[set[int]] = []
    done = threading.Event()

    def look() -> None:
        found.append(os.sched_getaffinity(0))
        done.set()

    run(look)
    assert done.wait(LONG_S)
    return found[0]


def on_a_thread(function: Callable[[], None]) -> None:
    threading.Thread(target=function, daemon=True).start()


def in_a_process() -> str:
    asked = "import os; print(sorted(os.sched_getaffinity(0)))"
    return subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, check=True, text=True
    ).stdout.strip()


@needs_two
def test_os_threads_that_are_there_and_those_to_come_are_gathered() -> None:
    core, ready, end = max(CORES), threading.Event(), threading.Event()

    def stay() -> None:
        ready.set()
        end.wait(LONG_S)

    there = threading.Thread(target=stay)
    there.start()
    assert ready.wait(LONG_S)
    gather(core)
    assert {core} == os.sched_getaffinity(0)
    assert {core} == os.sched_getaffinity(there.native_id or 0)
    assert {core} == cores_in(on_a_thread)
    gather(min(CORES))
    assert {min(CORES)} == os.sched_getaffinity(there.native_id or 0)
    end.set()
    there.join(LONG_S)


@needs_two
def test_what_is_freed_may_use_every_core() -> None:
    gather(min(CORES))
    with freed():
        assert set(CORES) == cores_in(on_a_thread)
        assert str(sorted(CORES)) == in_a_process()
    assert {min(CORES)} == os.sched_getaffinity(0)
    assert str([min(CORES)]) == in_a_process()


@needs_two
def test_os_threads_of_workflows_may_use_every_core() -> None:
    gather(min(CORES))
    pool = Pool()
    assert set(CORES) == cores_in(pool.submit)
    assert pool.close(LONG_S)


@needs_two
def test_an_os_thread_with_cores_of_its_own_keeps_them() -> None:
    chosen, ready, end = {max(CORES)}, threading.Event(), threading.Event()

    def stay() -> None:
        os.sched_setaffinity(0, chosen)
        ready.set()
        end.wait(LONG_S)

    there = threading.Thread(target=stay)
    there.start()
    assert ready.wait(LONG_S)
    gather(min(CORES))
    assert chosen == os.sched_getaffinity(there.native_id or 0)
    end.set()
    there.join(LONG_S)


@needs_two
def test_a_forked_process_may_use_every_core() -> None:
    gather(min(CORES))
    pid = os.fork()
    if not pid:
        os._exit(0 if CORES == os.sched_getaffinity(0) else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_nothing_is_freed_where_nothing_was_gathered() -> None:
    with freed():
        assert CORES == os.sched_getaffinity(0)
    scatter()
    assert CORES == os.sched_getaffinity(0)


class Processor:
    """Cores that are as busy as a test says, from one look to the next."""

    def __init__(self, share: dict[int, float]) -> None:
        self.share = share
        self.looks = 0
        self._busy_s = dict.fromkeys(CORES, 0.0)
        self._at_s = time.monotonic()

    def __call__(self) -> dict[int, float]:
        now_s = time.monotonic()
        for core in CORES:
            self._busy_s[core] += self.share.get(core, 0.0) * (now_s - self._at_s)
        self._at_s = now_s
        self.looks += 1
        return dict(self._busy_s)


def await_core(one: OneCore, expected: int | None) -> None:
    deadline_s = time.monotonic() + LONG_S
    while one.core != expected:
        assert time.monotonic() < deadline_s, f"it is on {one.core}"
        PAUSE.wait(0.02)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_core, "LOOK_EVERY_S", 0.1)


@needs_two
def test_where_others_leave_room_the_os_threads_are_together() -> None:
    first, second = sorted(CORES)[:2]
    processor = Processor({first: 0.5})
    one = OneCore(processor)
    one.start()
    await_core(one, second)
    assert {second} == os.sched_getaffinity(0)
    processor.share = {first: 0.0, second: 2.0}
    await_core(one, first)  # a calmer one
    assert {first} == os.sched_getaffinity(0)
    one.stop(LONG_S)
    assert CORES == os.sched_getaffinity(0)


@needs_two
def test_who_is_disturbed_everywhere_uses_all_cores_for_a_while() -> None:
    processor = Processor({})
    one = OneCore(processor)
    one.start()
    await_core(one, min(CORES))
    processor.share = dict.fromkeys(CORES, 2.0)
    await_core(one, None)
    assert CORES == os.sched_getaffinity(0)
    processor.share = {}
    looks = processor.looks
    while processor.looks < looks + 10:
        PAUSE.wait(0.02)
    assert one.core is None
    one.stop(LONG_S)


@needs_two
def test_where_the_system_forbids_it_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(core: int) -> None:
        raise PermissionError(1, f"core {core} is not for you")

    monkeypatch.setattr(one_core, "gather", refuse)
    one = OneCore(Processor({}))
    one.start()
    one._thread.join(LONG_S)
    assert ["weft.actors"] == [record.name for record in caplog.records]
    assert "is not for you" in caplog.text
    assert one.core is None
    one.stop(LONG_S)


@needs_two
def test_the_last_user_lets_the_os_threads_go() -> None:
    first, second = OneCore.acquire(), OneCore.acquire()
    assert first is not None
    assert second is not None
    assert first is second
    first.release(LONG_S)
    gather(min(CORES))  # as it might have done
    second.release(LONG_S)
    assert CORES == os.sched_getaffinity(0)
    assert OneCore.acquire() is not first
    OneCore._shared.pop(os.getpid()).stop(LONG_S)


@needs_two
def test_a_runtime_does_it_while_it_is_open_if_it_is_told_to() -> None:
    def threads() -> list[str]:
        return [each.name for each in threading.enumerate()]

    with Runtime.open(store=MemoryStore()):
        assert "weft-core" not in threads()
    with Runtime.open(store=MemoryStore(), one_core=True):
        assert "weft-core" in threads()
    assert "weft-core" not in threads()


def test_where_there_is_one_core_nothing_is_done() -> None:
    only = min(CORES)
    os.sched_setaffinity(0, {only})
    try:
        assert OneCore.acquire() is None
        assert {only} == os.sched_getaffinity(0)
    finally:
        os.sched_setaffinity(0, CORES)


def test_the_system_tells_how_busy_each_core_was() -> None:
    before, began_s = one_core._busy_s(), time.process_time()
    while time.process_time() < began_s + 0.2:
        pass
    after = one_core._busy_s()
    assert before.keys() >= CORES
    assert sum(after[core] - before[core] for core in before) >= 0.1


@needs_two
def test_what_gathered_os_threads_take_is_counted() -> None:
    gather(min(CORES))
    before, began_s = one_core._gathered_s(), time.process_time()
    while time.process_time() < began_s + 0.2:
        pass
    assert 0.1 <= one_core._gathered_s() - before


def test_whoever_is_apart_comes_together_where_others_leave_room() -> None:
    assert 1 == best_core({0: 0.9, 1: 0.1}, own=0.9, present=None)
    assert 0 == best_core({0: 0.1, 1: 0.6}, own=0.0, present=None)


def test_whoever_is_apart_stays_so_while_others_need_every_core() -> None:
    assert best_core({0: 1.0, 1: 1.0}, own=0.9, present=None) is None
    assert best_core({0: 0.9, 1: 0.9, 2: 0.9}, own=0.9, present=None) is None


def test_a_core_is_left_if_others_use_much_of_it() -> None:
    assert 1 == best_core({0: 0.9, 1: 0.05}, own=0.2, present=0)
    assert best_core({0: 0.9, 1: 0.5}, own=0.2, present=0) is None


def test_a_core_that_is_ours_is_kept_however_busy_we_are() -> None:
    assert 0 == best_core({0: 1.0, 1: 0.0}, own=0.95, present=0)
    assert 0 == best_core({0: 0.3, 1: 0.0}, own=1.4, present=0)
