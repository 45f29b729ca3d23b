"""The answer that comes later: a :class:`pykka.Future` without a lock.

A future is a result slot and its waiters. OS threads wait on an eventfd, asyncio
tasks are woken through a bridge that costs one ``call_soon_threadsafe`` per batch of
replies, anything else leaves a callback.

Guarantees:
    - Exactly one of several racing ``set``, ``fail`` and so on wins, on any OS thread.
    - Each waiter and each callback is called once.
    - A timeout is a total one: for ``join``, for :func:`get_all`, and for a derived
      future while another OS thread computes it.
    - Nobody blocks the dispatcher or an asyncio loop: ``get`` of a pending future
      raises on the one, ``await`` suspends on the other.
    - A failure that nobody retrieved is logged once and counted.

How it works without a lock: under the GIL, deleting an attribute, ``dict.pop`` and
``dict.setdefault`` are atomic and tell whether they were the first. The outcome is
stored before the waiters are looked at, and a waiter enters before it looks at the
outcome, so one of the two sees the other.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import sys
import threading
import time
from collections import deque
from queue import Full
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec
import pykka

from weft.actors.dispatcher import Wakeup, on_dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import TracebackType

__all__ = ["Future", "FutureStatistics", "get_all", "statistics"]

_logger = logging.getLogger("weft.actors")

T = TypeVar("T")
J = TypeVar("J")
M = TypeVar("M")
R = TypeVar("R")


class _Pending:
    def __repr__(self) -> str:
        return "<pending>"


_PENDING: Final = _Pending()

WAKEUPS_KEPT_MAX: Final = 64
"""Idle wake-ups that are kept for the next ``get``: each is a file descriptor, and
making one costs 3 us. More OS threads than this rarely wait at once."""

_idle_wakeups: list[Any] = []
_unretrieved_failures = 0


class FutureStatistics(msgspec.Struct, frozen=True):
    """What became of this process's futures.

    Attributes:
        unretrieved_failures: futures that failed and were dropped before anybody
            asked them for their result.
    """

    unretrieved_failures: int


def statistics() -> FutureStatistics:
    """Return the numbers so far; callable from any OS thread."""
    return FutureStatistics(_unretrieved_failures)


class _Failure:
    """The outcome of a future that failed.

    Attributes:
        exception: what ``get`` raises.
        traceback: the traceback when the future failed; each ``get`` starts from it,
            else it would grow with every one.
        retrieved: whether somebody has seen it.
    """

    __slots__ = ("exception", "retrieved", "traceback")

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception
        self.traceback = exception.__traceback__
        self.retrieved = False

    def retrieve(self) -> BaseException:
        """Return the exception, ready to be raised."""
        self.retrieved = True
        return self.exception.with_traceback(self.traceback)

    def __del__(self) -> None:
        if self.retrieved:
            return
        # No GIL switch falls between the load and the store of a global, so this
        # counts exactly although any OS thread may collect garbage.
        global _unretrieved_failures  # noqa: PLW0603
        _unretrieved_failures += 1
        _logger.error(
            "A future failed and nobody retrieved the exception",
            exc_info=(type(self.exception), self.exception, self.traceback),
        )


class _Hook:
    """How a future without a result of its own gets one: a function of the timeout.

    Attributes:
        function: what ``get`` runs, with the seconds that are left, or None.
        sources: the futures it reads, for those who may not block; None if only
            running it can tell.
        attempts: at most one entry, the attempt that runs now. Who loses the
            ``setdefault`` waits for that attempt instead of running a second one.
    """

    __slots__ = ("attempts", "function", "sources")

    def __init__(
        self,
        function: Callable[[float | None], Any],
        sources: tuple[pykka.Future[Any], ...] | None = None,
    ) -> None:
        self.function = function
        self.sources = sources
        self.attempts: dict[None, Future[None]] = {}


class Future(pykka.Future[T]):
    """A handle to a value that is available now or later.

    ``get`` it from any OS thread, ``await`` it in asyncio.

    Attributes:
        op_id: the operation behind the answer, if there is one: repeat the operation
            under this id to learn what became of it.
    """

    __slots__ = ("_hook", "_outcome", "_unclaimed", "_waiters", "op_id")

    def __init__(self) -> None:
        # Not super().__init__(): it would set fields that are not used here, 60 ns.
        self.op_id: str | None = None
        self._outcome: Any = _PENDING
        self._unclaimed = None  # deleted by whoever settles the future
        self._waiters: dict[object, Callable[[Future[T]], object]] = {}
        self._hook: _Hook | None = None

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
        if type(outcome) is _Failure:
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
        self._outcome = _Failure(exception)
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
        self._set_hook(_Hook(func))

    def _set_hook(self, hook: _Hook) -> None:
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
        if type(outcome) is _Failure:
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
                "get() in a turn would stall every actor. Use add_done_callback(), "
                "or let the answer come as a message."
            )
        # From a list, not a thread-local: a signal handler or a finaliser that waits
        # while this OS thread waits must not take this wait's wake-up.
        wakeup = _take_wakeup()
        self._add_waiter(wakeup, wakeup.wake)
        try:
            self._sleep(wakeup, timeout_s)
        finally:
            self._waiters.pop(wakeup, None)
            if len(_idle_wakeups) < WAKEUPS_KEPT_MAX:
                _idle_wakeups.append(wakeup)

    def _sleep(self, wakeup: Any, timeout_s: float | None) -> None:
        # A wake-up may be a stale one, from a wait that was abandoned: look again.
        if timeout_s is None:
            while self._outcome is _PENDING:
                wakeup.wait()
            return
        deadline_s = time.monotonic() + timeout_s
        while self._outcome is _PENDING:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise pykka.Timeout(f"{timeout_s} seconds")
            wakeup.wait(left_s)

    def _run_hook(self, hook: _Hook, timeout_s: float | None) -> None:
        remaining_s = _countdown(timeout_s)
        while self._outcome is _PENDING:
            running = self._attempt(hook, remaining_s())
            if running is not None:
                running.get(timeout=remaining_s())

    def _attempt(self, hook: _Hook, timeout_s: float | None) -> Future[None] | None:
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
        """Wait in asyncio, without blocking the loop."""
        while self._outcome is _PENDING:
            hook = self._hook
            if hook is None:
                yield from self._await_outcome()
            elif hook.sources is None:
                yield from asyncio.to_thread(self.get).__await__()
            else:
                for source in hook.sources:
                    yield from _await_any(source)
                running = self._attempt(hook, None)  # cannot wait: the sources are done
                if running is not None:
                    yield from running.__await__()
        return self.get()

    __iter__ = __await__

    def _await_outcome(self) -> Generator[Any, None, None]:
        bridge = _bridge_of(asyncio.get_running_loop())
        waiter = bridge.loop.create_future()
        self._add_waiter(waiter, functools.partial(bridge.reply, waiter))
        try:
            yield from waiter
        finally:
            self._waiters.pop(waiter, None)

    # Deriving

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """Return a future of the function's result; Pykka's contract.

        Args:
            func: called once with the value, on the OS thread that gets the result
                first.
        """
        return self._derive(lambda timeout: func(self.get(timeout=timeout)))

    def filter(  # type: ignore[override]  # a list, where Pykka says iterable
        self: Future[Any], func: Callable[[J], bool]
    ) -> Future[list[J]]:
        """Return a future of the items that pass; Pykka's contract.

        Args:
            func: tells whether an item stays.
        """
        return self._derive(
            lambda timeout: list(filter(func, self.get(timeout=timeout)))
        )

    def reduce(self: Future[Any], func: Callable[[R, J], R], *args: R) -> Future[R]:
        """Return a future of the items folded into one; Pykka's contract.

        Args:
            func: folds the result so far and an item.
            *args: the initial value, if there is one.
        """
        return self._derive(
            lambda timeout: functools.reduce(func, self.get(timeout=timeout), *args)
        )

    def join(  # type: ignore[override]
        self: Future[Any], *futures: pykka.Future[Any]
    ) -> Future[list[Any]]:
        """Return a future of a list of results; Pykka's contract.

        Args:
            *futures: the others. One timeout holds for all of them together.
        """
        sources = (self, *futures)
        return self._derive(lambda timeout: get_all(sources, timeout=timeout), sources)

    def _derive(
        self,
        function: Callable[[float | None], M],
        sources: tuple[pykka.Future[Any], ...] = (),
    ) -> Future[M]:
        future: Future[M] = Future()
        future.op_id = self.op_id
        future._set_hook(_Hook(function, sources or (self,)))
        return future


def get_all(
    futures: Iterable[pykka.Future[T]], *, timeout: float | None = None
) -> list[T]:
    """Wait for several futures.

    Args:
        futures: whose results are wanted.
        timeout: seconds in all, not for each; None waits for ever.

    Returns:
        The results, in order.

    Raises:
        pykka.Timeout: the time is over.
        Exception: the first failure, in order.
    """
    remaining_s = _countdown(timeout)
    return [future.get(timeout=remaining_s()) for future in futures]


def _settled() -> Full:
    """The error stock Pykka raises; callers catch this type."""
    return Full("The future has its result already. A future is set once.")


def _countdown(timeout_s: float | None) -> Callable[[], float | None]:
    """Return a function that tells how much of the time is left, in seconds."""
    if timeout_s is None:
        return lambda: None
    deadline_s = time.monotonic() + timeout_s
    return lambda: max(0.0, deadline_s - time.monotonic())


def _await_any(future: pykka.Future[Any]) -> Generator[Any, None, None]:
    """Await a future of any kind; a stock one would block the loop."""
    if isinstance(future, Future):
        yield from future.__await__()
    else:
        yield from asyncio.to_thread(future.get).__await__()


def _take_wakeup() -> Any:
    try:
        return _idle_wakeups.pop()
    except IndexError:
        return Wakeup()


class _Bridge:
    """Takes replies from other OS threads into one asyncio loop, in batches."""

    __slots__ = ("_armed", "_replies", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._replies: deque[asyncio.Future[None]] = deque()
        self._armed = False

    def reply(self, waiter: asyncio.Future[None], _future: Future[Any]) -> None:
        """Wake a waiter of the loop; called on the OS thread that sets."""
        self._replies.append(waiter)
        if self._armed:  # the drain to come sees it: it disarms before it looks
            return
        self._armed = True
        try:
            self.loop.call_soon_threadsafe(self._drain)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            self._armed = False
            self._replies.clear()

    def _drain(self) -> None:
        self._armed = False
        replies = self._replies
        while replies:
            waiter = replies.popleft()
            if not waiter.done():
                waiter.set_result(None)


class _Local(threading.local):
    bridge: _Bridge | None = None


_local = _Local()


def _bridge_of(loop: asyncio.AbstractEventLoop) -> _Bridge:
    """The bridge of the loop that runs on this OS thread."""
    # By OS thread, not by an attribute of the loop: uvloop's loops take none.
    bridge = _local.bridge
    if bridge is None or bridge.loop is not loop:
        bridge = _local.bridge = _Bridge(loop)
    return bridge


# A forked child shares the parent's eventfds: a wake-up would go astray.
os.register_at_fork(after_in_child=_idle_wakeups.clear)
