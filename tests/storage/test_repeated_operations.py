"""A repeated operation gets its first answer, or is a mismatch; it has no effect.

Part of the contract: every test runs on every store.
"""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.storage.client import Client, answer, dump
from tests.storage.ownership import session
from tests.storage.samples import APPLIED, REFUSED, build_world
from weft.storage import LmdbStore
from weft.storage import operations as op
from weft.storage.errors import OperationMismatch

BOTH = pytest.mark.parametrize(
    "operation",
    [
        pytest.param(replace(operation, op_id="once"), id=f"{outcome}-{kind}")
        for outcome, operations in (("applied", APPLIED), ("refused", REFUSED))
        for kind, operation in operations.items()
    ],
)


@BOTH
def test_repeated_in_one_group_it_gets_its_first_answer(
    client: Client, operation: op.Operation
) -> None:
    build_world(client)
    first, again, once_more = client.group(operation, operation, operation)
    assert answer(first) == answer(again) == answer(once_more)
    assert [False, True, True] == [o.replayed for o in (first, again, once_more)]
    assert [(), ()] == [again.events, once_more.events]


@BOTH
def test_repeated_in_a_later_group_it_gets_its_first_answer_and_does_nothing(
    client: Client, operation: op.Operation
) -> None:
    build_world(client)
    first = client.outcome(operation)
    client.do(session("between"))
    before = dump(client.store)
    again = client.outcome(operation)
    assert answer(first) == answer(again)
    assert before == dump(client.store)


@BOTH
def test_repeated_after_reopening_it_gets_its_first_answer(
    tmp_store: Path, operation: op.Operation
) -> None:
    with_store = LmdbStore(tmp_store)
    client = Client(with_store)
    build_world(client)
    first = client.outcome(operation)
    before = dump(with_store)
    with_store.close()
    reopened = LmdbStore(tmp_store)
    again = Client(reopened).outcome(operation)
    assert before == dump(reopened)
    reopened.close()
    assert answer(first) == answer(again)


def test_an_op_id_used_for_another_kind_is_a_mismatch_that_changes_nothing(
    client: Client,
) -> None:
    client.do(session("a", op_id="same"))
    before = dump(client.store)
    other = op.UpdateSession(session_id="a", user_id="u", op_id="same")
    outcome = client.outcome(other)
    assert OperationMismatch is type(outcome.error)
    assert (None, True) == (outcome.seq, outcome.replayed)
    assert before == dump(client.store)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (session("x"), session("y")),
        (op.RemoveThreads(threads=("t",)),),
    ],
    ids=["none", "more", "others"],
)
def test_a_batch_repeated_with_other_parts_is_a_mismatch_and_spares_its_neighbours(
    client: Client, parts: tuple[Any, ...]
) -> None:
    client.do(op.Batch(parts=(session("x"),), op_id="same"))
    repeated = op.Batch(parts=parts, op_id="same")
    before, wrong, after = client.group(session("a"), repeated, session("b"))
    assert OperationMismatch is type(wrong.error)
    assert (2, 3) == (before.seq, after.seq)
