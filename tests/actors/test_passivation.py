"""Who goes, and that nothing is lost by going."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.actors.conftest import Open, echo
from tests.actors.support import Stop, answer, answers, failure, settle
from weft.actors import Runtime
from weft.actors.messages import Passivate, Sweep
from weft.actors.passivation import ClockHand, Passivation
from weft.storage import InvalidArgument, SessionNotFound


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_one_round_asks_exactly_those_nobody_spoke_to(spoken_to: list[bool]) -> None:
    hand = ClockHand(Passivation())
    flags = {str(number): flag for number, flag in enumerate(spoken_to)}
    for session_id in flags:
        hand.enter(session_id)
    asked = set(hand.idle(len(flags), flags.get))
    assert {session_id for session_id, flag in flags.items() if not flag} == asked


def test_who_has_gone_is_struck_off_and_not_visited_again() -> None:
    hand = ClockHand(Passivation())
    for session_id in "abc":
        hand.enter(session_id)
    resident = {"b": False}
    assert ["b"] == list(hand.idle(10, resident.get))
    visits: list[str] = []

    def visit(session_id: str) -> None:
        visits.append(session_id)

    assert [] == list(hand.idle(10, visit))
    assert ["b"] == visits


@pytest.mark.parametrize(("resident", "places"), [(3, 0), (4, 4)])
def test_the_hand_moves_on_for_a_newcomer_above_the_limit(
    resident: int, places: int
) -> None:
    hand = ClockHand(Passivation(sessions_max=3))
    moves = [hand.enter(str(number)) for number in range(resident)]
    assert places == moves[-1]


def test_the_hand_goes_round_twice_in_the_idle_time() -> None:
    hand = ClockHand(Passivation(idle_s=20.0))
    for number in range(1000):
        hand.enter(str(number))
    assert 2000 <= 20 * hand.share() <= 2100


@pytest.mark.parametrize(
    "wrong", [{"sessions_max": 0}, {"idle_s": float("nan")}, {"idle_s": "300"}]
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="above 0"):
        Passivation(**wrong)


@pytest.fixture
def small(open_runtime: Open) -> Runtime:
    """Return a runtime in which ten sessions may be resident."""
    return open_runtime(
        workflows={"default": echo},
        passivation=Passivation(sessions_max=10, idle_s=3600.0),
    )


def resident(runtime: Runtime) -> set[str]:
    settle(runtime)
    return set(runtime._services.sessions)


def test_sessions_above_the_limit_go_and_nothing_is_lost(small: Runtime) -> None:
    for number in range(60):
        answer(small.session(f"s-{number}").create_thread("notes"))
    assert 20 >= len(resident(small))
    for number in range(60):
        handle = small.session(f"s-{number}")
        assert ["notes"] == [thread.thread_name for thread in answer(handle.threads())]
        run = small.coordinator.execute_workflow_in_session
        assert {"n": number} == answer(run(f"s-{number}", "notes", {"n": number}))
    assert small.check().clean


def test_a_session_that_comes_and_goes_above_the_limit_answers_each_time(
    small: Runtime,
) -> None:
    for number in range(20):
        answer(small.coordinator.create_session(f"s-{number}"))
    close = small.coordinator.close_session
    for _ in range(20):  # each wakes an actor for a session that there is not
        closings = [close("nobody") for _ in range(10)]
        assert {SessionNotFound} == {type(failure(closing)) for closing in closings}
    assert 20 >= len(resident(small))


def test_an_idle_session_goes_with_its_children_and_comes_back(small: Runtime) -> None:
    notes = answer(small.session("alice").create_thread("notes"))
    answer(notes.run({"n": 1}))
    assert {"alice"} == resident(small)
    assert [notes.thread_id] == list(small._services.threads)
    for _ in range(4):  # spoken to; then the child; then the session
        small._dispatcher.post(small._root, Sweep())
        settle(small)
    assert set() == resident(small)
    assert {} == small._services.threads
    assert {"n": 2} == answer(notes.run({"n": 2}))
    assert {"alice"} == resident(small)


def test_a_session_with_a_run_in_progress_stays(open_runtime: Open) -> None:
    stop = Stop()
    runtime = open_runtime(workflows={"default": lambda *_: stop.here()})
    notes = answer(runtime.session("alice").create_thread("notes"))
    run = notes.run()
    stop.reached()
    for _ in range(4):
        runtime._dispatcher.post(runtime._root, Sweep())
        settle(runtime)
    assert {"alice"} == resident(runtime)
    stop.open()
    answer(run)


ACTIONS = ("create", "run", "transfer", "passivate session", "passivate thread")


@pytest.mark.parametrize("order", list(itertools.permutations(ACTIONS)))
def test_passivation_crosses_commands_in_every_order_and_loses_none(
    small: Runtime, order: tuple[str, ...]
) -> None:
    notes = answer(small.session("alice").create_thread("notes"))
    answer(notes.run({"n": 0}))
    services, post = small._services, small._dispatcher.post
    session, thread = services.sessions["alice"], services.threads[notes.thread_id]
    futures: list[Any] = []
    for action in order:
        match action:
            case "create":
                futures.append(small.session("alice").create_thread("more"))
            case "run":
                futures.append(notes.run({"n": 1}))
            case "transfer":
                futures.append(notes.transfer_to("bob", if_running="move"))
            case "passivate session":
                post(session, Passivate())
            case "passivate thread":
                post(thread, Passivate())
    assert {"n": 1} in answers(futures)
    assert "bob" == answer(notes.get()).session_id
    settle(small)
    assert small.check().clean
    with small.store.read() as snapshot:
        for session_id, cell in small._services.sessions.items():
            assert cell.actor is not None
            assert dict(snapshot.names(session_id)) == cell.actor._names
