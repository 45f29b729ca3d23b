"""Whatever breaks while a store goes over, it is in one place, and whole."""

import errno
import os
import select
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.cluster.departing import (
    Journey,
    Trees,
    empty,
    trees_at,
    trees_of,
    without_origin,
)
from tests.cluster.faults import Points, cut, kill
from tests.storage.client import START_US, Client
from tests.storage.samples import build_world
from weft.cluster import line as line_module
from weft.cluster import open_alone, open_reader, open_store
from weft.cluster.acquire import acquire
from weft.cluster.address import Address
from weft.cluster.errors import MigrationRefused, MigrationUnfinished
from weft.cluster.fence import Fenced
from weft.cluster.line import Line
from weft.cluster.live_migration import migrate_directory
from weft.cluster.postgres import PostgresStore
from weft.storage import (
    CreateSession,
    LmdbStore,
    MemoryStore,
    StoreMoved,
    StoreReadOnly,
    UpdateSession,
)
from weft.storage.moved import Moved
from weft.storage.operations import encode_value as raw
from weft.storage.store import FORMAT_KEY

FORMAT = ("M", FORMAT_KEY)
WAIT_S = 30.0


@pytest.fixture
def quick(emptied: str) -> str:
    """Return the address of an empty database for which nobody waits long."""
    return f"{emptied}&weft_retry_s=0.05"


def ready(directory: Path, address: str) -> Journey:
    """Return a store whose copy is whole, with a change that has yet to be sent."""
    journey = Journey(directory, address)
    client = Client(journey.store)
    build_world(client)
    copy = journey.begin()
    while not copy.is_whole:
        copy.step()
    client.do(UpdateSession(session_id="a", metadata=raw({"last": True})))
    return journey


@contextmanager
def counted(directory: Path, address: str) -> Generator[tuple[Journey, Points]]:
    """Yield a store that is ready to go over, and its points, counted from here on.

    Args:
        directory: for the store.
        address: of a database, which is emptied.
    """
    empty(address)
    with pytest.MonkeyPatch.context() as patch:
        points = Points(patch)
        with closing(ready(directory, address)) as journey:
            points.begin()
            yield journey, points


def outcome_of(journey: Journey) -> str:
    """Have the store go over; return what its caller was told."""
    try:
        journey.cut_over().make(journey.copy)
    except StoreReadOnly:
        return "in doubt"
    except Exception as error:  # noqa: BLE001 - which it was is compared
        return type(error).__name__
    return "moved"


def assert_in_one_place(journey: Journey) -> None:
    """Assert that of directory and database one can be opened for writing."""
    moved = Moved.read(journey.directory) is not None
    assert moved == (journey.store.successor is not None)
    assert moved == (FORMAT in trees_at(journey.address))


def grow(client: Client) -> None:
    """Make what the store holds when it goes over."""
    build_world(client)
    client.do(UpdateSession(session_id="a", metadata=raw({"last": True})))


LAST = CreateSession(session_id="afterwards", op_id="afterwards", at_us=START_US)


def as_it_should_be() -> Trees:
    """Return what a store holds that never moved, after the last operation."""
    client = Client(MemoryStore())
    grow(client)
    client.do(LAST)
    return trees_of(client.store)


def assert_goes_on(journey: Journey) -> None:
    """Assert that the store takes an operation, is in one place, and whole."""
    client = Client(journey.store)
    deadline_s = time.monotonic() + WAIT_S
    while True:
        try:
            client.do(LAST)
            break
        except StoreReadOnly:
            assert time.monotonic() < deadline_s
    assert_in_one_place(journey)
    if journey.store.successor is None:
        assert as_it_should_be() == trees_of(journey.store)
    else:
        assert as_it_should_be() == without_origin(trees_at(journey.address))


def points_of(directory: Path, address: str, which: str) -> list[int]:
    """Return the points of a cut-over where nothing breaks, by their numbers.

    Args:
        directory: for a store.
        address: of a database, which is emptied.
        which: the decisive ones only, or all.
    """
    with counted(directory, address) as (journey, points):
        assert "moved" == outcome_of(journey)
        names = list(points.passed)
    decisive = [number for number, name in enumerate(names, 1) if is_decisive(name)]
    assert 8 == len(decisive), names
    return decisive if which == "decisive" else list(range(1, len(names) + 1))


def is_decisive(name: str) -> bool:
    """Whether a point is of the last two transactions, the note, or the opening."""
    return any(word in name for word in ("weft_commit", "the note", "weft_acquire"))


which_points = pytest.mark.parametrize(
    "which", ["decisive", pytest.param("all", marks=pytest.mark.long)]
)


def test_the_store_goes_on_in_the_database(tmp_path: Path, quick: str) -> None:
    journey = ready(tmp_path / "here", quick)
    assert "moved" == outcome_of(journey)
    assert_goes_on(journey)
    assert journey.store.successor is not None
    assert trees_of(journey.store).keys() < trees_at(quick).keys()
    journey.close()


@which_points
def test_a_connection_that_breaks_at_any_point_loses_nothing(
    tmp_path: Path, quick: str, which: str
) -> None:
    told = set()
    for number in points_of(tmp_path / "none", quick, which):
        with counted(tmp_path / str(number), quick) as (journey, points):
            points.faults[number] = cut
            told.add(outcome_of(journey))
            assert_goes_on(journey)
    assert "moved" in told


@which_points
def test_a_database_that_goes_away_at_any_point_leaves_one_store(
    tmp_path: Path, quick: str, which: str
) -> None:
    told = set()
    for number in points_of(tmp_path / "none", quick, which):
        with counted(tmp_path / str(number), quick) as (journey, points):
            points.faults[number] = partial(setattr, points, "away", True)
            outcome = outcome_of(journey)
            told.add(outcome)
            if outcome == "in doubt":
                with pytest.raises(StoreReadOnly, match="not known yet"):
                    journey.store.apply([])
            points.away = False
            assert_goes_on(journey)
    assert "in doubt" in told


def test_a_database_that_goes_away_for_a_moment_is_waited_for(
    tmp_path: Path, emptied: str
) -> None:
    with counted(tmp_path / "here", emptied) as (journey, points):
        back = threading.Timer(0.3, setattr, (points, "away", False))

        def go_away() -> None:
            points.away = True
            back.start()

        journey.copy.follow()
        points.awaited["after: SELECT weft_commit"] = go_away
        assert "moved" == outcome_of(journey), "nobody who writes meanwhile is refused"
        assert_goes_on(journey)


def test_a_disk_that_takes_no_note_keeps_the_store(
    tmp_path: Path, quick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_note: Moved, _directory: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    journey = ready(tmp_path / "here", quick)
    monkeypatch.setattr(Moved, "write", fail)
    assert "OSError" == outcome_of(journey)
    assert_goes_on(journey)
    assert journey.store.successor is None
    journey.close()


def test_who_takes_the_database_over_before_the_end_leaves_the_store_where_it_is(
    tmp_path: Path, quick: str
) -> None:
    journey = ready(tmp_path / "here", quick)
    line = Line(Address.of(quick).dsn)
    acquire(line, 0, "another")
    line.close()
    assert "Fenced" == outcome_of(journey)
    assert_goes_on(journey)
    assert journey.store.successor is None
    journey.close()


def test_a_transaction_that_comes_late_is_waited_for(
    tmp_path: Path, quick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = ready(tmp_path / "here", quick)
    journey.copy.follow()
    monkeypatch.setattr(line_module, "STATEMENT_TIMEOUT_S", 0.2)
    with psycopg.connect(Address.of(quick).dsn) as blocking:
        blocking.execute("SELECT FROM weft_log FOR UPDATE")
        # The last transaction has proved its fence and waits; its sender gives it up,
        # and so it does with every look at what became of it.
        assert "in doubt" == outcome_of(journey)
        with pytest.raises(StoreReadOnly, match="not known yet"):
            Client(journey.store).do(LAST)
        assert FORMAT not in trees_at(quick)
    assert_goes_on(journey)
    assert journey.store.successor is not None, "it had been on its way"
    journey.close()


def test_a_transaction_that_arrives_before_it_is_fenced_off_counts(
    tmp_path: Path, quick: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = ready(tmp_path / "here", quick)
    journey.copy.follow()
    points = Points(monkeypatch)
    points.begin()
    monkeypatch.setattr(line_module, "STATEMENT_TIMEOUT_S", 0.5)
    with psycopg.connect(Address.of(quick).dsn) as blocking:
        blocking.execute("SELECT FROM weft_log FOR UPDATE")
        points.awaited["before: SELECT * FROM weft_acquire"] = blocking.rollback
        assert outcome_of(journey) in {"moved", "in doubt"}  # by how busy it is
        assert any("weft_acquire" in name for name in points.passed)
    assert_goes_on(journey)
    assert isinstance(journey.store.successor, PostgresStore)
    journey.close()


def test_who_opens_a_store_that_is_in_doubt_fences_the_process_it_came_from(
    tmp_path: Path, quick: str
) -> None:
    journey = ready(tmp_path / "here", quick)
    journey.copy.follow()
    with pytest.MonkeyPatch.context() as patch:
        points = Points(patch)
        points.begin()
        gone = "after: SELECT weft_commit"
        points.awaited[gone] = lambda: setattr(points, "away", True)
        assert "in doubt" == outcome_of(journey)
    other = open_store(quick)
    client = Client(journey.store)
    with pytest.raises(Fenced, match="meanwhile"):
        client.do(LAST)
    with pytest.raises(Fenced):
        client.see(lambda snapshot: snapshot.session("a"))
    assert journey.store.fenced
    assert other.seq == journey.store.seq == journey.store.statistics().seq
    Client(other).do(LAST)
    other.close()
    journey.close()


def forked(work: Callable[[], object]) -> int:
    """Do something in a child of this process; return how the child ended."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - it must not come back here
            os._exit(1)
    ends = os.pidfd_open(pid)
    try:
        assert select.select([ends], [], [], WAIT_S)[0], "the child does not end"
    finally:
        os.close(ends)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die_at(number: int, directory: Path, address: str) -> bool:
    """Have a process die at a point of a cut-over; return whether it came to it."""

    def migrate_and_die() -> None:
        with counted(directory, address) as (journey, points):
            points.faults[number] = kill
            journey.cut_over().make(journey.copy)

    ended = forked(migrate_and_die)
    assert ended in {0, -signal.SIGKILL}
    return ended != 0


def is_openable(directory: Path) -> bool:
    try:
        LmdbStore(directory).close()
    except StoreMoved:
        return False
    return True


@which_points
def test_a_process_that_dies_at_any_point_leaves_one_store(
    tmp_path: Path, quick: str, which: str
) -> None:
    found = Counter[tuple[bool, bool]]()
    for number in points_of(tmp_path / "none", quick, which):
        directory = tmp_path / str(number)
        assert die_at(number, directory, quick)
        here, there = is_openable(directory), FORMAT in trees_at(quick)
        found[here, there] += 1
        if not there:
            with pytest.raises(MigrationUnfinished):
                open_reader(quick)
        report = migrate_directory(directory, quick)
        assert there == (report is None)
        assert not is_openable(directory)
        assert_whole(quick)
    # Here, on the way, there; and never both.
    assert {(True, False), (False, False), (False, True)} == set(found)


def assert_whole(address: str) -> None:
    store = open_store(address)
    Client(store).do(LAST)
    store.close()
    assert as_it_should_be() == without_origin(trees_at(address))


def test_a_directory_on_its_way_is_settled_where_it_was_going(
    tmp_path: Path, quick: str, other_address: str
) -> None:
    before_the_last = points_of(tmp_path / "none", quick, "decisive")[4]
    directory = tmp_path / "here"
    assert die_at(before_the_last, directory, quick)
    with pytest.raises(MigrationRefused, match="another database") as refused:
        migrate_directory(directory, other_address)
    assert Address.of(quick).name in str(refused.value)
    with pytest.raises(StoreMoved):
        LmdbStore(directory)
    assert migrate_directory(directory, quick) is not None
    assert_whole(quick)


def test_a_database_that_is_being_filled_is_no_store_to_anybody(
    tmp_path: Path, quick: str
) -> None:
    journey = ready(tmp_path / "here", quick)
    for opening in (open_store, open_reader, open_alone):
        with pytest.raises(MigrationUnfinished, match="weft migrate"):
            opening(quick)
    assert "moved" == outcome_of(journey), "nobody of them has fenced it"
    journey.close()
