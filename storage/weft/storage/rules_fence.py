"""The fence: which writes of a run are those of the run in progress.

Guarantees: a run that lost its process, its thread, its session or its turn to a
successor cannot write over it.
"""

from weft.storage.errors import StaleRevision
from weft.storage.records import Thread

__all__ = ["check_fence", "check_rev", "stale_run"]


def stale_run(thread: Thread, run_id: str) -> StaleRevision:
    """Return the error of a run that is not the one in progress."""
    return StaleRevision(
        f"Run {run_id} is no longer the one in progress on thread "
        f"{thread.thread_id!r}.",
        session_id=thread.session_id,
        thread_id=thread.thread_id,
        details={"run_id": run_id, "current_run_id": thread.run_id},
    )


def check_fence(thread: Thread, run_id: str, attempt: int) -> None:
    """Refuse the write of a run, or of an attempt, that is not the one in progress.

    Raises:
        StaleRevision: it is not.
    """
    if thread.run_id != run_id or thread.run_attempt != attempt:
        raise stale_run(thread, run_id)


def check_rev(thread: Thread, rev: int) -> None:
    """Refuse a write under another ``rev`` than the thread has.

    Raises:
        StaleRevision: it has changed its owner or its life.
    """
    if rev != thread.rev:
        raise StaleRevision(
            f"Thread {thread.thread_id!r} is at revision {thread.rev}, "
            f"the write is of {rev}.",
            session_id=thread.session_id,
            thread_id=thread.thread_id,
            details={"stored_rev": thread.rev, "given_rev": rev},
        )
