"""Readers that stay, die or come at the wrong moment, and processes that may not write.

None of them stops the writing; what they cost is shown, and what fails has a name.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.storage import iorecorder
from tests.storage.client import Client
from tests.storage.faults.injector import FAILURES, FaultyIo
from tests.storage.faults.test_disk import run_python, state, thread
from weft.storage import (
    CreateSession,
    LmdbStore,
    Outcome,
    StoreLocked,
    StoreReadOnly,
    StoreUnavailable,
    Submission,
    Writer,
    lmdb_environment,
)
from weft.storage.check import check
from weft.storage.lmdb import LmdbEngine
from weft.storage.lmdb_reader import LmdbReader
from weft.storage.store import IN_DOUBT

WAIT_S = 20.0
REASON = iorecorder.unsupported()
INJECTED = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture
def store(tmp_store: Path) -> Iterator[LmdbStore]:
    """Return a store with one thread."""
    made = LmdbStore(tmp_store)
    thread(Client(made))
    yield made
    made.close()


# -- a reader that stays -------------------------------------------------------------


def test_a_reader_that_stays_does_not_stop_the_writing_and_its_cost_is_shown(
    store: LmdbStore,
) -> None:
    client = Client(store)
    before = store.statistics().engine
    assert 0 == before.oldest_reader_commits
    with store.read() as snapshot:
        for number in range(50):
            client.do(state(number))
        assert snapshot.state("t") is None
        during = store.statistics().engine
    assert 50 == during.oldest_reader_commits
    assert during.used_bytes - before.used_bytes > 50 * 50_000
    assert 0 == store.statistics().engine.oldest_reader_commits


READER = """
import os, sys
from pathlib import Path
from weft.storage.lmdb_reader import LmdbReader
reader = LmdbReader(Path(sys.argv[1]) / "store")
with reader.read() as snapshot:
    print(snapshot.seq, flush=True)
    sys.stdin.read()
"""


@contextmanager
def reading_elsewhere(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that reads the store, and is in the middle of it."""
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(directory)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip()
        try:
            yield process
        finally:
            process.kill()


def test_the_place_of_a_reader_that_was_killed_is_freed_by_the_writing(
    tmp_store: Path, store: LmdbStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(store)
    with reading_elsewhere(tmp_store) as process:
        client.do(state(1))
        client.do(state(2))
        assert 2 == store.statistics().engine.oldest_reader_commits
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_S)
    assert 2 == store.statistics().engine.oldest_reader_commits
    monkeypatch.setattr(lmdb_environment, "SWEEP_INTERVAL_S", 0.0)
    client.do(state(3))
    assert 0 == store.statistics().engine.oldest_reader_commits


# -- growing beside readers ----------------------------------------------------------


def test_a_map_grows_beside_a_reader_that_stays(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store, map_size_bytes=1 << 20)
    client = Client(store)
    thread(client)

    def read_all_the_while() -> None:
        with store.read() as snapshot:
            for number in range(60):
                client.do(state(number))
            snapshot.session("a")

    # Its ground has moved: it is told to read again, by name.
    with pytest.raises(StoreUnavailable):
        read_all_the_while()
    assert store.statistics().engine.map_size_bytes > 1 << 20
    with store.read() as snapshot:
        assert 60 == len(list(snapshot.states("t")))
        assert check(snapshot).clean
    store.close()


def test_a_map_grows_while_many_read(tmp_store: Path) -> None:
    store = LmdbStore(tmp_store, map_size_bytes=1 << 20)
    client = Client(store)
    thread(client)
    done, failures = threading.Event(), []

    def read() -> None:
        try:
            while not done.is_set():
                with store.read() as snapshot:
                    assert snapshot.session("a") is not None
                    seqs = [one.seq for one in snapshot.operations()]
                    assert [*range(1, len(seqs) + 1)] == seqs
        except BaseException as error:  # noqa: BLE001 - shown below
            failures.append(error)

    readers = [threading.Thread(target=read, daemon=True) for _ in range(2)]
    for reader in readers:
        reader.start()
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(5e-5)  # the writer gives the GIL away at every call of LMDB
    try:
        for number in range(80):
            client.do(state(number))
    finally:
        sys.setswitchinterval(before_s)
        done.set()
    for reader in readers:
        reader.join(WAIT_S)
    assert [] == failures
    assert store.statistics().engine.map_size_bytes >= 4 << 20
    store.close()


# -- an environment that failed ------------------------------------------------------


class Told:
    """A writer without its OS thread, and what it told."""

    def __init__(self, store: LmdbStore) -> None:
        self.outcomes: list[Outcome] = []
        self.writer = Writer(
            store, lambda pairs: self.outcomes.extend(o for _, o in pairs)
        )

    def cannot_write(self) -> bool:
        return self.writer.read_only

    def ask(self, session_id: str) -> Outcome:
        operation = CreateSession(session_id=session_id, op_id=session_id, at_us=1)
        self.writer.submit(Submission(operation))
        self.writer.step()
        return self.outcomes[-1]


@INJECTED
def test_a_failed_meta_page_costs_its_group_and_nothing_after_it(
    tmp_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultyIo() as io:
        store = LmdbStore(tmp_store)
        thread(Client(store))
        told = Told(store)
        io.arm(FAILURES["I/O error"], at=None)
        failed = told.ask("b")
        assert isinstance(failed.error, StoreReadOnly)
        assert not failed.error.details.get("in_doubt")
        assert told.cannot_write()
        with store.read() as snapshot:
            assert snapshot.session("b") is None
        assert "opened again after a failure" in caplog.text
        assert 2 == told.ask("b").seq
        assert not told.cannot_write()
        store.close()


@INJECTED
def test_a_group_that_took_effect_in_spite_of_its_failure_is_answered(
    tmp_store: Path,
) -> None:
    with FaultyIo() as io:
        store = LmdbStore(tmp_store)
        thread(Client(store))
        told = Told(store)
        name = "I/O error after work that cannot be undone"
        io.arm(FAILURES[name], at=None)
        outcome = told.ask("b")
        assert (2, 1) == (outcome.seq, len(outcome.events))
        assert not told.cannot_write()
        store.close()


@INJECTED
def test_a_group_in_doubt_is_published_when_the_reader_has_left(
    tmp_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmdb_environment, "LEAVE_TIMEOUT_S", 0.01)
    with FaultyIo() as io:
        store = LmdbStore(tmp_store)
        thread(Client(store))
        told = Told(store)
        name = "I/O error after work that cannot be undone"
        with store.read() as snapshot:
            io.arm(FAILURES[name], at=None)
            failed = told.ask("b")
            assert isinstance(failed.error, StoreReadOnly)
            assert failed.error.details["in_doubt"]
            assert IN_DOUBT in str(failed.error)
            assert told.cannot_write()
            # Who reads goes on; who comes now is told why not.
            assert snapshot.session("a") is not None
            with pytest.raises(StoreUnavailable), store.read():
                pass
            assert isinstance(told.ask("c").error, StoreReadOnly)
        again = told.ask("b")
        late = told.outcomes[-2]
        assert ("b", 2, 1) == (late.operation.op_id, late.seq, len(late.events))
        assert (2, True) == (again.seq, again.replayed)
        assert not told.cannot_write()
        store.close()


# -- other processes -----------------------------------------------------------------


def test_a_second_process_is_refused_and_told_who_has_it(
    tmp_store: Path, store: LmdbStore
) -> None:
    program = (
        "import sys; from weft.storage import LmdbStore, StoreLocked\n"
        "try: LmdbStore(sys.argv[1])\n"
        "except StoreLocked as error: sys.exit(str(error.holder_pid))\n"
    )
    ended = run_python(program, tmp_store)
    assert str(os.getpid()) == ended.stderr.strip()
    assert 2 == Client(store).outcome(CreateSession(session_id="b", op_id="b")).seq
    with pytest.raises(StoreLocked):
        LmdbStore(tmp_store)


FORKED = """
import os, sys
from tests.storage.client import Client
from tests.storage.faults.test_disk import state, thread
from weft.storage import LmdbStore, StoreClosed, StoreLocked
store = LmdbStore(sys.argv[1])
client = Client(store)
thread(client)

def reads():
    with store.read():
        pass

if os.fork() == 0:
    refused = 0
    for use in (reads, lambda: client.do(state(1)), store.statistics):
        try:
            use()
        except StoreClosed:
            refused += 1
    store.close()
    os._exit(refused)
_, status = os.wait()
assert os.waitstatus_to_exitcode(status) == 3, status
client.do(state(2))
try:
    LmdbStore(sys.argv[1])
except StoreLocked:
    sys.exit(0)
sys.exit("the child took its parent's lock away")
"""


def test_a_forked_child_can_neither_use_the_store_nor_take_it_from_its_parent(
    tmp_store: Path,
) -> None:
    ended = run_python(FORKED, tmp_store)
    assert 0 == ended.returncode, ended.stderr


# -- names ---------------------------------------------------------------------------


def use_after_its_end(opened: AbstractContextManager[Any]) -> None:
    with opened as transaction:
        transaction._transaction.abort()
        transaction.get("S", b"a")


def test_a_transaction_that_the_engine_refuses_is_an_error_of_ours(
    tmp_store: Path, store: LmdbStore
) -> None:
    store.close()
    engine = LmdbEngine(tmp_store / "store")
    reads, writes = engine.read(), engine.write()
    with pytest.raises(StoreUnavailable):
        use_after_its_end(reads)
    with pytest.raises(StoreReadOnly):
        use_after_its_end(writes)
    engine.close()


def test_a_reader_without_permission_is_told_so_and_not_that_the_store_is_damaged(
    tmp_store: Path,
) -> None:
    LmdbStore(tmp_store).close()
    place = tmp_store / "store"
    place.chmod(0o755)
    (place / "data.mdb").chmod(0o644)
    (place / "lock.mdb").chmod(0o444)
    pid = os.fork()
    if pid == 0:
        os.chdir(place)  # whatever is above it
        if os.geteuid() == 0:
            os.setuid(65534)  # nobody: root may do anything
        try:
            LmdbReader(Path())
        except StoreUnavailable as error:
            os._exit(0 if "to write lock.mdb" in str(error) else 2)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert 0 == os.waitstatus_to_exitcode(status)
