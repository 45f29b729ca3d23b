"""The mark: whole or not there, and never ahead of its store."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from weft.storage import StoreCorrupt
from weft.storage.mark import COPIED, MARK_NAME, Mark, boot_id, write_whole

MARK = Mark(seq=7, txnid=12, boot_id="a-boot", clean=True)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert Mark.read(tmp_path) is None
    MARK.write(tmp_path)
    assert Mark.read(tmp_path) == MARK
    assert [tmp_path / MARK_NAME] == list(tmp_path.iterdir())


def test_a_draft_that_a_crash_left_is_not_read_and_in_nobodys_way(
    tmp_path: Path,
) -> None:
    MARK.write(tmp_path)
    (tmp_path / f"{MARK_NAME}.new").write_bytes(b'{"se')
    assert Mark.read(tmp_path) == MARK
    MARK.write(tmp_path)
    assert [tmp_path / MARK_NAME] == list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"{}", b'{"seq": "7"}', b"\xff"])
def test_what_is_no_mark_is_told(tmp_path: Path, data: bytes) -> None:
    write_whole(tmp_path / MARK_NAME, data)
    with pytest.raises(StoreCorrupt, match=MARK_NAME):
        Mark.read(tmp_path)


@pytest.mark.parametrize(
    ("seq", "txnid", "lost"),
    [
        (7, 12, None),
        (8, 13, None),
        (6, 12, "it ends at operation 6; the mark says 7"),
        (7, 11, "it ends at transaction 11; the mark says 12"),
    ],
)
def test_a_store_behind_its_mark_has_lost_something(
    seq: int, txnid: int, lost: str | None
) -> None:
    assert lost == MARK.lost(seq, txnid)


def test_a_mark_vouches_for_one_file_in_one_run_of_the_machine(tmp_path: Path) -> None:
    data = tmp_path / "data.mdb"
    data.write_bytes(b"x")
    mark = Mark.of(data, 7, 12, clean=True)
    mark.write(tmp_path)
    assert Mark.read(tmp_path) == mark
    other = "the machine was started since"
    assert (None if boot_id() else other) == mark.doubt(data)
    assert other == replace(mark, boot_id="a-boot").doubt(data)
    assert other == replace(mark, boot_id=None).doubt(data)


@pytest.mark.skipif(boot_id() is None, reason="this system tells no run from others")
def test_a_mark_does_not_vouch_for_a_copy(tmp_path: Path) -> None:
    data, copy = tmp_path / "data.mdb", tmp_path / "copy.mdb"
    data.write_bytes(b"x")
    mark = Mark.of(data, 7, 12, clean=True)
    copy.write_bytes(b"x")
    assert COPIED == mark.doubt(copy)
    assert COPIED == replace(mark, file=None).doubt(data)
    data.rename(tmp_path / "moved.mdb")
    assert mark.doubt(tmp_path / "moved.mdb") is None
