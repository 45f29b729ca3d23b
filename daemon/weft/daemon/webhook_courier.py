"""Telling one receiver of one run's end, as often as it takes.

All on one event loop. Whoever calls knows which ends are to be told
(:mod:`weft.daemon.webhooks`); here is how.

Guarantees:
    * each attempt says what the store says then; a run that was removed meanwhile, or
      that moved to somebody else's session, is not told any more;
    * only so many requests are under way, and a quarter of them to one host: a slow
      receiver holds up itself only;
    * of a URL nothing but the host is logged.
"""

import asyncio
import logging
import time
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast, get_args
from weakref import WeakValueDictionary

from weft.actors import Runtime
from weft.daemon.http.run_answers import ended
from weft.daemon.webhook_body import body_of
from weft.daemon.webhook_config import WebhooksConfig
from weft.daemon.webhook_guard import Forbidden, Target
from weft.daemon.webhook_outbox import Noted
from weft.daemon.webhook_outcome import Outcome, OutcomeKind
from weft.daemon.webhook_retry import pause_after
from weft.daemon.webhook_signature import Signer
from weft.metrics import WebhookStatistics
from weft.storage import Run, Snapshot, StoreClosed
from weft.storage.statistics import Histogram

if TYPE_CHECKING:
    from weft.daemon.webhook_network import Resolve
    from weft.daemon.webhook_sender import Sender

__all__ = ["Courier"]

logger = logging.getLogger("weft.webhooks")

_HOST_SHARE: Final = 4


class Courier:
    """Tells receivers of the ends of runs.

    Args:
        runtime: where the runs are.
        config: where it may go, how often, how long.
        signer: signs what it says.
        resolver: of names; the system's if omitted.
    """

    def __init__(
        self,
        runtime: Runtime,
        config: WebhooksConfig,
        signer: Signer,
        resolver: "Resolve | None" = None,
    ) -> None:
        self._runtime = runtime
        self._config = config
        self._guard = config.guard
        self._signer = signer
        self._resolver = resolver
        self._places = asyncio.Semaphore(config.requests_max)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._sending: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._requests: dict[str, int] = dict.fromkeys(get_args(OutcomeKind), 0)
        self._duration_ns = Histogram()
        self._abandoned = self._waiting = 0

    @cached_property
    def _sender(self) -> "Sender":
        """What sends: a tenth of a second to import, for daemons that need it."""
        from weft.daemon.webhook_sender import Sender

        return Sender(self._guard, self._config.timeout_s, self._resolver)

    def statistics(self) -> WebhookStatistics:
        """Return the numbers so far; callable from any OS thread."""
        return WebhookStatistics(
            dict(self._requests),
            self._duration_ns.snapshot(),
            self._abandoned,
            self._waiting,
        )

    async def tell(self, noted: Noted) -> None:
        """Wait for a run's end and tell it, until it is taken or given up.

        Raises:
            StoreClosed: the daemon stops; another process is to tell.
        """
        run = await ended(self._runtime, noted.run_id)
        if run is None:
            return
        until_s = (run.finished_at_us or 0) / 1e6 + self._config.retry_for_s
        self._waiting += 1
        try:
            await self._insist(noted, until_s)
        finally:
            self._waiting -= 1

    async def stop(self, timeout_s: float) -> None:
        """Begin no more requests, and wait for those under way."""
        self._stopping = True
        if self._sending:
            await asyncio.wait(self._sending, timeout=timeout_s)

    async def _insist(self, noted: Noted, until_s: float) -> None:
        for attempt in count(1):
            outcome = await self._attempt(noted)
            if outcome is None:
                return
            if outcome.kind == "delivered":
                _log(logging.INFO, noted, "told", attempt, outcome)
                return
            pause_s = pause_after(attempt, outcome.retry_after_s)
            if outcome.is_final or time.time() + pause_s > until_s:
                self._abandoned += 1
                _log(logging.WARNING, noted, "gave up", attempt, outcome)
                return
            _log(logging.INFO, noted, "tries again", attempt, outcome)
            if self._stopping:
                raise _stops()
            await asyncio.sleep(pause_s)

    async def _attempt(self, noted: Noted) -> Outcome | None:
        """Send one request; None if there is nothing to tell any more."""
        try:
            target = self._guard.target(noted.url)
        except Forbidden as error:
            return self._counted(Outcome("forbidden", str(error)))
        share = max(1, self._config.requests_max // _HOST_SHARE)
        of_host = self._hosts.setdefault(target.host, asyncio.Semaphore(share))
        async with of_host, self._places:
            body = self._body(noted)
            return None if body is None else await self._send(noted, target, body)

    def _body(self, noted: Noted) -> bytes | None:
        if self._stopping:
            raise _stops()
        with self._runtime.store.read() as snapshot:
            run = snapshot.run(noted.run_id)
            if run is None or not _may_know(snapshot, run, noted.owner):
                return None
            return body_of(snapshot, run, self._config.body_size_bytes_max)

    async def _send(self, noted: Noted, target: Target, body: bytes) -> Outcome:
        headers = self._signer.headers(noted.run_id, int(time.time()), body)
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        began_ns = time.perf_counter_ns()
        self._sending.add(task)
        try:
            outcome = await self._sender.send(target, headers, body)
        finally:
            self._sending.discard(task)
        self._duration_ns.observe(time.perf_counter_ns() - began_ns)
        return self._counted(outcome)

    def _counted(self, outcome: Outcome) -> Outcome:
        self._requests[outcome.kind] += 1
        return outcome


def _may_know(snapshot: Snapshot, run: Run, owner: str | None) -> bool:
    """Whether who asked to be told may see the run; its thread may have moved."""
    thread = snapshot.thread(run.thread_id)
    session = None if thread is None else snapshot.session(thread.session_id)
    return session is not None and owner in {None, session.user_id}


def _stops() -> StoreClosed:
    return StoreClosed("The daemon stops; the next one tells of the run.")


def _log(level: int, noted: Noted, what: str, attempt: int, outcome: Outcome) -> None:
    logger.log(
        level,
        "%s %s of run %s, attempt %d: %s, %s",
        what,
        noted.host,
        noted.run_id,
        attempt,
        outcome.kind,
        outcome.words,
        extra={"run_id": noted.run_id, "thread_id": noted.thread_id},
    )
