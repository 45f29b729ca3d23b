"""``weft export`` as people and programs call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.child import DEADLINE_S, environment, run_weft
from tests.storage.client import Client
from tests.storage.samples import build_world
from weft.daemon.main import run
from weft.storage import LmdbStore


@pytest.fixture
def data(tmp_store: Path) -> Path:
    """Return a data directory with a world in it, which nobody has open."""
    store = LmdbStore(tmp_store)
    build_world(Client(store))
    store.close()
    return tmp_store


def export(*arguments: object) -> int:
    return run(["export", *map(str, arguments), "--quiet"])


def test_stdout_has_the_rows_and_nothing_else(data: Path) -> None:
    done = run_weft("export", "--data", data)
    assert (0, "") == (done.returncode, done.stderr)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert ["weft", "end"] == [rows[0]["record"], rows[-1]["record"]]
    assert len(rows) - 2 == rows[-1]["rows"]


def test_a_file_has_the_same_but_for_the_time(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert 0 == export("--data", data, "--out", out)
    done = run_weft("export", "--data", data)
    assert done.stdout.splitlines()[1:] == out.read_text().splitlines()[1:]
    assert [out] == list(tmp_path.glob("*out*"))


def test_a_file_that_is_there_is_kept(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    assert 73 == export("--data", data, "--out", out)
    assert "there is something already" in capsys.readouterr().err
    assert "mine" == out.read_text()


def test_single_sessions_come_when_they_are_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert 0 == export("--data", data, "--session", "b", "--session", "c", "--out", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert ["b", "c"] == [row["session_id"] for row in rows[1:-1]]
    assert 66 == export("--data", data, "--session", "z")
    assert "Session 'z' does not exist." in capsys.readouterr().err


def test_a_store_in_use_can_be_exported(data: Path) -> None:
    store = LmdbStore(data)
    try:
        done = run_weft("export", "--data", data)
    finally:
        store.close()
    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (Path.absolute, 2, "does not exist"),
        (Path.mkdir, 66, "No store here"),
        (Path.touch, 2, "is a file"),
    ],
    ids=["nothing", "an empty directory", "a file"],
)
def test_what_is_no_data_directory_is_told_and_left_alone(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: object,
    code: int,
    words: str,
) -> None:
    data = tmp_path / "data"
    assert callable(make)
    make(data)
    assert code == export("--data", data)
    assert words in capsys.readouterr().err
    assert not data.is_dir() or [] == list(data.iterdir())


def test_a_directory_that_cannot_be_written_is_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 66 == export("--data", data, "--out", tmp_path / "none" / "out.jsonl")
    assert "No such file or directory" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_failure(data: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "weft.daemon", "export", "--data", str(data)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert b"" == child.stderr.read()
        assert 0 == child.wait(DEADLINE_S)
