"""Second pass: runs that wait for their turn, and what the steps of runs came to."""

from collections.abc import Iterable

from weft.storage import keys
from weft.storage.check_graphs import Graphs
from weft.storage.check_scan import DAMAGED, Entry
from weft.storage.ids import unpack_id
from weft.storage.keys import SEQ_SIZE_BYTES
from weft.storage.records import Run

__all__ = ["Queues"]


class Queues(Graphs):
    """Judges what runs have besides their records."""

    def _queue(self, entries: Iterable[Entry]) -> None:
        """Judge entries that say that a run waits."""
        for thread_id, rest, value in entries:
            if value is DAMAGED:
                continue
            seq = int.from_bytes(rest[:SEQ_SIZE_BYTES])
            run_id = unpack_id(rest, SEQ_SIZE_BYTES)[0]
            run = self._get(keys.run_key(run_id))
            waits = isinstance(run, Run) and run.is_queued
            if run is DAMAGED or (
                waits and (run.thread_id, run.created_seq) == (thread_id, seq)
            ):
                continue
            if run is None and self._get(keys.thread_run_key(thread_id, run_id)):
                continue  # that the thread names it is the root
            key = keys.queued_run_key(thread_id, seq, run_id)
            self._tell(
                "dangling_index_entry",
                self._session_of(thread_id),
                thread_id,
                f"Run {run_id!r} is in the queue of thread {thread_id!r}; there is "
                "no such run that waits.",
                about=("queue", key[-1]),
                index="queue",
                items=(key[-1].hex(),),
            )

    def _waits(self, run: Run, session_id: str) -> None:
        """Judge whether a run that waits is in the queue."""
        key = keys.queued_run_key(run.thread_id, run.created_seq, run.run_id)
        if self._get(key) is None:
            self._tell(
                "missing_index_entry",
                session_id,
                run.thread_id,
                f"Run {run.run_id!r} waits; the queue of thread {run.thread_id!r} "
                "leaves it out.",
                about=("queue", key[-1]),
                index="queue",
                items=(key[-1].hex(),),
            )

    def _steps(self, entries: Iterable[Entry]) -> None:
        """Judge what steps came to: their run is in progress."""
        for run_id, rest, value in entries:
            run = self._get(keys.run_key(run_id))
            if value is DAMAGED or run is DAMAGED:
                continue
            if run is None and self._get(keys.live_run_key(run_id)):
                continue  # as above
            if not isinstance(run, Run) or not run.is_in_progress:
                thread_id = run.thread_id if isinstance(run, Run) else None
                key = keys.step_key(run_id, rest.decode())
                self._tell(
                    "dangling_index_entry",
                    None if thread_id is None else self._session_of(thread_id),
                    thread_id,
                    f"There are steps of run {run_id!r}, which is not in progress.",
                    about=("steps", run_id),
                    index="steps",
                    items=(key[-1].hex(),),
                )
