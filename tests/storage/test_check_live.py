"""The check in chunks: finds what the whole one finds, beside writers; resumes."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from random import Random
from threading import Event

import msgspec
import pytest

from tests.storage.checking import check_store, clone_in_memory, told
from tests.storage.client import Client
from tests.storage.planting import PLANTERS, plant
from tests.storage.workload import SESSIONS, Workload
from weft.storage import LmdbStore, MemoryStore, Snapshot
from weft.storage import operations as op
from weft.storage.check import CheckReport
from weft.storage.check_live import Cursor, LiveCheck
from weft.storage.store import Outcome, TreeStore
from weft.storage.writer import Submission, Writer

DEADLINE_S = 20.0
CALLERS = 64
CHECKS = 6
SEQS = 4
"""So many of the checks at least saw another moment: somebody wrote meanwhile."""
COUNTED = {"wrong_counters", "damaged_counters"}


@pytest.mark.parametrize("name", sorted(PLANTERS.keys() - COUNTED))
def test_a_damage_is_found_in_chunks_and_nothing_else(
    original: MemoryStore, name: str
) -> None:
    store = clone_in_memory(original)
    planted = plant(store, [name])
    report = LiveCheck(store.read, chunk_entries=40).run()
    assert Counter(planted) == told(report)


def test_many_damages_are_found_in_chunks(original: MemoryStore) -> None:
    store = clone_in_memory(original)
    planted = plant(store, sorted(PLANTERS.keys() - COUNTED)[::5])
    assert Counter(planted) == told(LiveCheck(store.read, chunk_entries=40).run())


def test_a_check_in_chunks_counts_what_a_whole_one_does(original: MemoryStore) -> None:
    whole = check_store(original)
    live = LiveCheck(original.read, chunk_entries=100).run()
    assert [] == live.inconsistencies
    for field in CheckReport.__struct_fields__[1:-3]:
        assert getattr(whole, field) == getattr(live, field)


def test_a_check_goes_on_from_its_cursor_in_another_process(
    original: MemoryStore,
) -> None:
    store = clone_in_memory(original)
    planted = plant(store, ["removed_row", "state_of_nothing", "removed_log_entry"])
    cursor, steps = Cursor(), 0
    while True:
        check = LiveCheck(store.read, cursor, chunk_entries=50)
        if check.done:
            break
        check.step()
        data = msgspec.json.encode(check.cursor)
        cursor, steps = msgspec.json.decode(data, type=Cursor), steps + 1
    assert 20 < steps
    assert Counter(planted) == told(check.finish())


class Watched:
    """A store whose open snapshots are counted, with what was read in each."""

    def __init__(self, store: TreeStore) -> None:
        self._store = store
        self.open = 0
        self.opened = 0

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        self.open += 1
        self.opened += 1
        try:
            with self._store.read() as snapshot:
                yield snapshot
        finally:
            self.open -= 1


def test_no_snapshot_is_open_between_chunks_and_while_it_waits(
    original: MemoryStore,
) -> None:
    watched, waits = Watched(original), list[float]()

    def sleep(delay_s: float) -> None:
        assert 0 == watched.open
        waits.append(delay_s)

    check = LiveCheck(watched.read, chunk_entries=100)
    check.run(1000.0, sleep=sleep, clock=lambda: sum(waits))
    assert check.cursor.done // 100 <= watched.opened
    # The clock stood still but for the waits: they are the whole time it may take.
    assert check.cursor.done / 1000 == pytest.approx(sum(waits))


def test_progress_is_told_after_each_chunk(original: MemoryStore) -> None:
    calls: list[tuple[int, int]] = []
    check = LiveCheck(
        original.read,
        chunk_entries=100,
        progress=lambda done, total: calls.append((done, total)),
    )
    check.run()
    assert sorted(calls) == calls
    assert (check.cursor.done, check.cursor.done) <= calls[-1]
    assert 10 < len(calls)


def test_what_was_mended_before_the_end_is_not_reported(original: MemoryStore) -> None:
    store = clone_in_memory(original)
    plant(store, ["past_of_nothing"])
    check = LiveCheck(store.read)
    while not check.done:
        check.step()
    assert 1 == len(check.cursor.suspects)
    ghost = check.cursor.suspects[0]
    with store._engine.write() as trees:
        from weft.storage.keys import past_key, place

        key = past_key(ghost.session_id or "", ghost.thread_id or "")
        trees.delete(*place(key))
    assert check.finish().clean


def test_sixty_four_callers_make_no_finding(lmdb_store: LmdbStore) -> None:
    client = Client(lmdb_store)
    Workload(client, seed=4).run(300)
    random, numbers = Random(5), count(1 << 20)
    stopping, stopped = Event(), Event()
    in_flight = CALLERS

    def publish(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        nonlocal in_flight
        for _ in pairs:
            if stopping.is_set():
                in_flight -= 1
            else:
                writer.submit(Submission(client.complete(_some(random, numbers))))
        if not in_flight:
            stopped.set()

    writer = Writer(lmdb_store, publish)
    writer.start()
    before = lmdb_store.seq
    for _ in range(CALLERS):
        writer.submit(Submission(client.complete(_some(random, numbers))))
    reports: list[CheckReport] = []
    while len(reports) < CHECKS or len({report.seq for report in reports}) < SEQS:
        reports.append(LiveCheck(lmdb_store.read, chunk_entries=50).run())
        reports.append(check_store(lmdb_store))
    stopping.set()
    assert stopped.wait(DEADLINE_S)
    assert writer.close(DEADLINE_S)
    assert [] == [finding for report in reports for finding in report.inconsistencies]
    assert CALLERS < lmdb_store.seq - before
    assert check_store(lmdb_store).clean


def _some(random: Random, numbers: Iterator[int]) -> op.Operation:
    """Return a random change; many are refused, as among callers who race."""
    session_id = f"s{random.randrange(SESSIONS)}"
    thread_id = f"t{random.randrange(1, 60)}"
    number = next(numbers)
    makers: list[Callable[[], op.Operation]] = [
        lambda: op.CreateThreads(
            session_id=session_id, threads=(op.NewThread(thread_id, f"n{number}"),)
        ),
        lambda: op.TransferThreads(
            thread_ids=(thread_id,), to_session_id=session_id, even_busy=True
        ),
        lambda: op.RenameThread(thread_id=thread_id, new_name=f"m{number}"),
        lambda: op.RemoveThreads(threads=(thread_id,), even_busy=True),
        lambda: op.StartRun(thread_id=thread_id, run_id=f"r{number}"),
        lambda: op.AppendState(
            thread_id=thread_id, state_id=f"x{number}", values=op.encode_value(number)
        ),
    ]
    return random.choice(makers)()
