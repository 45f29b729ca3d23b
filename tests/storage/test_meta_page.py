"""The two meta pages: judged without the engine, and made anew from each other."""

from pathlib import Path

import pytest

from tests.storage.client import Client
from weft.storage import CreateSession, LmdbStore
from weft.storage.meta_page import PAGE_SIZE_BYTES, MetaPages, promoted

TXNID_AT = 16 + 128
FREE_ROOT_AT = 16 + 24 + 40
MAGIC_AT, VERSION_AT, FLAGS_AT, PAGE_SIZE_AT, LAST_PAGE_AT = 16, 20, 10, 40, 136


def made(directory: Path, groups: int) -> Path:
    """Make a store with some transactions; return its file."""
    store = LmdbStore(directory, sync=False)
    client = Client(store)
    for number in range(groups):
        client.do(CreateSession(session_id=f"s{number}"))
    store.close()
    return directory / "store" / "data.mdb"


def change(file: Path, at: int, *, bit: int = 0) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1 << bit
    file.write_bytes(data)


def test_every_commit_leaves_two_sound_pages_one_transaction_apart(
    tmp_path: Path,
) -> None:
    store = LmdbStore(tmp_path, sync=False)
    client = Client(store)
    file = tmp_path / "store" / "data.mdb"
    for number in range(300):
        client.do(CreateSession(session_id=f"s{number}"))
        if number % 50 == 49:
            store.expire_operations(1 << 62)
        metas = MetaPages.read(file)
        assert [] == metas.faults()
        first, second = metas.pages
        assert first is not None
        assert second is not None
        assert 1 == abs(first.txnid - second.txnid)
        assert metas.txnid == max(first.txnid, second.txnid)
    store.close()


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (0, "marked as page"),
        (FLAGS_AT, "marked as page"),
        (MAGIC_AT, "does not begin as an LMDB file"),
        (VERSION_AT, "its data version is"),
        (PAGE_SIZE_AT, "its page size is"),
        (TXNID_AT, "belongs into the other page"),
    ],
)
@pytest.mark.parametrize("slot", [0, 1])
def test_a_meta_page_that_no_commit_wrote_is_told_with_its_twin(
    tmp_path: Path, at: int, words: str, slot: int
) -> None:
    file = made(tmp_path, 3)
    change(file, slot * PAGE_SIZE_BYTES + at, bit=3 if at == FLAGS_AT else 0)
    (fault,) = MetaPages.read(file).faults()
    assert slot == fault.slot
    assert words in fault.detail
    assert fault.twin is not None
    assert 1 - slot == fault.twin.slot
    assert fault.twin == MetaPages.read(file).current
    assert str(fault).endswith(f"Its twin holds transaction {fault.twin.txnid}.")


@pytest.mark.parametrize("slot", [0, 1])
def test_no_bit_of_a_transaction_number_flips_unnoticed(
    tmp_path: Path, slot: int
) -> None:
    file = made(tmp_path, 3)
    for bit in range(64):
        at = slot * PAGE_SIZE_BYTES + TXNID_AT + bit // 8
        change(file, at, bit=bit % 8)
        assert [slot] == [fault.slot for fault in MetaPages.read(file).faults()], bit
        change(file, at, bit=bit % 8)
    assert [] == MetaPages.read(file).faults()


@pytest.mark.parametrize("slot", [0, 1])
def test_a_root_that_leads_behind_the_file_is_told_wherever_it_leads(
    tmp_path: Path, slot: int
) -> None:
    file = made(tmp_path, 3)
    for bit in range(32, 64):  # from 16 TB on
        at = slot * PAGE_SIZE_BYTES + FREE_ROOT_AT + bit // 8
        change(file, at, bit=bit % 8)
        assert [slot] == [fault.slot for fault in MetaPages.read(file).faults()], bit
        change(file, at, bit=bit % 8)


def test_a_file_that_ends_early_is_told(tmp_path: Path) -> None:
    file = made(tmp_path, 3)
    assert not MetaPages.read(file).truncated
    data = file.read_bytes()
    file.write_bytes(data[: 4 * PAGE_SIZE_BYTES])
    assert MetaPages.read(file).truncated
    file.write_bytes(data[:PAGE_SIZE_BYTES])
    (fault,) = MetaPages.read(file).faults()
    assert "the file ends before it" == fault.detail


@pytest.mark.parametrize("groups", [2, 3])
def test_a_promoted_page_is_the_sound_twin_of_its_source(
    tmp_path: Path, groups: int
) -> None:
    file = made(tmp_path, groups)
    current = MetaPages.read(file).current
    assert current is not None
    data = file.read_bytes()
    pages = [data[:PAGE_SIZE_BYTES], data[PAGE_SIZE_BYTES : 2 * PAGE_SIZE_BYTES]]
    pages[1 - current.slot] = promoted(pages[current.slot])
    file.write_bytes(b"".join(pages) + data[2 * PAGE_SIZE_BYTES :])
    metas = MetaPages.read(file)
    assert [] == metas.faults()
    assert current.txnid + 1 == metas.txnid
