"""The rules of supervision: restart, escalate or quarantine. Pure; no clock, no actor.

Guarantees:
    - Within ``period_s`` there are at most ``restarts_max`` restarts.
    - The delay doubles with each failure, from ``backoff_min_s`` to ``backoff_max_s``,
      and begins anew after ``reset_after_s`` without one.
    - What was quarantined and fails again before that goes back at once.
    - The same failures at the same times with the same random numbers give the same
      decisions.

Who carries them out is in :mod:`weft.actors.supervisor`.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Decision",
    "Escalate",
    "Quarantine",
    "Restart",
    "RestartHistory",
    "RestartPolicy",
    "Strategy",
]

Strategy: TypeAlias = Literal["one_for_one", "rest_for_one"]
"""Who is restarted with a child that failed: nobody, or all begun after it."""

_DOUBLINGS_MAX: Final = 64
"""0.1 s doubled so often is longer than any limit; more would overflow a float."""


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how fast a failing actor is restarted.

    The defaults are those of the runtime's own sessions.

    Attributes:
        restarts_max: restarts within the period; what fails more often is given up.
        period_s: in seconds.
        backoff_min_s: the first delay, in seconds.
        backoff_max_s: the longest delay, in seconds, before jitter.
        jitter: the part of a delay by which it varies, up and down: so that what
            failed together does not come back together.
        reset_after_s: without a failure for so long, in seconds, an actor counts as
            healthy.
        quarantine_s: what becomes of an actor that is given up: None escalates to the
            supervisor's supervisor; else its mail is refused for so long, in seconds,
            and then it is tried again.
    """

    restarts_max: int = 5
    period_s: float = 60.0
    backoff_min_s: float = 0.1
    backoff_max_s: float = 30.0
    jitter: float = 0.2
    reset_after_s: float = 60.0
    quarantine_s: float | None = None

    def __post_init__(self) -> None:
        fine = (
            self.restarts_max >= 0
            and self.period_s > 0
            and 0 <= self.backoff_min_s <= self.backoff_max_s
            and 0 <= self.jitter <= 1
            and self.reset_after_s >= 0
            and (self.quarantine_s is None or self.quarantine_s > 0)
        )
        if not fine:
            raise ValueError(
                f"{self} makes no sense. Times are positive, backoff_min_s is at most "
                "backoff_max_s, and jitter is from 0 to 1."
            )


class Restart(msgspec.Struct, frozen=True, tag=True):
    """Restart it, after a delay in seconds."""

    delay_s: float


class Escalate(msgspec.Struct, frozen=True, tag=True):
    """Fail in its place: let the next supervisor decide."""


class Quarantine(msgspec.Struct, frozen=True, tag=True):
    """Refuse its mail until a time, in ns, and restart it then."""

    until_ns: int


Decision: TypeAlias = "Restart | Escalate | Quarantine"


class RestartHistory:
    """The failures of one actor, as far as they matter."""

    __slots__ = ("_last_ns", "_policy", "_quarantined", "_random", "_restarts", "_row")

    def __init__(
        self,
        policy: RestartPolicy,
        random: Callable[[], float] = random.random,
    ) -> None:
        """Begin without a failure.

        Args:
            policy: the rules.
            random: returns numbers from 0 to 1, for the jitter.
        """
        self._policy = policy
        self._random = random
        self._restarts: deque[int] = deque(maxlen=policy.restarts_max)
        self._row = 0  # failures in a row
        self._last_ns: int | None = None
        self._quarantined = False

    def failed(self, now_ns: int) -> Decision:
        """Note a failure and decide.

        Args:
            now_ns: when, on a clock that does not go back.
        """
        policy = self._policy
        if self._last_ns is not None and (
            now_ns - self._last_ns >= policy.reset_after_s * 1e9
        ):
            self._row, self._quarantined = 0, False
        if self._quarantined or not self._may_restart(now_ns):
            return self._give_up(now_ns)
        self._last_ns = now_ns
        self._restarts.append(now_ns)
        return Restart(self._next_delay_s())

    def _may_restart(self, now_ns: int) -> bool:
        restarts = self._restarts
        while restarts and now_ns - restarts[0] >= self._policy.period_s * 1e9:
            restarts.popleft()
        return len(restarts) < self._policy.restarts_max

    def _give_up(self, now_ns: int) -> Escalate | Quarantine:
        if self._policy.quarantine_s is None:
            return Escalate()
        # Quiet time begins when the quarantine ends.
        self._last_ns = now_ns + round(self._policy.quarantine_s * 1e9)
        self._quarantined = True
        return Quarantine(self._last_ns)

    def _next_delay_s(self) -> float:
        policy = self._policy
        doubled_s = policy.backoff_min_s * 2.0 ** min(self._row, _DOUBLINGS_MAX)
        self._row += 1
        swing = policy.jitter * (2 * self._random() - 1)
        return min(doubled_s, policy.backoff_max_s) * (1 + swing)
