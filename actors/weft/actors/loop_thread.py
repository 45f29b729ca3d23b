"""An OS thread with an event loop on it, for the code of asynchronous workflows.

Guarantees:
    - ``tell`` never waits, and what is told in a burst crosses in one wake-up.
    - What a task raises, ``SystemExit`` included, does not end the loop.
    - It tells from outside for how long the loop has not come round.
    - It cannot keep the process from exiting.

Who runs what on it is in :mod:`weft.actors.loop_executor`.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["LoopThread", "on_loop_thread"]

_logger = logging.getLogger("weft.actors")

Call = tuple[Callable[..., object], tuple[Any, ...]]


class LoopThread(threading.Thread):
    """Runs an event loop; :meth:`start` it.

    Args:
        number: tells it apart.
    """

    def __init__(self, number: int) -> None:
        super().__init__(name=f"weft-loop-{number}", daemon=True)
        self.loop = asyncio.new_event_loop()
        self._calls: deque[Call] = deque()
        self._armed_ns = 0  # since when a wake-up is on its way; 0 for none
        self._stopping = False

    def tell(self, function: Callable[..., object], *args: Any) -> None:
        """Have a function called on the loop, soon and in order.

        Args:
            function: returns at once.
            *args: its arguments.
        """
        self._calls.append((function, args))
        if self._armed_ns:  # the drain to come sees it: it disarms before it looks
            return
        self._armed_ns = time.monotonic_ns()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(self._drain)

    @property
    def silent_s(self) -> float:
        """For how many seconds the loop has left unheard what it was told."""
        armed_ns = self._armed_ns
        return (time.monotonic_ns() - armed_ns) / 1e9 if armed_ns else 0.0

    def stop(self) -> None:
        """End the loop and its OS thread; what runs there is cancelled."""
        self.tell(self._end_loop)

    def _end_loop(self) -> None:
        self._stopping = True
        self.loop.stop()

    def _drain(self) -> None:
        self._armed_ns = 0
        calls = self._calls
        while calls:
            function, args = calls.popleft()
            try:
                function(*args)
            except Exception:
                _logger.exception("%r failed on the loop", function)

    def run(self) -> None:
        """Run the loop until it is stopped."""
        asyncio.set_event_loop(self.loop)
        while not self._stopping:
            self._until(self.loop.run_forever)
        self._until(lambda: self.loop.run_until_complete(_cancel_all()))
        self._until(
            lambda: self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        )
        asyncio.set_event_loop(None)
        self.loop.close()

    def _until(self, run: Callable[[], object]) -> None:
        """Run the loop; SystemExit out of a task is that task's affair."""
        try:
            run()
        except BaseException:
            _logger.exception("A task tried to end the event loop")


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def on_loop_thread() -> bool:
    """Return whether the present OS thread is one with the executor's loop."""
    return isinstance(threading.current_thread(), LoopThread)
