"""``weft fsck`` as people and programs call it."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.storage.client import Client
from tests.storage.samples import WORLD, build_world
from weft.daemon.main import run
from weft.storage import LmdbStore
from weft.storage.meta_page import PAGE_SIZE_BYTES, MetaPages


@pytest.fixture
def data(tmp_store: Path) -> Path:
    """Return a data directory with a store in it, closed."""
    store = LmdbStore(tmp_store)
    build_world(Client(store))
    store.close()
    return tmp_store


def lose_newest_meta(data: Path) -> None:
    path = data / "store" / "data.mdb"
    current = MetaPages.read(path).current
    assert current is not None
    with path.open("r+b") as file:
        file.seek(current.slot * PAGE_SIZE_BYTES)
        file.write(bytes(PAGE_SIZE_BYTES))


def report_of(output: str) -> dict[str, Any]:
    report: dict[str, Any] = msgspec.json.decode(output)
    return report


def test_a_sound_store_is_exit_code_0(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["fsck", "--data", str(data)])
    output, talk = capsys.readouterr()
    assert "" == talk
    assert ["result", "clean"] == output.splitlines()[-1].split()
    assert ["operations", str(len(WORLD))] == output.splitlines()[2].split()


def test_damage_that_is_left_is_exit_code_65_and_told(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lose_newest_meta(data)
    assert os.EX_DATAERR == run(["fsck", "--data", str(data)])
    output = capsys.readouterr().out
    assert "damage" in output
    assert "Its twin holds transaction" in output
    assert "result       DAMAGED" in output


def test_what_is_repaired_is_exit_code_1_and_the_loss_is_named(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lose_newest_meta(data)
    assert 1 == run(["fsck", "--data", str(data), "--repair", "-o", "json"])
    report = report_of(capsys.readouterr().out)
    assert 1 == report["exit_code"]
    assert [] == report["damages"]
    assert "meta_page" == report["repaired"][0]["kind"]
    assert f"is lost with operations {len(WORLD)} to" in report["lost"][0]
    assert Path(report["kept"]).is_file()
    assert 0 == run(["fsck", "--data", str(data)])


def test_a_store_that_is_open_is_exit_code_75_with_its_owner(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = LmdbStore(data)
    assert os.EX_TEMPFAIL == run(["fsck", "--data", str(data)])
    assert f"open in process {os.getpid()}" in capsys.readouterr().err
    store.close()


def test_a_directory_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert 2 == run(["fsck", "--data", str(tmp_path / "nowhere")])


def test_the_directory_is_an_argument_or_an_option(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == run(["fsck", str(data)])
    assert "result       clean" in capsys.readouterr().out
    assert 2 == run(["fsck"])
    assert 2 == run(["fsck", str(data), "--data", str(data)])
