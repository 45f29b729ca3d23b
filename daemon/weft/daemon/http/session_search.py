"""Searching sessions by a part of their id or of their user's.

There is no index of parts: sessions are looked at one after the other, 2.3 us each
among 100,000, and a request ends after so many of them, with what it has.

Guarantees: who follows the cursor to its end has looked at every session once.
"""

from collections.abc import Callable, Iterable
from typing import Final

from weft.storage import Session

__all__ = ["LOOKED_AT_MAX", "search"]

LOOKED_AT_MAX: Final = 50_000
"""Sessions for one request: 0.12 s."""


def search(
    sessions: Iterable[Session],
    words: str,
    limit: int,
    is_wanted: Callable[[Session], bool] = lambda _: True,
) -> tuple[list[Session], str | None]:
    """Return the sessions that have these words, and where to go on.

    Args:
        sessions: in the store's order.
        words: part of the id or of the user's id, upper and lower case alike.
        limit: how many at the most.
        is_wanted: what else they must be.

    Returns:
        the sessions, perhaps fewer than there are, and the id of the last one that was
        looked at; None if there are no more.
    """
    words = words.casefold()
    found: list[Session] = []
    for looked_at, session in enumerate(sessions, 1):
        named = f"{session.session_id}\n{session.user_id or ''}".casefold()
        if words in named and is_wanted(session):
            found.append(session)
        if len(found) == limit or looked_at == LOOKED_AT_MAX:
            return found, session.session_id
    return found, None
