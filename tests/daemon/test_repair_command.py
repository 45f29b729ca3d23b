"""``weft repair`` as people and programs call it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.daemon.test_check_command import damage
from tests.storage.client import Client, dump
from tests.storage.samples import build_world
from weft.daemon.main import run
from weft.storage import LmdbStore
from weft.storage.check import check


@pytest.fixture
def data(tmp_store: Path) -> Path:
    """Return a data directory with the world of samples in it."""
    store = LmdbStore(tmp_store, sync=False)
    build_world(Client(store))
    store.close()
    return tmp_store


def is_clean(data: Path) -> bool:
    store = LmdbStore(data)
    with store.read() as snapshot:
        clean = check(snapshot).clean
    store.close()
    return clean


def test_a_sound_store_needs_no_repair(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["repair", "--data", str(data)])
    output, talk = capsys.readouterr()
    assert "result    clean\n" in output
    assert "" == talk


def test_damages_are_repaired(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data, "second_list", "removed_row", "wrong_counters")
    assert 0 == run(["repair", "--data", str(data), "-o", "json"])
    report: Any = msgspec.json.decode(capsys.readouterr().out)
    assert (True, [], False) == (
        report["clean"],
        report["remaining"],
        report["dry_run"],
    )
    assert 3 <= report["repairs_successful"] == report["repairs_attempted"]
    assert is_clean(data)


def test_a_dry_run_tells_and_changes_nothing(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(data, "second_list")
    store = LmdbStore(data)
    before = dump(store)
    store.close()
    assert 1 == run(["repair", "--data", str(data), "--dry-run"])
    output = capsys.readouterr().out
    assert "would" in output
    assert "nothing was changed" in output
    store = LmdbStore(data)
    assert before == dump(store)
    store.close()


def test_what_is_left_is_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(data, "damaged_session")
    assert 1 == run(["repair", "--data", str(data)])
    output = capsys.readouterr().out
    assert "damaged_record" in output
    assert "1 inconsistencies are left" in output


def test_a_directory_that_is_open_is_refused(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = LmdbStore(data)
    try:
        assert 75 == run(["repair", "--data", str(data)])
    finally:
        store.close()
    assert "is open in process" in capsys.readouterr().err
