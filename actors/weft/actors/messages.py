"""What the runtime's actors say to each other.

Each type has one reader's sentence; who sends it to whom is in its docstring. The
sequences they form are in ``actors/README.md``. What a run and its thread tell each
other beside states and ends is in :mod:`weft.actors.run_messages`.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from weft.actors.cell import Cell
from weft.actors.future import Future
from weft.actors.run_messages import Mode
from weft.actors.stream import Stream
from weft.storage import Operation, Outcome, Submission, Thread
from weft.storage.operations import Failure, IfBusy
from weft.storage.records import EMPTY, Run
from weft.storage.rules import Event

__all__ = [
    "Busy",
    "CancelRun",
    "ChildGone",
    "Command",
    "Drain",
    "Failed",
    "Feed",
    "Held",
    "Hold",
    "MakeRoom",
    "Passivate",
    "Ping",
    "Publication",
    "Readmit",
    "Recover",
    "Release",
    "Resume",
    "Retry",
    "Returned",
    "Routed",
    "RunCommand",
    "Settled",
    "Sweep",
    "ThreadChanged",
    "Unhold",
    "Yielded",
]

Busy = Literal["reject", "wait", "cancel", "move"]


def same(answer: Any) -> Any:
    """Return the answer as it is."""
    return answer


class Command(msgspec.Struct):
    """A client asks a session to have an operation applied.

    Attributes:
        operation: complete.
        future: gets the answer.
        names: names of the session's threads that it concerns.
        thread_ids: threads that it concerns.
        answer: makes the caller's answer of the operation's result.
        if_running: what to do about a run in progress on the thread.
        deadline_ns: on the ``time.monotonic_ns`` clock; 0 for none.
        keys: threads and names it holds while it is in flight; filled by the session.
    """

    operation: Operation
    future: Future[Any]
    names: tuple[str, ...] = ()
    thread_ids: tuple[str, ...] = ()
    answer: Callable[[Any], Any] = same
    if_running: Busy = "reject"
    deadline_ns: int = 0
    keys: tuple[str, ...] = ()


class RunCommand(msgspec.Struct):
    """A client asks a session to run the workflow of a thread.

    Attributes:
        op_id: the idempotency key of the run's start.
        run_id: the run's id.
        thread_id: the thread; None while only its name is known.
        session_id: the session that was asked; None for whoever owns the thread.
        thread_name: the thread's name in that session.
        workflow: overrides the thread's own.
        config: encoded; updates the thread's own.
        future: gets the result.
        stream: gets the states, if somebody reads them.
        deadline_ns: on the ``time.monotonic_ns`` clock; 0 for none.
        if_running: what it does about a run in progress.
        not_before_us: when it may begin; 0 for at once.
        timeout_us: how long it may take; 0 for what its workflow says.
        modes: what the stream shows.
        tagged: the stream shows what is what.
        background: the future gets the run as soon as that is durable.
        joins: the run is there; the future gets its end.
        is_lasting: its place in the line is durable.
        metadata: encoded; the caller's data about the run.
    """

    op_id: str
    run_id: str
    thread_id: str | None
    session_id: str | None
    thread_name: str | None
    workflow: str | None
    config: msgspec.Raw
    future: Future[Any]
    stream: Stream[Any] | None = None
    deadline_ns: int = 0
    if_running: IfBusy = "enqueue"
    not_before_us: int = 0
    timeout_us: int = 0
    modes: tuple[Mode, ...] = ("states",)
    tagged: bool = False
    background: bool = False
    joins: bool = False
    is_lasting: bool = True
    metadata: msgspec.Raw = EMPTY

    def fail(self, error: BaseException) -> None:
        """Answer with an error, whoever waits."""
        self.future.try_fail(error)
        if self.stream is not None:
            self.stream.fail(error)


class CancelRun(msgspec.Struct):
    """A client asks a thread to have a run stop at its next chance, or not begin.

    The answer is whether the run was there, in progress or waiting.

    Attributes:
        undo: take its states back when it has stopped.
    """

    run_id: str
    undo: bool = False


class Routed(msgspec.Struct):
    """Mail for a session that is not resident, or for a thread's owner; to the root.

    Attributes:
        message: a client's command, or the answer to a start that the sender cannot
            hand on.
        session_id: the session.
        thread_id: or the thread.
    """

    message: "Command | RunCommand | Settled"
    session_id: str | None = None
    thread_id: str | None = None


class Publication(msgspec.Struct):
    """The writer's news of a commit group; to the root.

    Attributes:
        pairs: what became of each operation.
        at_ns: when the group had been flushed, on the clock of ``perf_counter_ns``.
    """

    pairs: list[tuple[Submission, Outcome]]
    at_ns: int = msgspec.field(default_factory=time.perf_counter_ns)


class Feed(msgspec.Struct):
    """What one applied operation changed for a session; from the root.

    Attributes:
        seq: the operation's place in the one order.
        events: all of its events for this session.
    """

    seq: int
    events: Sequence[Event]


class Settled(msgspec.Struct):
    """What became of an operation; from the root to whoever submitted it.

    Attributes:
        request: what the sender handed along.
        outcome: what became of it.
    """

    request: Any
    outcome: Outcome


class Retry(msgspec.Struct):
    """A submission failed for a reason that passes; try it again."""

    request: Any


class ThreadChanged(msgspec.Struct):
    """A thread's record as it is now; from its session, ahead of other mail.

    In a turn that comes before it the thread would write under the ``rev`` it had.

    Attributes:
        thread: the record.
        parent: the session that owns it.
    """

    thread: Thread
    parent: Cell[Any]


class Resume(msgspec.Struct):
    """Take over a run that has not ended; from the root through the session.

    Its process died while it was in progress, or while it waited.
    """

    run: Run
    thread: Thread


class Hold(msgspec.Struct):
    """Tell me when no run is in progress, and begin none until I say; to a thread.

    Attributes:
        command: the session's command that waits for it.
        session: who asks; the thread may have another parent by the time it answers.
        cancel: ask the run in progress to stop.
    """

    command: Command
    session: Cell[Any]
    cancel: bool


class Held(msgspec.Struct):
    """No run is in progress, and none will begin; from a thread to who asked."""

    command: Command


class Unhold(msgspec.Struct):
    """Runs may begin again, if it is this command that holds; to a thread."""

    command: Command


class Release(msgspec.Struct):
    """The thread was removed: answer whoever waits or asks later; to a thread."""

    error: Exception


class Yielded(msgspec.Struct):
    """A run yielded a state; from the executor to its thread.

    Attributes:
        is_stored: it is in the store already (:class:`weft.actors.context.Stored`).
    """

    run_id: str
    attempt: int
    encoded: msgspec.Raw
    is_stored: bool = False


class Returned(msgspec.Struct):
    """A run came to its end; from the executor to its thread.

    Attributes:
        is_state: the value is the thread's next state (a plain function's result).
    """

    run_id: str
    attempt: int
    encoded: msgspec.Raw
    is_state: bool


class Failed(msgspec.Struct):
    """A run raised; from the executor to its thread.

    Attributes:
        failure: what is stored of the error; its words are user code's, so they are
            asked for where user code runs.
    """

    run_id: str
    attempt: int
    error: BaseException
    failure: Failure


class Recover(msgspec.Struct):
    """Take over the runs that had not ended when the process died; to the root."""


class Drain(msgspec.Struct):
    """Accept nothing new; answer when no run is in progress; to the root."""

    future: Future[None]


class Readmit(msgspec.Struct):
    """Have a session back whose actor failed; to the root, at its time.

    Attributes:
        cell: what stands in for it.
    """

    cell: Cell[Any]


class Sweep(msgspec.Struct):
    """Move the clock hand on; to the root."""


class MakeRoom(msgspec.Struct):
    """Ask sessions to go, for one that came; from the root to itself, behind its mail.

    Attributes:
        places: how far the clock hand moves.
    """

    places: int


class Passivate(msgspec.Struct):
    """Go, if you have nothing to do; to a session, and from it to its children."""


class ChildGone(msgspec.Struct):
    """A child has passivated; from it to its session, ahead of what it forwards."""

    cell: Cell[Any]


class Ping(msgspec.Struct):
    """Answer when you get here; to the root."""
