"""One owner for a data directory, whatever becomes of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.storage.client import Client
from weft.storage import CreateSession, LmdbStore, StoreClosed, StoreLocked
from weft.storage.lock import OwnerLock

HOLDER = """
import sys
from weft.storage import CreateSession, LmdbStore
store = LmdbStore(sys.argv[1])
store.apply([CreateSession(session_id="s", op_id="1", at_us=1)])
print("open", flush=True)
sys.stdin.read()
"""

FORKING = """
import os, sys
from weft.storage import CreateSession, LmdbStore, StoreClosed
store = LmdbStore(sys.argv[1])
store.apply([CreateSession(session_id="s", op_id="1", at_us=1)])

def refused(use):
    try:
        use()
    except StoreClosed as error:
        return error.details == {"opened_by_pid": os.getppid()}
    return False

def look():
    with store.read():
        pass

if os.fork() == 0:
    uses = (
        look,
        store.statistics,
        lambda: store.apply([CreateSession(session_id="t", op_id="2", at_us=2)]),
    )
    told = all([refused(use) for use in uses])
    store.close()
    os._exit(0 if told else 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
try:
    LmdbStore(sys.argv[1])
except Exception as error:
    assert type(error).__name__ == "StoreLocked", "the child gave up the lock"
assert store.apply([CreateSession(session_id="t", op_id="3", at_us=3)])[0].seq == 2
store.close()
"""


def run(script: str, directory: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, directory],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def holder(directory: Path) -> Iterator["subprocess.Popen[str]"]:
    """Give a process that has the store open."""
    with run(HOLDER, directory) as process:
        try:
            assert process.stdout is not None
            assert "open\n" == process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_a_second_store_of_the_same_process_is_refused(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    with pytest.raises(StoreLocked) as caught:
        LmdbStore(tmp_store)
    assert os.getpid() == caught.value.holder_pid
    assert 1 == Client(store).outcome(CreateSession(session_id="a")).seq
    store.close()
    LmdbStore(tmp_store).close()


def test_a_store_another_process_holds_is_refused_and_the_holder_named(
    tmp_store: Path,
) -> None:
    with holder(tmp_store) as process, pytest.raises(StoreLocked) as caught:
        LmdbStore(tmp_store)
    assert process.pid == caught.value.holder_pid
    assert str(process.pid) in str(caught.value)
    assert str(tmp_store) == caught.value.details["directory"]


def test_a_killed_holder_leaves_no_lock_and_all_it_acknowledged(
    tmp_store: Path,
) -> None:
    with holder(tmp_store) as process:
        process.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == process.wait(timeout=20)
        store = LmdbStore(tmp_store)
    assert 1 == store.seq
    assert 2 == Client(store).outcome(CreateSession(session_id="t", op_id="2")).seq
    store.close()


def test_a_forked_child_cannot_use_the_store_and_does_not_harm_it(
    tmp_store: Path,
) -> None:
    with run(FORKING, tmp_store) as process:
        assert 0 == process.wait(timeout=30)


def test_a_child_forked_meanwhile_does_not_keep_the_lock_nor_take_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "owner.lock"
    lock = OwnerLock.acquire(path)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # holds a copy of the descriptor until the parent is done
        os.close(write)
        lock.release()
        os.read(read, 1)
        os._exit(0)
    with pytest.raises(StoreLocked):
        OwnerLock.acquire(path)
    lock.release()
    OwnerLock.acquire(path).release()
    os.close(write)
    os.close(read)
    assert (child, 0) == os.waitpid(child, 0)


def test_the_lock_names_its_holder_and_nobody_before(tmp_path: Path) -> None:
    path = tmp_path / "owner.lock"
    path.write_text("4000000000 and what an older version may have written\n")
    lock = OwnerLock.acquire(path)
    assert f"{os.getpid()}\n" == path.read_text()
    lock.release()
    lock.release()
    OwnerLock.acquire(path).release()


def test_a_holder_that_has_not_signed_yet_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "owner.lock"
    lock = OwnerLock.acquire(path)
    path.write_text("")
    with pytest.raises(StoreLocked) as caught:
        OwnerLock.acquire(path)
    assert caught.value.holder_pid is None
    assert "unknown" in str(caught.value)
    lock.release()


def test_a_refused_opening_keeps_no_descriptor(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(StoreLocked):
            LmdbStore(tmp_store)
    assert before == len(list(Path("/proc/self/fd").iterdir()))
    store.close()
    with pytest.raises(StoreClosed), store.read():
        pass
