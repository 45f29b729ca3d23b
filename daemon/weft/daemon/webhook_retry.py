"""When a webhook that was not taken is sent again.

The pauses grow from a second to an hour, each with jitter, so that a receiver that was
down is not met by all at once. What the receiver asks for (``Retry-After``) is waited
for, up to the longest pause.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["pause_after", "seconds_in"]

FIRST_S: Final = 1.0
LONGEST_S: Final = 3600.0

_DOUBLINGS_MAX: Final = 12
"""2**12 s is more than an hour."""


def pause_after(
    attempt: int,
    asked_s: float | None = None,
    chance: Callable[[], float] = random.random,
) -> float:
    """Return how long to wait after an attempt that failed, in seconds.

    Args:
        attempt: which one it was, from 1.
        asked_s: what the receiver asked for; None for nothing.
        chance: returns a number from 0 to 1.
    """
    full_s = min(LONGEST_S, FIRST_S * 2.0 ** min(attempt - 1, _DOUBLINGS_MAX))
    jittered_s = full_s * (0.5 + 0.5 * chance())
    return max(jittered_s, min(asked_s or 0.0, LONGEST_S))


def seconds_in(retry_after: str, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` means, None if it means nothing.

    Args:
        retry_after: seconds, or a date as HTTP has them.
        now: an aware time; the present one if omitted.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
