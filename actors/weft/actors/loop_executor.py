"""Asynchronous workflows: their code runs as tasks on an event loop of its own.

One OS thread carries ten thousand runs that wait. A run is one task from its beginning
to its end, so what it holds across a ``yield``, a timeout or a task group, stays valid.

Guarantees:
    - An async generator is advanced past a yield only after that state is durable.
    - Being asked to stop interrupts what the run awaits: there it gets CancelledError.
    - Code that blocks the loop keeps those up that run there already; new runs begin
      on another loop soon, up to ``BLOCKED_MAX`` times, then they get Overloaded.

What can only be stopped by force belongs into :mod:`weft.actors.process_executor`.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Context
from inspect import isasyncgen, isawaitable
from queue import Empty, SimpleQueue
from threading import Thread, current_thread
from typing import Any, Final, cast

import msgspec

from weft.actors.executor import Execution
from weft.actors.loop_thread import LoopThread
from weft.actors.steps import Step, encode_result, end_forked_child, yielded
from weft.storage import Overloaded, RunInterrupted
from weft.storage.cores import freed

__all__ = ["LoopExecutor", "LoopStatistics"]

BLOCKED_AFTER_S: Final = 1.0
"""Silent for so long, a loop is taken for blocked. Turns of a loop take milliseconds;
encoding the largest state takes 0.1 s."""

BLOCKED_MAX: Final = 8
"""Blocked loops that are replaced: each is an OS thread that nobody can stop."""

LOOKS_PER_LIMIT: Final = 4
BLOCKED_RETRY_AFTER_S: Final = 10.0


class LoopStatistics(msgspec.Struct, frozen=True):
    """What an executor of asynchronous workflows is doing.

    Attributes:
        loops: event loops, those that are blocked included.
        blocked: loops that others have replaced.
        running: runs that have begun and not ended.
        done: runs that have ended.
    """

    loops: int = 0
    blocked: int = 0
    running: int = 0
    done: int = 0


class LoopExecutor:
    """Executes asynchronous workflows.

    Args:
        blocked_after_s: how long a loop may be silent, in seconds.
        blocked_max: how many blocked loops are replaced.
    """

    def __init__(
        self,
        blocked_after_s: float = BLOCKED_AFTER_S,
        blocked_max: int = BLOCKED_MAX,
    ) -> None:
        self._blocked_after_s = blocked_after_s
        self._blocked_max = blocked_max
        self._live: dict[Execution, _Task] = {}
        self._threads: dict[int, LoopThread] = {}  # by number: the last takes new runs
        self._mail: SimpleQueue[bool] = SimpleQueue()  # to the watcher: go on?
        self._is_watched = False
        self._done = 0
        self._closed = False

    def submit(self, step: Callable[[], None]) -> None:
        """Begin a run on the loop, or have it go on past its yield.

        Raises:
            TypeError: the step is not an :class:`Execution`.
        """
        if not isinstance(step, Execution):
            raise TypeError(f"A run is executed on an event loop, not {step!r}.")
        task = self._live.get(step)
        if task is not None:
            task.thread.tell(task.go_on)
        elif step.begun:
            return  # it has ended while its state was on its way
        elif self.is_stuck:
            step.fail(_overloaded(self._blocked_max))
        else:
            self._begin(step)

    def _begin(self, execution: Execution) -> None:
        execution.begun = True
        task = _Task(execution, self._current(), self._ended)
        self._live[execution] = task
        execution.context.on_cancel = task.cancel
        task.begin_soon()
        if task.thread is not self._current():  # it was replaced just now
            self._move(task.thread)
        if not self._is_watched:
            self._is_watched = True
            self._mail.put(True)

    def _current(self) -> LoopThread:
        threads = self._threads
        if not threads:
            made = LoopThread(1)
            if threads.setdefault(1, made) is made:
                with freed():
                    made.start()
                Thread(target=self._watch, name="weft-loop-watch", daemon=True).start()
            else:
                made.loop.close()
        return threads[max(list(threads))]

    def _ended(self, task: "_Task") -> None:
        """Strike a run off, on its loop; one that was replaced ends with its last."""
        self._live.pop(task.execution, None)
        self._done += 1
        if task.thread is not self._current():
            self._stop_if_empty(task.thread)

    def _stop_if_empty(self, thread: LoopThread) -> None:
        if not any(task.thread is thread for task in list(self._live.values())):
            thread.stop()

    def abandon(self, execution: Execution) -> None:
        """Cancel a run that nobody wants to hear of any more."""
        execution.abandon()

    # Blocked loops

    def _watch(self) -> None:
        """Look at the loop while there are runs; on an OS thread of its own."""
        goes_on, period_s = True, self._blocked_after_s / LOOKS_PER_LIMIT
        while goes_on:
            try:
                goes_on = self._mail.get(timeout=period_s)
            except Empty:
                self._look()
                self._is_watched = False
                if self._live:  # looked at after the flag: a new one sees it or is seen
                    self._is_watched = True
                else:
                    goes_on = self._mail.get()

    def _look(self) -> None:
        thread = self._current()
        if thread.silent_s < self._blocked_after_s:
            thread.tell(_nothing)
        elif len(self._blocked()) < self._blocked_max:
            number = max(self._threads) + 1
            replacement = LoopThread(number)
            with freed():
                replacement.start()
            self._threads[number] = replacement
            self._move(thread)
            self._stop_if_empty(thread)  # it may have been slow, not blocked

    def _move(self, thread: LoopThread) -> None:
        """Begin elsewhere what a blocked loop has not begun."""
        for task in list(self._live.values()):
            if task.thread is thread:
                task.move(self._current())

    def _blocked(self) -> list[LoopThread]:
        replaced = list(self._threads.values())[:-1]
        return [one for one in replaced if one.is_alive()]

    @property
    def is_stuck(self) -> bool:
        """Whether the loop is blocked, and may not be replaced any more."""
        return (
            len(self._blocked()) >= self._blocked_max
            and self._current().silent_s >= self._blocked_after_s
        )

    def statistics(self) -> LoopStatistics:
        """Return the numbers so far; callable from any OS thread."""
        alive = sum(one.is_alive() for one in list(self._threads.values()))
        return LoopStatistics(alive, len(self._blocked()), len(self._live), self._done)

    def close(self, timeout_s: float) -> bool:
        """Cancel what runs, and end the loops.

        Args:
            timeout_s: seconds to wait in all; a blocked loop goes on, on a daemon OS
                thread.

        Returns:
            Whether all ended in time.
        """
        deadline_s = time.monotonic() + timeout_s
        for task in list(self._live.values()):
            task.cancel()
        threads = list(self._threads.values())
        for thread in threads:
            thread.stop()
        self._mail.put(False)
        for thread in threads:
            if thread is not current_thread():  # else it ends when its caller does
                thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)


class _Entry:
    """A run's way to its first step on one loop.

    Attributes:
        thread: the loop's.
        ticket: whoever takes it decides: the loop that begins, or who moves the run.
        task: the run's on this loop, when the loop has come to it.
    """

    __slots__ = ("task", "thread", "ticket")

    def __init__(self, thread: LoopThread) -> None:
        self.thread = thread
        self.ticket: list[None] = [None]
        self.task: asyncio.Task[None] | None = None

    def take(self) -> bool:
        """Return whether the ticket was there: list.pop gives it to one only."""
        try:
            self.ticket.pop()
        except IndexError:
            return False
        return True


class _Task:
    """A run on an event loop.

    Attributes:
        execution: the run.
    """

    def __init__(
        self,
        execution: Execution,
        thread: LoopThread,
        ended: Callable[["_Task"], object],
    ) -> None:
        self.execution = execution
        self._ended = ended
        self._entry = _Entry(thread)
        self._gate: asyncio.Future[None] | None = None
        self._is_cancelled = False
        self._pid = os.getpid()

    @property
    def thread(self) -> LoopThread:
        """The loop's; another one if it was replaced before the run began."""
        return self._entry.thread

    def begin_soon(self) -> None:
        """Have its loop begin it."""
        self.thread.tell(self._begin, self._entry)

    def move(self, thread: LoopThread) -> None:
        """Have another loop begin it, unless its code has begun."""
        if self._entry.take():
            self._entry = _Entry(thread)
            self.begin_soon()

    def _begin(self, entry: _Entry) -> None:
        name = f"weft-run-{self.execution.run.run_id}"
        entry.task = entry.thread.loop.create_task(
            self._run(entry), name=name, context=Context()
        )

    def go_on(self) -> None:
        """Let it past its yield; on the loop."""
        if self._gate is not None and not self._gate.done():
            self._gate.set_result(None)

    def cancel(self) -> None:
        """Interrupt what it awaits; on any OS thread."""
        self._is_cancelled = True
        if current_thread() is not self.thread:
            self.thread.tell(self.cancel)
        elif self._entry.task is not None and not self._entry.ticket:
            self._entry.task.cancel()  # one before its first step would not see it

    async def _run(self, entry: _Entry) -> None:
        if not entry.take():  # another loop has it
            return
        execution, step, error = self.execution, None, None
        try:
            with execution.executing():
                step = await self._steps()
        except BaseException as raised:  # noqa: BLE001 - SystemExit ends the run only
            error = self._named(raised)
        end_forked_child(self._pid)
        self._ended(self)
        if step is not None:
            execution.post(step)
        elif error is not None:
            execution.fail(error)

    def _named(self, error: BaseException) -> BaseException:
        if self._is_cancelled and isinstance(error, asyncio.CancelledError):
            return RunInterrupted(thread_id=self.execution.run.thread_id)
        return error

    async def _steps(self) -> Step:
        execution = self.execution
        execution.read_state()
        self._stop_if_cancelled()
        execution.context.code_begins()
        value = execution.workflow.function(execution.context, execution.run.config)
        if isasyncgen(value):
            return await self._iterate(cast("AsyncGenerator[Any, Any]", value))
        if isawaitable(value):
            value = await _Watched(value, self._pid)
        return Step(encode_result(value), ended=True, is_state=value is not None)

    async def _iterate(self, generator: AsyncGenerator[Any, Any]) -> Step:
        last = self.execution.last
        try:
            while True:
                self._stop_if_cancelled()
                try:
                    value = await _Watched(anext(generator), self._pid)
                except StopAsyncIteration:
                    return Step(last, ended=True)
                step = yielded(value)
                last = step.encoded
                del value  # it is the generator's, and it may be large
                self._gate = self.thread.loop.create_future()
                self.execution.context.code_rests()
                self.execution.post(step)
                await self._gate
                self.execution.context.code_begins()
        finally:
            await generator.aclose()

    def _stop_if_cancelled(self) -> None:
        if self.execution.context.cancelled:
            raise RunInterrupted(thread_id=self.execution.run.thread_id)


class _Watched(Generator[Any, Any, Any]):
    """Something awaited, in a process that must not become two.

    Both would wait on the same epoll object, and take each other's wake-ups away.
    """

    def __init__(self, awaitable: Awaitable[Any], pid: int) -> None:
        self._steps: Any = awaitable.__await__()
        self._pid = pid

    def send(self, value: Any) -> Any:
        try:
            return next(self._steps) if value is None else self._steps.send(value)
        finally:
            end_forked_child(self._pid)

    def throw(self, *error: Any) -> Any:
        try:
            return self._steps.throw(*error)
        finally:
            end_forked_child(self._pid)

    def __await__(self) -> Generator[Any, Any, Any]:
        return self


def _nothing() -> None:
    """Show that the loop comes round."""


def _overloaded(blocked_max: int) -> Overloaded:
    return Overloaded(
        f"The event loop is blocked, and so are {blocked_max} that it has replaced. "
        'Run what blocks with executor="threads" or "processes".',
        details={"retry_after_s": BLOCKED_RETRY_AFTER_S},
    )
