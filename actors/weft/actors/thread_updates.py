"""Changing what is said about a thread: the coordinator's part about free-form data."""

from collections.abc import Mapping
from typing import Any

from weft.actors.door import Door, at_the_door
from weft.actors.future import Future
from weft.storage import Thread, UpdateThread
from weft.storage.ids import check_id
from weft.storage.operations import encode_mapping

__all__ = ["ThreadUpdates"]


class ThreadUpdates(Door):
    """Update metadata and config of threads."""

    @at_the_door
    def update_thread(
        self,
        thread_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        session_id: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Update a thread's metadata and config, key by key.

        A run in progress keeps the config that it began with.

        Args:
            thread_id: the thread.
            metadata: what is new in it; other keys stay.
            config: what is new in it; other keys stay.
            session_id: the owner it must have; None for whoever owns it.
            op_id: see the module.
            timeout_s: see the module.

        Returns:
            the thread as it is now.

        Raises:
            ThreadNotFound: there is no such thread, or another session owns it.
        """
        operation = UpdateThread(
            thread_id=check_id(thread_id, "thread id"),
            session_id=None
            if session_id is None
            else check_id(session_id, "session id"),
            metadata=encode_mapping(metadata, "metadata"),
            config=encode_mapping(config, "config"),
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=session_id,
            thread_ids=(thread_id,),
        )
