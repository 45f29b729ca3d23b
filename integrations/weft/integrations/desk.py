"""Where operations are handed in: to the writer that its store has.

Guarantees:
    * a store that a runtime writes is written by the runtime's writer only, so every
      session hears of it; a store nobody writes gets a writer of its own;
    * every wait has a deadline; an answer means fsynced.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any, Final, Self

import pykka

from weft.actors.closing import Closing
from weft.actors.future import Future
from weft.storage import (
    DeadlineExceeded,
    LmdbStore,
    Operation,
    Outcome,
    Overloaded,
    SessionThreadException,
    Snapshot,
    Store,
    StoreClosed,
    Submission,
    Writer,
    new_id,
)
from weft.storage.store import clock_us
from weft.storage.writers import StoreWriter, dismiss, writer_of

__all__ = ["ATTEMPTS_MAX", "TIMEOUT_S", "AtDesk", "Desk", "stamp"]

TIMEOUT_S: Final = 30.0
"""How long a write may take: a flush takes milliseconds, a sick disk seconds."""

ATTEMPTS_MAX: Final = 100
"""Somebody else's change came between, this often: each attempt means that one of the
others succeeded, so so many writers of one thread are a defect of theirs."""

ANSWER_GRACE_S: Final = 1.0
"""How much longer than its deadline an operation's answer is waited for: the writer
looks at deadlines when it takes a group, and says so itself."""


class Desk:
    """Hands operations in and waits for what becomes of them.

    Args:
        store: an open store.
        timeout_s: how long an operation may take, in seconds.
        owned: close the store at the end.
    """

    def __init__(self, store: Store, timeout_s: float, *, owned: bool = False) -> None:
        self.store = store
        self._timeout_s = timeout_s
        self._owned = owned
        self._own_writer: Writer | None = None
        self._closed = False
        self._starting = Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str], timeout_s: float) -> Self:
        """Open or create the store in a directory; it is closed with the desk."""
        return cls(LmdbStore(path), timeout_s, owned=True)

    def apply(self, operation: Any) -> Any:
        """Return the answer to an operation once it is durable.

        Raises:
            SessionThreadException: it was refused, or there was no answer in time.
        """
        return self._awaited(self._submit(operation))

    def apply_all(self, operations: Iterable[Any]) -> list[Any]:
        """Return the answers to operations that are handed in together.

        Raises:
            SessionThreadException: as :meth:`apply`; others may have been applied.
        """
        return [self._awaited(future) for future in self._submit_all(operations)]

    async def aapply(self, operation: Any) -> Any:
        """Return the answer to an operation, without blocking the event loop.

        Raises:
            SessionThreadException: as :meth:`apply`.
        """
        return await self._aawaited(self._submit(operation))

    async def aapply_all(self, operations: Iterable[Any]) -> list[Any]:
        """Return the answers to operations, as :meth:`apply_all`."""
        return [await self._aawaited(each) for each in self._submit_all(operations)]

    def _submit_all(self, operations: Iterable[Any]) -> list[Future[Any]]:
        return [self._submit(operation) for operation in operations]

    def _awaited(self, future: Future[Any]) -> Any:
        try:
            return future.get(timeout=self._timeout_s + ANSWER_GRACE_S)
        except pykka.Timeout:
            raise DeadlineExceeded(op_id=future.op_id) from None

    async def _aawaited(self, future: Future[Any]) -> Any:
        try:
            async with asyncio.timeout(self._timeout_s + ANSWER_GRACE_S):
                return await future
        except TimeoutError as error:
            if isinstance(error, SessionThreadException):
                raise
            raise DeadlineExceeded(op_id=future.op_id) from None

    async def aapply_to_what_is(
        self,
        decide: Callable[[Snapshot], Operation | None],
        stale: tuple[type[SessionThreadException], ...],
    ) -> bool:
        """Apply what is decided upon what there is, again if that has changed.

        Args:
            decide: returns the operation, which has to name what it was decided on; or
                None to change nothing.
            stale: the refusals that say that it has changed.

        Returns:
            whether there was anything to apply.

        Raises:
            Overloaded: others came between each time.
            SessionThreadException: as :meth:`apply`.
        """
        for _ in range(ATTEMPTS_MAX):
            with self.store.read() as snapshot:
                operation = decide(snapshot)
            if operation is None:
                return False
            with suppress(*stale):
                await self.aapply(operation)
                return True
        raise Overloaded

    def close(self) -> None:
        """Give up a writer of its own, and a store of its own. Twice is no error."""
        self._closed = True
        with self._starting:
            writer, self._own_writer = self._own_writer, None
        if writer is not None:
            writer.close()
            dismiss(self.store, writer)
        if self._owned:
            self.store.close()

    def _submit(self, operation: Operation) -> Future[Any]:
        future: Future[Any] = Future()
        future.op_id = operation.op_id

        def tell(outcome: Outcome) -> None:
            if outcome.error is None:
                future.try_set(outcome.result)
            else:
                future.try_fail(outcome.error)

        deadline_ns = time.monotonic_ns() + int(self._timeout_s * 1e9)
        submission = Submission(operation, None, deadline_ns, told=tell)
        writer = self._writer()
        try:
            writer.submit(submission)
        except StoreClosed:
            successor = self._writer()
            if successor is writer:
                raise
            successor.submit(submission)  # a runtime has taken the store over
        return future

    def _writer(self) -> StoreWriter:
        if self._closed:
            raise StoreClosed
        writer = writer_of(self.store)
        if writer is not None:
            return writer
        with self._starting:
            if self._own_writer is None:
                self._own_writer = Writer(self.store, _tell_nobody)
                self._own_writer.start()
            return self._own_writer


class AtDesk(Closing):
    """What writes at a desk of its own."""

    _desk: Desk

    def close(self) -> None:
        """Finish what is under way. A store that was given stays open."""
        self._desk.close()


def stamp() -> dict[str, Any]:
    """Return the idempotency key and the time of a new operation."""
    return {"op_id": new_id(), "at_us": clock_us()}


def _tell_nobody(_pairs: Sequence[tuple[Submission, Outcome]]) -> None:
    """Stand for the sessions of a store that has no runtime."""
