"""What an engine is: something that makes an operation durable and then answers.

An engine that answers by callback gets the other two ways of waiting from here: a lock
handed over to a blocked OS thread, and a wake-up of an asyncio loop that many answers
share. An engine that has ways of its own overrides them.
"""

import asyncio
from _thread import allocate_lock
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final, Self

from bench.spec import KINDS, Kind
from bench.work import Counts, Work, World

__all__ = ["ANSWER_TIMEOUT_S", "Engine", "Reply"]

Reply = Callable[[BaseException | None], None]

ANSWER_TIMEOUT_S: Final = 60.0
"""An operation takes milliseconds; one without an answer for so long is lost."""


class Engine(ABC):
    """One store under measurement, on an empty directory.

    Attributes:
        kinds: the ways of waiting it can serve.
    """

    kinds: ClassVar[tuple[Kind, ...]] = KINDS

    _bridge: "_Bridge | None" = None

    @classmethod
    @abstractmethod
    def create(cls, directory: Path, world: World) -> Self:
        """Make a store that holds the world, and open it."""

    @abstractmethod
    def submit(self, work: Work, reply: Reply) -> None:
        """Begin an operation; ``reply`` is called when it is durable, or failed."""

    @abstractmethod
    def groups(self) -> tuple[int, int]:
        """Return how many flushes there were, and operations in them."""

    @abstractmethod
    def close(self) -> None:
        """Finish and close the store."""

    @classmethod
    @abstractmethod
    def count(cls, directory: Path) -> Counts:
        """Open the closed store again, and count what it holds."""

    def call(self, work: Work) -> None:
        """Block the calling OS thread until the operation is durable."""
        errors: list[BaseException | None] = []
        lock = allocate_lock()
        lock.acquire()

        def reply(error: BaseException | None) -> None:
            errors.append(error)
            lock.release()

        self.submit(work, reply)
        if not lock.acquire(timeout=ANSWER_TIMEOUT_S):
            raise TimeoutError(f"no answer to {work} in {ANSWER_TIMEOUT_S} s")
        if errors[0] is not None:
            raise errors[0]

    async def wait_for(self, work: Work) -> None:
        """Wait in asyncio until the operation is durable; one loop per engine."""
        bridge = self._bridge
        if bridge is None or bridge.loop is not asyncio.get_running_loop():
            bridge = self._bridge = _Bridge(asyncio.get_running_loop())
        waiter: asyncio.Future[None] = bridge.loop.create_future()
        self.submit(work, lambda error: bridge.answer(waiter, error))
        await waiter


class _Bridge:
    """Brings answers from another OS thread into a loop, one wake-up for many."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._answers: deque[tuple[asyncio.Future[None], BaseException | None]]
        self._answers = deque()
        self._armed = False

    def answer(self, waiter: asyncio.Future[None], error: BaseException | None) -> None:
        self._answers.append((waiter, error))
        if not self._armed:
            self._armed = True
            self.loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._armed = False
        while self._answers:
            waiter, error = self._answers.popleft()
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
