"""OS threads for user code, so that it may block without stalling the actors.

Guarantees:
    - ``submit`` never waits and never runs the function on the caller's OS thread.
    - A function that raises, ``SystemExit`` included, is logged; its OS thread goes on.
    - A function that hangs costs one OS thread; it cannot keep the process from
      exiting. Once it is abandoned, another OS thread takes its place, up to
      ``ABANDONED_MAX`` of them.
    - A function that waits for another one of the pool, inside :func:`giving_way`,
      does not keep that one from running: a spare OS thread takes its place, and over
      ``SPARES_MAX`` of them it is refused with Overloaded.

There is no result: a function reports by posting a message.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import pykka

from weft.actors.future import Future
from weft.storage.cores import freed
from weft.storage.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["ABANDONED_MAX", "SPARES_MAX", "Job", "Pool", "PoolStatistics", "giving_way"]

_logger = logging.getLogger("weft.actors")

THREADS_MAX_DEFAULT: Final = min(32, (os.cpu_count() or 1) + 4)
"""User code mostly waits for I/O; beyond 32 the GIL is what it waits for. The rule of
``concurrent.futures.ThreadPoolExecutor``."""

SPARES_MAX: Final = 64
"""Functions that may wait for others of their pool at once: workflows nest some levels
deep, and 64 more OS threads are 5 MB."""

SPARES_RETRY_AFTER_S: Final = 1.0

ABANDONED_MAX: Final = 16
"""OS threads that may hang and be replaced: they cannot be stopped, and one that
computes keeps the GIL from the others. More say that the code is for a process."""

STUCK_RETRY_AFTER_S: Final = 10.0
"""Nobody knows when a function that hangs goes on."""


class PoolStatistics(msgspec.Struct, frozen=True):
    """What a pool is doing.

    Attributes:
        threads: OS threads alive.
        idle: OS threads that wait for work.
        queued: functions that wait for an OS thread.
        done: functions that ended, well or not.
        waiting: functions that wait for others and have given way.
        abandoned: OS threads that others have replaced, because they hang.
    """

    threads: int
    idle: int
    queued: int
    done: int
    waiting: int = 0
    abandoned: int = 0


class _Offered:
    """A function that may be dropped."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __call__(self) -> None:
        self._function()


Job: TypeAlias = "list[_Worker]"
"""A function that an OS thread executes: the OS thread, until it is done or abandoned.
Whoever takes it out decides which."""


class _Worker(threading.Thread):
    """One OS thread of a pool; counts on its own, so that nobody shares a counter."""

    def __init__(self, pool: Pool, number: int) -> None:
        super().__init__(name=f"weft-pool-{number}", daemon=True)
        self.ended: Future[None] = Future()
        self.busy = self.abandoned = False
        self.job: Job = []
        self.pool = pool
        self.number = number

    def run(self) -> None:
        pool = self.pool
        while True:
            job = pool._jobs.get()  # noqa: SLF001
            if job is None:
                pool._jobs.put(None)  # noqa: SLF001  # for the next one
                break
            self.busy = True
            self.job = [self]
            self._run_job(*job)
            job = None  # an idle OS thread keeps nobody's arguments alive
            pool._done[self.number] += 1  # noqa: SLF001
            self.busy = False
            if pool._was_abandoned(self) or pool._ends(self):  # noqa: SLF001
                break
            pool._idle.append(None)  # noqa: SLF001
        self.ended.set()

    @staticmethod
    def _run_job(function: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except BaseException:
            _logger.exception("%r failed in the pool and reported nothing", function)


@contextmanager
def giving_way() -> Generator[None]:
    """Let another OS thread run while this one waits for it, in a with block.

    Does nothing on an OS thread that belongs to no pool.

    Raises:
        Overloaded: too many wait already.
    """
    worker = threading.current_thread()
    if not isinstance(worker, _Worker):
        yield
        return
    worker.pool._give_way()  # noqa: SLF001
    try:
        yield
    finally:
        worker.pool._take_place()  # noqa: SLF001


class Pool:
    """Runs functions on daemon OS threads, which are started when there is work."""

    def __init__(
        self,
        size_max: int = THREADS_MAX_DEFAULT,
        spares_max: int = SPARES_MAX,
        abandoned_max: int = ABANDONED_MAX,
    ) -> None:
        """Create a pool without any OS thread yet.

        Args:
            size_max: OS threads at most; a function beyond waits for a free one.
            spares_max: OS threads more, while as many wait inside `giving_way`.
            abandoned_max: OS threads more, while as many are abandoned.

        Raises:
            ValueError: there would be no OS thread at all.
        """
        if size_max < 1:
            raise ValueError(f"size_max is {size_max}; a pool needs 1 or more.")
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        self._workers: dict[int, _Worker] = {}
        # Tokens: list.pop is atomic, so a token goes to one taker. One in _idle
        # stands for an OS thread without a job on its way; one in _free_numbers for
        # an OS thread that may be started, one in _spare_numbers for one that may be
        # while another waits, one in _waiting for that other. One in _surplus says
        # that one OS thread has to end, because one has come back from waiting. One
        # in _replacement_numbers stands for an OS thread that may be started in place
        # of one that hangs; _hung are those that nobody has replaced.
        self._idle: list[None] = []
        self._free_numbers = list(range(size_max, 0, -1))
        self._spare_numbers = list(range(size_max + spares_max, size_max, -1))
        self._waiting: list[None] = []
        self._surplus: list[None] = []
        numbers = size_max + spares_max + abandoned_max
        self._replacement_numbers = list(range(numbers, size_max + spares_max, -1))
        self._hung: dict[int, None] = {}
        self._size = size_max
        self._has_abandoned = False
        self._done = [0] * (numbers + 1)  # by number
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
        if self._waiting or self._has_abandoned:  # after the put: see _give_way
            self._grow()
        self._drop_leftovers()  # it may have come after the last OS thread's end

    def offer(self, function: Callable[[], object]) -> None:
        """Run a function if there is time for it; drop one that comes too late.

        Args:
            function: takes nothing.
        """
        with suppress(RuntimeError):  # the pool is closed
            self.submit(_Offered(function))

    def _grow(self) -> None:
        try:
            number = self._free_numbers.pop()
        except IndexError:
            return
        worker = self._workers[number] = _Worker(self, number)
        try:
            with freed():  # what it executes may compute without the GIL
                worker.start()
        except RuntimeError:  # the system has no OS thread left
            del self._workers[number]
            self._free_numbers.append(number)
            raise

    # Waiting for others of the pool: as many OS threads as size_max do not wait, or
    # may be started. A token of _idle may be stale, for an OS thread that took a job
    # which had waited; so while somebody waits, nobody relies on them: who submits
    # starts an OS thread if one may be, and who begins to wait does if a job is there.
    # Of the two, one sees the other.

    def _give_way(self) -> None:
        try:
            self._surplus.pop()  # one that was to end may go on instead
        except IndexError:
            try:
                self._free_numbers.append(self._spare_numbers.pop())
            except IndexError:
                raise Overloaded(
                    f"{len(self._waiting)} runs wait for other runs already.",
                    details={"retry_after_s": SPARES_RETRY_AFTER_S},
                ) from None
        self._waiting.append(None)
        if self._jobs.qsize():
            self._grow()

    def _take_place(self) -> None:
        self._waiting.pop()
        try:
            self._spare_numbers.append(self._free_numbers.pop())
        except IndexError:
            self._surplus.append(None)

    def _ends(self, worker: _Worker) -> bool:
        """Whether an OS thread is one too many, and gives its number back."""
        try:
            self._surplus.pop()
        except IndexError:
            return False
        self._spare_numbers.append(worker.number)
        return True

    # Functions that hang. They cannot be ended, so their OS threads are written off.

    @staticmethod
    def current_job() -> Job | None:
        """Return the present OS thread's job; None if it belongs to no pool."""
        worker = threading.current_thread()
        return worker.job if isinstance(worker, _Worker) else None

    def abandon(self, job: Job) -> bool:
        """Replace the OS thread of a job that hangs; it ends when the job does.

        Args:
            job: from :meth:`current_job`; one that is done is left alone.

        Returns:
            Whether it was replaced.
        """
        self._has_abandoned = True
        try:
            number = self._replacement_numbers.pop()
        except IndexError:
            self._write_off(job)
            return False
        try:
            worker = job.pop()
        except IndexError:  # it is done
            self._replacement_numbers.append(number)
            return False
        worker.abandoned = True
        self._free_numbers.append(number)
        if self._jobs.qsize():
            self._grow()
        return True

    def _write_off(self, job: Job) -> None:
        for worker in tuple(job):
            self._hung[worker.number] = None
            if not job:  # done meanwhile, perhaps before it was entered
                self._hung.pop(worker.number, None)

    def _was_abandoned(self, worker: _Worker) -> bool:
        """Whether another OS thread has taken a worker's place; its number is free."""
        try:
            worker.job.pop()
        except IndexError:
            self._replacement_numbers.append(worker.number)
            return True
        self._hung.pop(worker.number, None)
        return False

    @property
    def is_stuck(self) -> bool:
        """Whether every OS thread hangs, and no more may be started for them."""
        return len(self._hung) >= self._size

    def overloaded(self) -> Overloaded:
        """Return the error for who comes while the pool is stuck."""
        return Overloaded(
            f"All {self._size} OS threads for workflows hang, and those in whose place "
            'they are. Run what may hang with executor="processes".',
            details={"retry_after_s": STUCK_RETRY_AFTER_S},
        )

    def statistics(self) -> PoolStatistics:
        """Return the numbers so far; callable from any OS thread."""
        workers = [one for one in list(self._workers.values()) if not one.ended.done()]
        alive = [worker for worker in workers if not worker.abandoned]
        return PoolStatistics(
            threads=len(alive),
            idle=sum(not worker.busy for worker in alive),
            queued=max(0, self._jobs.qsize() - self._closed),  # less the end mark
            done=sum(self._done),
            waiting=len(self._waiting),
            abandoned=len(workers) - len(alive) + len(self._hung),
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
            while not self._has_ended():  # a late submit may have started another
                for worker in self._present():
                    worker.ended.get(timeout=deadline_s - time.monotonic())
        except pykka.Timeout:
            return False
        self._drop_leftovers()
        return True

    def _has_ended(self) -> bool:
        return all(one.ended.done() for one in self._present())

    def _present(self) -> list[_Worker]:
        """Return the OS threads that are not written off."""
        return [one for one in list(self._workers.values()) if not one.abandoned]

    def _drop_leftovers(self) -> None:
        if not self._closed or not self._has_ended():
            return
        try:
            while True:
                job = self._jobs.get_nowait()
                if job is not None and not isinstance(job[0], _Offered):
                    _logger.error("%r was submitted to a closing pool", job[0])
        except Empty:
            return
