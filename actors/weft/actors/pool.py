"""OS threads for user code, so that it may block without stalling the actors.

Guarantees:
    - ``submit`` never waits and never runs the function on the caller's OS thread.
    - A function that raises, ``SystemExit`` included, is logged; its OS thread goes on.
    - A function that hangs costs one OS thread; it cannot keep the process from
      exiting.

There is no result: a function reports by posting a message.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pykka

from weft.actors.future import Future

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Pool", "PoolStatistics"]

_logger = logging.getLogger("weft.actors")

THREADS_MAX_DEFAULT: Final = min(32, (os.cpu_count() or 1) + 4)
"""User code mostly waits for I/O; beyond 32 the GIL is what it waits for. The rule of
``concurrent.futures.ThreadPoolExecutor``."""


class PoolStatistics(msgspec.Struct, frozen=True):
    """What a pool is doing.

    Attributes:
        threads: OS threads alive.
        idle: OS threads that wait for work.
        queued: functions that wait for an OS thread.
        done: functions that ended, well or not.
    """

    threads: int
    idle: int
    queued: int
    done: int


class _Worker(threading.Thread):
    """One OS thread of a pool; counts on its own, so that nobody shares a counter."""

    def __init__(self, pool: Pool, number: int) -> None:
        super().__init__(name=f"weft-pool-{number}", daemon=True)
        self.ended: Future[None] = Future()
        self.done = 0
        self.busy = False
        self._pool = pool

    def run(self) -> None:
        pool = self._pool
        while True:
            job = pool._jobs.get()  # noqa: SLF001
            if job is None:
                pool._jobs.put(None)  # noqa: SLF001  # for the next one
                self.ended.set()
                return
            self.busy = True
            self._run_job(*job)
            job = None  # an idle OS thread keeps nobody's arguments alive
            self.done += 1
            self.busy = False
            pool._idle.append(None)  # noqa: SLF001

    @staticmethod
    def _run_job(function: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except BaseException:
            _logger.exception("%r failed in the pool and reported nothing", function)


class Pool:
    """Runs functions on daemon OS threads, which are started when there is work."""

    def __init__(self, size_max: int = THREADS_MAX_DEFAULT) -> None:
        """Create a pool without any OS thread yet.

        Args:
            size_max: OS threads at most; a function beyond waits for a free one.

        Raises:
            ValueError: there would be no OS thread at all.
        """
        if size_max < 1:
            raise ValueError(f"size_max is {size_max}; a pool needs 1 or more.")
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        self._workers: list[_Worker] = []
        # Tokens: list.pop is atomic, so a token goes to one taker. One in _idle
        # stands for an OS thread without a job on its way; one in _free_numbers for
        # an OS thread that may be started.
        self._idle: list[None] = []
        self._free_numbers = list(range(size_max, 0, -1))
        self._closed = False

    def submit(self, function: Callable[..., object], *args: object) -> None:
        """Run a function on an OS thread of the pool.

        Args:
            function: posts what comes out of it.
            *args: its arguments.

        Raises:
            RuntimeError: the pool is closed, or the system has no OS thread left.
        """
        if self._closed:
            raise RuntimeError("The pool is closed. Submit before close().")
        try:
            self._idle.pop()
        except IndexError:
            self._grow()
        self._jobs.put((function, args))
        self._drop_leftovers()  # it may have come after the last OS thread's end

    def _grow(self) -> None:
        try:
            number = self._free_numbers.pop()
        except IndexError:
            return
        worker = _Worker(self, number)
        self._workers.append(worker)
        try:
            worker.start()
        except RuntimeError:  # the system has no OS thread left
            self._workers.remove(worker)
            self._free_numbers.append(number)
            raise

    def statistics(self) -> PoolStatistics:
        """Return the numbers so far; callable from any OS thread."""
        workers = list(self._workers)
        alive = [worker for worker in workers if not worker.ended.done()]
        return PoolStatistics(
            threads=len(alive),
            idle=sum(not worker.busy for worker in alive),
            queued=max(0, self._jobs.qsize() - self._closed),  # less the end mark
            done=sum(worker.done for worker in workers),
        )

    def close(self, timeout_s: float) -> bool:
        """Run what is queued, then end the OS threads.

        Args:
            timeout_s: seconds to wait in all; functions that take longer go on, on
                daemon OS threads.

        Returns:
            Whether all ended in time.

        Raises:
            RuntimeError: called in a turn.
        """
        deadline_s = time.monotonic() + timeout_s
        self._closed = True
        self._jobs.put(None)
        try:
            for worker in self._workers:  # one that a late submit started, too
                worker.ended.get(timeout=deadline_s - time.monotonic())
        except pykka.Timeout:
            return False
        self._drop_leftovers()
        return True

    def _drop_leftovers(self) -> None:
        if not self._closed or any(not one.ended.done() for one in self._workers):
            return
        try:
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    _logger.error("%r was submitted to a closing pool", job[0])
        except Empty:
            return
