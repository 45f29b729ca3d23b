"""A helper is shared by all of a process: the first starts it, the last ends it."""

from __future__ import annotations

import os
import threading

from tests.actors.support import LONG_S
from weft.actors.process_helper import ProcessHelper


class Waiting(ProcessHelper):
    os_thread_name = "test-waiting"

    @classmethod
    def acquire(cls) -> Waiting:
        return cls._join(cls)

    def _run(self) -> None:
        while not self._stopping:
            self._wakeup.wait()


class Other(Waiting):
    os_thread_name = "test-other"


def alive() -> set[str]:
    names = {each.name for each in threading.enumerate()}
    return names & {"test-waiting", "test-other"}


def test_the_first_user_starts_it_and_the_last_one_ends_it() -> None:
    first, second = Waiting.acquire(), Waiting.acquire()
    assert first is second
    assert {"test-waiting"} == alive()
    first.release(LONG_S)
    assert {"test-waiting"} == alive()
    second.release(LONG_S)
    assert set() == alive()


def test_who_comes_after_the_last_gets_a_new_one() -> None:
    first = Waiting.acquire()
    first.release(LONG_S)
    second = Waiting.acquire()
    assert first is not second
    assert {"test-waiting"} == alive()
    second.release(LONG_S)


def test_each_kind_has_its_own() -> None:
    one, other = Waiting.acquire(), Other.acquire()
    assert one is not other
    assert {"test-waiting", "test-other"} == alive()
    one.release(LONG_S)
    assert {"test-other"} == alive()
    other.release(LONG_S)


def test_a_fork_finds_none() -> None:
    one = Waiting.acquire()
    pid = os.fork()
    if not pid:
        os._exit(1 if os.getpid() in Waiting._shared else 0)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    one.release(LONG_S)
