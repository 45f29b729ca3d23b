"""The writer of a store: found by the store, and only one at a time."""

import threading
from collections.abc import Iterator

import pytest

from weft.storage import (
    CreateSession,
    MemoryStore,
    Outcome,
    StoreClosed,
    Submission,
    Writer,
    new_id,
)
from weft.storage.submission import telling
from weft.storage.writers import dismiss, writer_of

TIMEOUT_S = 10


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    made = MemoryStore()
    yield made
    made.close()


def creation() -> CreateSession:
    return CreateSession(session_id="a", op_id=new_id(), at_us=1)


def test_a_store_has_the_writer_that_started_last(store: MemoryStore) -> None:
    assert writer_of(store) is None
    first, second = (Writer(store, lambda _pairs: None) for _ in "12")
    assert writer_of(store) is None
    first.start()
    assert first is writer_of(store)
    second.start()
    assert second is writer_of(store)
    with pytest.raises(StoreClosed):
        first.submit(Submission(creation()))
    dismiss(store, first)
    assert second is writer_of(store)
    dismiss(store, second)
    assert writer_of(store) is None
    assert second.close(TIMEOUT_S)


def test_a_sender_without_an_actor_is_told_after_the_sessions(
    store: MemoryStore,
) -> None:
    order: list[str] = []
    done = threading.Event()

    def tell(outcome: Outcome) -> None:
        order.append(f"told {outcome.seq}")
        done.set()

    writer = Writer(store, lambda pairs: order.append(f"published {len(pairs)}"))
    writer.start()
    writer.submit(Submission(creation(), told=tell))
    assert done.wait(TIMEOUT_S)
    assert ["published 1", "told 1"] == order
    assert writer.close(TIMEOUT_S)


def test_a_sender_is_told_even_if_the_sessions_cannot_be() -> None:
    told: list[Outcome] = []
    operation = creation()
    outcome = Outcome(operation, 1)

    def fail(_pairs: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        telling(fail)([(Submission(operation, told=told.append), outcome)])
    assert [outcome] == told
