"""fsck finds everything, repairs what has a twin, and keeps what was there."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.storage.client import Client, Dump, dump
from tests.storage.samples import WORLD, build_world
from weft.storage import CreateSession, LmdbStore, StoreCorrupt, StoreLocked
from weft.storage.fsck import FsckReport, fsck
from weft.storage.leftover import operations_after
from weft.storage.mark import MARK_NAME, Mark
from weft.storage.meta_page import PAGE_SIZE_BYTES, MetaPages
from weft.storage.operations import encode_value

SEQ = len(WORLD)
LAST = CreateSession(session_id="last", op_id="the-last")


@pytest.fixture
def contents(tmp_store: Path) -> dict[int, Dump]:
    """Return what a store in ``tmp_store`` held by its seq: at its end and before."""
    store = LmdbStore(tmp_store)
    client = Client(store)
    build_world(client)
    before = dump(store)
    client.do(LAST)
    after = dump(store)
    store.close()
    return {SEQ: before, SEQ + 1: after}


def data_file(directory: Path) -> Path:
    return directory / "store" / "data.mdb"


def files(directory: Path) -> dict[str, bytes]:
    """Return all files but the lock, which names its last holder."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name not in {"owner.lock", "lock.mdb"}
    }


def destroy_meta(directory: Path, *, newer: bool) -> int:
    """Overwrite one of the two meta pages; return its transaction."""
    current = MetaPages.read(data_file(directory)).current
    assert current is not None
    slot = current.slot if newer else 1 - current.slot
    with data_file(directory).open("r+b") as file:
        file.seek(slot * PAGE_SIZE_BYTES)
        file.write(b"\xff" * PAGE_SIZE_BYTES)
    return current.txnid if newer else current.txnid - 1


def kinds(report: FsckReport) -> tuple[set[str], set[str], int]:
    """Return the kinds left, those repaired, and the exit code."""
    left, mended = (
        {one.kind for one in damages} for damages in (report.damages, report.repaired)
    )
    return left, mended, report.exit_code


def held(directory: Path) -> Dump:
    """Open a store and return what it holds."""
    store = LmdbStore(directory)
    try:
        return dump(store)
    finally:
        store.close()


def test_a_sound_store_is_clean_and_left_as_it_is(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    before = files(tmp_store)
    told: list[tuple[int, int]] = []
    report = fsck(tmp_store, progress=lambda *numbers: told.append(numbers))
    assert (set(), set(), 0) == kinds(report)
    assert report.examination is not None
    assert max(contents) == report.examination.seq
    assert before == files(tmp_store)
    assert told


def test_a_store_that_is_open_is_refused_with_the_pid_of_its_owner(
    tmp_store: Path,
) -> None:
    store = LmdbStore(tmp_store)
    with pytest.raises(StoreLocked, match=f"open in process {os.getpid()}"):
        fsck(tmp_store, repair=True)
    store.close()


def test_a_directory_without_a_store_is_told(tmp_store: Path) -> None:
    assert ({"missing"}, set(), 65) == kinds(fsck(tmp_store, repair=True))


@pytest.mark.parametrize("newer", [True, False])
def test_a_lost_meta_page_is_told_and_left_without_repair(
    tmp_store: Path, contents: dict[int, Dump], newer: bool
) -> None:
    destroy_meta(tmp_store, newer=newer)
    with pytest.raises(StoreCorrupt, match=r"Meta page \d is damaged"):
        LmdbStore(tmp_store)
    before = files(tmp_store)
    left, mended, code = kinds(fsck(tmp_store))
    assert "meta_page" in left
    assert (set(), 65) == (mended, code)
    assert before == files(tmp_store)
    assert contents


def test_the_older_meta_page_is_rebuilt_at_no_loss(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    destroy_meta(tmp_store, newer=False)
    damaged = data_file(tmp_store).read_bytes()
    report = fsck(tmp_store, repair=True)
    assert (set(), 1) == (kinds(report)[0], kinds(report)[2])
    assert "meta_page" in kinds(report)[1]
    assert [] == report.lost
    assert contents[SEQ + 1] == held(tmp_store)
    assert damaged == Path(report.kept or "").read_bytes()
    assert (set(), set(), 0) == kinds(fsck(tmp_store))


def test_the_newest_meta_page_is_rebuilt_and_what_is_lost_is_named(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    txnid = destroy_meta(tmp_store, newer=True)
    damaged = data_file(tmp_store).read_bytes()
    report = fsck(tmp_store, repair=True)
    assert (set(), 1) == (kinds(report)[0], kinds(report)[2])
    (lost,) = report.lost
    assert f"Transaction {txnid} is lost" in lost
    assert f"operations {SEQ + 1} to {SEQ + 1} ('the-last')" in lost
    assert contents[SEQ] == held(tmp_store)
    assert damaged == Path(report.kept or "").read_bytes()


def test_a_repaired_store_goes_on(tmp_store: Path, contents: dict[int, Dump]) -> None:
    destroy_meta(tmp_store, newer=True)
    fsck(tmp_store, repair=True)
    store = LmdbStore(tmp_store)
    client = Client(store)
    client.number = SEQ
    client.do(LAST)
    assert contents[SEQ + 1] == dump(store)
    client.group(*[CreateSession(session_id=f"more{n}") for n in range(500)])
    store.close()
    assert (set(), set(), 0) == kinds(fsck(tmp_store))


def test_both_meta_pages_lost_is_beyond_repair(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    assert contents
    with data_file(tmp_store).open("r+b") as file:
        file.write(bytes(2 * PAGE_SIZE_BYTES))
    before = files(tmp_store)
    left, mended, code = kinds(fsck(tmp_store, repair=True))
    assert (set(), 65) == (mended, code)
    assert "meta_page" in left
    assert before == files(tmp_store)


def test_a_damaged_record_is_told_and_left(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    assert contents
    data = data_file(tmp_store).read_bytes()
    data_file(tmp_store).write_bytes(data.replace(b"CreateThreads", b"CreateTHREADS"))
    before = files(tmp_store)
    report = fsck(tmp_store, repair=True)
    assert (set(), 65) == (kinds(report)[1], report.exit_code)
    assert "damaged_record" in kinds(report)[0]
    assert before == files(tmp_store)


def test_an_older_store_is_told_and_accepted_with_repair(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    mark = Mark.read(tmp_store)
    assert mark is not None
    replace(mark, seq=mark.seq + 7).write(tmp_store)
    assert ({"rolled_back"}, set(), 65) == kinds(fsck(tmp_store))
    report = fsck(tmp_store, repair=True)
    assert (set(), {"rolled_back"}, 1) == kinds(report)
    (lost,) = report.lost
    assert f"ends at operation {SEQ + 1}; the mark says {SEQ + 8}" in lost
    assert contents[SEQ + 1] == held(tmp_store)


def test_a_damaged_mark_is_written_anew_with_repair(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    (tmp_store / MARK_NAME).write_bytes(b"?")
    assert ({"mark"}, set(), 65) == kinds(fsck(tmp_store))
    assert (set(), {"mark"}, 1) == kinds(fsck(tmp_store, repair=True))
    assert contents[SEQ + 1] == held(tmp_store)


def test_a_repair_does_not_go_back_by_more_than_one_transaction(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    assert contents
    mark = Mark.read(tmp_store)
    assert mark is not None
    replace(mark, txnid=mark.txnid + 2).write(tmp_store)
    destroy_meta(tmp_store, newer=True)
    before = files(tmp_store)
    assert 65 == fsck(tmp_store, repair=True).exit_code
    assert before == files(tmp_store)


def test_the_log_of_a_file_is_found_on_its_pages(
    tmp_store: Path, contents: dict[int, Dump]
) -> None:
    assert contents
    found = operations_after(data_file(tmp_store), 3)
    assert list(range(4, SEQ + 2)) == [one.seq for one in found]
    assert "the-last" == found[-1].op_id
    pages = encode_value({"pages": "y" * 9000})  # the entry lies on pages of its own
    assert [] == operations_after(data_file(tmp_store), SEQ + 1)
    store = LmdbStore(tmp_store)
    big = CreateSession(session_id="b2", op_id="big", metadata=pages)
    Client(store).do(big)
    store.close()
    (one,) = operations_after(data_file(tmp_store), SEQ + 1)
    assert "big" == one.op_id
