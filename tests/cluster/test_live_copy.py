"""A copy made while its source is written to is the source, byte for byte."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cluster.departing import (
    Journey,
    Trees,
    empty,
    trees_at,
    trees_of,
    without_origin,
)
from tests.storage.client import Client
from tests.storage.samples import build_world
from tests.storage.strategies import Script, complete, scripts
from weft.cluster.errors import MigrationDiverged
from weft.cluster.fence import Fenced
from weft.cluster.line import Line
from weft.cluster.postgres import PostgresStore
from weft.cluster.schema import install
from weft.storage import (
    CreateSession,
    MemoryStore,
    Operation,
    RemoveThreads,
    UpdateSession,
)
from weft.storage.departure import Departure, Place
from weft.storage.operations import encode_value as raw


@pytest.fixture
def ready(address: str) -> str:
    """Return the address of a database with a schema and nothing else."""
    line = Line(address)
    install(line)
    line.close()
    return address


@pytest.fixture
def journey(tmp_path: Path, ready: str) -> Iterator[Journey]:
    made = Journey(tmp_path / "here", ready, chunk_entries=5)
    yield made
    made.close()


def moved(
    script: Script, steps: Sequence[int], address: str
) -> tuple[MemoryStore, Trees]:
    """Move a store while a script is played on it, beside one that does not move.

    Args:
        script: groups of operations.
        steps: how many follow each of the groups; what is left follows the last.
        address: of a database, which is emptied.

    Returns:
        The store that did not move, and the entries of the one that did.
    """
    places = count()
    resident = MemoryStore()
    turns = iter(steps)
    has_moved = False
    empty(address)
    with (
        tempfile.TemporaryDirectory() as scratch,
        closing(in_small_steps(Path(scratch), address)) as journey,
    ):

        def write(group: Sequence[Operation]) -> None:
            whole = [complete(one, next(places)) for one in group]
            answers = [
                [(one.seq, one.result) for one in store.apply(whole)]
                for store in (resident, journey.store)
            ]
            assert answers[0] == answers[1]

        write(script[0])
        copy = journey.begin()
        for group in script[1:]:
            write(group)
            for _ in range(next(turns, 0)):
                has_moved = has_moved or advance(journey)
        while not has_moved:
            has_moved = advance(journey)
        write([CreateSession(session_id="afterwards")])
        assert copy.verified
        return resident, without_origin(trees_at(address))


def in_small_steps(directory: Path, address: str) -> Journey:
    return Journey(directory / "here", address, chunk_entries=7, sync=False)


def advance(journey: Journey) -> bool:
    """Do the next step of a migration; return whether it was the last."""
    copy = journey.copy
    if not copy.is_whole:
        copy.step()
    elif not copy.is_verified:
        copy.verify()
    elif copy.waiting:
        copy.follow()
    else:
        journey.cut_over().make(copy)
        return True
    journey.assert_true()
    return False


cases = given(scripts(), st.lists(st.integers(0, 8), max_size=40))


@cases
@settings(max_examples=10, deadline=None)
def test_a_store_that_moves_is_as_one_that_does_not(
    shared: str, script: Script, steps: list[int]
) -> None:
    resident, arrived = moved(script, steps, shared)
    assert trees_of(resident) == arrived


@pytest.mark.long
@cases
@settings(max_examples=150, deadline=None)
def test_a_store_that_moves_is_as_one_that_does_not_whatever_comes(
    shared: str, script: Script, steps: list[int]
) -> None:
    resident, arrived = moved(script, steps, shared)
    assert trees_of(resident) == arrived


def forget(_departure: Departure) -> set[Place]:
    return set()


def moved_under_changes(journey: Journey, *, verify: bool) -> None:
    """Move a store in whose copied part something changes, comes and goes."""
    client = Client(journey.store)
    build_world(client)
    copy = journey.begin()
    while not copy.is_whole:
        copy.step()
    client.do(UpdateSession(session_id="a", metadata=raw({"changed": True})))
    client.do(CreateSession(session_id="come"))
    client.do(RemoveThreads(threads=("t1",)))
    while verify and not copy.is_verified:
        copy.verify()
    journey.cut_over().make(copy)


def test_what_changes_behind_the_copy_is_sent_again(journey: Journey) -> None:
    moved_under_changes(journey, verify=True)
    behind = trees_of(journey.store)
    assert behind == without_origin(trees_at(journey.address))


def test_without_the_notes_a_copy_would_be_wrong(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Departure, "take", forget)
    moved_under_changes(journey, verify=False)
    behind = trees_of(journey.store)
    assert behind != without_origin(trees_at(journey.address))


def test_without_the_notes_the_verification_refuses_the_copy(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Departure, "take", forget)
    with pytest.raises(MigrationDiverged, match="nobody has written") as found:
        moved_under_changes(journey, verify=True)
    assert found.value.details["count"] >= 1
    assert journey.store.successor is None


def test_what_is_there_already_is_not_sent_again(journey: Journey) -> None:
    client = Client(journey.store)
    build_world(client)
    first = journey.begin()
    while not first.is_whole:
        first.step()
    journey.store.stay()
    client.do(UpdateSession(session_id="a", metadata=raw({"changed": True})))
    with psycopg.connect(journey.address) as connection:
        connection.execute("INSERT INTO weft_entry VALUES ('S', '\\x00', 'extra')")
    before = trees_at(journey.address)
    second = journey.begin()
    while not second.is_whole:
        second.step()
    after = trees_at(journey.address)
    changed = {
        place
        for place in before.keys() | after.keys()
        if before.get(place) != after.get(place)
    }
    assert len(changed) == second.sent
    assert 0 < second.sent < first.sent / 4
    assert ("S", b"\0") in changed
    journey.assert_true()


def test_a_value_that_fits_into_no_chunk_goes_alone(journey: Journey) -> None:
    client = Client(journey.store)
    client.do(CreateSession(session_id="a", metadata=raw({"k": "v" * (3 << 20)})))
    copy = journey.begin()
    while not copy.is_whole:
        copy.step()
    assert copy.sent_bytes > 3 << 20
    journey.assert_true()


def test_who_takes_the_database_over_ends_the_copy_and_not_the_store(
    journey: Journey, ready: str
) -> None:
    client = Client(journey.store)
    client.do(CreateSession(session_id="a"))
    copy = journey.begin()
    PostgresStore(ready).close()
    with pytest.raises(Fenced):
        copy.step()
    journey.store.stay()
    client.do(CreateSession(session_id="b"))
    assert 2 == journey.store.seq
