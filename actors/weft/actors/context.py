"""What a run sees of the world it runs in."""

from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from weft.storage import Store

__all__ = ["ExecutionContext", "Stored"]


_NIL: Final = msgspec.Raw(b"\xc0")


class Stored(msgspec.Struct, frozen=True):
    """What a workflow yields in place of a state that is durable already.

    For integrations: the state was appended by an operation that the run submitted
    itself, in one transaction with records of its own.

    Attributes:
        encoded: the state, as it is stored.
    """

    encoded: msgspec.Raw


class ExecutionContext:
    """Given to a workflow as its first argument.

    The runtime keeps it up to date while the run goes on: after a durable yield
    ``state`` is the value yielded, after a transfer ``session_id`` is the new owner.

    Attributes:
        session_id: the session that owns the thread now.
        thread_id: the thread.
        thread_name: its name in that session.
        run_id: the run.
        attempt: 1, and one more each time the run is taken over after a crash.
        store: the runtime's, for reading; None outside of one.
    """

    __slots__ = (
        "_cancelled",
        "attempt",
        "run_id",
        "session_id",
        "state_raw",
        "store",
        "thread_id",
        "thread_name",
    )

    def __init__(
        self,
        session_id: str,
        thread_id: str,
        thread_name: str,
        run_id: str,
        attempt: int,
    ) -> None:
        self.session_id = session_id
        self.thread_id = thread_id
        self.thread_name = thread_name
        self.run_id = run_id
        self.attempt = attempt
        self.state_raw: msgspec.Raw = _NIL
        self.store: Store | None = None
        self._cancelled = False

    @property
    def state(self) -> Any:
        """The thread's last durable state, or None; a fresh copy at each look."""
        return msgspec.msgpack.decode(self.state_raw)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the run to stop; look at it in long work."""
        return self._cancelled

    def cancel(self) -> None:
        """Ask the run to stop: at its next yield at the latest."""
        self._cancelled = True

    def __repr__(self) -> str:
        return (
            f"<ExecutionContext run={self.run_id} thread={self.thread_id} "
            f"session={self.session_id} attempt={self.attempt}>"
        )
