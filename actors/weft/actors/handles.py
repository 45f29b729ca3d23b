"""Handles: sessions and threads as things to hold and to tell what to do.

A handle is an address, not a copy: making one costs nothing, it can be kept, and it
stays right when the thread moves. All methods return futures and take ``op_id`` and
``timeout_s``; see :mod:`weft.actors.coordinator`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from weft.actors.door import at_the_door
from weft.actors.future import Future
from weft.actors.spec import new_thread
from weft.actors.stream import Stream
from weft.storage import Run, Session, State, Thread
from weft.storage.records import StateRef

if TYPE_CHECKING:
    from weft.actors.coordinator import Coordinator
    from weft.actors.sources import Sources

__all__ = ["SessionHandle", "ThreadHandle"]


class Home(Protocol):
    """What a handle needs of the runtime that gave it."""

    coordinator: "Coordinator"
    sources: "Sources"


class SessionHandle:
    """A session by its id; it is created when first used.

    Attributes:
        session_id: its id.
    """

    __slots__ = ("_runtime", "session_id")

    def __init__(self, runtime: Home, session_id: str) -> None:
        self._runtime = runtime
        self.session_id = session_id

    def __repr__(self) -> str:
        return f"<session {self.session_id!r}>"

    def open(
        self,
        *,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Session]:
        """Create the session if it does not exist, and return its record."""
        return self._runtime.coordinator.create_session(
            self.session_id,
            user_id=user_id,
            metadata=metadata,
            if_exists="open",
            op_id=op_id,
            timeout_s=timeout_s,
        )

    def get(self) -> Future[Session]:
        """Return the session's record.

        Raises:
            SessionNotFound: it does not exist yet.
        """
        return self._runtime.coordinator.get_session(self.session_id)

    def threads(self) -> Future[list[Thread]]:
        """Return the records of the session's live threads, ordered by name."""
        return self._runtime.coordinator.list_threads(self.session_id)

    @at_the_door
    def create_thread(
        self,
        name: str,
        workflow: str | None = None,
        *,
        config: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        thread_id: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future["ThreadHandle"]:
        """Create a thread, and the session with it if that does not exist.

        Args:
            name: unique among the session's live threads.
            workflow: what its runs execute; None for the one named ``default``.
            config: what every run starts from.
            metadata: the caller's data.
            thread_id: the caller's id; None to have one generated.
            op_id: the idempotency key.
            timeout_s: the deadline.

        Raises:
            NameTaken: the session has a live thread of this name.
            ThreadExists: the id is taken.
            SessionClosed: the session is closed.
        """
        runtime = self._runtime
        new_id = runtime.sources.new_id
        thread = new_thread(name, workflow, config, metadata, thread_id, new_id)

        def handle(threads: list[Thread]) -> ThreadHandle:
            made = threads[0]
            return ThreadHandle(runtime, made.thread_id, made.session_id)

        return runtime.coordinator.create_threads(
            self.session_id,
            (thread,),
            handle,
            create_session=True,
            op_id=op_id,
            timeout_s=timeout_s,
        )

    def close(
        self,
        threads: str = "remove",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Session]:
        """Close the session; its threads are removed, or moved to a session."""
        return self._runtime.coordinator.close_session(
            self.session_id, threads, op_id=op_id, timeout_s=timeout_s
        )


class ThreadHandle:
    """A thread by its id, whoever owns it.

    Attributes:
        thread_id: its id.
    """

    __slots__ = ("_owner_hint", "_runtime", "thread_id")

    def __init__(
        self, runtime: Home, thread_id: str, owner_hint: str | None = None
    ) -> None:
        self._runtime = runtime
        self.thread_id = thread_id
        self._owner_hint = owner_hint

    def __repr__(self) -> str:
        return f"<thread {self.thread_id!r}>"

    def get(self) -> Future[Thread]:
        """Return the thread's record.

        Raises:
            ThreadNotFound: it does not exist, or not any more.
        """
        return self._runtime.coordinator.get_thread(self.thread_id)

    def state(self, step: int | None = None) -> Future[State | None]:
        """Return the last durable state, or that of a step; None if there is none."""
        return self._runtime.coordinator.get_thread_state(self.thread_id, step)

    def restore(self, step: int, **how: Any) -> Future[StateRef]:
        """Make an earlier state the latest again; the thread must be idle."""
        return self._runtime.coordinator.restore_state(self.thread_id, step, **how)

    def fork(
        self, name: str, session_id: str | None = None, **how: Any
    ) -> Future["ThreadHandle"]:
        """Copy the thread with its states; see :meth:`Coordinator.fork_thread`."""
        copying = self._runtime.coordinator.fork_thread(
            self.thread_id, name, session_id, **how
        )
        return copying.map(
            lambda made: ThreadHandle(self._runtime, made.thread_id, made.session_id)
        )

    def history(
        self, *, limit: int = 100, before: int | None = None
    ) -> Future[list[State]]:
        """Return the states, newest first."""
        return self._runtime.coordinator.thread_history(
            self.thread_id, limit=limit, before=before
        )

    def append_state(
        self,
        values: Any,
        *,
        metadata: Mapping[str, Any] | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[StateRef]:
        """Append a state by hand, without a run; the thread must be idle."""
        return self._runtime.coordinator.append_state(
            self.thread_id,
            values,
            metadata=metadata,
            session_id=self._owner_hint,
            op_id=op_id,
            timeout_s=timeout_s,
        )

    def run(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        workflow: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Future[Any]:
        """Run the workflow; the answer is what it returned, or yielded last.

        Args:
            config: updates the thread's own for this run.
            workflow: overrides the thread's own for this run.
            op_id: the idempotency key.
            timeout_s: the deadline of the answer; the run goes on.
            options: ``if_running``, ``after_seconds``, ``deadline_s`` of
                :meth:`Coordinator.run`.

        Raises:
            WorkflowExecutionError: it failed.
            WorkflowNotRegistered: there is no workflow of this name.
            ThreadNotFound: the thread does not exist, or not any more.
        """
        return self._runtime.coordinator.run(
            config,
            thread_id=self.thread_id,
            owner_hint=self._owner_hint,
            workflow=workflow,
            op_id=op_id,
            timeout_s=timeout_s,
            **options,
        )

    def start_run(
        self, config: Mapping[str, Any] | None = None, **options: Any
    ) -> Future[Run]:
        """Start a run in the background; the answer is the run, durable."""
        return self._runtime.coordinator.start_run(
            config, thread_id=self.thread_id, owner_hint=self._owner_hint, **options
        )

    def stream(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        workflow: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Stream[Any]:
        """Run the workflow and read its durable states as they come.

        Args:
            config: updates the thread's own for this run.
            workflow: overrides the thread's own for this run.
            op_id: the idempotency key.
            timeout_s: the deadline of the answer; the run goes on.
            options: ``mode`` of :meth:`Coordinator.stream`, and those of :meth:`run`.
        """
        return self._runtime.coordinator.stream(
            config,
            thread_id=self.thread_id,
            owner_hint=self._owner_hint,
            workflow=workflow,
            op_id=op_id,
            timeout_s=timeout_s,
            **options,
        )

    def transfer_to(
        self,
        session_id: str,
        *,
        new_name: str | None = None,
        if_running: Literal["reject", "wait", "move"] = "reject",
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Thread]:
        """Move the thread; the session is created in the same transaction.

        Args:
            session_id: its new owner.
            new_name: its name there; None keeps its name.
            if_running: "wait" waits for a run in progress, "move" takes it along.
            op_id: the idempotency key.
            timeout_s: the deadline.

        Raises:
            ThreadNotFound, SessionClosed, NameTaken, ThreadBusy: as the coordinator.
        """
        return self._runtime.coordinator.transfer_thread(
            self.thread_id,
            None,
            session_id,
            new_name,
            if_running,
            create_session=True,
            op_id=op_id,
            timeout_s=timeout_s,
        )

    def rename(
        self, new_name: str, *, op_id: str | None = None, timeout_s: float | None = None
    ) -> Future[Thread]:
        """Give the thread another name within its session."""
        return self._runtime.coordinator.rename_thread(
            self.thread_id, new_name, op_id=op_id, timeout_s=timeout_s
        )

    def remove(
        self,
        *,
        if_running: Literal["reject", "cancel", "wait"] = "reject",
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[bool]:
        """Remove the thread with its states and runs."""
        return self._runtime.coordinator.remove_thread(
            self.thread_id, if_running, op_id=op_id, timeout_s=timeout_s
        )
