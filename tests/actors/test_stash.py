"""One command in flight for each key; the next ones wait in order."""

import pytest

from tests.actors.support import answer, failure, settle
from weft.actors import Future, Runtime
from weft.actors.messages import Command
from weft.actors.session import SessionActor
from weft.actors.stash import (
    NOTHING_IN_FLIGHT,
    STASHED_MAX,
    Stash,
    name_key,
)
from weft.storage import CloseSession, Overloaded


def command() -> Command:
    return Command(CloseSession(session_id="alice"), Future())


def test_who_comes_second_waits_and_comes_out_in_order() -> None:
    stash, waiting = Stash(), [command(), command()]
    assert stash.take(["t"], command())
    assert [False, False] == [stash.take(["t"], each) for each in waiting]
    assert waiting == list(stash.release("t"))
    assert not stash


def test_a_command_takes_all_of_its_keys_or_none() -> None:
    stash = Stash()
    assert stash.take(["t"], command())
    assert not stash.take(["u", "t"], command())
    assert "u" not in stash
    assert stash.take(["u"], command())


def test_a_name_is_never_taken_for_an_id() -> None:
    stash = Stash()
    assert stash.take([name_key("t")], command())
    assert stash.take(["t"], command())


def test_beyond_the_limit_nobody_waits() -> None:
    stash = Stash()
    stash.take(["t"], command())
    for _ in range(STASHED_MAX):
        stash.wait("t", command())
    with pytest.raises(Overloaded):
        stash.wait("t", command())
    assert STASHED_MAX == len(list(stash.release("t")))
    assert stash.take(["t"], command())


def test_nobody_takes_a_key_of_what_all_share() -> None:
    with pytest.raises(TypeError):
        NOTHING_IN_FLIGHT.take(["t"], command())
    assert not NOTHING_IN_FLIGHT
    assert "t" not in NOTHING_IN_FLIGHT
    assert [] == list(NOTHING_IN_FLIGHT.release("t"))


def test_a_session_has_a_stash_only_while_something_is_in_flight(
    runtime: Runtime,
) -> None:
    alice = runtime.session("alice")
    notes = answer(alice.create_thread("notes"))
    failure(alice.create_thread("notes"))
    answer(notes.rename("drafts"))
    settle(runtime)
    session = runtime._services.sessions["alice"].actor
    assert isinstance(session, SessionActor)
    assert NOTHING_IN_FLIGHT is session._stash
