"""Cancels that follow their run: to wherever it is, while it goes on.

A run is asked to stop by its shard's process, which remembers that for the attempt in
progress. If the thread is moved to another shard then, or the process dies, the run
begins another attempt elsewhere that knows nothing of it. So whoever sent the cancel
looks after it for a while, and sends it again where the run has gone.

Guarantees: a cancel that was heard ends the run, for :data:`PAUSES_S` in all, wherever
it is moved; one that was answered with no found that it had ended, or never was.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from weft.cluster.cluster_store import ClusterStore
from weft.cluster.errors import ShardUnavailable

__all__ = ["Cancels"]

logger = logging.getLogger("weft.cluster")

PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Between two looks at a run that was cancelled: half a minute, in all. Code that does
not stop for longer has been told, if it was not moved meanwhile."""


class _Where(NamedTuple):
    """Where a run is in progress.

    Attributes:
        session_id: of its thread.
        attempt: the run's.
    """

    session_id: str
    attempt: int


class Cancels:
    """Brings cancels to runs; on one event loop.

    Args:
        store: has the runs.
        ask: asks a run of a session to stop; the answer is whether it was in progress.
    """

    def __init__(
        self, store: ClusterStore, ask: Callable[[str, str, bool], Awaitable[bool]]
    ) -> None:
        self._store = store
        self._ask = ask
        self._following: set[asyncio.Task[None]] = set()  # else a collection ends them

    async def cancel(self, run_id: str, *, undo: bool) -> bool:
        """Ask a run to stop; the answer is whether it was in progress.

        Args:
            run_id: the run.
            undo: leave no state of it behind.

        Raises:
            ShardUnavailable: it has not ended, and no shard has it in progress.
        """
        failure: Exception | None = None
        for pause_s in (0.0, *PAUSES_S):  # it may be between two shards, or processes
            await asyncio.sleep(pause_s)
            where = await asyncio.to_thread(self._where, run_id)
            if where is None:
                return False
            try:
                if await self._ask(where.session_id, run_id, undo):
                    break
            except Exception as error:  # noqa: BLE001 - Ray's failures are many
                failure = error
        else:
            words = f"No shard has run {run_id!r} in progress yet."
            raise ShardUnavailable(words, cause=failure)
        task = asyncio.create_task(self._follow(run_id, where, undo=undo))
        self._following.add(task)
        task.add_done_callback(self._following.discard)
        return True

    async def _follow(self, run_id: str, before: _Where, *, undo: bool) -> None:
        for pause_s in PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                where = await asyncio.to_thread(self._where, run_id)
                if where is None:
                    return
                if where != before and await self._ask(where.session_id, run_id, undo):
                    before = where
            except Exception as error:  # noqa: BLE001 - Ray's failures are many
                logger.info("run %s cannot be cancelled yet: %s", run_id, error)

    def _where(self, run_id: str) -> _Where | None:
        """Return where a run that has not ended is."""
        with self._store.read() as snapshot:
            run = snapshot.run(run_id)
            if run is None or run.finished_at_us is not None:
                return None
            thread = snapshot.thread(run.thread_id)
        return None if thread is None else _Where(thread.session_id, run.attempt)
