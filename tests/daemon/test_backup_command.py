"""``weft backup`` and ``weft restore`` as people and programs call them."""

import os
from pathlib import Path

import msgspec
import pytest

from tests.daemon.child import DEADLINE_S, first_line, run_weft, weft
from tests.storage.client import Client, dump
from tests.storage.samples import WORLD, build_world
from weft.daemon.main import run
from weft.storage import LmdbStore, Manifest


def test_a_store_in_use_is_backed_up_restored_and_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, to, again = (str(tmp_path / name) for name in ("data", "backup", "again"))
    store = LmdbStore(data)
    build_world(Client(store))
    assert 0 == run(["backup", "--data", data, "--to", to, "-o", "json"])
    output, talk = capsys.readouterr()
    assert "" == talk
    manifest = msgspec.json.decode(output, type=Manifest)
    assert manifest == Manifest.read(Path(to))
    assert len(WORLD) == manifest.seq
    assert 0 == run(["restore", "--from", to, "--data", again])
    assert ["restored", again] == capsys.readouterr().out.splitlines()[0].split()
    restored = LmdbStore(again)
    assert dump(store) == dump(restored)
    restored.close()
    store.close()


def test_a_daemon_is_backed_up_by_another_process(tmp_path: Path) -> None:
    data, to = tmp_path / "data", tmp_path / "backup"
    with weft("serve", "--data", data, "--listen", "127.0.0.1:0") as daemon:
        assert "http://" in first_line(daemon)
        done = run_weft("backup", "--data", data, "--to", to, "--quiet")
        assert (0, "") == (done.returncode, done.stderr)
        daemon.terminate()
        daemon.wait(DEADLINE_S)
    assert 0 == Manifest.read(to).seq


def test_nothing_that_exists_is_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    LmdbStore(tmp_path / "data").close()
    data, to = str(tmp_path / "data"), str(tmp_path / "backup")
    assert 0 == run(["backup", "--data", data, "--to", to])
    for command in (
        ["backup", "--data", data, "--to", to],
        ["restore", "--from", to, "--data", data],
    ):
        assert os.EX_CANTCREAT == run(command)
        assert "It exists, and nothing is overwritten" in capsys.readouterr().err


def test_what_is_no_backup_is_not_restored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    source, data = str(tmp_path / "empty"), str(tmp_path / "data")
    assert os.EX_DATAERR == run(["restore", "--from", source, "--data", data])
    assert "is not a whole backup" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_a_directory_without_a_store_is_not_backed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = str(tmp_path / "backup")
    assert os.EX_NOINPUT == run(["backup", "--data", str(tmp_path), "--to", to])
    assert f"{tmp_path}: No store here." in capsys.readouterr().err
