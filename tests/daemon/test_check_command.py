"""``weft check`` as people and programs call it, beside a process that writes."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.daemon.child import run_weft
from tests.storage.client import Client
from tests.storage.planting import Planted, plant
from tests.storage.samples import build_world
from weft.daemon.main import run
from weft.storage import LmdbStore
from weft.storage import operations as op


@pytest.fixture
def data(tmp_store: Path) -> Path:
    """Return a data directory with the world of samples in it."""
    store = LmdbStore(tmp_store, sync=False)
    build_world(Client(store))
    store.close()
    return tmp_store


def damage(data: Path, *names: str) -> list[Planted]:
    store = LmdbStore(data, sync=False)
    planted = plant(store, names)
    store.close()
    return planted


def test_a_sound_store_is_clean(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == run(["check", "--data", str(data)])
    output, talk = capsys.readouterr()
    assert "result        clean" in output
    assert "threads       3\n" in output
    assert "" == talk


@pytest.mark.parametrize("options", [[], ["--rate", "100000"]])
def test_findings_are_an_exit_code_and_json(
    data: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (planted,) = damage(data, "second_list")
    assert 1 == run(["check", "--data", str(data), "-o", "json", *options])
    report: Any = msgspec.json.decode(capsys.readouterr().out)
    (finding,) = report["inconsistencies"]
    assert list(planted) == [finding[f] for f in ("kind", "session_id", "thread_id")]
    assert (False, 3) == (report["clean"], report["threads"])


def test_jsonl_is_a_finding_a_line(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = damage(data, "second_list", "past_of_nothing")
    assert 1 == run(["check", "--data", str(data), "-o", "jsonl"])
    lines = capsys.readouterr().out.splitlines()
    kinds = {msgspec.json.decode(line)["kind"] for line in lines}
    assert {finding.kind for finding in planted} == kinds


def test_findings_of_one_kind_can_be_asked_for(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = damage(data, "second_list", "past_of_nothing")
    assert first.kind != second.kind
    of_kind = ["check", "--data", str(data), "--kind", first.kind, "-o", "jsonl"]
    assert 1 == run(of_kind)
    lines = capsys.readouterr().out.splitlines()
    assert [first.kind] == [msgspec.json.decode(line)["kind"] for line in lines]
    assert 0 == run(["check", "--data", str(data), "--kind", "log_gap"])
    capsys.readouterr()
    assert 2 == run(["check", "--data", str(data), "--kind", "log_gaps"])
    assert "There is no kind 'log_gaps'. There are: " in capsys.readouterr().err


def test_a_session_can_be_chosen(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (planted,) = damage(data, "second_list")
    wrong = planted.session_id or ""
    assert 1 == run(["check", "--data", str(data), "--session", wrong])
    assert 0 == run(["check", "--data", str(data), "--session", "c"])
    assert 1 == run(
        ["check", "--data", str(data), "--session", "c", "--session", wrong]
    )
    assert 66 == run(["check", "--data", str(data), "--session", "nobody"])
    assert "Session 'nobody' does not exist." in capsys.readouterr().err


def test_old_associations_are_told_only_when_asked_for(
    tmp_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = LmdbStore(tmp_store, sync=False)
    client = Client(store)
    client.do(op.CreateSession(session_id="a"))
    client.do(op.CreateSession(session_id="b"))
    client.do(op.CreateThreads(session_id="a", threads=(op.NewThread("t", "n"),)))
    client.do(op.TransferThreads(thread_ids=("t",), to_session_id="b", at_us=1))
    store.close()
    assert 0 == run(["check", "--data", str(tmp_store)])
    assert 1 == run(["check", "--data", str(tmp_store), "--retention", "30"])
    assert "expired_association" in capsys.readouterr().out


def test_a_store_that_another_process_has_open_is_checked_live(data: Path) -> None:
    store = LmdbStore(data)
    client = Client(store)
    client.number = 1000
    client.do(op.CreateSession(session_id="new"))
    child = run_weft("check", "--data", data, "-o", "json")
    client.do(op.CreateSession(session_id="newer"))
    store.close()
    assert (0, "") == (child.returncode, child.stderr)
    assert 4 == msgspec.json.decode(child.stdout)["sessions"]


def test_a_directory_without_a_store_is_no_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("check", "tree", "export"):
        assert 66 == run([command, "--data", str(tmp_path)])
        assert f"{tmp_path}: No store here." in capsys.readouterr().err


def test_a_store_that_is_none_is_told_as_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "data.mdb").write_bytes(b"nothing of LMDB's" * 1000)
    assert 65 == run(["check", "--data", str(tmp_path)])
    assert "restore a backup" in capsys.readouterr().err
