"""The thread service under the original's name: runs threads, and keeps their state."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from weft.actors.compat.execution import execution_errors, states_of
from weft.actors.compat.part import Part
from weft.storage import ThreadNotFound

__all__ = ["ThreadService"]


class ThreadService(Part):
    """Executes threads by their ids."""

    async def execute_workflow(
        self, thread_id: str, config: Mapping[str, Any] | None = None
    ) -> Any:
        """Run the workflow of a thread and return its result.

        Raises:
            WorkflowExecutionError: it failed, or there is nothing to execute.
        """
        with execution_errors(thread_id=thread_id):
            return await self._runtime.thread(thread_id).run(config)

    async def stream_workflow(
        self, thread_id: str, config: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Any]:
        """Run the workflow of a thread and return the stream of its states."""
        stream = self._runtime.thread(thread_id).stream(config)
        return states_of(stream, thread_id=thread_id)

    async def get_thread_state(self, thread_id: str) -> Any:
        """Return a thread's last durable state; None without a thread or a state."""
        try:
            state = await self._operations.get_thread_state(thread_id)
        except ThreadNotFound:
            return None
        return None if state is None else state.values

    async def update_thread_state(self, thread_id: str, state: Any) -> bool:
        """Append a state by hand; the thread must be idle.

        Raises:
            ThreadNotFound: there is no such thread.
            ThreadBusy: a run is in progress on it.
        """
        appended = await self._operations.append_state(thread_id, state)
        return appended.thread_id == thread_id
