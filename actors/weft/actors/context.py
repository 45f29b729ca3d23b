"""What a run sees of the world it runs in."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec

from weft.actors.future import Future
from weft.actors.run_messages import Emitted, Stepped
from weft.storage import InvalidArgument, RunInterrupted
from weft.storage.ids import check_name
from weft.storage.operations import encode_value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from weft.actors.run_messages import Mode
    from weft.storage import Store

__all__ = ["ExecutionContext", "Stored"]


T = TypeVar("T")

RECORD_TIMEOUT_S: Final = 60.0
"""How long a step waits for its record: a full disk is tried again each second."""

_NIL: Final = msgspec.Raw(b"\xc0")


class Stored(msgspec.Struct, frozen=True):
    """What a workflow yields in place of a state that is durable already.

    For integrations: the state was appended by an operation that the run submitted
    itself, in one transaction with records of its own.

    Attributes:
        encoded: the state, as it is stored.
    """

    encoded: msgspec.Raw


async def _awaited(future: Future[bool]) -> bool:
    return await future


def _value_of(recorded: msgspec.Raw | None, name: str) -> Any:
    if recorded is None:
        raise RunInterrupted(f"The run ended while step {name!r} was recorded.")
    return msgspec.msgpack.decode(recorded)


class ExecutionContext:
    """Given to a workflow as its first argument.

    The runtime keeps it up to date while the run goes on: after a durable yield
    ``state`` is the value yielded, after a transfer ``session_id`` is the new owner.

    Attributes:
        session_id: the session that owns the thread now.
        thread_id: the thread.
        thread_name: its name in that session.
        run_id: the run.
        attempt: 1, and one more each time the run is taken over after a crash, or is
            tried again after a failure.
        store: the runtime's, for reading; None outside of one.
        beats: how often the code has said that it is alive; each step says so first.
        at_work: the code is executed now; it does not wait for a place, a process, or
            a commit.
        wanted: what those who read along want to be told of.
        post: tells the run's thread; None where nobody would hear it.
        on_cancel: told, on any OS thread, that the run was asked to stop; set by who
            executes it.
    """

    __slots__ = (
        "_cancelled",
        "at_work",
        "attempt",
        "beats",
        "on_cancel",
        "post",
        "run_id",
        "session_id",
        "state_raw",
        "store",
        "thread_id",
        "thread_name",
        "wanted",
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
        self.on_cancel: Callable[[], object] | None = None
        self.post: Callable[[Any], object] | None = None
        self.wanted: frozenset[str] = frozenset()
        self.beats = 0
        self.at_work = False
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
        tell = self.on_cancel  # its executor may be done with the run at any time
        if tell is not None:
            tell()

    def heartbeat(self) -> None:
        """Say that the run is alive; see ``RunPolicy.heartbeat_s``."""
        self.beats += 1

    def emit(
        self, data: Any, mode: Literal["custom", "messages", "parts"] = "custom"
    ) -> None:
        """Tell whoever reads the run's stream now; nothing of it is kept.

        Args:
            data: anything that can be encoded; it is copied.
            mode: "messages" for the pieces of a message that is being made; "parts" is
                for integrations that stream in words of their own.

        Raises:
            InvalidArgument: it cannot be encoded, or the mode is none of these.
        """
        if mode not in {"custom", "messages", "parts"}:
            raise InvalidArgument(f"mode is 'custom' or 'messages', not {mode!r}.")
        if mode in self.wanted:
            self.pass_on(mode, encode_value(data, "the event"))

    def step(self, name: str, function: Callable[[], T]) -> T:
        """Execute a function once in the run, whatever happens to its process.

        What it returned is recorded, durable, before this returns, and given back when
        the run comes here again. A crash between the function's end and the record has
        it executed again: its effects happen at least once, its record exactly once.

        Args:
            name: unique within the run.
            function: takes nothing; what it returns can be encoded.

        Returns:
            what was recorded: a copy, as it is read back.

        Raises:
            StaleRevision: the run is not the one in progress any more.
            Exception: what the function raised; that is not recorded.
        """
        known = self._recorded(name)
        if known is None:
            recording = self._record(name, function())
            with self.resting():
                recording.get(timeout=RECORD_TIMEOUT_S)
            known = self._recorded(name)
        return _value_of(known, name)  # type: ignore[no-any-return]

    async def step_async(self, name: str, function: Callable[[], Awaitable[T]]) -> T:
        """Execute an asynchronous function once in the run; else as :meth:`step`."""
        known = self._recorded(name)
        if known is None:
            recording = self._record(name, await function())
            with self.resting():
                await asyncio.wait_for(_awaited(recording), RECORD_TIMEOUT_S)
            known = self._recorded(name)
        return _value_of(known, name)  # type: ignore[no-any-return]

    def _recorded(self, name: str) -> msgspec.Raw | None:
        check_name(name, "step name")
        if self.store is None or self.post is None:
            raise InvalidArgument("Steps are recorded in a run of a runtime only.")
        with self.store.read() as snapshot:
            step = snapshot.step(self.run_id, name)
            return None if step is None else msgspec.Raw(bytes(step.value_raw))

    def _record(self, name: str, value: Any) -> Future[bool]:
        return self.record(name, encode_value(value, f"what step {name!r} returned"))

    # For who executes the code

    def code_begins(self) -> None:
        """Take note that a step's code is executed from now on."""
        self.beats += 1
        self.at_work = True

    def code_rests(self) -> None:
        """Take note that it is not executed until the next step."""
        self.at_work = False

    @contextmanager
    def resting(self) -> Generator[None]:
        """Take note that it waits for a commit, in a with block."""
        self.code_rests()
        try:
            yield
        finally:
            self.code_begins()

    def recall(self, name: str) -> msgspec.Raw | None:
        """Return what is recorded of a step, encoded; None if nothing is."""
        return self._recorded(name)

    def record(self, name: str, encoded: msgspec.Raw) -> Future[bool]:
        """Record what a step returned; the future tells when it is durable."""
        future: Future[bool] = Future()
        if self.post is not None:
            self.post(Stepped(self.run_id, self.attempt, name, encoded, future))
        return future

    def pass_on(self, mode: Mode, encoded: msgspec.Raw) -> None:
        """Tell whoever reads along what the code has emitted, if anybody does."""
        if self.post is not None and mode in self.wanted:
            self.post(Emitted(self.run_id, self.attempt, mode, encoded))

    def __repr__(self) -> str:
        return (
            f"<ExecutionContext run={self.run_id} thread={self.thread_id} "
            f"session={self.session_id} attempt={self.attempt}>"
        )
