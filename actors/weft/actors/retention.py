"""The keeper: the actor that has forgotten what is past its time.

One for each runtime. Every second it looks whether the log has entries to expire, and
every few minutes it begins a round over all threads and all items. It takes small
steps: a look of a millisecond at a snapshot, one operation through the writer, a pause.

Guarantees:
    * one operation of its own is in flight, of at most 1,000 records;
    * apart from the log it takes ``entries_per_s`` at the most; the log is expired up
      to twice as fast as it grows, yet by no more than 750 entries with each commit:
      commit groups that are larger for long let it grow meanwhile;
    * a store that cannot write is tried again a second later, and nothing is lost by
      a step that failed: what was not forgotten is found again;
    * who asked for a round is answered at its end, or when the runtime closes.

What is past its time is said by :mod:`weft.storage.retention`.
"""

from collections import deque
from typing import Any, ClassVar, Final

import msgspec
from msgspec.structs import asdict, replace

from weft.actors.future import Future
from weft.actors.light_actor import LightActor, handles
from weft.actors.messages import Drain, Settled, Sweep
from weft.actors.passivation import SWEEP_INTERVAL_S
from weft.actors.services import Services
from weft.storage import SessionThreadException, StoreClosed, Submission
from weft.storage.operations import PARTS_MAX, Expire
from weft.storage.retention import Plan, Retention, plan_log
from weft.storage.retention_items import plan_round
from weft.storage.rules_retention import Forgotten

__all__ = ["Forget", "Keeper", "RetentionStatistics"]

STEP_ENTRIES: Final = 250
"""How many entries of threads a step looks at: 0.8 ms on a busy machine."""

LOG_ENTRIES: Final = 250
"""How many log entries a step expires: with the others 500, some 3 ms of the writer."""

LOG_ENTRIES_MAX: Final = PARTS_MAX - STEP_ENTRIES
"""How many under load."""

LOST_AFTER_NS: Final = 60 * 1_000_000_000
"""When a step whose answer did not come is given up and begun again."""

_KINDS: Final = tuple(asdict(Forgotten()))


class Forget(msgspec.Struct):
    """Make a round of its own; the answer is what was forgotten, by kind.

    Attributes:
        policy: what is kept.
        only: a thread to look at, by the policy's history; None for all.
    """

    policy: Retention
    only: str | None = None


class Step(msgspec.Struct):
    """Go on; to the keeper, from itself."""


class RetentionStatistics(msgspec.Struct, frozen=True):
    """What retention did.

    Attributes:
        forgotten: records, by kind.
        rounds: finished looks at all threads and items.
        failures: steps that could not be taken.
    """

    forgotten: dict[str, int]
    rounds: int
    failures: int


class _Round:
    """A look at all threads and items, or at one thread, under way."""

    __slots__ = ("cursor", "forgotten", "future", "only", "policy")

    def __init__(
        self,
        policy: Retention,
        only: str | None = None,
        future: "Future[dict[str, int]] | None" = None,
    ) -> None:
        self.policy = policy
        self.only = only
        self.future = future
        self.cursor = b""
        self.forgotten = dict.fromkeys(_KINDS, 0)


class Keeper(LightActor):
    """Takes the steps of retention.

    Args:
        services: the runtime's shared parts.
        policy: what is kept.
    """

    kind: ClassVar[str] = "system"

    def __init__(self, services: Services, policy: Retention) -> None:
        super().__init__(services.scheduler, "keeper")
        self._services = services
        self._policy = policy
        self._rounds: deque[_Round] = deque()
        # Soon, for a process that lives for minutes, and not while others begin.
        soon_ns = int(policy.interval_s / 10 * 1e9)
        self._round_due_ns = services.sources.monotonic_ns() + soon_ns
        self._busy_since_ns = 0
        self._seq = 0
        self._forgotten = dict.fromkeys(_KINDS, 0)
        self._finished = self._failures = 0
        self.actor_ref.tell(Sweep())

    def retain(self, request: Forget, *, closed: bool) -> Future[dict[str, int]]:
        """Ask for a round; from any OS thread.

        Args:
            request: what is to be forgotten.
            closed: whether the runtime takes nothing any more.

        Returns:
            how much was forgotten, by kind.
        """
        if closed:
            return Future.failed(StoreClosed("The runtime is closed."))
        future: Future[dict[str, int]] = self.actor_ref.ask(request, block=False)
        return future

    @property
    def policy(self) -> Retention:
        """What is kept."""
        return self._policy

    def statistics(self) -> RetentionStatistics:
        """Return what was forgotten so far; callable from any OS thread."""
        return RetentionStatistics(
            dict(self._forgotten), self._finished, self._failures
        )

    @handles(Sweep)
    def _sweep(self, _message: Sweep) -> None:
        """Begin what is due, and come again."""
        if self._services.closing:
            return
        self._post_in(SWEEP_INTERVAL_S, Sweep())
        now_ns = self._services.sources.monotonic_ns()
        if now_ns >= self._round_due_ns and not self._rounds:
            self._rounds.append(_Round(self._policy))
        if not self._busy_since_ns or now_ns - self._busy_since_ns > LOST_AFTER_NS:
            self._step()

    @handles(Forget, deferred=True)
    def _forget(self, message: Forget, future: Future[Any] | None) -> None:
        # Ahead of the keeper's own round, which may take minutes.
        place = sum(waiting.future is not None for waiting in self._rounds)
        self._rounds.insert(place, _Round(message.policy, message.only, future))
        if self._services.closing:
            self._give_up()
        elif not self._busy_since_ns:
            self._step()

    @handles(Step)
    def _go_on(self, _message: Step) -> None:
        self._step()

    def _step(self) -> None:
        if self._services.closing:
            return
        sources = self._services.sources
        self._busy_since_ns = sources.monotonic_ns()
        now_us = sources.clock_us()
        try:
            log, threads, seq = self._look(now_us)
        except SessionThreadException:  # a store that cannot be read at present
            self._failed()
            return
        grown, self._seq = seq - self._seq, seq
        paced = threads.visited + max(0, log.visited - 2 * grown)
        first = self._rounds[0] if self._rounds else None
        step = _Step(first, threads.cursor, log.cursor is not None, paced)
        operation = _joined(log.operation, threads.operation)
        if operation is None:
            self._taken(step, Forgotten())
        else:
            self._submit(operation, step, now_us)

    def _look(self, now_us: int) -> tuple[Plan, Plan, int]:
        """Return plans for the log and for threads, and how far the log has come."""
        with self._services.store.read() as snapshot:
            grown = 2 * (snapshot.seq - self._seq) if self._seq else 0
            limit = min(max(LOG_ENTRIES, grown), LOG_ENTRIES_MAX)
            log = plan_log(snapshot, self._policy, now_us, limit)
            threads = Plan(None, None, 0)
            if self._rounds:
                first = self._rounds[0]
                threads = plan_round(
                    snapshot,
                    first.policy,
                    now_us,
                    first.cursor,
                    STEP_ENTRIES,
                    first.only,
                )
            return log, threads, snapshot.seq

    def _submit(self, operation: Expire, step: "_Step", now_us: int) -> None:
        operation = replace(
            operation, op_id=self._services.sources.new_id(), at_us=now_us
        )
        try:
            self._services.submit(Submission(operation, (self.actor_ref, step)))
        except SessionThreadException:
            self._failed()

    @handles(Settled)
    def _settled(self, message: Settled) -> None:
        if message.outcome.error is None:
            self._taken(message.request, message.outcome.result)
        else:
            self._failed()

    def _failed(self) -> None:
        """Leave the rest to the next sweep, which begins where this step did."""
        self._failures += 1
        self._busy_since_ns = 0

    def _taken(self, step: "_Step", forgotten: Forgotten) -> None:
        counts = asdict(forgotten)
        for kind, count in counts.items():
            self._forgotten[kind] += count
        if step.round is not None and step.round in self._rounds:  # not given up
            self._advance(step.round, step.cursor, counts)
        if step.more or self._rounds:
            pause_s = step.paced / self._policy.entries_per_s
            self._busy_since_ns += int(pause_s * 1e9)
            self._post_in(pause_s, Step())
        else:
            self._busy_since_ns = 0

    def _advance(
        self, first: _Round, cursor: bytes | None, counts: dict[str, int]
    ) -> None:
        for kind, count in counts.items():
            first.forgotten[kind] += count
        if cursor is not None:
            first.cursor = cursor
            return
        self._rounds.remove(first)
        if first.future is not None:
            first.future.try_set(first.forgotten)
        else:
            self._finished += 1
            pause_ns = int(self._policy.interval_s * 1e9)
            self._round_due_ns = self._services.sources.monotonic_ns() + pause_ns

    @handles(Drain)
    def _drain(self, message: Drain) -> None:
        self._give_up()
        message.future.try_set(None)

    def _give_up(self) -> None:
        for waiting in self._rounds:
            if waiting.future is not None:
                waiting.future.try_fail(StoreClosed("The runtime is closed."))
        self._rounds.clear()

    def _post_in(self, delay_s: float, message: object) -> None:
        cell, sources = self.actor_ref, self._services.sources
        due_ns = sources.monotonic_ns() + int(delay_s * 1e9)
        self._services.timers.call_at(
            due_ns, lambda: cell.scheduler.post(cell, message)
        )

    def handle_failure(self, exception: BaseException, message: Any) -> None:
        """Report it; the next sweep begins the step again."""
        super().handle_failure(exception, message)
        self._failed()


class _Step(msgspec.Struct, frozen=True):
    """What a step looked at.

    Attributes:
        round: whose step it was; None if it was for the log alone.
        cursor: where the round goes on; None at its end.
        more: the log has more to expire.
        paced: the entries that count for ``entries_per_s``.
    """

    round: _Round | None
    cursor: bytes | None
    more: bool
    paced: int


def _joined(log: Expire | None, threads: Expire | None) -> Expire | None:
    """Return one operation for both."""
    if log is None or threads is None:
        return log or threads
    return replace(threads, log=log.log)
