"""A snapshot of a database: what would cost a round trip for each record costs one.

Same answers as every :class:`~weft.storage.snapshot.Snapshot`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from weft.cluster.reading import Reading
from weft.storage.codec import code_of, decode
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys import association_key, name_key, thread_key
from weft.storage.records import Association, Run, Session, Thread
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
        return self.threads_of(thread_id for _, thread_id in self.names(session_id))

    def threads_of(self, thread_ids: Iterable[str]) -> Iterator[Thread]:
        """Yield those of some threads that are live, in the order of the ids."""
        ids = iter(thread_ids)
        while batch := list(islice(ids, _BATCH)):
            keys = [thread_key(thread_id)[-1] for thread_id in batch]
            found = self._reading.get_many("T", keys)
            for key in keys:
                thread = decode("T", key, found[key]) if key in found else None
                if isinstance(thread, Thread):
                    yield thread

    def unfinished(self, threads: Sequence[Thread]) -> Iterator[tuple[Run, Thread]]:
        """Yield the runs of some threads that have not ended, in the order of turns.

        Most threads have none, and that takes one look for all of them.
        """
        with_queue = self.with_queue(thread.thread_id for thread in threads)
        for thread in threads:
            run_ids = [] if thread.run_id is None else [thread.run_id]
            if thread.thread_id in with_queue:
                run_ids += [run_id for run_id, _ in self.queued_runs(thread.thread_id)]
            for run in map(self.run, run_ids):
                if run is not None:
                    yield run, thread

    def with_queue(self, thread_ids: Iterable[str]) -> set[str]:
        """Return those of some threads for which runs wait: one look for all."""
        prefixes = [b"\x02" + pack_id(thread_id) for thread_id in thread_ids]
        found = self._reading.scan_many("R", prefixes)
        return {unpack_id(key, 1)[0] for key, _ in found}

    def holders(self, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return which live threads have some names.

        Args:
            names: each behind its session's id.

        Returns:
            thread id by session id and name, without those that nobody has.
        """
        keys = {name_key(*name)[-1]: name for name in names}
        found = self._reading.get_many("S", list(keys))
        return {keys[key]: decode("S", key, data) for key, data in found.items()}

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
