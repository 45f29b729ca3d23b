"""Every message that somebody waits for leads to one request, and to one answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.actors.echo import Echo
from weft.actors import ActorCrashed, Future
from weft.actors.cell import ChildFailed
from weft.actors.crashes import answer_crash, crash_error, lost_start, request_of
from weft.actors.dispatcher import Dispatcher
from weft.actors.messages import Command, Feed, Held, Routed, RunCommand, Settled
from weft.storage import CreateSession, Outcome, SessionExists, StoreCorrupt

OPERATION = CreateSession(op_id="op-1", at_us=0, session_id="alice")
APPLIED = Outcome(OPERATION, 1, result="a session")
REFUSED = Outcome(OPERATION, None, error=SessionExists("There is one."))


def command(answer: Any = lambda result: result) -> Command:
    return Command(OPERATION, Future(), answer=answer)


def run_command() -> RunCommand:
    config = msgspec.Raw(b"\x80")
    return RunCommand("op-2", "run-1", "t", None, None, None, config, Future())


@pytest.mark.parametrize("request_", [command(), run_command()])
def test_the_request_is_found_in_whatever_it_travels_in(request_: Any) -> None:
    cell = Echo(Dispatcher()).actor_ref
    settled = Settled(request_, APPLIED)
    wrapped = ChildFailed(cell, ValueError(), Routed(settled, session_id="alice"))
    for message in (request_, settled, Held(request_), Routed(request_), wrapped):
        assert request_ is request_of(message)
    assert None is request_of(Feed(1, ()))


def test_the_error_names_the_session_and_the_operation() -> None:
    cause = ValueError("a defect")
    error = crash_error(Echo(Dispatcher()).actor_ref, command(), cause)
    assert isinstance(error, ActorCrashed)
    assert ("alice", "op-1", cause) == (error.session_id, error.op_id, error.cause)


def test_an_error_of_ours_is_told_as_it_is() -> None:
    cause = StoreCorrupt("A page is damaged.")
    assert cause is crash_error(Echo(Dispatcher()).actor_ref, command(), cause)


def test_who_waits_is_told_the_truth_where_it_is_known() -> None:
    error = ActorCrashed()
    applied, refused, unknown = command(), command(), command()
    answer_crash(Settled(applied, APPLIED), error)
    answer_crash(Settled(refused, REFUSED), error)
    answer_crash(unknown, error)
    assert "a session" == applied.future.get(timeout=0)
    for future, expected in ((refused.future, REFUSED.error), (unknown.future, error)):
        with pytest.raises(type(expected)) as caught:  # type: ignore[type-var]
            future.get(timeout=0)
        assert expected is caught.value


def test_an_answer_that_cannot_be_made_is_told_as_a_crash() -> None:
    broken = command(answer=lambda _: 1 / 0)
    answer_crash(Settled(broken, APPLIED), ActorCrashed())
    with pytest.raises(ActorCrashed):
        broken.future.get(timeout=0)


def test_a_start_is_lost_if_it_was_applied_now_and_not_before() -> None:
    run: Any = object()
    started = Outcome(OPERATION, 1, result=run)
    again = Outcome(OPERATION, 1, result=run, replayed=True)
    assert run is lost_start(Settled(run_command(), started))
    for outcome in (again, REFUSED):
        assert None is lost_start(Settled(run_command(), outcome))
    assert None is lost_start(Settled(command(), APPLIED))
