"""The frontier: nothing lies beyond it, whatever is put, and look-ups are saved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.storage import CreateSession, CreateThreads, MemoryStore, NewThread, new_id
from weft.storage.frontier import Frontier
from weft.storage.ids import pack_id
from weft.storage.memory import MemoryEngine, _Transaction

KEYS = st.binary(min_size=1, max_size=4).map(lambda key: bytes([key[0] % 4]) + key[1:])


@given(st.lists(st.lists(KEYS)), KEYS)
def test_nothing_lies_beyond_the_frontier(
    groups: list[list[bytes]], key: bytes
) -> None:
    engine, frontier = MemoryEngine(), Frontier()
    for group in groups:
        items = [(put, b"") for put in sorted(group)]
        with engine.write() as transaction:
            transaction.put_many("T", items)
        frontier.move_past(items)
    with engine.read() as transaction:
        assert Frontier.of(transaction, "T").is_before(key) == frontier.is_before(key)
        if frontier.is_before(key):
            assert not [
                found
                for found, _ in transaction.scan("T", start=key)
                if found.startswith(b"\x01")
            ]


def test_a_new_id_lies_beyond_and_an_old_or_a_foreign_one_does_not() -> None:
    frontier = Frontier()
    old = pack_id(new_id())
    frontier.move_to(old)
    assert not frontier.is_before(old)
    assert frontier.is_before(pack_id(new_id()))
    assert not frontier.is_before(pack_id("an id of the caller's making"))


@pytest.mark.parametrize("repeated", [True, False])
def test_only_operations_that_may_be_known_are_looked_up(
    repeated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    first = CreateSession(op_id=new_id(), at_us=1, session_id="alice")
    store.apply([first])
    looked: list[str] = []
    look = _Transaction.get

    def get(transaction: _Transaction, tree: str, key: bytes) -> bytes | None:
        looked.append(tree)
        return look(transaction, tree, key)

    monkeypatch.setattr(_Transaction, "get", get)
    thread = CreateThreads(
        op_id=new_id(), at_us=2, session_id="alice", threads=(NewThread(new_id(), "x"),)
    )
    (outcome,) = store.apply([first if repeated else thread])
    assert repeated == outcome.replayed
    assert (["O", "L"] if repeated else ["S"]) == looked
