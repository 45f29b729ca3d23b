"""Changing who owns which thread: the coordinator's part about threads."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from weft.actors.door import Door, at_the_door, find_session
from weft.actors.future import Future
from weft.actors.messages import Busy
from weft.actors.spec import ThreadSpec, new_thread
from weft.storage import (
    AppendState,
    CreateThreads,
    InvalidArgument,
    NewThread,
    RemoveThreads,
    RenameThread,
    Snapshot,
    Thread,
    TransferThreads,
)
from weft.storage.ids import check_id, check_name
from weft.storage.operations import encode_mapping, encode_value
from weft.storage.records import StateRef

__all__ = ["ThreadOperations"]


class ThreadOperations(Door):
    """Create, move, rename and remove threads."""

    @at_the_door
    def coordinate_threads(
        self,
        session_id: str,
        thread_configs: Iterable[ThreadSpec | Mapping[str, Any]],
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[dict[str, str]]:
        """Create threads in a session, all or none.

        Args:
            session_id: the session.
            thread_configs: specs, or mappings with their fields.
            op_id: see the module.
            timeout_s: see the module.

        Returns:
            thread id by name.

        Raises:
            SessionNotFound: there is no such session.
            NameTaken: the session has a live thread of one of the names.
            ThreadExists: one of the ids is taken.
        """
        try:
            specs = [ThreadSpec.of(config) for config in thread_configs]
        except TypeError as error:
            raise InvalidArgument(f"Thread configs are a list: {error}.") from error
        if not specs:
            return self._read(lambda snapshot: _no_threads(snapshot, session_id))
        threads = tuple(
            spec.to_new_thread(self._house.sources.new_id) for spec in specs
        )
        return self.create_threads(
            session_id, threads, _ids_by_name, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def create_thread_with_session(
        self,
        session_id: str,
        thread_config: Mapping[str, Any] | None,
        thread_name: str,
        *,
        workflow: str | None = None,
        thread_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[str]:
        """Create one thread.

        Args:
            session_id: its owner.
            thread_config: free-form; what every run starts from.
            thread_name: its name.
            workflow: what its runs execute; None for the one named ``default``.
            thread_id: the caller's id; None to have one generated.
            metadata: the caller's data.
            op_id: see the module.
            timeout_s: see the module.

        Returns:
            its id.

        Raises:
            SessionNotFound, NameTaken, ThreadExists, InvalidArgument: as above.
        """
        thread = new_thread(
            thread_name,
            workflow,
            thread_config,
            metadata,
            thread_id,
            self._house.sources.new_id,
        )
        return self.create_threads(
            session_id, (thread,), _first_id, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def create_threads(
        self,
        session_id: str,
        threads: tuple[NewThread, ...],
        answer: Callable[[list[Thread]], Any],
        *,
        create_session: bool = False,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Submit the creation of threads; ``answer`` makes the caller's answer."""
        operation = CreateThreads(
            session_id=check_id(session_id, "session id"),
            threads=threads,
            create_session=create_session,
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=session_id,
            names=tuple([thread.name for thread in threads]),
            answer=answer,
        )

    @at_the_door
    def remove_thread_from_session(
        self,
        session_id: str,
        thread: str,
        if_running: Literal["reject", "cancel", "wait"] = "reject",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[bool]:
        """Remove a thread with its states and runs.

        Args:
            session_id: its owner.
            thread: its name or id.
            if_running: "cancel" asks a run in progress to stop and waits for it,
                "wait" waits, "reject" fails.
            op_id: see the module.
            timeout_s: see the module.

        Returns:
            True.

        Raises:
            ThreadNotFound: the session has no such thread.
            ThreadBusy: a run is in progress, and ``if_running`` is "reject".
        """
        _check_busy(if_running, ("reject", "cancel", "wait"))
        operation = RemoveThreads(
            session_id=check_id(session_id, "session id"),
            threads=(check_name(thread, "thread"),),
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=session_id,
            names=(thread,),
            answer=_true,
            if_running=if_running,
        )

    @at_the_door
    def remove_thread(
        self,
        thread_id: str,
        if_running: Literal["reject", "cancel", "wait"] = "reject",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[bool]:
        """Remove a thread by its id, whoever owns it; else as above."""
        _check_busy(if_running, ("reject", "cancel", "wait"))
        operation = RemoveThreads(threads=(check_id(thread_id, "thread id"),))
        return self._apply(
            operation,
            op_id,
            timeout_s,
            thread_ids=(thread_id,),
            answer=_true,
            if_running=if_running,
        )

    @at_the_door
    def transfer_thread_between_sessions(
        self,
        thread_id: str,
        from_session_id: str,
        to_session_id: str,
        new_thread_name: str | None = None,
        if_running: Literal["reject", "wait", "move"] = "reject",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Move a thread to another session.

        Args:
            thread_id: the thread.
            from_session_id: the owner it must have.
            to_session_id: its new owner, open.
            new_thread_name: its name there; None keeps its name.
            if_running: "wait" waits for a run in progress, "move" takes it along,
                "reject" fails.
            op_id: see the module.
            timeout_s: see the module.

        Returns:
            the thread as it is now.

        Raises:
            ThreadNotFound: ``from_session_id`` does not own such a thread.
            SessionNotFound, SessionClosed: one of the sessions.
            NameTaken: the other session has a thread of this name.
            ThreadBusy: a run is in progress, and ``if_running`` is "reject".
        """
        return self.transfer_thread(
            thread_id,
            check_id(from_session_id, "session id"),
            to_session_id,
            new_thread_name,
            if_running,
            op_id=op_id,
            timeout_s=timeout_s,
        )

    @at_the_door
    def transfer_thread(
        self,
        thread_id: str,
        from_session_id: str | None,
        to_session_id: str,
        new_thread_name: str | None,
        if_running: Busy,
        *,
        create_session: bool = False,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Submit a transfer, from whoever owns the thread where that is None."""
        _check_busy(if_running, ("reject", "wait", "move"))
        operation = TransferThreads(
            thread_ids=(check_id(thread_id, "thread id"),),
            from_session_id=from_session_id,
            to_session_id=check_id(to_session_id, "session id"),
            new_name=None if new_thread_name is None else check_name(new_thread_name),
            create_session=create_session,
            even_busy=if_running == "move",
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=from_session_id,
            thread_ids=(thread_id,),
            answer=_first,
            if_running=if_running,
        )

    @at_the_door
    def rename_thread(
        self,
        thread_id: str,
        new_name: str,
        *,
        session_id: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Give a thread another name within its session.

        Raises:
            ThreadNotFound: there is no such thread, or another session owns it.
            NameTaken: the session has a thread of this name.
        """
        operation = RenameThread(
            thread_id=check_id(thread_id, "thread id"),
            session_id=None
            if session_id is None
            else check_id(session_id, "session id"),
            new_name=check_name(new_name),
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=session_id,
            thread_ids=(thread_id,),
            names=(new_name,),
        )

    @at_the_door
    def append_state(
        self,
        thread_id: str,
        values: Any,
        *,
        metadata: Mapping[str, Any] | None = None,
        session_id: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[StateRef]:
        """Append a state by hand, without a run.

        Args:
            thread_id: the thread, idle.
            values: what the next run will find as its state.
            metadata: data about the state.
            session_id: whom to ask; where the owner is known, this saves a look-up.
                The state is appended whoever owns the thread.
            op_id: see the module.
            timeout_s: see the module.

        Returns:
            where the state stands.

        Raises:
            ThreadNotFound: there is no such thread.
            ThreadBusy: a run is in progress on it.
        """
        operation = AppendState(
            thread_id=check_id(thread_id, "thread id"),
            state_id=self._house.sources.new_id(),
            values=encode_value(values, "values"),
            metadata=encode_mapping(metadata, "metadata"),
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=None
            if session_id is None
            else check_id(session_id, "session id"),
            thread_ids=(thread_id,),
        )


def _first(threads: list[Thread]) -> Thread:
    return threads[0]


def _first_id(threads: list[Thread]) -> str:
    return threads[0].thread_id


def _ids_by_name(threads: list[Thread]) -> dict[str, str]:
    return {thread.thread_name: thread.thread_id for thread in threads}


def _no_threads(snapshot: Snapshot, session_id: str) -> dict[str, str]:
    find_session(snapshot, session_id)
    return {}


def _true(_: Any) -> bool:
    return True


def _check_busy(if_running: str, allowed: tuple[str, ...]) -> None:
    if if_running not in allowed:
        raise InvalidArgument(f"if_running is one of {allowed}, not {if_running!r}.")
