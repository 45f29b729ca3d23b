"""A writer whose store or listener fails: everybody is told why, and it goes on."""

from collections.abc import Sequence

import pytest

from tests.storage.client import dump
from tests.storage.desk import WAIT_S, Desk, errors
from weft.storage import (
    Operation,
    Outcome,
)
from weft.storage.errors import (
    InvalidArgument,
    StoreClosed,
    StoreReadOnly,
)
from weft.storage.store import TreeStore


@pytest.mark.parametrize(
    "failure",
    [OSError(28, "No space left on device"), StoreReadOnly("The disk is full.")],
)
def test_when_a_group_fails_all_its_callers_know_why_and_the_next_one_works(
    gated: Desk, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("a", "b", "c")
    gated.open_gate()
    gated.wait_at_gate()
    before = dump(gated.store)
    gated.gated.failures.append(failure)
    gated.open_gate()
    _, *failed = gated.answers.wait_for(4)
    assert [StoreReadOnly] * 3 == errors(failed)
    for session_id, outcome in zip("abc", failed, strict=True):
        assert outcome.error is not None
        assert (session_id, failure) == (outcome.error.op_id, outcome.error.cause)
        assert 1 == str(outcome.error).count(StoreReadOnly.remedy)
    assert before == dump(gated.store)
    assert gated.writer.read_only
    assert "a group of 3 operations could not be written" in caplog.text

    gated.submit("a")
    gated.open_gate()
    assert 2 == gated.answers.wait_for(5)[-1].seq
    assert not gated.writer.read_only


class _Poisoned:
    """A store that breaks, by a defect, on one operation."""

    def __init__(self, store: TreeStore) -> None:
        self._store = store

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        if any(operation.op_id == "poison" for operation in operations):
            raise ZeroDivisionError("a defect of the rules")
        return self._store.apply(operations)


def test_an_operation_that_breaks_the_store_does_not_take_its_neighbours_along(
    gated: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    gated.gated.store = _Poisoned(gated.store)  # type: ignore[assignment]
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("a", "poison", "c")
    gated.open_gate(1000)
    outcomes = gated.answers.wait_for(4)
    assert [None, None, StoreReadOnly, None] == errors(outcomes)
    assert isinstance(outcomes[2].error.cause, ZeroDivisionError)  # type: ignore[union-attr]
    assert "a defect of the rules" in caplog.text


def test_an_id_that_fits_no_key_costs_its_own_operation_only(
    lmdb_store: TreeStore,
) -> None:
    desk = Desk(lmdb_store, gated=True)
    desk.writer.start()
    desk.submit("first")
    desk.wait_at_gate()
    desk.submit("a", "x" * 600, "c")
    desk.open_gate(1000)
    assert [None, None, InvalidArgument, None] == errors(desk.answers.wait_for(4))
    assert not desk.writer.read_only
    assert desk.writer.close(WAIT_S)


def test_a_closed_store_is_told_as_that(gated: Desk) -> None:
    gated.gated.failures.append(StoreClosed())
    gated.submit("a")
    gated.open_gate()
    assert [StoreClosed] == errors(gated.answers.wait_for(1))


def test_a_publish_that_raises_does_not_stop_the_writer(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.answers.failures[1] = ZeroDivisionError("it broke")
    desk.submit("a")
    desk.answers.wait_for(1)
    desk.submit("b")
    assert [1, 2] == [outcome.seq for outcome in desk.answers.wait_for(2)]
    assert "it broke" in caplog.text


def test_a_publish_that_raises_about_the_late_costs_the_others_nothing(
    gated: Desk,
) -> None:
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("late", deadline_ns=1)
    gated.submit("in time")
    gated.answers.failures[2] = ZeroDivisionError("it broke")
    gated.open_gate(2)
    outcomes = {o.operation.op_id: o for o in gated.answers.wait_for(3)}
    assert 2 == outcomes["in time"].seq
