"""The loop that starts the runs of crons when they are due.

Guarantees:
    * a due time has one run at the most, however often the loop is killed and on how
      many daemons of a cluster it runs: the run's idempotency key is made of the cron
      and the due time, and stays good for as long as the log of operations does;
    * it has one exactly if some loop looks within the grace and it is not refused;
    * who stops and starts the loop, in whatever place, loses nothing.

Of several times that were missed the last one is made up for, if it is within the
grace; the others are passed over and counted. What fails for now (an overload, a disk
that is full) is tried again within the grace; what is refused waits for the next time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Final

from weft.daemon.cron_counting import CronCounter
from weft.daemon.crons import Cron, Crons, Kept, Progress
from weft.daemon.http.problems import RequestFault
from weft.storage import (
    DeadlineExceeded,
    Overloaded,
    SessionThreadException,
    StoreClosed,
    StoreReadOnly,
    StoreUnavailable,
    ThreadBusy,
    ThreadNotFound,
)
from weft.storage.records import datetime_from_us
from weft.storage.store import clock_us

__all__ = ["GRACE_S", "CronLoop", "key_of"]

logger = logging.getLogger("weft.daemon")

GRACE_S: Final = 60.0
"""The shortest time between two due times."""

REFRESH_S: Final = 30.0
"""For what changed elsewhere: a cron that another daemon of the cluster was given is
known there at once, and here before that one may have died and been missed."""

RETRY_S: Final = 1.0
TOGETHER_MAX: Final = 64
"""Runs that are started at once: they share a commit, and leave room for others."""

MISSED: Final = "It was due while nothing could be started."

_US_PER_S: Final = 1_000_000

_FOR_NOW: Final = (Overloaded, DeadlineExceeded, StoreReadOnly, StoreUnavailable)

Start = Callable[[Cron, str], Awaitable[object]]
"""Starts the run of a cron under an idempotency key."""


class CronLoop:
    """Starts what is due; on one event loop.

    Args:
        crons: of a store.
        start: starts a run.
        counter: of what was done.
        grace_s: how late a run may be started.
        clock_us: microseconds since the Unix epoch.
    """

    def __init__(
        self,
        crons: Crons,
        start: Start,
        counter: CronCounter,
        *,
        grace_s: float = GRACE_S,
        clock_us: Callable[[], int] = clock_us,
    ) -> None:
        self._crons = crons
        self._start = start
        self._counter = counter
        self._grace_us = round(grace_s * _US_PER_S)
        self._clock_us = clock_us
        self._next_us: dict[str, int] = {}
        self._refresh_us = 0
        self._news: set[str] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start what is due from now on; on the event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run())

    def end(self) -> None:
        """Start nothing more; on the event loop."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def changed(self, cron_id: str) -> None:
        """Look at a cron again: it is new, or not the same any more."""
        self._news.add(cron_id)
        self._changed.set()

    async def step(self) -> float:
        """Start what is due now, and return for how many seconds nothing will be."""
        now_us = self._clock_us()
        if now_us >= self._refresh_us:
            self._refresh_us = now_us + round(REFRESH_S * _US_PER_S)
            self._next_us = await self._read()
        while self._news:
            await self._learn(self._news.pop())
        due = sorted((at, name) for name, at in self._next_us.items() if at <= now_us)
        for group in _groups([name for _, name in due]):
            await asyncio.gather(*map(self._look, group))
        next_us = min(self._next_us.values(), default=self._refresh_us)
        left_us = min(next_us, self._refresh_us) - self._clock_us()
        return max(0, left_us) / _US_PER_S

    async def run(self) -> None:
        """Start what is due, until the store is closed."""
        while True:
            self._changed.clear()
            try:
                pause_s = await self.step()
            except StoreClosed:
                return
            except SessionThreadException as error:
                if error.http_status == HTTPStatus.NOT_IMPLEMENTED:
                    logger.info("no crons are started: %s", error)
                    return
                logger.warning("crons could not be looked at: %s", error)
                self._refresh_us, pause_s = 0, RETRY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._changed.wait()

    async def _read(self) -> dict[str, int]:
        found = await self._crons.all()
        pairs = await asyncio.to_thread(
            lambda: [(one.cron.cron_id, one.next_us) for one in found]
        )
        return {cron_id: next_us for cron_id, next_us in pairs if next_us is not None}

    async def _learn(self, cron_id: str) -> None:
        """See when a cron is due that is new or has changed."""
        kept = await self._crons.get(cron_id)
        self._note(cron_id, None if kept is None else kept.next_us)

    async def _look(self, cron_id: str) -> None:
        """Do for a cron what is to be done, as it is now."""
        kept = await self._crons.get(cron_id)
        if kept is None:
            self._note(cron_id, None)
            return
        done = await self._act(kept)
        if done is None:  # nothing, or not yet, or it is no more
            soon_us = self._clock_us() + round(RETRY_S * _US_PER_S)
            next_us = kept.next_us
            self._note(cron_id, None if next_us is None else max(next_us, soon_us))
            return
        await self._crons.advance(cron_id, done)
        self._note(cron_id, kept._replace(progress=done).next_us)

    def _note(self, cron_id: str, next_us: int | None) -> None:
        if next_us is None:
            self._next_us.pop(cron_id, None)
        else:
            self._next_us[cron_id] = next_us

    async def _act(self, kept: Kept) -> Progress | None:
        """Return how far a cron is now, None for no further."""
        cron, now_us = kept.cron, self._clock_us()
        due_us, skips = kept.judge(now_us, self._grace_us)
        done = Progress(now_us, MISSED) if skips else None
        if due_us is not None:
            done = await self._fire(cron, due_us)
        if skips and done is not None:
            self._counter.count("skipped")
            logger.warning("cron %s: due times were missed", cron.cron_id)
        return done

    async def _fire(self, cron: Cron, due_us: int) -> Progress | None:
        try:
            await self._start(cron, key_of(cron.cron_id, due_us))
        except StoreClosed:
            raise
        except ThreadBusy as error:
            self._counter.count("skipped")
            return Progress(due_us, str(error))
        except Exception as error:  # noqa: BLE001 - one cron must not stop the others
            if _passes(error):
                logger.warning("cron %s will be tried again: %s", cron.cron_id, error)
                return None
            self._counter.count("failed")
            return await self._failed(cron, due_us, error)
        self._counter.fired(self._clock_us() - due_us)
        return Progress(due_us)

    async def _failed(
        self, cron: Cron, due_us: int, error: Exception
    ) -> Progress | None:
        if cron.thread_id is not None and isinstance(error, ThreadNotFound):
            logger.warning("cron %s ends with its thread", cron.cron_id)
            await self._crons.remove(cron.cron_id)
            return None
        is_told = isinstance(error, SessionThreadException | RequestFault)
        logger.warning(
            "the run of cron %s was refused: %s",
            cron.cron_id,
            error,
            exc_info=None if is_told else error,
        )
        words = (
            str(error) if is_told else f"{type(error).__name__}: a defect; see the log"
        )
        return Progress(due_us, words)


def key_of(cron_id: str, due_us: int) -> str:
    """Return the idempotency key of a cron's run."""
    return f"cron/{cron_id}/{datetime_from_us(due_us):%Y-%m-%dT%H:%MZ}"


def _passes(error: Exception) -> bool:
    """Whether what failed may do so no more in a moment."""
    if isinstance(error, RequestFault):
        return error.status == HTTPStatus.SERVICE_UNAVAILABLE
    return isinstance(error, _FOR_NOW)


def _groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(names), TOGETHER_MAX):
        yield names[begin : begin + TOGETHER_MAX]
