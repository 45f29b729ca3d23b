"""The answer that comes later: a :class:`pykka.Future` without a lock.

A future is a result slot and its waiters. OS threads wait on a hand-off, asyncio tasks
are woken through a bridge, anything else leaves a callback.

Guarantees:
    - Exactly one of several racing ``set``, ``fail`` and so on wins, on any OS thread.
    - Each waiter and each callback is called once.
    - A timeout is a total one, also while another OS thread computes the result of a
      derived future.
    - Nobody blocks the dispatcher or an asyncio loop: ``get`` of a pending future
      raises on the one; ``await`` suspends the actor there, the task on the other.

How it works without a lock: under the GIL, deleting an attribute, ``dict.pop`` and
``dict.setdefault`` are atomic and tell whether they were the first. The outcome is
stored before the waiters are looked at, and a waiter enters before it looks at the
outcome, so one of the two sees the other.

Failures that nobody retrieved are in :mod:`weft.actors.failure`, ``map`` and its like
in :mod:`weft.actors.derived`, the way into a loop in :mod:`weft.actors.bridge`.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
import time
from queue import Full
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import pykka

from weft.actors.bridge import bridge_of
from weft.actors.derived import Derivable, Hook, countdown
from weft.actors.failure import FutureFailure
from weft.actors.hand_off import HandOff
from weft.actors.scheduler import on_dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType

    from weft.actors.cell import Cell

__all__ = ["Future"]

_logger = logging.getLogger("weft.actors")

T = TypeVar("T")
M = TypeVar("M")


class _Pending:
    def __repr__(self) -> str:
        return "<pending>"


_PENDING: Final = _Pending()


class Future(Derivable[T]):
    """A handle to a value that is available now or later.

    ``get`` it from any OS thread, ``await`` it in asyncio.

    Attributes:
        op_id: the operation behind the answer, if there is one: repeat the operation
            under this id to learn what became of it.
        answerer: the actor that was asked, if an actor asked it; else not set, which
            saves the others 10 ns.
    """

    __slots__ = ("_hook", "_outcome", "_unclaimed", "_waiters", "answerer", "op_id")

    answerer: Cell[Any]

    def __init__(self) -> None:
        # Not super().__init__(): it would set fields that are not used here, 60 ns.
        self.op_id: str | None = None
        self._outcome: Any = _PENDING
        self._unclaimed = None  # deleted by whoever settles the future
        self._waiters: dict[object, Callable[[Future[T]], object]] = {}
        self._hook: Hook | None = None

    @classmethod
    def completed(cls, value: T) -> Future[T]:
        """Return a future that has this value already."""
        future = cls()
        future.set(value)
        return future

    @classmethod
    def failed(cls, exception: BaseException) -> Future[Any]:
        """Return a future that has failed already."""
        future = cls()
        future.fail(exception)
        return future

    def __repr__(self) -> str:
        outcome = self._outcome
        state = "pending" if outcome is _PENDING else "done"
        if type(outcome) is FutureFailure:
            state = f"failed: {outcome.exception!r}"
        return f"<weft.actors.Future {state}>"

    # Setting, from any OS thread

    def try_set(self, value: T | None = None) -> bool:
        """Set the value, unless the future is settled already.

        Args:
            value: the result.

        Returns:
            Whether this call settled it.
        """
        try:
            del self._unclaimed
        except AttributeError:
            return False
        self._outcome = value
        if self._waiters:
            self._call_waiters()
        return True

    def try_fail(self, exception: BaseException) -> bool:
        """Let the future fail, unless it is settled already.

        Args:
            exception: what ``get`` will raise.

        Returns:
            Whether this call settled it.
        """
        try:
            del self._unclaimed
        except AttributeError:
            return False
        self._outcome = FutureFailure(exception)
        if self._waiters:
            self._call_waiters()
        return True

    def set(self, value: T | None = None) -> None:
        """Set the value.

        Args:
            value: the result.

        Raises:
            queue.Full: the future is settled already or has a get hook.
        """
        if not self.try_set(value):
            raise _settled()

    def fail(self, exception: BaseException) -> None:
        """Let the future fail.

        Args:
            exception: what ``get`` will raise.

        Raises:
            queue.Full: the future is settled already or has a get hook.
        """
        if not self.try_fail(exception):
            raise _settled()

    def set_exception(
        self,
        exc_info: tuple[
            type[BaseException] | None, BaseException | None, TracebackType | None
        ]
        | None = None,
    ) -> None:
        """Let the future fail, the way Pykka spells it.

        Args:
            exc_info: as from :func:`sys.exc_info`; None takes the exception that is
                being handled.

        Raises:
            ValueError: there is no exception.
            queue.Full: the future is settled already or has a get hook.
        """
        kind, exception, traceback = exc_info or sys.exc_info()
        if exception is None:
            if kind is None:
                raise ValueError(
                    "There is no exception to set. "
                    "Call set_exception() in an except block or pass exc_info."
                )
            exception = kind()
        self.fail(exception.with_traceback(traceback))

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Let ``get`` compute the value.

        One OS thread at a time runs the function; its first success is the result.

        Args:
            func: called with the seconds left to wait, or None.

        Raises:
            queue.Full: the future is settled already.
        """
        self._set_hook(Hook(func))

    def _set_hook(self, hook: Hook) -> None:
        try:
            del self._unclaimed
        except AttributeError:
            if self._hook is None or self._outcome is not _PENDING:
                raise _settled() from None
        self._hook = hook

    # Waiting

    def done(self) -> bool:
        """Whether there is a result; a derived future has one once it was asked."""
        return self._outcome is not _PENDING

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the result.

        Giving up abandons the waiting, not the work behind the future.

        Args:
            timeout: seconds in all; None waits for ever.

        Returns:
            The value.

        Raises:
            pykka.Timeout: the time is over.
            RuntimeError: called in a turn, where waiting would stall every actor.
            Exception: the one the future failed with.
        """
        outcome = self._outcome
        if outcome is _PENDING:
            self._wait(timeout)
            outcome = self._outcome
        if type(outcome) is FutureFailure:
            try:
                raise outcome.retrieve()
            finally:
                # The exception holds this frame: a cycle only the collector ends.
                del self, outcome
        return cast("T", outcome)

    def add_done_callback(self, function: Callable[[Future[T]], object]) -> None:
        """Have a function called once there is a result.

        Args:
            function: called with this future, on the OS thread that sets it, or at
                once if it is done. What it raises is logged.
        """
        self._add_waiter(object(), function)

    def _wait(self, timeout_s: float | None) -> None:
        if self._hook is not None:
            self._run_hook(self._hook, timeout_s)
            return
        if on_dispatcher():
            raise RuntimeError(
                "get() in a turn would stall every actor. Await the future in an "
                "async handler, or use add_done_callback()."
            )
        hand_off = HandOff()
        self._add_waiter(hand_off, hand_off.wake)
        try:
            self._sleep(hand_off, timeout_s)
        finally:
            self._waiters.pop(hand_off, None)

    def _sleep(self, hand_off: HandOff, timeout_s: float | None) -> None:
        if timeout_s is None:
            hand_off.wait()
            return
        deadline_s = time.monotonic() + timeout_s
        while self._outcome is _PENDING:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise pykka.Timeout(f"{timeout_s} seconds")
            hand_off.wait(left_s)

    def _run_hook(self, hook: Hook, timeout_s: float | None) -> None:
        remaining_s = countdown(timeout_s)
        while self._outcome is _PENDING:
            running = self._attempt(hook, remaining_s())
            if running is not None:
                running.get(timeout=remaining_s())

    def _attempt(self, hook: Hook, timeout_s: float | None) -> Future[None] | None:
        """Run the hook; or, if it runs already, return that attempt."""
        attempt: Future[None] = Future()
        running = hook.attempts.setdefault(None, attempt)
        if running is not attempt:
            return running
        try:
            if self._outcome is _PENDING:
                self._outcome = hook.function(timeout_s)
                self._call_waiters()
        finally:
            del hook.attempts[None]
            attempt.set()
        return None

    def _add_waiter(self, key: object, function: Callable[[Future[T]], object]) -> None:
        self._waiters[key] = function
        if self._outcome is not _PENDING and self._waiters.pop(key, None) is not None:
            self._call(function)

    def _call_waiters(self) -> None:
        for key in list(self._waiters):
            function = self._waiters.pop(key, None)
            if function is not None:
                self._call(function)

    def _call(self, function: Callable[[Future[T]], object]) -> None:
        try:
            function(self)
        except Exception:
            _logger.exception("A callback of %r failed", self)
        except BaseException:  # not ours to stop, but the others must be called
            self._call_waiters()
            raise

    # Awaiting

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in asyncio without blocking the loop, in a turn without blocking it."""
        while self._outcome is _PENDING:
            hook = self._hook
            if hook is None:
                if on_dispatcher():
                    yield self  # to the suspension, which comes back when it is done
                else:
                    yield from self._await_outcome()
            elif hook.sources is None:
                yield from _await_blocking(self)
            else:
                for source in hook.sources:
                    yield from _await_any(source)
                running = self._attempt(hook, None)  # cannot wait: the sources are done
                if running is not None:
                    yield from running.__await__()
        return self.get()

    __iter__ = __await__

    def _await_outcome(self) -> Generator[Any, None, None]:
        bridge = bridge_of(asyncio.get_running_loop())
        waiter = bridge.loop.create_future()
        self._add_waiter(waiter, functools.partial(bridge.reply, waiter))
        try:
            yield from waiter
        finally:
            self._waiters.pop(waiter, None)

    def _derive(
        self,
        function: Callable[[float | None], M],
        sources: tuple[pykka.Future[Any], ...] = (),
    ) -> Future[M]:
        future: Future[M] = Future()
        future.op_id = self.op_id
        future._set_hook(Hook(function, sources or (self,)))
        return future


def _settled() -> Full:
    """The error stock Pykka raises; callers catch this type."""
    return Full("The future has its result already. A future is set once.")


def _await_any(future: pykka.Future[Any]) -> Generator[Any, None, None]:
    """Await a future of any kind; a stock one would block the loop."""
    if isinstance(future, Future):
        yield from future.__await__()
    else:
        yield from _await_blocking(future)


def _await_blocking(future: pykka.Future[Any]) -> Generator[Any, None, None]:
    """Await a future of which nothing is known but that ``get`` waits."""
    if on_dispatcher():
        raise RuntimeError(
            f"{future!r} can only be waited for by blocking, which would stall every "
            "actor. Get it in an executor and await that."
        )
    yield from asyncio.to_thread(future.get).__await__()
