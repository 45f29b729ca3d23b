"""What an actor had in hand when it crashed, and who waits for it.

Pure, but for the answers: every message that somebody waits for leads to one request,
and the request's future is answered with the truth where it is known.
"""

from typing import Any

from weft.actors.cell import Cell, ChildFailed
from weft.actors.errors import ActorCrashed
from weft.actors.messages import Command, Held, Resume, Routed, RunCommand, Settled
from weft.actors.reception import op_id_of
from weft.storage import Run, SessionThreadException

__all__ = ["answer_crash", "crash_error", "lost_start", "request_of"]


def request_of(message: Any) -> Command | RunCommand | None:
    """Return the client's command that a message is about, if it is about one."""
    while isinstance(message, Routed | Settled | Held | ChildFailed):
        match message:
            case Routed() | ChildFailed():
                message = message.message
            case Settled():
                message = message.request
            case Held():
                message = message.command
    return message if isinstance(message, Command | RunCommand) else None


def crash_error(
    cell: Cell[Any], message: Any, exception: BaseException
) -> SessionThreadException:
    """Return what those are told who wait for a message that an actor crashed over.

    An error of ours, such as StoreCorrupt, says it all by itself.

    Args:
        cell: the actor's.
        message: what it had in hand.
        exception: what its handler, or the dispatcher's loop, raised.
    """
    if isinstance(exception, SessionThreadException):
        return exception
    request = request_of(message)
    what = f"{cell} crashed over a {type(message).__name__} ({exception!r})."
    return ActorCrashed(
        what,
        session_id=str(cell.key) if cell.actor_class.kind == "session" else None,
        op_id=None if request is None else op_id_of(request),
        cause=exception,
    )


def answer_crash(message: Any, error: SessionThreadException) -> None:
    """Answer whoever waits for a message: nobody else will.

    Args:
        message: what the actor had in hand.
        error: for those whose operation's outcome is not known.
    """
    request = request_of(message)
    if isinstance(request, RunCommand):
        request.fail(error)
    elif request is not None and isinstance(message, Settled):
        _answer_settled(request, message, error)
    elif request is not None:
        request.future.try_fail(error)


def _answer_settled(
    command: Command, settled: Settled, error: SessionThreadException
) -> None:
    outcome = settled.outcome
    if outcome.error is not None:
        command.future.try_fail(outcome.error)
        return
    try:
        answer = command.answer(outcome.result)
    except Exception:  # noqa: BLE001 - it may be what the actor crashed over
        command.future.try_fail(error)
    else:
        command.future.try_set(answer)


def lost_start(message: Any) -> Run | None:
    """Return the run that is in progress in the store and now goes on nowhere."""
    if isinstance(message, Resume):
        return message.run
    if not isinstance(message, Settled) or not isinstance(message.request, RunCommand):
        return None
    outcome = message.outcome
    if outcome.error is not None or outcome.replayed:
        return None
    run: Run = outcome.result
    return run
