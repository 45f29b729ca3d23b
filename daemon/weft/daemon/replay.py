"""Replaying planned logs into a runtime: logs side by side, lines in file order.

A log's task sends its next line when the line before it has been answered, and an
answer is durable. Before its first line it looks up once how far each conversation
got, so what stands is not sent again, whether the operation log remembers it or not;
what was on its way when a process died is settled by the operations' own ids.

Guarantees:
    * Lines of a log take effect in the order of the file, exactly once each.
    * A conversation is transferred after its last line, in one transaction with the
      creation of its starter's session where that is missing.
    * A stop takes effect between two lines; replaying again goes on from there.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import msgspec

from weft.actors import Runtime, ThreadHandle
from weft.daemon.chat import chat
from weft.daemon.plan import LogPlan, Step, ThreadPlan
from weft.daemon.stop import Stop
from weft.storage import Snapshot

__all__ = ["Standing", "replay", "standing"]


class Standing(msgspec.Struct, frozen=True):
    """How far a conversation has got in the store.

    Attributes:
        created: its thread is there.
        line: the number of the last line that stands, -1 for none.
        transferred: the thread has left the log's session.
    """

    created: bool
    line: int
    transferred: bool


def standing(snapshot: Snapshot, log: LogPlan, thread: ThreadPlan) -> Standing:
    """Look up how far a conversation has got.

    Args:
        snapshot: the store.
        log: the log of the conversation.
        thread: the conversation.
    """
    found = snapshot.thread(thread.thread_id)
    if found is None:
        return Standing(created=False, line=-1, transferred=False)
    state = snapshot.state(thread.thread_id)
    return Standing(
        created=True,
        line=-1 if state is None else state.values["line"],
        transferred=found.session_id != log.session_id,
    )


async def replay(
    runtime: Runtime,
    logs: Sequence[LogPlan],
    *,
    concurrency: int,
    stop: Stop,
    on_line: Callable[[], object] = lambda: None,
) -> None:
    """Replay logs, or what is missing of them.

    Args:
        runtime: knows the workflow ``chat``.
        logs: from :func:`weft.daemon.plan.plan_logs`.
        concurrency: how many logs at once.
        stop: looked at before each line.
        on_line: called once for each line, replayed now or standing already.

    Raises:
        SessionThreadException: an operation failed; the first one of them.
        Stopped: a stop was asked for.
    """
    waiting = iter(logs)
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(concurrency, len(logs))):
                tasks.create_task(_work(runtime, waiting, stop, on_line))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    stop.check()


async def _work(
    runtime: Runtime,
    waiting: Iterator[LogPlan],
    stop: Stop,
    on_line: Callable[[], object],
) -> None:
    """Replay one log after the other, as long as there are any."""
    for log in waiting:
        await _Replay(runtime, log).run(stop, on_line)


class _Replay:
    """One log on its way."""

    def __init__(self, runtime: Runtime, log: LogPlan) -> None:
        self._runtime = runtime
        self._log = log
        with runtime.store.read() as snapshot:
            self._is_new = snapshot.session(log.session_id) is None
            self._standing = {
                thread.thread_id: standing(snapshot, log, thread)
                for thread in log.threads
            }
        self._handles = {
            thread.thread_id: runtime.thread(thread.thread_id) for thread in log.threads
        }

    async def run(self, stop: Stop, on_line: Callable[[], object]) -> None:
        if self._is_new:
            await self._runtime.coordinator.create_session(
                self._log.session_id, if_exists="open", op_id=self._log.op_id
            )
        for step in self._log.steps:
            if stop.signum is not None:
                return
            await self._step(step)
            on_line()

    async def _step(self, step: Step) -> None:
        thread, number = step.thread, step.line.number
        stands = self._standing[thread.thread_id]
        if stands.transferred:
            return
        if number == thread.first_line and not stands.created:
            self._handles[thread.thread_id] = await self._create(thread)
        handle = self._handles[thread.thread_id]
        if number > stands.line:
            await handle.run(step.config, op_id=step.op_id)
        if number == thread.last_line:
            await self._transfer(thread, handle)

    async def _create(self, thread: ThreadPlan) -> ThreadHandle:
        session = self._runtime.session(self._log.session_id)
        return await session.create_thread(
            thread.thread_id,
            workflow=chat.name,
            thread_id=thread.thread_id,
            op_id=thread.op_id("create"),
        )

    async def _transfer(self, thread: ThreadPlan, handle: ThreadHandle) -> None:
        await handle.transfer_to(thread.to_session_id, op_id=thread.op_id("transfer"))
