"""A restored store is what was backed up, or there is none."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.storage.client import Client, Dump, dump
from tests.storage.samples import WORLD, build_world
from weft.storage import LmdbStore, StoreCorrupt, StoreFormatError
from weft.storage.fsck import fsck
from weft.storage.manifest import MANIFEST_NAME, Manifest
from weft.storage.mark import Mark
from weft.storage.restore import restore
from weft.storage.store import FORMAT


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dump]:
    """Make a store and a backup of it; return their directory and what they hold."""
    parent = tmp_path_factory.mktemp("made")
    store = LmdbStore(parent / "data")
    build_world(Client(store))
    store.backup(parent / "backup")
    held = dump(store)
    store.close()
    return parent, held


@pytest.fixture
def content(tmp_path: Path, made: tuple[Path, Dump]) -> Dump:
    """Lay out a store and its backup in ``tmp_path``; return what they hold."""
    parent, held = made
    shutil.copytree(parent, tmp_path, dirs_exist_ok=True)
    return held


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_restored_store_is_marked_and_opens_at_once(
    tmp_path: Path, content: Dump
) -> None:
    told: list[tuple[int, int]] = []
    restore(tmp_path / "backup", tmp_path / "new", lambda *now: told.append(now))
    assert (1000, 1000) == told[-1]
    assert sorted(told) == told
    mark = Mark.read(tmp_path / "new")
    assert mark is not None
    assert (len(WORLD), True) == (mark.seq, mark.clean)
    assert mark.doubt(tmp_path / "new" / "store" / "data.mdb") is None
    store = LmdbStore(tmp_path / "new")
    assert content == dump(store)
    store.close()
    assert 0 == fsck(tmp_path / "new").exit_code


@pytest.mark.usefixtures("content")
def test_a_restored_store_has_a_past_of_its_own(tmp_path: Path) -> None:
    """Its transactions begin anew; the marks of two stores have nothing in common."""
    restore(tmp_path / "backup", tmp_path / "new")
    mark, before = Mark.read(tmp_path / "new"), Mark.read(tmp_path / "data")
    assert mark is not None
    assert before is not None
    assert mark.txnid < before.txnid


@pytest.mark.usefixtures("content")
def test_not_even_an_empty_directory_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with pytest.raises(FileExistsError):
        restore(tmp_path / "backup", tmp_path / "new")
    assert [] == names(tmp_path / "new")


def longer(backup: Path) -> None:
    with (backup / "store" / "data.mdb").open("ab") as file:
        file.write(b"x")


def other_byte(backup: Path) -> None:
    path = backup / "store" / "data.mdb"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def other_seq(backup: Path) -> None:
    manifest = Manifest.read(backup)
    replace(manifest, seq=manifest.seq + 1).write(backup)


def torn_manifest(backup: Path) -> None:
    path = backup / MANIFEST_NAME
    path.write_bytes(path.read_bytes()[:-20])


def no_manifest(backup: Path) -> None:
    (backup / MANIFEST_NAME).unlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (longer, "it has .* bytes"),
        (other_byte, "its SHA-256 is"),
        (other_seq, "it ends at operation"),
        (torn_manifest, "is damaged"),
        (no_manifest, "is not a whole backup"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.usefixtures("content")
def test_what_is_not_the_backup_is_not_restored(
    tmp_path: Path, change: Callable[[Path], None], words: str
) -> None:
    change(tmp_path / "backup")
    with pytest.raises(StoreCorrupt, match=words):
        restore(tmp_path / "backup", tmp_path / "new")
    assert ["backup", "data"] == names(tmp_path)


@pytest.mark.usefixtures("content")
def test_a_backup_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    manifest = Manifest.read(tmp_path / "backup")
    replace(manifest, format=FORMAT + 1).write(tmp_path / "backup")
    with pytest.raises(StoreFormatError):
        restore(tmp_path / "backup", tmp_path / "new")
    assert ["backup", "data"] == names(tmp_path)
