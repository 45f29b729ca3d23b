"""A runtime that moves into a database while it is used."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cluster.departing import empty, trees_at, trees_of, without_origin
from tests.cluster.faults import Points, kill
from tests.cluster.test_cut_over import forked
from tests.storage.client import Client
from tests.storage.samples import build_world
from weft.actors import Runtime
from weft.cluster import Fenced, line, open_store
from weft.cluster.address import Address
from weft.cluster.errors import MigrationRefused, MigrationStopped
from weft.cluster.live_migration import migrate, migrate_directory
from weft.cluster.postgres import PostgresStore
from weft.storage import (
    CreateSession,
    InvalidArgument,
    LmdbStore,
    StoreFormatError,
    StoreMoved,
    StoreMoving,
    StoreUnavailable,
)
from weft.storage.moved import Moved

WAIT_S = 60.0
HIDDEN = "pass%40word"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[LmdbStore]:
    store = LmdbStore(tmp_path / "here")
    build_world(Client(store))
    yield store
    store.close()


class Callers:
    """Callers that create threads, each in a session of its own, until told to stop.

    Args:
        runtime: whose.
        number: of callers.
    """

    def __init__(self, runtime: Runtime, number: int) -> None:
        self._runtime = runtime
        self._enough = threading.Event()
        self.acknowledged: list[tuple[str, str, str]] = []
        self.refused: list[BaseException] = []
        self._os_threads = [
            threading.Thread(target=self._call, args=(n,)) for n in range(number)
        ]
        for each in self._os_threads:
            each.start()

    def _call(self, number: int) -> None:
        session, made = self._runtime.session(f"caller {number}"), 0
        while not self._enough.is_set():
            op_id = f"{number}-{made}"
            try:
                thread = session.create_thread(op_id, op_id=op_id).get(timeout=WAIT_S)
                self.acknowledged.append((f"caller {number}", op_id, thread.thread_id))
                if made % 5 == 0:
                    thread.rename(f"{op_id} again").get(timeout=WAIT_S)
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                self.refused.append(error)
            made += 1

    def wait_for(self, more: int) -> None:
        """Wait until so many more have been acknowledged."""
        wanted, waited = len(self.acknowledged) + more, threading.Event()
        for _ in range(int(WAIT_S / 0.01)):
            if len(self.acknowledged) >= wanted:
                return
            waited.wait(0.01)
        raise AssertionError(self.refused)

    def stop(self) -> None:
        """Have all of them end."""
        self._enough.set()
        for each in self._os_threads:
            each.join(WAIT_S)


def test_64_callers_notice_nothing(tmp_path: Path, address: str) -> None:
    runtime = Runtime.open(tmp_path / "here")
    threads = [{"name": f"t{m}"} for m in range(100)]
    for n in range(10):
        runtime.coordinator.create_session(f"old {n}").get(timeout=WAIT_S)
        made = runtime.coordinator.coordinate_threads(f"old {n}", threads)
        assert 100 == len(made.get(timeout=WAIT_S))
    feed = runtime.events(0, timeout_s=WAIT_S)
    numbers: list[int | None] = []
    follower = threading.Thread(target=lambda: numbers.extend(e.seq for e in feed))
    follower.start()
    callers = Callers(runtime, 64)
    callers.wait_for(64)
    report = migrate(runtime.store, address)  # type: ignore[arg-type]
    callers.wait_for(200)
    callers.stop()
    assert [] == callers.refused
    assert report.entries >= 5_000
    assert 0 < report.pause_s < WAIT_S
    assert 0 < report.seq < runtime.store.statistics().seq

    last = runtime.store.statistics().seq
    repeated = [
        (thread_id, runtime.session(session_id).create_thread(op_id, op_id=op_id))
        for session_id, op_id, thread_id in callers.acknowledged
    ]
    for thread_id, again in repeated:
        assert thread_id == again.get(timeout=WAIT_S).thread_id
    assert last == runtime.store.statistics().seq, "a repeated operation was new"
    assert [] == runtime.check().inconsistencies
    health = runtime.coordinator.health_check().get(timeout=WAIT_S)
    assert ("healthy", True) == (health.status, health.store_writable), health
    runtime.close()
    follower.join(WAIT_S)
    assert list(range(1, last + 1)) == numbers

    reopened = Runtime.open(address)
    assert [] == reopened.check().inconsistencies
    assert last == reopened.store.statistics().seq
    reopened.close()
    with pytest.raises(StoreMoved):
        Runtime.open(tmp_path / "here")


def test_a_run_in_progress_goes_on(tmp_path: Path, address: str) -> None:
    half, moved = threading.Event(), threading.Event()

    def steps(context: Any, config: Any) -> Iterator[dict[str, int]]:
        del context, config
        yield {"step": 1}
        half.set()
        assert moved.wait(WAIT_S)
        yield {"step": 2}

    with Runtime.open(tmp_path / "here", workflows={"default": steps}) as runtime:
        thread = runtime.session("a").create_thread("n").get(timeout=WAIT_S)
        shown = thread.stream()
        assert {"step": 1} == next(shown)
        assert half.wait(WAIT_S)
        migrate(runtime.store, address)  # type: ignore[arg-type]
        moved.set()
        assert [{"step": 2}] == list(shown)
        history = runtime.coordinator.thread_history(thread.thread_id)
        states = [state.values for state in history.get(timeout=WAIT_S)]
        assert 2 == len(states)
        assert [] == runtime.check().inconsistencies


def test_the_report_says_what_was_done(here: LmdbStore, address: str) -> None:
    shown: list[tuple[int, int]] = []
    before = trees_of(here)

    def tell(done: int, total: int) -> None:
        shown.append((done, total))

    report = migrate(here, address, progress=tell)
    assert before == without_origin(trees_at(address))
    copied = len(before) - 1  # all but the format
    assert (copied, copied, copied) == (report.entries, report.sent, report.verified)
    assert (Address.of(address).name, here.seq) == (report.to, report.seq)
    assert (2 * copied, 2 * len(before)) == shown[-1]
    assert sorted(shown) == shown
    note = Moved.read(here.directory)
    assert note is not None
    assert (report.migration_id, report.to, report.seq) == (
        note.migration_id,
        note.to,
        note.seq,
    )


def test_without_verification_nothing_is_compared(
    here: LmdbStore, address: str
) -> None:
    assert 0 == migrate(here, address, verify=False).verified
    assert trees_of(here) == without_origin(trees_at(address))


def test_a_password_is_told_to_nobody(here: LmdbStore, address: str) -> None:
    secret = f"{address}&password={HIDDEN}"
    report = migrate(here, secret)
    told = f"{report} {(here.directory / 'moved.json').read_text()}"
    here.close()
    with pytest.raises(StoreMoved) as refused:
        LmdbStore(here.directory)
    told += f"{refused.value} {refused.value.details}"
    assert HIDDEN not in told
    assert "user" not in told
    assert "host=" in report.to


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (f"postgres//u:{HIDDEN}@db/weft", "no address"),
        (f"postgresql://u:{HIDDEN}@db/weft?weft_shard=3", "shard 0"),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(
    here: LmdbStore, to: str, words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words) as refused:
        migrate(here, to)
    assert HIDDEN not in str(refused.value)
    assert_unmoved(here)


def assert_unmoved(store: LmdbStore) -> None:
    """Assert that a store is where it was, and takes operations and migrations."""
    seq = store.seq
    client = Client(store)
    client.do(CreateSession(session_id="still here", op_id=f"after {seq}"))
    assert (seq + 1, None) == (store._end[0], store.successor)
    assert Moved.read(store.directory) is None
    store.depart()
    store.stay()


def store_in(address: str) -> None:
    Client(open_store(address)).store.close()


def two_shards_in(address: str) -> None:
    schema(address, "INSERT INTO weft_shard (shard, log) VALUES (1, 1)")


def newer_schema_in(address: str) -> None:
    schema(address, "INSERT INTO weft_schema VALUES (999)")


def resharded(address: str) -> None:
    schema(address, "SELECT weft_reshard(ARRAY[1], 0)")


def schema(address: str, *statements: str) -> None:
    from weft.cluster.schema import install

    opened = line.Line(address)
    install(opened)
    for statement in statements:
        opened.ask(statement)
    opened.close()


@pytest.mark.parametrize(
    ("prepare", "kind", "words"),
    [
        (store_in, MigrationRefused, "a store in this database"),
        (two_shards_in, MigrationRefused, "2 shards"),
        (resharded, MigrationRefused, "writes log 1"),
        (newer_schema_in, StoreFormatError, "999"),
    ],
)
def test_a_database_that_cannot_take_the_store_is_refused(
    here: LmdbStore,
    address: str,
    prepare: Callable[[str], None],
    kind: type[Exception],
    words: str,
) -> None:
    prepare(address)
    with pytest.raises(kind, match=words):
        migrate(here, address)
    assert_unmoved(here)


def test_a_database_that_is_not_there_is_refused(here: LmdbStore) -> None:
    with pytest.raises(StoreUnavailable):
        migrate(here, "postgresql://127.0.0.1:1/nowhere")
    assert_unmoved(here)


def test_a_store_out_of_a_cluster_is_refused(here: LmdbStore, address: str) -> None:
    here._end = (3 << 40 | 7, 0)
    with pytest.raises(MigrationRefused, match="cluster"):
        migrate(here, address)
    assert here.successor is None


def test_a_store_moves_once(here: LmdbStore, address: str, other_address: str) -> None:
    migrate(here, address)
    with pytest.raises(StoreMoved):
        migrate(here, other_address)
    with pytest.raises(StoreMoved):
        here.backup(here.directory.parent / "copy")


def test_one_migration_at_a_time(here: LmdbStore, address: str) -> None:
    refused: list[Exception] = []

    def again(_done: int, _total: int) -> None:
        try:
            migrate(here, address)
        except StoreMoving as error:
            refused.append(error)

    migrate(here, address, progress=again)
    assert refused
    assert here.successor is not None


def once(act: Callable[[], Any]) -> Callable[[int, int], None]:
    """Return a progress that does something the first time."""
    left = [act]

    def tell(_done: int, _total: int) -> None:
        if left:
            left.pop()()

    return tell


def test_who_takes_the_database_over_stops_the_migration(
    here: LmdbStore, address: str
) -> None:
    def take_over() -> None:
        empty(address)
        PostgresStore(address).close()

    with pytest.raises(Fenced):
        migrate(here, address, progress=once(take_over))
    assert_unmoved(here)


def test_a_database_that_lost_what_it_had_acknowledged_is_found_out(
    here: LmdbStore, address: str
) -> None:
    def lose() -> None:
        with psycopg.connect(address) as connection:
            connection.execute("UPDATE weft_log SET end_place = weft_base(0)")

    with pytest.raises(Fenced, match="gone back"):
        migrate(here, address, progress=once(lose))
    assert_unmoved(here)


def test_a_database_that_goes_away_stops_the_migration_and_not_the_store(
    here: LmdbStore, address: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        points = Points(patch)
        with pytest.raises(MigrationStopped, match="begin again"):
            migrate(
                here,
                f"{address}&weft_retry_s=0.05",
                progress=once(lambda: setattr(points, "away", True)),
            )
    assert_unmoved(here)
    assert migrate(here, address).seq == here.seq


def test_a_migration_that_was_killed_sends_only_what_differs(
    tmp_path: Path, address: str
) -> None:
    directory = tmp_path / "here"
    store = LmdbStore(directory)
    client = Client(store)
    client.group(*(CreateSession(session_id=f"s{n}") for n in range(1500)))
    store.close()

    def die_while_copying() -> None:
        def tell(done: int, total: int) -> None:
            if done > total / 3:
                kill()

        migrate_directory(directory, address, progress=tell)

    assert -9 == forked(die_while_copying)
    copied = len(trees_at(address))
    store = LmdbStore(directory)
    client.store = store
    client.do(CreateSession(session_id="since"))
    store.close()
    report = migrate_directory(directory, address)
    assert report is not None
    assert copied > 1000
    changed = 4  # the session, its operation twice, the counters
    assert report.entries - copied <= report.sent <= report.entries - copied + changed
    assert migrate_directory(directory, address) is None, "it is there"
