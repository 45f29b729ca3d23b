"""What groups remember: what is in use stays, and there is never much of it."""

import pytest

from tests.storage.client import Client
from tests.storage.running import write
from weft.storage import MemoryStore, ThreadNotFound
from weft.storage.keys import Key, session_key, thread_key
from weft.storage.operations import (
    CreateSession,
    CreateThreads,
    NewThread,
    RemoveThreads,
)
from weft.storage.recent import GENERATION_MAX, Recent


def fill(recent: Recent, generation: str) -> None:
    for number in range(GENERATION_MAX + 1):
        recent.young[session_key(f"{generation}{number}")] = number


def known(recent: Recent) -> set[Key]:
    return {*recent.young, *recent.older}


def test_a_generation_that_is_not_full_goes_on() -> None:
    recent = Recent({session_key("s"): "session"})

    recent.age()

    assert {session_key("s"): "session"} == recent.young
    assert {} == recent.older


def test_a_full_generation_is_kept_for_one_more() -> None:
    recent = Recent()
    fill(recent, "first")
    recent.age()

    assert GENERATION_MAX + 1 == len(known(recent))
    assert {} == recent.young

    fill(recent, "second")
    recent.age()

    assert {session_key(f"second{n}") for n in range(GENERATION_MAX + 1)} == known(
        recent
    )


@pytest.fixture
def client() -> Client:
    client = Client(MemoryStore())
    client.do(CreateSession(session_id="s"))
    client.do(CreateThreads(session_id="s", threads=(NewThread("t", "t"),)))
    return client


def test_a_record_that_every_generation_meets_is_not_forgotten(client: Client) -> None:
    for generation in range(3):
        fill(client.store._recent, str(generation))
        client.do(write(f"state-{generation}", run_id=None))

        assert thread_key("t") in known(client.store._recent)


def test_what_is_written_replaces_what_the_older_generation_holds(
    client: Client,
) -> None:
    fill(client.store._recent, "others")
    client.do(RemoveThreads(threads=("t",)))

    assert thread_key("t") in client.store._recent.older
    assert isinstance(client.refuse(RemoveThreads(threads=("t",))), ThreadNotFound)
    assert {} == client.see(lambda snapshot: snapshot.counters).threads
