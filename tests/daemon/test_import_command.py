"""``weft import`` as people and programs call it."""

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.daemon.child import environment, run_weft
from tests.storage.client import Client, dump
from tests.storage.original import build
from tests.storage.original_drift import PLANTS, history
from tests.storage.samples import build_world
from tests.storage.test_import_langgraph import DATABASE
from weft.daemon.import_command import Options, import_file
from weft.daemon.main import run
from weft.storage import LmdbStore, MemoryStore, new_id
from weft.storage import operations as op
from weft.storage.export import export_lines
from weft.storage.records import NIL

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return an export of a world."""
    client = Client(MemoryStore())
    build_world(client)
    path = tmp_path / "export.jsonl"
    lines = client.see(lambda s: list(export_lines(s, 1)))
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def load(file: Path, data: Path, *more: str) -> int:
    return run(["import", str(file), "--data", str(data), "--quiet", *more])


def exported(data: Path) -> list[bytes]:
    store = LmdbStore(data)
    try:
        return Client(store).see(lambda s: list(export_lines(s, 1)))
    finally:
        store.close()


def test_an_export_goes_into_a_new_directory(
    file: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert 0 == load(file, tmp_path / "new", "-o", "json")
    output, talk = capsys.readouterr()
    report = json.loads(output)
    assert (0, 0, "") == (report["bad"], report["unchanged"], talk)
    assert file.read_bytes().splitlines() == exported(tmp_path / "new")


def test_again_it_applies_nothing_and_says_so(
    file: Path, tmp_store: Path, capsys: Capture
) -> None:
    load(file, tmp_store)
    before = exported(tmp_store)
    capsys.readouterr()
    assert 0 == load(file, tmp_store)
    output = capsys.readouterr().out
    assert "imported   0\n" in output
    assert f"unchanged  {len(before) - 2}\n" in output
    assert 0 == load(file, tmp_store, "--resume")
    assert before == exported(tmp_store)


def test_broken_rows_are_told_and_the_exit_code_says_so(
    file: Path, tmp_store: Path, capsys: Capture
) -> None:
    lines = file.read_bytes().splitlines()
    lines[3] = lines[3][:-30]
    file.write_bytes(b"\n".join(lines) + b"\n")
    assert 65 == load(file, tmp_store)
    output, talk = capsys.readouterr()
    assert "weft: line 4: " in talk
    assert "broken         1\n" in output


def test_a_dry_run_makes_no_directory_and_tells_the_same(
    file: Path, tmp_path: Path, capsys: Capture
) -> None:
    data = tmp_path / "new"
    assert 0 == load(file, data, "--dry-run", "-o", "json")
    assert not data.exists()
    rehearsed = capsys.readouterr().out
    assert 0 == load(file, data, "-o", "json")
    assert rehearsed == capsys.readouterr().out


def test_a_dry_run_beside_the_owner_changes_nothing(
    file: Path, tmp_store: Path
) -> None:
    store = LmdbStore(tmp_store)
    try:
        before = dump(store)
        real = run_weft("import", file, "--data", tmp_store)
        rehearsed = run_weft("import", file, "--data", tmp_store, "--dry-run")
        assert before == dump(store)
    finally:
        store.close()
    assert (75, 0) == (real.returncode, rehearsed.returncode)
    assert "is open in process" in real.stderr


def test_a_langgraph_database_comes_in(tmp_store: Path, capsys: Capture) -> None:
    how = ("--from", "langgraph-sqlite", "--session", "lg")
    assert 0 == load(DATABASE, tmp_store, *how, "--dry-run")
    assert "would be imported  8\n" in capsys.readouterr().out
    assert 0 == load(DATABASE, tmp_store, *how)
    output = capsys.readouterr().out
    assert "kept as is  1 __main__.Colour\n" in output
    assert 0 == load(DATABASE, tmp_store, *how, "-o", "json")
    assert 4 == json.loads(capsys.readouterr().out)["unchanged"]


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """Return a database of sessions and threads, with drift."""
    build(1, PLANTS).write(tmp_path / "original.db")
    return tmp_path / "original.db"


def test_a_database_of_sessions_and_threads_comes_in_and_checks_clean(
    original: Path, tmp_store: Path, capsys: Capture
) -> None:
    how = ("--from", "sql", "--session", "orphans")
    assert 65 == load(original, tmp_store, *how, "--dry-run")
    rehearsed = capsys.readouterr()
    assert "would be repaired  4 bad_metadata\n" in rehearsed.out
    assert 65 == load(original, tmp_store, *how)
    output, talk = capsys.readouterr()
    assert rehearsed.err == talk
    assert "repaired       4 bad_metadata\n" in output
    assert re.search(
        r"weft: threads row \d+ \(session 'owner_mismatch-\d+', thread "
        r"'owner_mismatch-\d+-t'\): owner_mismatch: session 'owner_mismatch-\d+' owns "
        r"it: its record names the owner\n",
        talk,
    )
    assert 0 == run(["check", "--data", str(tmp_store), "--quiet"])


def test_a_database_in_which_all_can_be_repaired_is_no_failure(
    tmp_path: Path, tmp_store: Path, capsys: Capture
) -> None:
    broken = {"refused", "bad_lis"}
    plants = [p for p in PLANTS if p.__name__[:7] not in broken]
    build(1, plants).write(tmp_path / "db")
    assert 0 == load(tmp_path / "db", tmp_store, "--from", "sql", "-o", "json")
    report = json.loads(capsys.readouterr().out)
    assert (0, 1) == (report["bad"], report["drift"]["missing_thread"])
    command = ["import", "sql", "--quiet", "--data", str(tmp_store)]
    assert 0 == run([*command, str(tmp_path / "db")])
    assert "imported   0\n" in capsys.readouterr().out
    how = Options(source="sql", resume=True, quiet=True)
    assert 0 == import_file(tmp_path / "db", tmp_store, how)
    assert "resumed at" in capsys.readouterr().out


def unreadable(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere")


def other_format(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":9', 1))


def no_export(path: Path) -> None:
    path.write_bytes(bytes(5_000))


@pytest.mark.parametrize(
    ("spoil", "how", "code", "words"),
    [
        (unreadable, (), 66, "No such file"),
        (other_format, (), 65, "format 9; this version reads up to 1"),
        (no_export, (), 65, "no header"),
        (no_export, ("--from", "langgraph-sqlite"), 65, "not a readable database"),
        (unreadable, ("--from", "langgraph-sqlite"), 66, "No such file"),
        (no_export, ("--from", "sql"), 65, "not a readable database"),
        (unreadable, ("--from", "sql"), 66, "No such file"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_before_anything_is_touched(
    file: Path,
    tmp_path: Path,
    capsys: Capture,
    spoil: object,
    how: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    assert callable(spoil)
    spoil(file)
    assert code == load(file, tmp_path / "new", *how)
    output, talk = capsys.readouterr()
    assert words in talk
    assert "" == output
    assert not (tmp_path / "new").exists()


def peak_bytes(*arguments: object) -> int:
    """Run the command; return the most anonymous memory it had, looked at often."""
    peak, pause = 0, threading.Event()
    with subprocess.Popen(
        [sys.executable, "-m", "weft.daemon", *map(str, arguments), "--quiet"],
        env=environment(),
        stdout=subprocess.DEVNULL,
    ) as child:
        while child.poll() is None:
            status = Path(f"/proc/{child.pid}/status").read_text()
            found = re.search(r"RssAnon:\s+(\d+) kB", status)
            peak = max(peak, int(found[1]) << 10 if found else 0)
            pause.wait(0.02)
    assert 0 == child.returncode
    return peak


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_hundred_thousand_records_take_as_little_memory_as_a_few(
    tmp_path: Path,
) -> None:
    store = LmdbStore(tmp_path / "data", sync=False)
    client = Client(store)
    for n in range(67):
        threads = tuple(op.NewThread(new_id(), f"n{k}") for k in range(1_000))
        client.do(
            op.CreateThreads(session_id=f"s{n}", threads=threads, create_session=True)
        )
        client.group(
            *(
                op.AppendState(thread_id=t.thread_id, state_id=new_id(), values=NIL)
                for t in threads
            )
        )
    store.close()
    out = tmp_path / "out.jsonl"
    assert peak_bytes("export", "--data", tmp_path / "data", "--out", out) < 32 << 20
    assert peak_bytes("import", out, "--data", tmp_path / "new") < 64 << 20
    assert out.read_bytes().splitlines()[1:] == exported(tmp_path / "new")[1:]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_thousand_associations_take_as_little_memory_as_a_tenth(
    tmp_path: Path,
) -> None:
    peaks = []
    for size in (10_000, 100_000, 200_000):
        source, data = tmp_path / f"{size}.db", tmp_path / f"{size}"
        build(size, [history]).write(source)
        peaks.append(peak_bytes("import", source, "--from", "sql", "--data", data))
    sys.stdout.write(f"{peaks} bytes\n")
    assert peaks[1] < peaks[0] + (4 << 20)
    assert peaks[2] < peaks[1] + (4 << 20)
