"""The model's calls put to a real coordinator, and its answers in the model's words."""

from collections.abc import Callable
from typing import Any

from tests.actors.model import Answer, Step
from weft.actors import Coordinator, Future
from weft.storage import (
    CloseSession,
    CreateSession,
    CreateThreads,
    NewThread,
    Operation,
    RemoveThreads,
    RenameThread,
    Session,
    SessionThreadException,
    Thread,
    TransferThreads,
)

Ways = dict[str, Callable[..., Future[Any]]]


def ask(coordinator: Coordinator, step: Step) -> Future[Any]:
    """Put a call to a coordinator; the future's result is in the model's words."""
    ways: Ways = {
        "create_session": lambda s, u, e: coordinator.create_session(
            s, user_id=u, if_exists=e, op_id=step.op_id
        ).map(_session),
        "close_session": lambda s, t: coordinator.close_session(
            s, t, op_id=step.op_id
        ).map(_session),
        "track": lambda s, n: coordinator.track_user_interaction(
            s, {"type": "click", "content": n}, op_id=step.op_id
        ).map(lambda found: (found.session_id, found.content)),
        "create": lambda s, threads: coordinator.coordinate_threads(
            s, [{"name": n, "thread_id": t} for n, t in threads], op_id=step.op_id
        ),
        "remove": lambda s, n: coordinator.remove_thread_from_session(
            s, n, op_id=step.op_id
        ),
        "transfer": lambda t, a, b, n: coordinator.transfer_thread_between_sessions(
            t, a, b, n, op_id=step.op_id
        ).map(_thread),
        "rename": lambda t, n: coordinator.rename_thread(t, n, op_id=step.op_id).map(
            _thread
        ),
        "transact": lambda steps: coordinator.transact(
            [operation(part) for part in steps], op_id=step.op_id
        ).map(lambda found: [_words(p, a) for p, a in zip(steps, found, strict=True)]),
        "execute": lambda s, n, w, _: coordinator.execute_workflow_in_session(
            s, n, {"n": 3}, workflow=w, op_id=step.op_id
        ),
    }
    return ways[step.kind](*step.arguments)


def operation(step: Step) -> Operation:
    """Return a call as a part of a batch."""
    a: Any = step.arguments
    match step.kind:
        case "create_session":
            return CreateSession(
                session_id=a[0], user_id=a[1], open_existing=a[2] == "open"
            )
        case "close_session":
            move_to = None if a[1] == "remove" else a[1]
            return CloseSession(session_id=a[0], move_to=move_to)
        case "create":
            threads = tuple(NewThread(t, n) for n, t in a[1])
            return CreateThreads(session_id=a[0], threads=threads)
        case "remove":
            return RemoveThreads(session_id=a[0], threads=(a[1],))
        case "transfer":
            return TransferThreads(
                thread_ids=(a[0],),
                from_session_id=a[1],
                to_session_id=a[2],
                new_name=a[3],
            )
        case _:
            return RenameThread(thread_id=a[0], new_name=a[1])


def in_words(error: BaseException) -> Answer:
    """Return a failure in the model's words; anything unexpected goes on."""
    if isinstance(error, SessionThreadException):
        return "no", type(error).__name__
    raise error


def _words(step: Step, answer: Any) -> Any:
    match step.kind:
        case "create_session" | "close_session":
            return _session(answer)
        case "create":
            return {thread.thread_name: thread.thread_id for thread in answer}
        case "remove":
            return True
        case "transfer":
            return _thread(answer[0])
        case _:
            return _thread(answer)


def _session(session: Session) -> Any:
    return session.session_id, session.status, session.user_id


def _thread(thread: Thread) -> Any:
    return thread.thread_id, thread.session_id, thread.thread_name, thread.rev
