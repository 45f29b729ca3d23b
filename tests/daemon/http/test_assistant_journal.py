"""The sum of changes: what an assistant is, in whatever order they came."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from weft.actors import Runtime
from weft.daemon.http.assistant_journal import (
    Birth,
    Choice,
    Edit,
    Journal,
    OwnAssistant,
    sum_of,
)
from weft.daemon.http.problems import RequestFault
from weft.storage import Item, MemoryStore

TIMEOUT_S = 10.0
PLACE = ("__weft__", "assistants", "a")


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.open(store=MemoryStore()) as opened:
        yield opened


@pytest.fixture
def journal(runtime: Runtime) -> Journal:
    return Journal(runtime.coordinator)


def birth(name: str = "first", owner: str | None = None) -> Birth:
    return Birth(owner=owner, first=Edit(graph_id="g", name=name))


def add(
    journal: Journal, change: Birth | Edit | Choice, change_id: str
) -> OwnAssistant | None:
    return asyncio.run(journal.add("a", change, change_id, TIMEOUT_S))


def get(journal: Journal) -> OwnAssistant | None:
    return asyncio.run(journal.get("a"))


def names(own: OwnAssistant | None) -> list[str]:
    return [] if own is None else [version.name for version in own.versions]


def items_of(runtime: Runtime) -> list[Item]:
    return runtime.coordinator.search_items(PLACE, limit=99).get(timeout=TIMEOUT_S)


def test_each_edit_goes_on_from_the_present_version(journal: Journal) -> None:
    add(journal, birth(), "1")
    add(journal, Edit(context={"a": 1}, metadata={"m": 1}), "2")
    add(journal, Choice(1), "3")
    own = add(journal, Edit(description="d", metadata={"n": 1}), "4")
    assert own is not None
    assert [1, 2, 3] == [version.number for version in own.versions]
    present = own.present
    assert own.versions[-1] is present
    assert ("g", "first", "d", {}, {"n": 1}) == (
        present.graph_id,
        present.name,
        present.description,
        present.context,
        present.metadata,
    )


def test_a_change_counts_once_and_answers_as_it_did(
    journal: Journal, runtime: Runtime
) -> None:
    add(journal, birth(), "1")
    first = add(journal, Edit(name="second"), "2")
    add(journal, Edit(name="third"), "3")
    assert first == add(journal, Edit(name="not looked at"), "2")
    assert ["first", "second", "third"] == names(get(journal))
    # Two requests with one key may both have found nothing when they came.
    (item,) = (one for one in items_of(runtime) if one.key.endswith("-2"))
    again = runtime.coordinator.put_item(PLACE, "0009-2", item.value)
    again.get(timeout=TIMEOUT_S)
    assert ["first", "second", "third"] == names(get(journal))


def test_the_first_birth_counts(journal: Journal) -> None:
    add(journal, birth("alices", "alice"), "1")
    late = add(journal, birth("bobs", "bob"), "2")
    assert late is not None
    assert ("1", "alice") == (late.birth_id, late.owner)
    asyncio.run(journal.take_back("a", "2"))
    assert ["alices"] == names(get(journal))


def test_a_change_of_what_is_not_there_changes_nothing(
    journal: Journal, runtime: Runtime
) -> None:
    assert None is add(journal, Edit(name="lost"), "1")
    assert None is get(journal)
    assert [] == asyncio.run(journal.all())
    # What a removal that was killed has left over does not come back.
    assert ["new"] == names(add(journal, birth("new"), "2"))
    own = add(journal, Choice(7), "3")
    assert own is not None
    assert 1 == own.present.number
    asyncio.run(journal.remove(own))
    assert [] == items_of(runtime)


def test_imported_changes_keep_their_order(journal: Journal, runtime: Runtime) -> None:
    add(journal, birth(), "z")
    add(journal, Edit(name="second"), "y")
    add(journal, Edit(name="third"), "x")
    before = get(journal)
    assert before is not None
    # A store with a log of its own gives all that it imports at once one number.
    items = items_of(runtime)
    random.Random(1).shuffle(items)
    assert before == sum_of(replace(item, created_seq=77) for item in items)


def test_there_are_only_so_many_changes(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.daemon.http.assistant_journal.CHANGES_MAX", 2)
    add(journal, birth(), "1")
    add(journal, Edit(name="second"), "2")
    with pytest.raises(RequestFault, match="changed 2 times") as caught:
        add(journal, Edit(name="third"), "3")
    assert 409 == caught.value.status
    assert names(add(journal, Edit(), "2")) == ["first", "second"]


def test_there_are_only_so_many_assistants(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.daemon.http.assistant_journal.STORED_MAX", 2)
    add(journal, birth(), "1")
    assert not asyncio.run(journal.is_full())
    add(journal, Edit(name="second"), "2")
    assert asyncio.run(journal.is_full())


@pytest.mark.parametrize("seed", range(20))
def test_what_was_answered_stays_true(seed: int) -> None:
    """Versions keep numbers and contents, whatever comes at once afterwards."""
    rng = random.Random(seed)
    with Runtime.open(store=MemoryStore()) as runtime:
        journal = Journal(runtime.coordinator)
        told: dict[int, str] = {}

        async def one(number: int) -> None:
            change: Any = rng.choice(
                (Edit(name=f"n{number}"), Choice(rng.randint(1, 9)))
            )
            change_id = str(rng.randint(0, 30))
            own = await journal.add("a", change, change_id, TIMEOUT_S)
            assert own is not None
            for version in own.versions:
                assert version.name == told.setdefault(version.number, version.name)

        async def act() -> None:
            await journal.add("a", birth(), "birth", TIMEOUT_S)
            for group in range(4):
                await asyncio.gather(*(one(10 * group + n) for n in range(6)))

        asyncio.run(act())
        own = get(journal)
        assert own is not None
        assert told == {version.number: version.name for version in own.versions}
