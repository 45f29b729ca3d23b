"""The store on disk: created whole, private, refused when it is not ours to read."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.storage.client import Client, dump
from tests.storage.invariants import broken
from tests.storage.samples import WORLD, build_world
from weft.storage import (
    AppendState,
    CreateSession,
    CreateThreads,
    LmdbStore,
    NewThread,
    StoreClosed,
    StoreCorrupt,
    StoreFormatError,
    codec,
)
from weft.storage.lmdb import LmdbEngine
from weft.storage.mark import Mark
from weft.storage.operations import encode_value as raw
from weft.storage.store import FORMAT

CRASHES = Path(__file__).with_name("creation_crashes.py")


def data_file(directory: Path) -> Path:
    return directory / "store" / "data.mdb"


def contents(directory: Path) -> dict[str, bytes]:
    """Return the files of a directory, but for what LMDB notes of its readers."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "lock.mdb"
    }


# -- creating ------------------------------------------------------------------------


def test_a_missing_directory_is_created_with_its_parents(tmp_path: Path) -> None:
    store = LmdbStore.open(tmp_path / "deep" / "data")
    assert 1 == Client(store).outcome(CreateSession(session_id="a")).seq
    store.close()


def test_what_a_store_writes_is_its_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    before = os.umask(0)
    try:
        store = LmdbStore(directory)
        build_world(Client(store))
    finally:
        os.umask(before)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
    }
    store.close()
    assert {
        "data": 0o700,
        "data/mark.json": 0o600,
        "data/owner.lock": 0o600,
        "data/store": 0o700,
        "data/store/data.mdb": 0o600,
        "data/store/lock.mdb": 0o600,
    } == modes


def test_a_store_killed_at_any_point_of_its_creation_opens(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, CRASHES, tmp_path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        timeout=50,
    )
    directories = sorted(tmp_path.iterdir())
    drafts = sum((directory / "store.new").exists() for directory in directories)
    assert len(directories) > 30, "a crash at each line"
    assert 10 < drafts < len(directories), "some left a draft, some were through"
    created = next(one for one in directories if (one / "store").exists())
    mark = Mark.read(created)  # and this one the machine went down with
    assert mark is not None
    replace(mark, boot_id="another").write(created)
    for directory in directories:
        store = LmdbStore(directory)
        names = sorted(path.name for path in directory.iterdir())
        assert ["mark.json", "owner.lock", "store"] == names
        build_world(Client(store))
        assert len(WORLD) == store.seq
        store.close()


def test_the_draft_of_a_creation_that_died_is_thrown_away(tmp_store: Path) -> None:
    draft = tmp_store / "store.new"
    draft.mkdir()
    (draft / "data.mdb").write_bytes(bytes(4096))
    LmdbStore(tmp_store).close()
    assert not draft.exists()


# -- refusing ------------------------------------------------------------------------


def test_a_newer_format_is_refused_and_left_as_it_is(tmp_store: Path) -> None:
    LmdbStore(tmp_store).close()
    engine = LmdbEngine(tmp_store / "store")
    with engine.write() as transaction:
        value = codec.encode("M", b"format", FORMAT + 1)
        transaction.put_many("M", [(b"format", value)])
    engine.close()
    before = contents(tmp_store)
    for _ in "again":
        with pytest.raises(StoreFormatError) as caught:
            LmdbStore(tmp_store)
        found = {"format": FORMAT + 1, "format_max": FORMAT}
        assert found == caught.value.details
    assert before == contents(tmp_store)


def garbage(path: Path) -> None:
    path.write_bytes(b"no store at all, " * 1000)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def half_a_page(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2048])


@pytest.mark.parametrize(
    "damage",
    [garbage, zeros, half_a_page, nothing, Path.unlink],
    ids=lambda f: f.__name__,
)
def test_a_file_that_is_no_store_is_refused_and_left_as_it_is(
    tmp_store: Path, damage: Callable[[Path], None]
) -> None:
    store = LmdbStore(tmp_store)
    build_world(Client(store))
    store.close()
    damage(data_file(tmp_store))
    before = contents(tmp_store)
    with pytest.raises(StoreCorrupt) as caught:
        LmdbStore(tmp_store)
    assert str(tmp_store) in str(caught.value)
    assert before == contents(tmp_store)


def test_a_store_that_was_refused_can_be_restored_and_opened(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    build_world(Client(store))
    store.close()
    good = data_file(tmp_store).read_bytes()
    garbage(data_file(tmp_store))
    with pytest.raises(StoreCorrupt):
        LmdbStore(tmp_store)
    data_file(tmp_store).write_bytes(good)
    restored = LmdbStore(tmp_store)
    assert len(WORLD) == restored.seq
    restored.close()


# -- growing -------------------------------------------------------------------------


def test_a_full_map_grows_and_the_group_is_tried_again_whole(tmp_store: Path) -> None:
    small = LmdbStore(tmp_store, map_size_bytes=1 << 20)
    client = Client(small)
    client.do(
        CreateThreads(
            session_id="a", threads=(NewThread("t", "n"),), create_session=True
        )
    )
    assert 1 << 20 == small.statistics().engine.map_size_bytes
    page = raw("x" * 10_000)
    group = [
        AppendState(thread_id="t", state_id=f"s{n}", values=page) for n in range(400)
    ]
    outcomes = client.group(*group)
    assert list(range(2, 402)) == [outcome.seq for outcome in outcomes]
    found = small.statistics()
    assert (400, 8 << 20) == (found.counters.states, found.engine.map_size_bytes)
    assert [] == client.see(broken)
    small.close()
    reopened = LmdbStore(tmp_store)
    assert 401 == reopened.seq
    assert [] == Client(reopened).see(broken)
    reopened.close()


def test_a_map_too_small_for_anything_grows_at_the_first_write(tmp_store: Path) -> None:
    tiny = LmdbStore(tmp_store, map_size_bytes=4096)
    client = Client(tiny)
    build_world(client)
    assert len(WORLD) == tiny.seq
    assert [] == client.see(broken)
    tiny.close()


def test_forgetting_finds_room_in_a_full_map(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    client = Client(store)
    client.group(*[CreateSession(session_id=f"s{n}") for n in range(2000)])
    store.close()
    full = LmdbStore(tmp_store, map_size_bytes=4096)
    assert 1999 == full.expire_operations(1 << 62)
    assert [] == Client(full).see(broken)
    full.close()


# -- closing -------------------------------------------------------------------------


def test_a_closed_store_says_so(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    build_world(Client(store))
    store.close()
    store.close()
    with pytest.raises(StoreClosed), store.read():
        pass
    for use in (
        lambda: Client(store).do(CreateSession(session_id="z")),
        lambda: store.expire_operations(0),
        store.statistics,
    ):
        with pytest.raises(StoreClosed):
            use()


def test_a_copied_directory_is_a_store_of_its_own(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    build_world(Client(store))
    before = dump(store)
    store.close()
    copied = tmp_store.with_name("copied")
    shutil.copytree(tmp_store, copied)
    first, second = LmdbStore(tmp_store), LmdbStore(copied)
    Client(second).outcome(CreateSession(session_id="x", op_id="new"))
    assert before == dump(first)
    first.close()
    second.close()
