"""A thread as a sequential object: its owner, its name, its revision.

What the linearizability checker holds a recorded history against. Names of different
threads are independent only where they never collide, so a refusal because of another
thread's name (or a session's life) may always have been right: it changes nothing.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from tests.simulation.plan import Act
from tests.simulation.world import Answer, Case
from weft.actors import Runtime
from weft.actors.future import Future
from weft.actors.testing import Call, Model
from weft.storage import NewThread, SessionThreadException, Thread

__all__ = ["OWNERSHIP", "State", "history_of", "recorded"]

State = tuple[str | None, str, int]
"""The owner (None: there is no such thread), the name, the revision."""

LONG_S = 20.0
ELSEWHERE: Final = frozenset(
    {"NameTaken", "SessionNotFound", "SessionClosed", "ThreadBusy", "DeadlineExceeded"}
)
"""Refusals that depend on more than the thread's own state."""

JUDGED: Final = frozenset({"create", "transfer", "rename", "remove", "read"})


def _step(state: State, call: Call) -> Iterable[State]:
    kind = call.request[0]
    error, value = call.answer
    if error in ELSEWHERE:
        return [state]
    expected, after = _RULES[kind](state, *call.request[1:])
    if error != expected:
        return []
    if error == "ok" and kind != "remove" and value != after:
        return []
    return [after]


def _create(state: State, session: str, name: str) -> tuple[str, State]:
    owner, _, rev = state
    if owner is not None:
        return "ThreadExists", state
    return "ok", (session, name, rev + 1)


def _transfer(
    state: State, source: str | None, to: str, name: str | None
) -> tuple[str, State]:
    owner, present, rev = state
    if owner is None or source not in {None, owner}:
        return "ThreadNotFound", state
    return "ok", (to, name or present, rev + (to != owner))


def _rename(state: State, source: str | None, name: str) -> tuple[str, State]:
    owner, _, rev = state
    if owner is None or source not in {None, owner}:
        return "ThreadNotFound", state
    return "ok", (owner, name, rev)


def _remove(state: State) -> tuple[str, State]:
    owner, _, rev = state
    if owner is None:
        return "ThreadNotFound", state
    return "ok", (None, "", rev)


def _read(state: State) -> tuple[str, State]:
    return ("ThreadNotFound" if state[0] is None else "ok"), state


_RULES: Final[dict[str, Callable[..., tuple[str, State]]]] = {
    "create": _create,
    "transfer": _transfer,
    "rename": _rename,
    "remove": _remove,
    "read": _read,
}

OWNERSHIP: Final[Model[State]] = Model((None, "", 0), _step)


def recorded(runtime: Runtime, thread_id: str, request: tuple[Any, ...]) -> Call:
    """Make a call, wait for its answer, and return both with their times."""
    ask: Any = runtime.coordinator
    kind, *rest = request
    called = time.monotonic_ns()
    try:
        value = _ASK[kind](ask, thread_id, *rest).get(timeout=LONG_S)
    except SessionThreadException as error:
        answer: tuple[str, Any] = (type(error).__name__, None)
    else:
        answer = ("ok", _state_of(value[0] if isinstance(value, list) else value))
    return Call(thread_id, request, answer, called, time.monotonic_ns())


_ASK: Final[dict[str, Callable[..., Future[Any]]]] = {
    "create": lambda ask, thread_id, session, name: ask.create_threads(
        session, (NewThread(thread_id, name),), list
    ),
    "transfer": lambda ask, thread_id, source, to, name: ask.transfer_thread(
        thread_id, source, to, name, "reject"
    ),
    "rename": lambda ask, thread_id, source, name: ask.rename_thread(
        thread_id, name, session_id=source
    ),
    "read": lambda ask, thread_id: ask.get_thread(thread_id),
}


def history_of(case: Case) -> list[Call]:
    """Return what clients did to each thread that only judged operations touched.

    An operation that was repeated under its ``op_id`` is one call, from the first time
    it was made to the first time it was answered.
    """
    first: dict[str, Answer] = {}
    for answer in case.answers:
        key = answer.act.op_id
        known = first.get(key)
        if known is None:
            first[key] = answer
        elif answer.act.kind != "read":
            known.called = min(known.called, answer.called)
            known.answered = min(known.answered, answer.answered)
    touched = _touched_otherwise(case)
    return [
        Call(a.act.thread, _request(a.act), _answer(a), a.called, a.answered)
        for a in first.values()
        if a.act.kind in JUDGED and a.act.thread not in touched
    ]


def _touched_otherwise(case: Case) -> set[str]:
    """Threads that a batch or the end of a session changed, or a name removed."""
    kinds = {answer.act.kind for answer in case.answers}
    if kinds & {"close", "remove by name"}:
        return {"t1", "t2", "t3"}
    return {a.act.thread for a in case.answers if a.act.kind == "batch"}


def _request(act: Act) -> tuple[Any, ...]:
    match act.kind:
        case "create":
            return ("create", act.session or "a", act.name or "x")
        case "transfer":
            return ("transfer", act.session, act.to, act.name)
        case "rename":
            return ("rename", act.session, act.name or "x")
    return (act.kind,)


def _answer(answer: Answer) -> tuple[str, Any]:
    if answer.error is not None:
        return type(answer.error).__name__, None
    value = answer.value[0] if isinstance(answer.value, list) else answer.value
    return "ok", _state_of(value) if isinstance(value, Thread) else None


def _state_of(thread: Thread) -> State:
    return thread.session_id, thread.thread_name, thread.rev
