"""A directory whose store has moved is not taken for the store."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.storage.client import Client
from weft.storage import CreateSession, LmdbStore, StoreCorrupt, StoreMoved
from weft.storage.backup import backup
from weft.storage.lmdb_reader import LmdbReader
from weft.storage.moved import MOVED_NAME, Moved

TO = "postgresql://db.example/weft"
NOTE = Moved("an id", TO, 1, datetime(2026, 11, 23, tzinfo=UTC))

OPENINGS: dict[str, Callable[[Path], object]] = {
    "to write": LmdbStore,
    "to read": LmdbReader.of,
    "to copy": lambda directory: backup(directory, directory.parent / "copy"),
}


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """Return a directory with a store of one operation."""
    store = LmdbStore(tmp_path / "left")
    Client(store).do(CreateSession(session_id="a"))
    store.close()
    return tmp_path / "left"


@pytest.mark.parametrize("opening", OPENINGS)
def test_it_is_not_opened(left: Path, opening: str) -> None:
    NOTE.write(left)
    with pytest.raises(StoreMoved, match="behind operation 1") as refused:
        OPENINGS[opening](left)
    assert TO == refused.value.to
    assert "weft migrate" in str(refused.value)
    assert not (left.parent / "copy").exists()


def test_a_refused_directory_is_not_held(left: Path) -> None:
    NOTE.write(left)
    with pytest.raises(StoreMoved):
        LmdbStore(left)
    Moved.remove(left)
    LmdbStore(left).close()


def test_a_note_that_was_taken_away_is_gone(left: Path) -> None:
    NOTE.write(left)
    assert NOTE == Moved.read(left)
    for _ in range(2):
        Moved.remove(left)
    assert Moved.read(left) is None


def test_an_open_store_whose_note_is_there_departs_no_more(left: Path) -> None:
    store = LmdbStore(left)
    NOTE.write(left)
    with pytest.raises(StoreMoved):
        store.depart()
    store.close()


def test_a_note_that_cannot_be_read_is_no_reason_to_go_on(left: Path) -> None:
    (left / MOVED_NAME).write_text("{")
    with pytest.raises(StoreCorrupt, match="on its way"):
        LmdbStore(left)
