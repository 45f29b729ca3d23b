"""Each format there ever was opens; the way to the next cannot be half gone."""

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.storage.client import START_US, Client, Dump, dump
from tests.storage.formats import make, zero
from tests.storage.formats.make import HERE, fill, read_all
from tests.storage.invariants import broken
from weft.storage import CreateSession, LmdbStore, StoreFormatError
from weft.storage.check import check
from weft.storage.codec import encode
from weft.storage.lmdb import LmdbEngine
from weft.storage.manifest import Manifest
from weft.storage.memory import MemoryEngine
from weft.storage.migrations import Entry, Migration, format_of, migrate
from weft.storage.restore import restore
from weft.storage.store import FORMAT

RELEASED = range(1, FORMAT + 1)
CRASH = Path(zero.__file__)


# -- what was released ---------------------------------------------------------------


@pytest.mark.parametrize("number", RELEASED)
def test_a_data_directory_of_each_format_opens_and_holds_what_it_held(
    tmp_store: Path, number: int
) -> None:
    with tarfile.open(HERE / f"{number}.tar.xz") as tar:
        tar.extractall(tmp_store, filter="data")
    expected = json.loads((HERE / f"{number}.json").read_text())
    store = LmdbStore(tmp_store)
    found = read_all(store)
    for tree, records in expected.items():
        assert records == {
            key: reduced(found[tree][key], record) for key, record in records.items()
        }
        assert set(records) == set(found[tree])
    with store.read() as snapshot:
        assert [] == check(snapshot).inconsistencies
        assert [] == broken(snapshot)
    store.close()


def reduced(found: object, expected: object) -> object:
    """Return a record without the fields that its format did not have."""
    if isinstance(found, dict) and isinstance(expected, dict) and "record" in found:
        return {name: found[name] for name in expected}
    return found


@pytest.mark.parametrize("number", RELEASED)
def test_a_store_of_each_format_answers_repeated_operations(
    tmp_store: Path, number: int
) -> None:
    with tarfile.open(HERE / f"{number}.tar.xz") as tar:
        tar.extractall(tmp_store, filter="data")
    store = LmdbStore(tmp_store)
    first = CreateSession(session_id="a", user_id="u", op_id="op-1", at_us=START_US)
    (outcome,) = store.apply([first])
    assert (True, 1) == (outcome.replayed, outcome.seq)
    store.close()


def test_the_present_format_is_kept() -> None:
    assert (HERE / f"{FORMAT}.tar.xz").is_file(), f"run python -m {make.__name__}"
    assert (HERE / f"{FORMAT}.tar.xz").stat().st_size < 100_000


# -- from one format to the next -----------------------------------------------------


@pytest.fixture
def content(tmp_store: Path) -> Dump:
    """Make a store of format 0 in ``tmp_store``; return what it held before."""
    store = LmdbStore(tmp_store)
    fill(store)
    held = dump(store)
    store.close()
    zero.turn_back(tmp_store)
    return held


def found_format(directory: Path) -> int | None:
    engine = LmdbEngine(directory / "store")
    try:
        return format_of(engine)
    finally:
        engine.close()


def backups(directory: Path) -> list[Path]:
    return sorted(directory.glob("before-format-1-at-*"))


def test_an_older_store_is_migrated_when_it_is_opened(
    tmp_store: Path, content: Dump
) -> None:
    store = LmdbStore(tmp_store, migrations=zero.MIGRATIONS)
    assert content == dump(store)
    client = Client(store)
    client.number = 1000
    client.do(CreateSession(session_id="new"))
    assert [] == client.see(broken)
    store.close()
    assert FORMAT == found_format(tmp_store)


@pytest.mark.usefixtures("content")
def test_a_store_is_migrated_once(tmp_store: Path) -> None:
    LmdbStore(tmp_store, migrations=zero.MIGRATIONS).close()
    assert 1 == len(backups(tmp_store))

    def never(_: Entry) -> Iterator[Entry]:
        raise AssertionError

    LmdbStore(tmp_store, migrations={0: Migration("", ("S",), never)}).close()
    assert 1 == len(backups(tmp_store))


def test_the_store_as_it_was_is_kept_and_can_be_restored(
    tmp_path: Path, tmp_store: Path, content: Dump
) -> None:
    LmdbStore(tmp_store, migrations=zero.MIGRATIONS).close()
    (kept,) = backups(tmp_store)
    assert 0 == Manifest.read(kept).format
    restore(kept, tmp_path / "again")
    assert 0 == found_format(tmp_path / "again")
    store = LmdbStore(tmp_path / "again", migrations=zero.MIGRATIONS)
    assert content == dump(store)
    store.close()


@pytest.mark.usefixtures("content")
def test_a_format_without_a_way_is_refused_and_left_as_it_is(tmp_store: Path) -> None:
    before = (tmp_store / "store" / "data.mdb").read_bytes()
    with pytest.raises(StoreFormatError, match="there is no way from it to 1"):
        LmdbStore(tmp_store)
    assert before == (tmp_store / "store" / "data.mdb").read_bytes()
    assert [] == backups(tmp_store)


@pytest.mark.parametrize("entry", [1, 25])
def test_a_migration_that_is_killed_has_changed_nothing(
    tmp_store: Path, content: Dump, entry: int
) -> None:
    done = subprocess.run(
        [sys.executable, CRASH, tmp_store, str(entry)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        timeout=30,
    )
    assert -signal.SIGKILL == done.returncode
    assert 0 == found_format(tmp_store)
    (kept,) = backups(tmp_store)
    assert 0 == Manifest.read(kept).format
    store = LmdbStore(tmp_store, migrations=zero.MIGRATIONS)
    assert content == dump(store)
    store.close()
    assert [kept] == backups(tmp_store), "the backup of the first try is used again"


@pytest.mark.usefixtures("content")
def test_a_migration_that_fails_has_changed_nothing(tmp_store: Path) -> None:
    def fail(entry: Entry) -> Iterator[Entry]:
        if entry[0] == "L":
            raise ZeroDivisionError
        return zero.change(entry)

    before = read_format_0(tmp_store)
    with pytest.raises(ZeroDivisionError):
        LmdbStore(tmp_store, migrations={0: Migration("", ("S", "L"), fail)})
    assert before == read_format_0(tmp_store)


def read_format_0(directory: Path) -> list[tuple[bytes, bytes]]:
    engine = LmdbEngine(directory / "store")
    with engine.read() as transaction:
        found = [*transaction.scan("S"), *transaction.scan("L"), *transaction.scan("M")]
    engine.close()
    return found


# -- the machinery -------------------------------------------------------------------


def in_memory(items: dict[bytes, bytes], form: int) -> MemoryEngine:
    """Return an engine with entries in tree ``X`` and a format."""
    engine = MemoryEngine()
    with engine.write() as transaction:
        transaction.put_many("X", sorted(items.items()))
        transaction.put_many("M", [(b"format", encode("M", b"format", form))])
    return engine


def held(engine: MemoryEngine, tree: str) -> dict[bytes, bytes]:
    with engine.read() as transaction:
        return dict(transaction.scan(tree))


def suffixed(entry: Entry) -> Iterator[Entry]:
    tree, key, value = entry
    yield tree, key, value + b"!"


def to_the_end(entry: Entry) -> Iterator[Entry]:
    tree, key, value = entry
    yield tree, b"z" + key, value


def dropped(_: Entry) -> Iterator[Entry]:
    yield from ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (suffixed, {b"a": b"1!", b"b": b"2!"}),
        (to_the_end, {b"za": b"1", b"zb": b"2"}),
        (dropped, {}),
    ],
)
def test_entries_are_changed_moved_or_dropped(
    change: Callable[[Entry], Iterator[Entry]], expected: dict[bytes, bytes]
) -> None:
    engine = in_memory({b"a": b"1", b"b": b"2"}, form=3)
    asked: list[int] = []
    migrate(engine, {3: Migration("", ("X",), change)}, asked.append, to=4)
    assert [3] == asked
    assert expected == held(engine, "X")
    assert 4 == format_of(engine)


def test_all_steps_on_the_way_are_taken_in_order() -> None:
    engine = in_memory({b"a": b"1"}, form=1)
    steps = {1: Migration("", ("X",), to_the_end), 2: Migration("", ("X",), suffixed)}
    told: list[tuple[int, int]] = []
    migrate(engine, steps, lambda _: None, to=3, progress=lambda *n: told.append(n))
    assert {b"za": b"1!"} == held(engine, "X")
    assert [(1, 2), (2, 2)] == told


def test_a_gap_in_the_way_is_refused_before_anything_is_done() -> None:
    engine = in_memory({b"a": b"1"}, form=1)
    asked: list[int] = []
    with pytest.raises(StoreFormatError):
        migrate(engine, {1: Migration("", ("X",), suffixed)}, asked.append, to=3)
    assert ([], {b"a": b"1"}) == (asked, held(engine, "X"))


def test_two_entries_in_one_place_are_refused() -> None:
    def together(entry: Entry) -> Iterator[Entry]:
        yield entry[0], b"one", entry[2]

    engine = in_memory({b"a": b"1", b"b": b"2"}, form=1)
    with pytest.raises(StoreFormatError, match="two entries"):
        migrate(engine, {1: Migration("", ("X",), together)}, lambda _: None, to=2)
    assert {b"a": b"1", b"b": b"2"} == held(engine, "X")


@pytest.mark.parametrize("form", [2, 3])
def test_what_is_not_older_is_left_alone(form: int) -> None:
    engine = in_memory({b"a": b"1"}, form=form)
    asked: list[int] = []
    migrate(engine, {}, asked.append, to=2)
    assert ([], form) == (asked, format_of(engine))


def test_more_entries_than_a_piece_holds_are_migrated() -> None:
    items = {number.to_bytes(4, "big"): b"v" for number in range(25_000)}
    engine = in_memory(items, form=1)
    migrate(engine, {1: Migration("", ("X",), suffixed)}, lambda _: None, to=2)
    assert dict.fromkeys(items, b"v!") == held(engine, "X")
