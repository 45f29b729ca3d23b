"""How runs are kept going: tried again, taken over, watched.

Guarantees: the rules are data and pure functions; what was decided by them is durable
before anything happens, so a crash between two attempts repeats none and skips none.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from weft.storage import InvalidArgument

__all__ = ["NO_POLICY", "RetryPolicy", "RunPolicy"]

FACTOR_MAX: Final = 1000.0

BACKOFF_S_MAX: Final = 1e9
"""Thirty years: beyond it no clock knows when that is."""


def _check(name: str, value: object, least: float, most: float) -> None:
    """Refuse what is no number, or none of these."""
    if not isinstance(value, int | float) or not least <= value <= most:
        words = f"{name} is from {least:g} to {most:g}, not {value!r}."
        raise InvalidArgument(words)


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a run that failed is tried again, from its last durable state.

    Attributes:
        max_attempts: how often it may fail by itself, the first time included; being
            taken over after a crash does not count.
        backoff_s: how long the first wait is, in seconds.
        factor: by how much each further one is longer, up to 1,000 times.
        backoff_max_s: how long a wait is at the most.
        jitter: the share of a wait that chance may take off, so that what failed
            together does not come back together.
        retry_on: the errors that are worth it, a tuple of classes; an error of any
            other class is final.
    """

    max_attempts: int = 3
    backoff_s: float = 1.0
    factor: float = 2.0
    backoff_max_s: float = 60.0
    jitter: float = 0.1
    retry_on: tuple[type[BaseException], ...] = (Exception,)

    def __post_init__(self) -> None:
        _check("max_attempts", self.max_attempts, 1, math.inf)
        _check("backoff_s", self.backoff_s, 0, BACKOFF_S_MAX)
        _check("factor", self.factor, 1, FACTOR_MAX)
        _check("backoff_max_s", self.backoff_max_s, 0, BACKOFF_S_MAX)
        _check("jitter", self.jitter, 0, 1)
        try:
            isinstance(None, self.retry_on)
        except TypeError:
            raise InvalidArgument(
                f"retry_on is a tuple of exception classes, not {self.retry_on!r}."
            ) from None

    def allows(self, failures: int, error: BaseException) -> bool:
        """Return whether a run is tried again.

        Args:
            failures: attempts that failed, this one included.
            error: what the last one raised.
        """
        return failures < self.max_attempts and isinstance(error, self.retry_on)

    def delay_s(self, failures: int, chance: float) -> float:
        """Return how long to wait before the next attempt, in seconds.

        Args:
            failures: attempts that failed, from 1.
            chance: from 0 to 1.
        """
        exponent = min(failures - 1, _EXPONENT_MAX)
        wait_s = min(self.backoff_s * self.factor**exponent, self.backoff_max_s)
        return wait_s * (1 - self.jitter * chance)


_EXPONENT_MAX: Final = 64
"""Any factor has come to any limit by then, and ``FACTOR_MAX`` overflows no float."""

Migrate = Callable[[str, Any], Any]


class RunPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How the runs of a workflow are kept going.

    Attributes:
        retry: when a failed one is tried again; None for never.
        heartbeat_s: an attempt whose code is executed and neither yields nor calls
            ``context.heartbeat()`` for this long, in seconds, has failed; None to wait.
            Waiting for a place, a process or a commit is not silence.
        resumable: take runs over whose process died; else they are interrupted.
        migrate: called with the version a run began under, and its last durable state,
            when the registered version is another one; what it returns is the run's
            next state. None to interrupt such runs.
    """

    retry: RetryPolicy | None = None
    heartbeat_s: float | None = None
    resumable: bool = True
    migrate: Migrate | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.retry, RetryPolicy | None):
            raise InvalidArgument(f"retry is a RetryPolicy, not {self.retry!r}.")
        if not (self.migrate is None or callable(self.migrate)):
            raise InvalidArgument(f"migrate is a function, not {self.migrate!r}.")
        if self.heartbeat_s is not None and not _is_span(self.heartbeat_s):
            words = f"heartbeat_s is above 0 and finite, not {self.heartbeat_s!r}."
            raise InvalidArgument(words)


def _is_span(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < math.inf


NO_POLICY: Final = RunPolicy()
"""Never tried again, taken over after a crash, refused under another version."""
