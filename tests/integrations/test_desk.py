"""Changes that are decided upon what there is."""

import asyncio
from collections.abc import Iterator

import pytest

from weft.integrations.desk import ATTEMPTS_MAX, TIMEOUT_S, Desk, stamp
from weft.storage import (
    CreateSession,
    MemoryStore,
    Operation,
    Overloaded,
    SessionExists,
    Snapshot,
)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(MemoryStore(), TIMEOUT_S)
    yield desk
    desk.close()


def created(session_id: str) -> Operation:
    return CreateSession(**stamp(), session_id=session_id)


def test_what_has_changed_is_decided_again(desk: Desk) -> None:
    looks: list[bool] = []

    def decide(snapshot: Snapshot) -> Operation:
        looks.append(snapshot.session("a") is not None)
        if len(looks) == 1:
            desk.apply(created("a"))  # somebody else, just now
        return created("b" if looks[-1] else "a")

    assert asyncio.run(desk.aapply_to_what_is(decide, (SessionExists,)))
    assert [False, True] == looks


def test_nothing_to_change_is_no_operation(desk: Desk) -> None:
    assert not asyncio.run(desk.aapply_to_what_is(lambda _: None, ()))
    with desk.store.read() as snapshot:
        assert 0 == snapshot.seq


def test_who_is_always_late_is_told_so(desk: Desk) -> None:
    attempts: list[None] = []
    desk.apply(created("a"))

    def decide(_snapshot: Snapshot) -> Operation:
        attempts.append(None)
        return created("a")

    with pytest.raises(Overloaded):
        asyncio.run(desk.aapply_to_what_is(decide, (SessionExists,)))
    assert ATTEMPTS_MAX == len(attempts)


def test_a_refusal_of_another_kind_is_told_at_once(desk: Desk) -> None:
    desk.apply(created("a"))
    with pytest.raises(SessionExists):
        asyncio.run(desk.aapply_to_what_is(lambda _: created("a"), ()))
