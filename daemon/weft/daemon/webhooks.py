"""Webhooks: telling others that runs have ended.

A run that is to be started with a URL stands in the outbox from before that until the
receiver has taken its end. An OS thread of its own, with an event loop, tells; requests
of clients never wait for it.

Guarantees:
    * at least once: kill -9 at any moment between makes the next process tell, and the
      receiver knows a repetition by its ``webhook-id``, which is the run's;
    * a start of which nobody has heard what came of it (the process died, or had no
      answer in time) is looked for in the store's log, for ``DOUBT_S``;
    * at the end of the process requests under way get ``STOP_TIMEOUT_S``; what was not
      taken then is told by the next one.

A run that is removed before it was told, or with its thread, is not told any more. A
thread that exists for its run only stays until then.
"""

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final, Self

import msgspec
from msgspec.structs import replace

from weft.actors import Future, Runtime
from weft.daemon.webhook_config import WebhooksConfig
from weft.daemon.webhook_courier import Courier
from weft.daemon.webhook_outbox import Noted, Outbox
from weft.daemon.webhook_signature import Signer
from weft.metrics import WebhookStatistics
from weft.storage import (
    Overloaded,
    Run,
    SessionThreadException,
    StoreClosed,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from weft.daemon.webhook_network import Resolve

__all__ = ["Webhooks"]

logger = logging.getLogger("weft.webhooks")

STOP_TIMEOUT_S: Final = 2.0
"""For requests under way at the end: as long as answers get."""

WAITING_MAX: Final = 10_000
"""Runs that are to be told of: each is a task, and a file."""

DOUBT_S: Final = 120.0
"""How long a start may still be on its way: four times what a request gets."""

AWAY_S: Final = 1.0
"""Before the next try where the store cannot be read, such as a database that restarts:
what is kept in memory only is told by this process or by nobody."""

LOOK_S: Final = 0.1
"""Before the second look; before each further one twice as long."""

_run_in: Final = msgspec.msgpack.Decoder(Run).decode


class Webhooks:
    """Tells of the ends of one runtime's runs, for the time of a with block.

    Args:
        runtime: whose.
        config: where webhooks may go, and how often they are tried.
        directory: of what is to be told; None to keep it in memory only.
        signer: signs what is told; nothing is signed if omitted.
        resolver: of names; the system's if omitted.
    """

    def __init__(
        self,
        runtime: Runtime,
        config: WebhooksConfig,
        directory: Path | None,
        signer: Signer | None = None,
        resolver: "Resolve | None" = None,
    ) -> None:
        self._guard = config.guard
        self._runtime = runtime
        self._courier = Courier(runtime, config, signer or Signer(), resolver)
        self._outbox = Outbox(directory)
        self._open: dict[str, dict[str, Future[None]]] = {}
        self._number = 0
        self._changing = Lock()
        self._ready = Event()
        self._os_thread = Thread(target=self._run, name="weft-webhooks", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        left = self._outbox.read()
        self._os_thread.start()
        self._ready.wait()
        for noted in left:
            self._begin(noted)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._os_thread.join()

    def statistics(self) -> WebhookStatistics:
        """Return the numbers so far; callable from any OS thread."""
        return self._courier.statistics()

    def check(self, url: str) -> None:
        """Refuse a URL before anything is done with it.

        Raises:
            Forbidden: no webhook may go there.
            Overloaded: too many runs are to be told of.
        """
        self._guard.target(url)
        if self._number >= WAITING_MAX:
            words = f"The ends of {WAITING_MAX} runs are to be told already."
            raise Overloaded(words, details={"retry_after_s": 5.0})

    def wish(self, noted: Noted) -> None:
        """Write down whom to tell of a run before it starts; takes a flush of the disk.

        Args:
            noted: with the key of the start. :meth:`follow`, :meth:`doubt` or
                :meth:`forget` it then.

        Raises:
            OSError: it could not be written down.
        """
        self._outbox.enter(noted)

    def follow(self, wish: Noted, run_id: str) -> None:
        """Tell of a run's end, and whatever happens: it has started."""
        try:
            noted = self._outbox.settle(wish, run_id)
        except OSError as error:  # the next process settles it, and tells twice
            logger.warning("run %s is noted as a wish only: %s", run_id, error.strerror)
            noted = replace(wish, run_id=run_id, op_id=None)
        self._begin(noted)

    def doubt(self, wish: Noted) -> None:
        """Find out whether a run has started, and tell of its end if so."""
        self._begin(wish)

    def forget(self, wish: Noted) -> None:
        """Tell of nothing: the start was refused."""
        self._outbox.remove(wish.name)

    async def told(self, thread_id: str) -> None:
        """Wait until all is told of a thread's runs, or given up; on any event loop."""
        while of_thread := dict(self._open.get(thread_id, {})):
            for future in of_thread.values():
                await future

    def _begin(self, noted: Noted) -> None:
        """Follow a run, unless that is done already; from any OS thread."""
        with self._changing:
            of_thread = self._open.setdefault(noted.thread_id, {})
            if noted.run_id in of_thread:
                return
            of_thread[noted.run_id] = Future()
            self._number += 1
        with contextlib.suppress(RuntimeError):  # closed: the next process tells
            self._loop.call_soon_threadsafe(self._start, noted)

    def _end(self, noted: Noted) -> None:
        with self._changing:
            of_thread = self._open[noted.thread_id]
            future = of_thread.pop(noted.run_id)
            self._number -= 1
            if not of_thread:
                del self._open[noted.thread_id]
        future.set(None)

    # On the OS thread

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._ready.set()
        await self._stopping.wait()
        await self._courier.stop(STOP_TIMEOUT_S)

    def _start(self, noted: Noted) -> None:
        task = self._loop.create_task(self._tell(noted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, noted: Noted) -> None:
        try:
            await self._see_to(noted)
        except StoreClosed:  # the next process tells
            return
        except (SessionThreadException, OSError):
            logger.exception(
                "run %s is not told of by this process",
                noted.run_id,
                extra={"run_id": noted.run_id, "thread_id": noted.thread_id},
            )
        self._end(noted)

    async def _see_to(self, noted: Noted) -> None:
        """Do what there is to do, once the store is there for it."""
        while True:
            try:
                await self._do(noted)
            except StoreUnavailable as error:
                logger.info("run %s is told of later: %s", noted.run_id, error)
                await asyncio.sleep(AWAY_S)
            else:
                return

    async def _do(self, noted: Noted) -> None:
        if noted.op_id is None:
            await self._courier.tell(noted)
            self._outbox.remove(noted.name)
        elif run_id := await self._started(noted.op_id):
            self.follow(noted, run_id)
        else:
            self._outbox.remove(noted.name)

    async def _started(self, op_id: str) -> str | None:
        """Return the run that was started under a key, None if none was."""
        until_s, pause_s = time.monotonic() + DOUBT_S, LOOK_S
        while True:
            with self._runtime.store.read() as snapshot:
                record = snapshot.operation(op_id)
            if record is not None:
                is_start = (record.kind, record.outcome) == ("StartRun", "applied")
                return _run_in(record.result_raw).run_id if is_start else None
            if time.monotonic() >= until_s:
                return None
            await asyncio.sleep(pause_s)
            pause_s *= 2
