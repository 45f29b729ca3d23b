"""Defects that simulation has found in production, each put back as it was.

With the few acts that bring it out: a case of these must fail where the defect is, and
pass where it is not. That is what is kept of a seed, which the next change of the
generator would make meaningless.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest
from msgspec.structs import replace

from tests.simulation.plan import Act, Plan
from weft.actors import root, turns
from weft.actors.active_run import answer_repeated
from weft.actors.executor import Execution
from weft.actors.messages import Feed, Routed, RunCommand, Settled
from weft.actors.session import SessionActor
from weft.actors.thread import ThreadActor
from weft.storage import RunInterrupted, Store, Thread, ThreadNotFound

__all__ = ["DEFECTS", "Defect"]


class Defect(NamedTuple):
    """What was wrong, and what brings it out."""

    name: str
    put_back: Callable[[pytest.MonkeyPatch], None]
    plan: Plan


def _a_run_of_a_former_life_is_said_to_be_taken_over(
    patch: pytest.MonkeyPatch,
) -> None:
    """Its record went with the thread; who asked again heard "interrupted" for ever."""

    def answer(command: RunCommand, run_id: str, known: Thread, store: Store) -> None:
        with store.read() as snapshot:
            stored = snapshot.run(run_id)
        if stored is None:
            command.fail(RunInterrupted("It is being taken over."))
        else:
            answer_repeated(command, run_id, known, store)

    patch.setattr(turns, "answer_repeated", answer)


def _a_resumed_run_forgets_what_it_yielded_last(patch: pytest.MonkeyPatch) -> None:
    """A generator with nothing left to yield answered None."""

    def read_state(self: Execution) -> None:
        with self._store.read() as snapshot:
            state = snapshot.state(self.run.thread_id)
        if state is not None:
            self.context.state_raw = state.values_raw

    patch.setattr(Execution, "read_state", read_state)


def _a_session_that_has_left_becomes_a_parent(patch: pytest.MonkeyPatch) -> None:
    """The news of a live thread's arrival crossed its passivation."""

    def feed(self: SessionActor, message: Feed) -> None:
        if message.seq > self._watermark:
            self._watermark = message.seq
            for event in message.events:
                self._see(event)

    patch.setattr(SessionActor, "handlers", {**SessionActor.handlers, Feed: feed})


def _a_session_that_has_left_begins_a_child(patch: pytest.MonkeyPatch) -> None:
    """The answer to a start that it had submitted itself crossed its passivation."""

    def run_settled(self: SessionActor, message: Settled) -> None:
        if message.outcome.error is not None:
            message.request.fail(message.outcome.error)
            return
        thread_id = message.outcome.result.thread_id
        child = self._services.threads.get(thread_id) or self._children.begin(thread_id)
        if child is not None:
            self._services.scheduler.post(child, message)
        else:
            routed = Routed(message, thread_id=thread_id)
            self._services.scheduler.post(self._services.root, routed)

    patch.setattr(SessionActor, "_run_settled", run_settled)


def _the_actor_of_the_next_life_is_struck_off(patch: pytest.MonkeyPatch) -> None:
    """It had been begun from the store before the removal's news came."""
    patch.setattr(root, "_lives_again", lambda _cell, _removal: False)


def _a_removed_thread_refuses_runs_itself(patch: pytest.MonkeyPatch) -> None:
    """What the writer had not seen was refused, and could be applied when repeated."""
    hand_on = ThreadActor._hand_on

    def refuse(self: ThreadActor, message: RunCommand | Settled) -> None:
        if isinstance(message, RunCommand):
            message.fail(ThreadNotFound("It was removed."))
        else:
            hand_on(self, message)

    patch.setattr(ThreadActor, "_hand_on", refuse)


def _made(thread_id: str, session: str, op_id: str = "c") -> Act:
    return Act("create", f"{op_id}-{thread_id}", session, thread=thread_id, name="x")


def _comes_and_goes(session: str, number: int) -> tuple[Act, Act]:
    """A session is spoken to, and asked to leave."""
    return Act("open", f"w{number}", session), Act("passivate", f"z{number}", session)


_STEPS: Final = Act("run", "r", thread="t1", mode="steps")
_PLAIN: Final = Act("run", "p", thread="t1", mode="plain")
_LIFE_AFTER_LIFE: Final[tuple[Any, ...]] = (
    (0, _made("t1", "a")),
    (0, Act("remove", "d", thread="t1")),
    (0, _made("t1", "b", "n")),
)

DEFECTS: Final = (
    Defect(
        "a run of a former life is said to be taken over",
        _a_run_of_a_former_life_is_said_to_be_taken_over,
        (_LIFE_AFTER_LIFE[0], (0, _PLAIN), *_LIFE_AFTER_LIFE[1:], (0, _PLAIN)),
    ),
    Defect(
        "a resumed run forgets what it yielded last",
        _a_resumed_run_forgets_what_it_yielded_last,
        ((0, _made("t1", "a")), (0, _STEPS)),
    ),
    Defect(
        "a session that has left becomes a parent",
        _a_session_that_has_left_becomes_a_parent,
        (
            (0, _made("t1", "a")),
            (0, _STEPS),
            (1, Act("open", "w", "b")),
            (1, Act("transfer", "m", thread="t1", to="b", name="y", mode="move")),
            *((2, act) for n in range(5) for act in _comes_and_goes("b", n)),
        ),
    ),
    Defect(
        "a session that has left begins a child",
        _a_session_that_has_left_begins_a_child,
        (
            (0, _made("t2", "a")),
            (0, Act("run by name", "r", "a", name="y", mode="plain")),
            (1, Act("rename", "m", thread="t2", name="y")),
            *((2, Act("passivate", f"z{n}", "a")) for n in range(6)),
        ),
    ),
    Defect(
        "the actor of the next life is struck off",
        _the_actor_of_the_next_life_is_struck_off,
        (
            (0, _made("t1", "a")),
            (0, Act("close", "d", "a")),
            (1, _made("t1", "b", "n")),
            (1, _made("t1", "b", "m")),
            *((2 + n % 4, replace(_PLAIN, op_id=f"r{n}")) for n in range(8)),
        ),
    ),
    Defect(
        "a removed thread refuses runs itself",
        _a_removed_thread_refuses_runs_itself,
        (
            *_LIFE_AFTER_LIFE,
            (1, _STEPS),
            (2, _PLAIN),
            (2, replace(_PLAIN, op_id="q")),
            (1, _PLAIN),
            (1, replace(_PLAIN, op_id="q")),
        ),
    ),
)
