"""One dispatcher for all runtimes of a process, as long as one of them uses it."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from tests.actors.recording import Recorder
from tests.actors.support import LONG_S
from weft.actors.dispatcher import Dispatcher

if TYPE_CHECKING:
    import pytest


def named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_the_shared_dispatcher_lives_as_long_as_its_users() -> None:
    first, second = Dispatcher.shared(), Dispatcher.shared()
    assert first is second
    first.release()
    cell = Recorder(first).actor_ref
    assert "x" == cell.ask("x", timeout=LONG_S)
    thread = first._thread
    second.release()
    assert thread is not None
    thread.join(LONG_S)
    assert not thread.is_alive()
    third = Dispatcher.shared()
    assert third is not first
    third.release()


def test_racing_users_share_one_dispatcher() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    at_once: list[int] = []
    try:

        def use() -> None:
            for number in range(200):
                dispatcher = Dispatcher.shared()
                cell = Recorder(dispatcher).actor_ref
                assert str(number) == cell.ask(str(number), timeout=LONG_S)
                dispatcher.release()
            at_once.append(1)

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG_S)
    finally:
        sys.setswitchinterval(interval)
    assert 4 == len(at_once)
    for thread in named("weft-dispatcher"):
        thread.join(LONG_S)
    assert [] == named("weft-dispatcher")
    assert {} == Dispatcher._shared


def test_a_user_who_comes_during_the_last_release_keeps_the_dispatcher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late: list[Dispatcher] = []

    class Registry(dict[int, Dispatcher]):
        def pop(self, *key: Any) -> Any:
            if not late:
                late.append(Dispatcher.shared())
            return super().pop(*key)

    monkeypatch.setattr(Dispatcher, "_shared", Registry())
    first = Dispatcher.shared()
    first.release()
    assert [first] == late
    assert {} == Dispatcher._shared
    cell = Recorder(first).actor_ref
    assert "x" == cell.ask("x", timeout=LONG_S)
    assert "y" == cell.ask("y", timeout=LONG_S)  # a stop would have been between
    first.release()
    assert first._thread is not None
    first._thread.join(LONG_S)
    assert not first._thread.is_alive()


def test_a_forked_child_cannot_use_its_parents_dispatcher() -> None:
    parents = Dispatcher.shared()
    cell = Recorder(parents).actor_ref
    cell.ask("x", timeout=LONG_S)
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:  # the child: report and leave without pytest's clean-up
        try:
            try:
                cell.ask("x", timeout=LONG_S)
                report = "answered"
            except RuntimeError as error:
                report = str(error)
            own = Recorder(Dispatcher.shared()).actor_ref
            report += own.ask(" and has its own", timeout=LONG_S)
            os.write(write_fd, report.encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with os.fdopen(read_fd) as reports:
        report = reports.read()
    os.waitpid(pid, 0)
    assert report.startswith("This dispatcher belongs to the parent process.")
    assert report.endswith(" and has its own")
    assert "y" == cell.ask("y", timeout=LONG_S)
    parents.release()
