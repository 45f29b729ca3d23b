"""What the tests of futures share: OS threads, loops, and hurried ones of both."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvloop

from tests.actors.support import LONG_S

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from weft.actors.future import Future

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]


@contextmanager
def eager_switching() -> Iterator[None]:
    """Have OS threads take turns as often as they can, in a test or a with block."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def in_thread(function: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def run_on(new_loop: Callable[[], Any], main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(asyncio.wait_for(main, LONG_S))


def set_all(futures: list[Future[int]]) -> None:
    for number, future in enumerate(futures):
        future.set(number)


def until_waiting(future: Future[Any]) -> None:
    deadline = time.monotonic() + LONG_S
    while not future._waiters:
        assert time.monotonic() < deadline


async def loop_turn() -> None:
    """Let the running loop handle everything that is ready."""
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned
