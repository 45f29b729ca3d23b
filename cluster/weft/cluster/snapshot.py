"""A snapshot of a database: what would cost a round trip for each record costs one.

Same answers as every :class:`~weft.storage.snapshot.Snapshot`.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from weft.cluster.reading import Reading
from weft.storage.codec import code_of, decode
from weft.storage.ids import pack_id
from weft.storage.keys import association_key, thread_key
from weft.storage.records import Association, Session, Thread
from weft.storage.snapshot import Snapshot

__all__ = ["PostgresSnapshot"]

_BATCH: Final = 500
"""Records fetched at once: some 150 KB."""

_SESSION: Final = code_of(Session)


class PostgresSnapshot(Snapshot):
    """One moment of a database.

    Args:
        reading: the read transaction.
        base: the ``seq`` that the log begins behind.
    """

    __slots__ = ("_base", "_reading")

    def __init__(self, reading: Reading, base: int = 0) -> None:
        super().__init__(reading)
        self._reading = reading
        self._base = base

    @property
    def log_end(self) -> tuple[int, int]:
        """The last place taken in the log: ``seq``, and refusals since it."""
        return max(super().log_end, (self._base, 0))

    def sessions(self, after: str | None = None) -> Iterator[Session]:
        """Yield all sessions in the order of their keys."""
        start = b"" if after is None else pack_id(after) + b"\x03"
        for key, data in self._reading.of_kind("S", _SESSION, start):
            yield decode("S", key, data)

    def threads(self, session_id: str) -> Iterator[Thread]:
        """Yield a session's live threads, ordered by name."""
        ids = (thread_id for _, thread_id in self.names(session_id))
        while batch := list(islice(ids, _BATCH)):
            keys = [thread_key(thread_id)[-1] for thread_id in batch]
            found = self._reading.get_many("T", keys)
            for key in keys:
                thread = decode("T", key, found[key]) if key in found else None
                if isinstance(thread, Thread):
                    yield thread

    def associations(
        self, session_id: str, *, active_only: bool = True
    ) -> Iterator[Association]:
        """Yield a session's rows: those of its threads, then those it gave away."""
        if not active_only:
            yield from super().associations(session_id, active_only=False)
            return
        ids = (thread_id for _, thread_id in self.names(session_id))
        while batch := list(islice(ids, _BATCH)):
            keys = [association_key(thread_id, session_id)[-1] for thread_id in batch]
            found = self._reading.get_many("T", keys)
            for key in keys:
                if key in found:
                    yield decode("T", key, found[key])
