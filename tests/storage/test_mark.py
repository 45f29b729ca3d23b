"""The mark: whole or not there, and never ahead of its store."""

from pathlib import Path

import pytest

from weft.storage import StoreCorrupt
from weft.storage.mark import MARK_NAME, Mark, boot_id, write_whole

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


def test_a_mark_knows_whether_the_machine_was_started_since() -> None:
    assert boot_id() == boot_id()
    assert Mark(0, 0, boot_id(), clean=False).of_this_boot == (boot_id() is not None)
    assert not MARK.of_this_boot
    assert not Mark(0, 0, None, clean=False).of_this_boot
