"""Whose a thread was when it was last looked for: saves mail a look into the store.

A command that names a thread only has to find its owner. The root reads it from the
store, 15 us with its turn, and notes it here; the next command goes straight to the
session.

Guarantees: what is noted was true in the store, and is forgotten in the turn in which
the root hears that it is no more, before the sessions do.
"""

from typing import Final

__all__ = ["OWNERS_MAX", "Owners"]

OWNERS_MAX: Final = 65_536
"""What is noted: about 15 MB. Beyond it all is forgotten, which costs each thread one
more look; an LRU would cost every look."""


class Owners:
    """Session id by thread id; written in the root's turns, read by any OS thread."""

    __slots__ = ("_session_ids",)

    def __init__(self) -> None:
        self._session_ids: dict[str, str] = {}

    def of(self, thread_id: str) -> str | None:
        """Return the session that owned a thread when it was looked for, if known."""
        return self._session_ids.get(thread_id)

    def note(self, thread_id: str, session_id: str) -> None:
        """Remember what the store says."""
        if len(self._session_ids) >= OWNERS_MAX:
            self._session_ids.clear()
        self._session_ids[thread_id] = session_id

    def forget(self, thread_id: str) -> None:
        """Forget a thread that moves or goes."""
        self._session_ids.pop(thread_id, None)
