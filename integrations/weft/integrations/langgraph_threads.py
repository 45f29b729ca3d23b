"""What a saver does with whole threads: create, delete, copy, prune.

Guarantees: each thread's change is one transaction; what is gone already is no error
where LangGraph asks for it to be gone.
"""

from collections.abc import Sequence

from weft.integrations.desk import Desk, stamp
from weft.storage import (
    CheckpointReader,
    CopyCheckpoints,
    CreateThreads,
    DeleteCheckpoints,
    InvalidArgument,
    NewThread,
    Operation,
    RemoveThreads,
    ThreadNotFound,
)
from weft.storage.ids import check_id

__all__ = ["Threads"]


class Threads:
    """The half of a saver that is about threads.

    Attributes:
        session_id: who owns threads that are created here.
    """

    session_id: str
    _desk: Desk

    def create_thread(self, thread_id: str) -> None:
        """Create a thread, also one that was deleted: that begins a new life.

        Raises:
            ThreadExists: it lives.
        """
        self._desk.apply(self._creation(thread_id))

    async def acreate_thread(self, thread_id: str) -> None:
        """Do as :meth:`create_thread`."""
        await self._desk.aapply(self._creation(thread_id))

    def _creation(self, thread_id: str) -> Operation:
        thread_id = check_id(thread_id, "thread id")
        return CreateThreads(
            **stamp(),
            session_id=self.session_id,
            threads=(NewThread(thread_id, thread_id),),
            create_session=True,
        )

    def delete_thread(self, thread_id: str) -> None:
        """Remove a thread with all it has, a run in progress as well.

        A thread that does not exist is no error.
        """
        self._each([_removal(thread_id)])

    async def adelete_thread(self, thread_id: str) -> None:
        """Do as :meth:`delete_thread`."""
        await self._aeach([_removal(thread_id)])

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of runs; each thread's in one transaction.

        A delta channel whose value is a sum of deleted writes cannot be rebuilt.

        Args:
            run_ids: as the checkpoints' metadata has them.

        Raises:
            ThreadBusy: a run of Weft's is in progress on such a thread.
        """
        self._each(self._deletions(run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Do as :meth:`delete_for_runs`."""
        await self._aeach(self._deletions(run_ids))

    def _deletions(self, run_ids: Sequence[str]) -> Sequence[Operation]:
        by_thread: dict[str, list[str]] = {}
        with self._desk.store.read() as snapshot:
            reader = CheckpointReader(snapshot)
            for run_id in map(str, run_ids):
                for thread_id in reader.threads_of_run(check_id(run_id, "run id")):
                    by_thread.setdefault(thread_id, []).append(run_id)
        return [
            DeleteCheckpoints(**stamp(), thread_id=thread_id, run_ids=tuple(runs))
            for thread_id, runs in by_thread.items()
        ]

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread's checkpoints to another one, created if it never lived.

        Raises:
            ThreadNotFound: the source does not exist, or the target was removed.
        """
        self._desk.apply(self._copy(source_thread_id, target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Do as :meth:`copy_thread`."""
        await self._desk.aapply(self._copy(source_thread_id, target_thread_id))

    def _copy(self, source_thread_id: str, target_thread_id: str) -> Operation:
        return CopyCheckpoints(
            **stamp(),
            thread_id=check_id(source_thread_id, "thread id"),
            to_thread_id=check_id(target_thread_id, "thread id"),
            session_id=self.session_id,
        )

    def prune(
        self, thread_ids: Sequence[str], *, strategy: str = "keep_latest"
    ) -> None:
        """Delete old checkpoints; each thread's in one transaction.

        Args:
            thread_ids: the threads, which stay.
            strategy: ``keep_latest`` keeps the newest of each namespace, and the
                ancestors that a delta channel's value is made of; ``delete`` none.

        Raises:
            InvalidArgument: there is no such strategy.
            ThreadBusy: a run of Weft's is in progress on such a thread.
        """
        self._each(_prunings(thread_ids, strategy))

    async def aprune(
        self, thread_ids: Sequence[str], *, strategy: str = "keep_latest"
    ) -> None:
        """Do as :meth:`prune`."""
        await self._aeach(_prunings(thread_ids, strategy))

    def _each(self, operations: Sequence[Operation]) -> None:
        """Apply operations on threads of which some may be gone already."""
        for operation in operations:
            try:
                self._desk.apply(operation)
            except ThreadNotFound:
                continue

    async def _aeach(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            try:
                await self._desk.aapply(operation)
            except ThreadNotFound:
                continue


def _removal(thread_id: str) -> Operation:
    thread_id = check_id(str(thread_id), "thread id")
    return RemoveThreads(**stamp(), threads=(thread_id,), even_busy=True)


def _prunings(thread_ids: Sequence[str], strategy: str) -> Sequence[Operation]:
    if strategy not in {"keep_latest", "delete"}:
        raise InvalidArgument(
            f"A strategy is 'keep_latest' or 'delete', not {strategy!r}."
        )
    return [
        DeleteCheckpoints(
            **stamp(),
            thread_id=check_id(str(thread_id), "thread id"),
            keep_latest=strategy == "keep_latest",
        )
        for thread_id in thread_ids
    ]
