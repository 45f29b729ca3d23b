"""Changing what a thread remembers: copies, and going back in time.

States are not changed: going back appends a copy of an earlier one, and a copy of a
thread has its states under their own numbers. (Only a run that is rolled back takes
its states along; see :mod:`weft.storage.rules_supersede`.)
"""

from msgspec import Raw

from weft.actors.door import Door, at_the_door, check_limit
from weft.actors.future import Future
from weft.storage import AppendState, ForkThread, InvalidArgument, Thread
from weft.storage.ids import check_id, check_name
from weft.storage.operations import encode_mapping
from weft.storage.records import StateRef

__all__ = ["HistoryOperations"]


class HistoryOperations(Door):
    """The coordinator's part about the past of threads."""

    @at_the_door
    def fork_thread(
        self,
        thread_id: str,
        new_name: str,
        session_id: str | None = None,
        *,
        step: int | None = None,
        new_thread_id: str | None = None,
        create_session: bool = True,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Copy a thread, with config, metadata and states, in one transaction.

        Args:
            thread_id: the original; a run in progress there goes on there.
            new_name: the copy's name.
            session_id: its owner; None for that of the original.
            step: copy the states up to this one; None for all, and a graph's
                checkpoints. At most the newest 1,000 are copied.
            new_thread_id: the copy's id; None to have one generated.
            create_session: create the owner if it is missing.
            op_id: see the module.
            timeout_s: see the module.

        Raises:
            ThreadNotFound: there is no such thread.
            NameTaken, ThreadExists: the name or the id is taken.
            InvalidArgument: there is no such step, or not any more.
        """
        if step is not None:
            check_limit(step, "step")
        operation = ForkThread(
            thread_id=check_id(thread_id, "thread id"),
            step=step,
            new_thread_id=self._house.sources.new_id()
            if new_thread_id is None
            else check_id(new_thread_id, "thread id"),
            name=check_name(new_name),
            session_id=None
            if session_id is None
            else check_id(session_id, "session id"),
            create_session=create_session,
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=session_id,
            names=(new_name,),
            thread_ids=() if session_id is not None else (thread_id,),
        )

    @at_the_door
    def restore_state(
        self,
        thread_id: str,
        step: int,
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[StateRef]:
        """Append a copy of an earlier state: the next run goes on from there.

        Args:
            thread_id: the thread, idle.
            step: which of its states; ``metadata`` of the new one names it.
            op_id: see the module.
            timeout_s: see the module.

        Raises:
            InvalidArgument: there is no such state, or not any more.
            ThreadBusy: a run is in progress on it.
        """
        check_id(thread_id, "thread id")
        with self._house.store.read() as snapshot:
            state = snapshot.state(thread_id, check_limit(step, "step"))
        if state is None:
            raise InvalidArgument(
                f"Thread {thread_id!r} has no step {step}.", thread_id=thread_id
            )
        operation = AppendState(
            thread_id=thread_id,
            state_id=self._house.sources.new_id(),
            values=Raw(bytes(state.values_raw)),
            metadata=encode_mapping({"restored_from": step}, "metadata"),
        )
        return self._apply(operation, op_id, timeout_s, thread_ids=(thread_id,))
