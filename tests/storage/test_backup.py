"""A backup is one moment, whole and verified, while others write."""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from tests.storage.client import START_US, Client, dump
from tests.storage.invariants import broken
from tests.storage.samples import WORLD, build_world
from weft.storage import (
    CreateSession,
    CreateThreads,
    LmdbStore,
    NewThread,
    Outcome,
    StoreCorrupt,
    Submission,
    TransferThreads,
    Writer,
)
from weft.storage.backup import backup, drafted
from weft.storage.check import check
from weft.storage.manifest import LAST_BACKUP_NAME, MANIFEST_NAME, Manifest
from weft.storage.meta_page import PAGE_SIZE_BYTES
from weft.storage.operations import Operation
from weft.storage.restore import restore
from weft.storage.store import FORMAT

CALLERS = 8
DEADLINE_S = 30


@contextmanager
def writing(store: LmdbStore) -> Iterator[list[int]]:
    """Let callers write for the time of a block; yields the seqs they were told."""
    told: list[int] = []
    going, ended = threading.Event(), threading.Event()
    stop = threading.Event()
    left = CALLERS

    def publish(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        nonlocal left
        for submission, outcome in pairs:
            assert outcome.error is None
            assert outcome.seq is not None
            told.append(outcome.seq)
            if stop.is_set():
                left -= 1
            else:
                writer.submit(following(submission.sender))
        if len(told) > 20 * CALLERS:
            going.set()
        if left == 0:
            ended.set()

    writer = Writer(store, publish)
    writer.start()
    for caller in range(CALLERS):
        writer.submit(following(Caller(caller)))
    assert going.wait(DEADLINE_S)
    yield told
    stop.set()
    assert ended.wait(DEADLINE_S)
    assert writer.close(DEADLINE_S)


class Caller:
    """Creates threads in a session of its own and gives them all to another."""

    def __init__(self, number: int) -> None:
        self.number, self.step = number, 0

    def operation(self) -> Operation:
        """Return what it does next."""
        self.step += 1
        thread = f"{self.number}-{(self.step + 1) // 2}"
        op_id = f"{self.number}.{self.step}"
        if self.step % 2:
            return CreateThreads(
                session_id=f"s{self.number}",
                threads=(NewThread(thread, thread),),
                create_session=True,
                op_id=op_id,
                at_us=START_US,
            )
        return TransferThreads(
            thread_ids=(thread,),
            to_session_id=f"s{(self.number + 1) % CALLERS}",
            create_session=True,
            op_id=op_id,
            at_us=START_US,
        )


def following(caller: Caller) -> Submission:
    return Submission(caller.operation(), sender=caller)


def test_backups_under_writing_callers_restore_to_consistent_prefixes(
    tmp_path: Path,
) -> None:
    store = LmdbStore(tmp_path / "data")
    began: list[int] = []
    made: list[Manifest] = []
    with writing(store) as told:
        for number in range(2):
            began.append(len(told))
            made.append(store.backup(tmp_path / f"backup-{number}"))
    store.close()
    assert made[0].seq < made[1].seq < len(told), "written meanwhile"
    for number, manifest in enumerate(made):
        assert began[number] <= manifest.seq, "what was acknowledged before is in it"
        directory = tmp_path / f"restored-{number}"
        assert manifest == restore(tmp_path / f"backup-{number}", directory)
        restored = LmdbStore(directory)
        with restored.read() as snapshot:
            assert manifest.seq == restored.seq
            assert [] == check(snapshot).inconsistencies
            assert [] == broken(snapshot)
            seqs = [record.seq for record in snapshot.operations()]
        assert list(range(1, manifest.seq + 1)) == seqs
        restored.close()


def test_a_backup_holds_what_the_store_holds_and_says_so(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "data")
    build_world(Client(store))
    told: list[tuple[int, int]] = []
    manifest = store.backup(
        tmp_path / "backup", progress=lambda *numbers: told.append(numbers)
    )
    data = (tmp_path / "backup" / "store" / "data.mdb").read_bytes()
    assert (FORMAT, len(WORLD)) == (manifest.format, manifest.seq)
    assert (len(data), sha256(data).hexdigest()) == (
        manifest.size_bytes,
        manifest.sha256,
    )
    assert manifest == Manifest.read(tmp_path / "backup")
    assert (1000, 1000) == told[-1]
    assert sorted(told) == told
    restore(tmp_path / "backup", tmp_path / "restored")
    restored = LmdbStore(tmp_path / "restored")
    assert dump(store) == dump(restored)
    restored.close()
    store.close()


def test_a_backup_is_its_owners_alone(tmp_path: Path) -> None:
    LmdbStore(tmp_path / "data").close()
    before = os.umask(0)
    try:
        backup(tmp_path / "data", tmp_path / "backup")
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in [tmp_path / "backup", *(tmp_path / "backup").rglob("*")]
    }
    assert {
        "backup": 0o700,
        "manifest.json": 0o600,
        "store": 0o700,
        "data.mdb": 0o600,
    } == modes


def test_a_backup_of_a_store_that_is_open_elsewhere_sees_its_last_commit(
    tmp_path: Path,
) -> None:
    script = (
        "import sys\n"
        "from tests.storage.client import Client\n"
        "from tests.storage.samples import build_world\n"
        "from weft.storage import LmdbStore\n"
        "store = LmdbStore(sys.argv[1])\n"
        "build_world(Client(store))\n"
        "print('built', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "data"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert "built\n" == owner.stdout.readline()
        manifest = backup(tmp_path / "data", tmp_path / "backup")
        owner.kill()
    assert -signal.SIGKILL == owner.returncode
    assert len(WORLD) == manifest.seq


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    LmdbStore(tmp_path / "data").close()
    (tmp_path / "there").mkdir()
    with pytest.raises(FileExistsError):
        backup(tmp_path / "data", tmp_path / "there")
    assert [] == list((tmp_path / "there").iterdir())


def test_what_a_backup_that_died_left_is_no_backup_and_in_nobodys_way(
    tmp_path: Path,
) -> None:
    LmdbStore(tmp_path / "data").close()
    draft = tmp_path / "backup.partial" / "store"
    draft.mkdir(parents=True)
    (draft / "data.mdb").write_bytes(b"half")
    backup(tmp_path / "data", tmp_path / "backup")
    assert ["backup", "data"] == sorted(path.name for path in tmp_path.iterdir())


def test_of_two_who_make_a_backup_of_one_name_the_second_is_refused(
    tmp_path: Path,
) -> None:
    store = LmdbStore(tmp_path / "data")
    build_world(Client(store))
    with drafted(tmp_path / "backup") as draft:
        (draft / "of the first").touch()
        with pytest.raises(FileExistsError, match="Somebody is making it"):
            store.backup(tmp_path / "backup")
    store.close()
    assert ["of the first"] == [path.name for path in (tmp_path / "backup").iterdir()]


def test_what_a_draft_s_name_leads_to_elsewhere_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere" / "kept"
    kept.mkdir(parents=True)
    (tmp_path / "backup.partial").symlink_to(kept.parent)
    LmdbStore(tmp_path / "data").close()
    with pytest.raises(OSError, match=r"backup\.partial"):
        backup(tmp_path / "data", tmp_path / "backup")
    assert kept.is_dir()


def test_a_directory_without_a_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No store here"):
        backup(tmp_path, tmp_path / "backup")
    assert [] == list(tmp_path.iterdir())


def test_a_damaged_store_makes_no_backup_and_kills_nobody(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "data")
    build_world(Client(store))
    store.close()
    file = tmp_path / "data" / "store" / "data.mdb"
    data = file.read_bytes()
    for page in range(3, len(data) // PAGE_SIZE_BYTES, 9):
        at = page * PAGE_SIZE_BYTES
        file.write_bytes(data[:at] + bytes(512) + data[at + 512 :])
        outcome = tried(tmp_path)
        file.write_bytes(data)
        assert outcome in {"told", "harmless"}


def tried(parent: Path) -> str:
    """Make a backup of a store that may be damaged."""
    try:
        backup(parent / "data", parent / "backup")
    except (StoreCorrupt, OSError):
        assert ["data"] == [path.name for path in parent.iterdir()]
        return "told"
    shutil.rmtree(parent / "backup")
    return "harmless"


def test_a_manifest_is_readable_text(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "data")
    Client(store).do(CreateSession(session_id="a"))
    store.backup(tmp_path / "backup")
    store.close()
    text = (tmp_path / "backup" / MANIFEST_NAME).read_text()
    assert '  "seq": 1,\n' in text


def test_the_store_knows_its_last_backup_where_that_can_be_noted(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    with contextlib.closing(LmdbStore(data)) as store:
        assert Manifest.last_of(data) is None
        store.backup(tmp_path / "first")
        build_world(Client(store))
        second = store.backup(tmp_path / "second")
        assert second == Manifest.last_of(data) == Manifest.read(tmp_path / "second")
        (data / LAST_BACKUP_NAME).unlink()
        (data / LAST_BACKUP_NAME).mkdir()  # so that nobody can write it, root included
        third = store.backup(tmp_path / "third")
        assert third == Manifest.read(tmp_path / "third")
        assert Manifest.last_of(data) is None
