"""A disk that is full, or read-only, or not ours: told by name, mended without restart.

The store, the writer and the runtime are the real ones. Where a real file system
without room can be mounted it is; everywhere, calls of LMDB are made to fail.
"""

import contextlib
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage import iorecorder
from tests.storage.client import Client
from tests.storage.faults.injector import FAILURES, FaultyIo
from tests.storage.faults.space import mountable, mounted
from weft.storage import (
    AppendState,
    CreateSession,
    CreateThreads,
    LmdbStore,
    NewThread,
    Outcome,
    StoreReadOnly,
    StoreUnavailable,
    Submission,
    Writer,
)
from weft.storage import operations as op
from weft.storage import writer as writer_module
from weft.storage.check import check

WAIT_S = 20.0
REASON = iorecorder.unsupported()
INJECTED = pytest.mark.skipif(REASON is not None, reason=str(REASON))

ROOM_BYTES = 2 << 20
VALUE = op.encode_value("x" * 50_000)


def state(number: int) -> AppendState:
    name = f"x{number}"
    return AppendState(thread_id="t", state_id=name, values=VALUE, op_id=name)


def thread(client: Client) -> None:
    client.do(
        CreateThreads(
            session_id="a",
            threads=(NewThread("t", "n"),),
            create_session=True,
            op_id="thread",
        )
    )


def fill(client: Client) -> int:
    """Append states until there is no room; return how many there was room for."""
    for number in range(1000):
        try:
            client.outcome(state(number))
        except StoreReadOnly:
            return number
    raise AssertionError("the disk never ran full")


def states_of(store: LmdbStore) -> int:
    with store.read() as snapshot:
        assert check(snapshot).clean
        return len(list(snapshot.states("t")))


# -- full ----------------------------------------------------------------------------


@pytest.fixture
def little(tmp_path: Path) -> Iterator[Path]:
    """Return a directory with room for two MiB."""
    if not mountable(tmp_path / "tried"):
        pytest.skip("mounting a small file system takes rights that this process lacks")
    with mounted(tmp_path / "little", ROOM_BYTES) as directory:
        yield directory


def test_a_full_disk_stops_the_writing_only_and_only_while_it_is_full(
    little: Path,
) -> None:
    ballast = little / "ballast"
    ballast.write_bytes(bytes(ROOM_BYTES // 2))
    store = LmdbStore(little / "data")
    client = Client(store)
    thread(client)
    written = fill(client)
    assert written > 3
    assert written == states_of(store)
    with pytest.raises(StoreReadOnly):
        client.outcome(state(5000))
    ballast.unlink()
    assert client.outcome(state(5000)).error is None
    assert written + 1 == states_of(store)
    store.close()
    reopened = LmdbStore(little / "data")
    assert written + 1 == states_of(reopened)
    reopened.close()


@pytest.mark.parametrize("left_bytes", [0, 4096, 8192, 65_536, 135_168, 160_000])
def test_a_full_disk_at_the_creation_is_told_and_a_later_one_succeeds(
    little: Path, left_bytes: int
) -> None:
    ballast = little / "ballast"
    ballast.write_bytes(bytes(ROOM_BYTES - left_bytes))
    with pytest.raises(StoreUnavailable) as caught:
        LmdbStore(little / "data")
    assert str(little) in str(caught.value)
    ballast.unlink()
    store = LmdbStore(little / "data")
    thread(Client(store))
    store.close()


def test_a_full_disk_at_the_opening_is_told_and_a_later_one_succeeds(
    little: Path,
) -> None:
    store = LmdbStore(little / "data")
    thread(Client(store))
    store.close()
    (little / "data" / "store" / "lock.mdb").unlink()
    ballast = little / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(4096))
            file.flush()
    with pytest.raises(StoreUnavailable):
        LmdbStore(little / "data")
    ballast.unlink()
    reopened = LmdbStore(little / "data")
    assert 1 == reopened.seq
    reopened.close()


LIMITED = """
import resource, sys
from tests.storage.client import Client
from tests.storage.faults.test_disk import fill, state, states_of, thread
from weft.storage import LmdbStore
store = LmdbStore(sys.argv[1])
client = Client(store)
thread(client)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
written = fill(client)
assert written == states_of(store) > 3
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert client.outcome(state(5000)).error is None
assert written + 1 == states_of(store)
"""


def run_python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, with this path."""
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_store: Path) -> None:
    assert resource.RLIM_INFINITY == resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    ended = run_python(LIMITED, tmp_store)
    assert 0 == ended.returncode, ended.stderr


# -- not ours ------------------------------------------------------------------------

UNPRIVILEGED = """
import os, sys
from weft.storage import LmdbStore, StoreUnavailable
os.chdir(sys.argv[1])
if os.geteuid() == 0:  # the superuser is refused nothing
    os.setresuid(65534, 65534, 65534)
try:
    LmdbStore(".")
except StoreUnavailable as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_directory_that_may_not_be_written_is_told_at_the_opening(
    tmp_store: Path,
) -> None:
    tmp_store.chmod(0o555)
    ended = run_python(UNPRIVILEGED, tmp_store)
    tmp_store.chmod(0o700)
    assert StoreUnavailable.exit_code == ended.returncode, ended.stderr
    assert "Permission denied" in ended.stdout
    store = LmdbStore(tmp_store)
    thread(Client(store))
    store.close()


def test_a_read_only_file_system_is_told_at_the_opening(tmp_path: Path) -> None:
    if not mountable(tmp_path / "tried"):
        pytest.skip("mounting a file system takes rights that this process lacks")
    with (
        mounted(tmp_path / "sealed", ROOM_BYTES, "ro") as directory,
        pytest.raises(StoreUnavailable) as caught,
    ):
        LmdbStore(directory / "data")
    assert "Read-only file system" in str(caught.value)


def test_a_file_in_the_place_of_the_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")
    with pytest.raises(StoreUnavailable):
        LmdbStore(tmp_path / "data")


# -- through the writer --------------------------------------------------------------


class Desk:
    """A running writer on a store, and what it told."""

    def __init__(self, directory: Path) -> None:
        self.store = LmdbStore(directory)
        self.told: list[Outcome] = []
        self._changed = threading.Condition()
        self.writer = Writer(self.store, self._publish)
        self.writer.start()

    def _publish(self, pairs: object) -> None:
        with self._changed:
            self.told += [outcome for _, outcome in pairs]  # type: ignore[attr-defined]
            self._changed.notify_all()

    def ask(self, session_id: str) -> Outcome:
        """Create a session and wait for the answer."""
        operation = CreateSession(session_id=session_id, op_id=session_id, at_us=1)
        before = len(self.told)
        self.writer.submit(Submission(operation))
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.told) > before, WAIT_S)
        return self.told[-1]

    def close(self) -> None:
        assert self.writer.close(WAIT_S)
        self.store.close()


def until_writable(writer: Writer) -> None:
    """Wait until the writer says that it can write."""
    for _ in range(1000):
        if not writer.read_only:
            return
        threading.Event().wait(WAIT_S / 1000)
    raise AssertionError("the writer stayed read-only")


@INJECTED
@pytest.mark.parametrize("name", ["disk full from now on", "I/O error from now on"])
def test_a_writer_finds_out_by_itself_that_the_disk_is_well_again(
    tmp_store: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PROBE_INTERVAL_S", 0.02)
    with FaultyIo() as io:
        desk = Desk(tmp_store)
        assert 1 == desk.ask("a").seq
        io.arm(FAILURES[name], at=1)
        assert isinstance(desk.ask("b").error, StoreReadOnly)
        assert desk.writer.statistics().read_only
        with desk.store.read() as snapshot:
            assert snapshot.session("a") is not None
            assert snapshot.session("b") is None
        io.heal()
        until_writable(desk.writer)
        assert not desk.writer.statistics().read_only
        assert [] == [one for one in desk.told if one.seq == 2]
        assert 2 == desk.ask("b").seq
        desk.close()
