"""What a with block ends is closed, in asyncio beside the loop; a runtime wholly.

How a runtime ends the runs that are in progress is in :mod:`tests.actors.test_runtime`.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, Walk, answer, failure, settle
from weft.actors import Actor, ExecutionContext, Runtime
from weft.actors import runtime as runtime_module
from weft.actors.closing import Closing
from weft.storage import LmdbStore, StoreClosed


class Closed(Closing):
    by: threading.Thread | None = None

    def close(self) -> None:
        self.by = threading.current_thread()


def test_a_with_block_closes_on_its_own_os_thread() -> None:
    with Closed() as made:
        assert made.by is None
    assert threading.current_thread() is made.by


def test_in_asyncio_the_loop_is_not_blocked_meanwhile() -> None:
    async def block() -> Closed:
        async with Closed() as made:
            assert made.by is None
        return made

    made = asyncio.run(block())
    assert made.by is not None
    assert threading.current_thread() is not made.by


# A runtime, whatever comes between


class Host(Actor):
    """Does what it is told to in a turn."""

    def on_receive(self, message: Callable[[], Any]) -> Any:
        return message()


@pytest.mark.usefixtures("heeding_ctrl_c")
def test_a_runtime_is_closed_whole_although_ctrl_c_ends_the_waiting_for_its_runs(
    tmp_store: Path, walk: Walk, open_runtime: Open
) -> None:
    runtime = open_runtime(tmp_store, workflows={"walk": walk.__call__})
    result = answer(runtime.session("alice").create_thread("notes", "walk")).run()
    walk.stop.reached()

    def interrupt() -> None:
        while not runtime._drained._waiters:
            settle(runtime)
        settle(runtime)  # a signal just before the system call would not end the wait
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        runtime.close(1e6)
    assert StoreClosed is type(failure(result))
    LmdbStore(tmp_store).close()  # nobody holds the directory any more


def test_who_closes_in_a_turn_is_told_so_and_the_runtime_stays_open(
    runtime: Runtime,
) -> None:
    host = Host.start()
    try:
        with pytest.raises(RuntimeError, match="in a turn"):
            host.ask(runtime.close, timeout=LONG_S)
        assert not runtime.closed
        answer(runtime.coordinator.create_session("alice"))
    finally:
        host.stop()


def test_a_turn_that_is_stuck_does_not_keep_a_runtime_from_closing(
    tmp_store: Path, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_module, "SETTLE_TIMEOUT_S", 0.05)
    runtime = open_runtime(tmp_store)
    stuck = threading.Event()
    host = Host.start()
    try:
        host.tell(lambda: stuck.wait(LONG_S))
        runtime.close(0.05)
        again = Runtime.open(tmp_store)  # nobody holds the directory any more
        assert not again.closed
        again.close(0.05)
    finally:
        stuck.set()
        host.stop()


@pytest.mark.parametrize("is_async", [False, True])
def test_a_workflow_may_close_its_runtime(
    tmp_store: Path, open_runtime: Open, *, is_async: bool
) -> None:
    ended = threading.Event()

    def close(_context: ExecutionContext, _config: Any) -> None:
        runtime.close(0.05)
        ended.set()

    async def close_async(context: ExecutionContext, config: Any) -> None:
        close(context, config)

    workflows = {"default": close_async if is_async else close}
    runtime = open_runtime(tmp_store, workflows=workflows)
    result = answer(runtime.session("alice").create_thread("notes")).run()
    assert StoreClosed is type(failure(result))
    assert ended.wait(LONG_S)
    LmdbStore(tmp_store).close()  # nobody holds the directory any more
