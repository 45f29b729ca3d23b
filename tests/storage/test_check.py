"""The check is silent about a sound store and says what is wrong with any other.

Two oracles stand beside it: what was planted, and the invariants told from the bytes
(`invariants.broken`), which know nothing of the check.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from threading import Event
from typing import Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage import invariants
from tests.storage.client import START_US, Client, dump
from tests.storage.planting import HIDDEN, PLANTERS, Planted, plant
from weft.storage import (
    DeleteCheckpoints,
    LmdbStore,
    MemoryStore,
    NewValue,
    NewWrite,
    PutCheckpoint,
    PutItem,
    PutWrites,
)
from weft.storage import operations as op
from weft.storage.check import (
    KINDS,
    CheckReport,
    CheckStatistics,
    Inconsistency,
    check,
)
from weft.storage.check_live import LiveCheck
from weft.storage.keys import COUNTERS_KEY, Key
from weft.storage.memory import MemoryEngine
from weft.storage.snapshot import Snapshot
from weft.storage.store import Outcome, TreeStore
from weft.storage.writer import Submission, Writer

DEADLINE_S = 20.0
SESSIONS = 16
BLOB = ("msgpack", b"\xc0")


class Workload:
    """A seeded mix of every kind of operation, refused ones as well."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.random = Random(seed)
        self.numbers = iter(range(1, 1 << 20))
        self.threads: list[str] = []
        self.runs: dict[str, str] = {}

    def run(self, count: int) -> None:
        for number in range(SESSIONS):
            self.client.do(op.CreateSession(session_id=f"s{number}"))
        steps = [
            *[self.create] * 6,
            *[self.append] * 4,
            *[self.transfer] * 3,
            *[self.start] * 3,
            *[self.finish] * 2,
            *[self.checkpoint] * 4,
            *[self.queue] * 4,
            self.rename,
            self.remove,
            self.track,
            self.refused,
            self.item,
        ]
        for _ in range(count):
            self.random.choice(steps)()

    def session(self) -> str:
        return f"s{self.random.randrange(SESSIONS)}"

    def some(self) -> str:
        return self.random.choice(self.threads) if self.threads else "t0"

    def create(self) -> None:
        number = next(self.numbers)
        new = op.NewThread(f"t{number}", f"n{number % 40}")
        session_id = self.session()
        made = self.client.outcome(
            op.CreateThreads(session_id=session_id, threads=(new,))
        )
        if made.error is None:
            self.threads.append(new.thread_id)

    def item(self) -> None:
        key, ttl_us = f"k{next(self.numbers) % 50}", self.random.choice([None, 9])
        self.client.outcome(
            PutItem(namespace=("u", self.session()), key=key, ttl_us=ttl_us)
        )

    def append(self) -> None:
        state_id, values = f"x{next(self.numbers)}", op.encode_value({"n": 1})
        self.client.outcome(
            op.AppendState(thread_id=self.some(), state_id=state_id, values=values)
        )

    def transfer(self) -> None:
        to = self.session()
        self.client.outcome(
            op.TransferThreads(
                thread_ids=(self.some(),), to_session_id=to, even_busy=True
            )
        )

    def start(self) -> None:
        run_id, thread_id = f"r{next(self.numbers)}", self.some()
        begun = self.client.outcome(op.StartRun(thread_id=thread_id, run_id=run_id))
        if begun.error is None:
            self.runs[run_id] = thread_id

    def queue(self) -> None:
        """Have a run wait for the one in progress, if there is one."""
        run_id = f"r{next(self.numbers)}"
        self.client.outcome(
            op.StartRun(thread_id=self.some(), run_id=run_id, if_busy="enqueue")
        )

    def finish(self) -> None:
        if self.runs:
            run_id = self.random.choice(list(self.runs))
            thread_id = self.runs.pop(run_id)
            self.client.outcome(op.FinishRun(thread_id=thread_id, run_id=run_id))

    def checkpoint(self) -> None:
        """Have a graph's run write two checkpoints: of the second one half is new."""
        number, thread_id = next(self.numbers), self.some()
        parent_id, run_id = None, f"g{number}"
        for step in range(2):
            checkpoint_id, new = f"c{number}-{step}", f"{number + step}.1"
            versions: dict[str, str | int | float] = {
                "words": f"{number}.0",
                "sum": new,
            }
            self.client.outcome(
                PutCheckpoint(
                    thread_id=thread_id,
                    checkpoint_ns="",
                    checkpoint_id=checkpoint_id,
                    parent_id=parent_id,
                    versions=versions,
                    data=BLOB,
                    metadata=BLOB,
                    deltas=("sum",),
                    run_id=run_id,
                    values=tuple(
                        NewValue(channel, version, BLOB)
                        for channel, version in versions.items()
                        if step == 0
                    ),
                )
            )
            write = NewWrite(0, "sum", BLOB)
            self.client.outcome(
                PutWrites(
                    thread_id=thread_id,
                    checkpoint_ns="",
                    checkpoint_id=checkpoint_id,
                    task_id="task",
                    writes=(write,),
                )
            )
            parent_id = checkpoint_id
        if number % 5 == 0:
            self.client.outcome(
                DeleteCheckpoints(thread_id=thread_id, keep_latest=True)
            )
        if number % 7 == 0:
            self.client.outcome(
                DeleteCheckpoints(thread_id=thread_id, run_ids=(run_id,))
            )

    def rename(self) -> None:
        name = f"m{next(self.numbers)}"
        self.client.outcome(op.RenameThread(thread_id=self.some(), new_name=name))

    def remove(self) -> None:
        thread_id = self.some()
        self.client.outcome(op.RemoveThreads(threads=(thread_id,), even_busy=True))
        self.threads = [t for t in self.threads if t != thread_id]

    def track(self) -> None:
        self.client.do(
            op.TrackInteraction(
                session_id=self.session(),
                interaction_id=f"i{next(self.numbers)}",
                interaction_type="click",
                timestamp_us=1,
            )
        )

    def refused(self) -> None:
        self.client.outcome(op.CreateSession(session_id=self.session()))


@pytest.fixture(scope="module")
def memory_original() -> MemoryStore:
    store = MemoryStore()
    Workload(Client(store), seed=1).run(1200)
    return store


@pytest.fixture(scope="module")
def lmdb_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("original")
    store = LmdbStore(directory, map_size_bytes=1 << 24, sync=False)
    Workload(Client(store), seed=1).run(1200)
    store.close()
    return directory


def clone_in_memory(original: TreeStore) -> TreeStore:
    """Return a copy of a store, in memory."""
    engine = MemoryEngine()
    with engine.write() as trees:
        for tree, items in dump(original).items():
            trees.put_many(tree, items)
    return TreeStore(engine)


@contextmanager
def clone_on_disk(original: Path, directory: Path) -> Iterator[TreeStore]:
    """Open a copy of a store on disk."""
    shutil.copytree(original, directory)
    store = LmdbStore(directory, map_size_bytes=1 << 24, sync=False)
    try:
        yield store
    finally:
        store.close()


def check_store(store: TreeStore, session_id: str | None = None) -> CheckReport:
    with store.read() as snapshot:
        return check(snapshot, session_id=session_id)


def told(report: CheckReport) -> Counter[Planted]:
    return Counter(
        Planted(f.kind, f.session_id, f.thread_id) for f in report.inconsistencies
    )


def is_sound(store: TreeStore) -> bool:
    with store.read() as snapshot:
        return not invariants.broken(snapshot)


def test_a_store_that_only_operations_changed_is_clean(store: TreeStore) -> None:
    Workload(Client(store), seed=2).run(300)
    assert is_sound(store)
    assert [] == check_store(store).inconsistencies
    for number in range(SESSIONS):
        assert [] == check_store(store, f"s{number}").inconsistencies


def test_an_empty_store_is_clean(store: TreeStore) -> None:
    report = check_store(store)
    assert report.clean
    assert 0 == report.seq == report.operations


def test_a_session_that_does_not_exist_has_nothing_wrong(store: TreeStore) -> None:
    assert check_store(store, "nobody").clean


def test_a_store_whose_oldest_log_entries_expired_is_clean(store: TreeStore) -> None:
    Workload(Client(store), seed=3).run(100)
    assert 50 == store.expire_operations(1 << 62, limit=50)
    assert [] == check_store(store).inconsistencies


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1 << 32))
def test_no_history_of_operations_makes_a_store_unsound(seed: int) -> None:
    store = MemoryStore()
    Workload(Client(store), seed).run(120)
    assert [] == check_store(store).inconsistencies


class Looked(Snapshot):
    """A snapshot that remembers what was looked up in it."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot._transaction)
        self.keys: list[Key] = []

    def get(self, key: Key) -> Any:
        self.keys.append(key)
        return super().get(key)


def test_a_sound_store_is_scanned_once_and_nothing_is_looked_up(
    memory_original: MemoryStore,
) -> None:
    with memory_original.read() as snapshot:
        looked = Looked(snapshot)
        assert check(looked).clean
    assert [COUNTERS_KEY] == looked.keys


def test_the_second_pass_alone_finds_nothing_in_a_sound_store(
    memory_original: MemoryStore,
) -> None:
    # A planted entry forces it; what it finds beyond that would be its own mistake.
    store = clone_in_memory(memory_original)
    planted = plant(store, ["live_index_of_nothing"])
    assert Counter(planted) == told(check_store(store))


@pytest.mark.parametrize("name", PLANTERS)
def test_a_damage_is_found_and_nothing_else(
    memory_original: MemoryStore, name: str
) -> None:
    store = clone_in_memory(memory_original)
    planted = plant(store, [name])
    assert Counter(planted) == told(check_store(store))


@pytest.mark.parametrize("name", PLANTERS)
def test_a_damage_on_disk_is_found_and_nothing_else(
    lmdb_original: Path, tmp_path: Path, name: str
) -> None:
    with clone_on_disk(lmdb_original, tmp_path / "clone") as store:
        planted = plant(store, [name])
        assert Counter(planted) == told(check_store(store))


def test_every_kind_of_inconsistency_has_a_planter(
    memory_original: MemoryStore,
) -> None:
    kinds = {
        planted.kind
        for name in PLANTERS
        for planted in plant(clone_in_memory(memory_original), [name])
    }
    assert set(KINDS) - {"expired_association"} == kinds


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.sampled_from(sorted(PLANTERS.keys() - {"damaged_counters"})),
        min_size=2,
        max_size=12,
        unique=True,
    )
)
def test_of_many_damages_each_is_found_and_nothing_else(
    memory_original: MemoryStore, names: list[str]
) -> None:
    store = clone_in_memory(memory_original)
    planted = plant(store, names)
    assert Counter(planted) == told(check_store(store))


@pytest.mark.parametrize("name", PLANTERS)
def test_a_session_check_finds_what_its_indexes_lead_to_and_nothing_else(
    memory_original: MemoryStore, name: str
) -> None:
    store = clone_in_memory(memory_original)
    (planted,) = plant(store, [name])
    for number in range(SESSIONS):
        session_id = f"s{number}"
        mine = session_id == planted.session_id and name not in HIDDEN
        expected = Counter([planted] if mine else [])
        assert expected == told(check_store(store, session_id))


THOROUGH = frozenset({"removed_list_entry", "one_name_twice", "second_active_row"})
"""What only a look at all threads finds for a session."""


@pytest.mark.parametrize("name", sorted(THOROUGH))
def test_a_thorough_session_check_finds_what_its_list_leaves_out(
    memory_original: MemoryStore, name: str
) -> None:
    store = clone_in_memory(memory_original)
    (planted,) = plant(store, [name])
    with store.read() as snapshot:
        for number in range(SESSIONS):
            session_id = f"s{number}"
            report = check(snapshot, session_id=session_id, thorough=True)
            mine = session_id == planted.session_id
            assert Counter([planted] if mine else []) == told(report)


def test_an_association_is_past_its_retention_only_if_one_is_given(
    store: TreeStore,
) -> None:
    client = Client(store)
    for session_id in ("a", "b"):
        client.do(op.CreateSession(session_id=session_id))
    client.do(op.CreateThreads(session_id="a", threads=(op.NewThread("t", "one"),)))
    client.do(op.TransferThreads(thread_ids=("t",), to_session_id="b"))
    moved_us = START_US + client.number
    assert [] == check_store(store).inconsistencies
    with store.read() as snapshot:
        assert check(snapshot, expired_before_us=moved_us).clean
        report = check(snapshot, expired_before_us=moved_us + 1)
    assert Counter([Planted("expired_association", "a", "t")]) == told(report)


def test_several_sessions_can_be_checked_together(memory_original: MemoryStore) -> None:
    store = clone_in_memory(memory_original)
    planted = plant(store, ["removed_row", "other_name_in_the_list", "inactive_row"])
    wanted = {planted[0].session_id, planted[2].session_id}
    with store.read() as snapshot:
        report = check(snapshot, session_ids=[s for s in wanted if s is not None])
    mine = [finding for finding in planted if finding.session_id in wanted]
    assert Counter(mine) == told(report)


def entries_of(store: TreeStore) -> list[tuple[str, bytes]]:
    return [
        (tree, key)
        for tree, items in dump(store).items()
        for key, _ in items
        if (tree, key) != ("M", b"format")
    ]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_entry_can_vanish_unnoticed(
    memory_original: MemoryStore, data: st.DataObject
) -> None:
    store = clone_in_memory(memory_original)
    tree, key = data.draw(st.sampled_from(entries_of(store)))
    with store._engine.write() as trees:
        trees.delete(tree, key)
    found = check_store(store).inconsistencies
    assert found, (tree, key)


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(0, 1 << 20))
def test_no_bit_of_a_value_can_flip_unnoticed(
    memory_original: MemoryStore, data: st.DataObject, bit: int
) -> None:
    store = clone_in_memory(memory_original)
    tree, key = data.draw(st.sampled_from(entries_of(store)))
    with store._engine.write() as trees:
        value = bytearray(trees.get(tree, key) or b"")
        value[bit // 8 % len(value)] ^= 1 << bit % 8
        trees.put_many(tree, [(key, bytes(value))])
    (finding,) = check_store(store).inconsistencies
    assert "damaged_record" == finding.kind


def test_a_key_of_no_known_form_is_a_damaged_record(
    memory_original: MemoryStore,
) -> None:
    store = clone_in_memory(memory_original)
    with store._engine.write() as trees:
        for tree in ("S", "T", "X", "C", "I", "K", "O"):
            trees.put_many(tree, [(b"\x07nonsense", b"nonsense")])
    report = check_store(store)
    assert Counter({Planted("damaged_record", None, None): 7}) == told(report)


@pytest.mark.parametrize("tree", ["S", "T", "L", "O"])
def test_a_value_too_short_for_its_kind_is_a_damaged_record(
    memory_original: MemoryStore, tree: str
) -> None:
    store = clone_in_memory(memory_original)
    with store._engine.write() as trees:
        for key, value in list(trees.scan(tree))[5:200:20]:
            body = value[:1] + b"\x90"  # an empty array, with a right checksum
            short = body + crc32(body, crc32(key, crc32(tree.encode()))).to_bytes(
                4, "little"
            )
            trees.put_many(tree, [(key, short)])
    for report in (check_store(store), LiveCheck(store.read).run()):
        damaged = [f for f in report.inconsistencies if f.kind == "damaged_record"]
        assert 10 == len(damaged)


def test_a_finding_tells_the_facts_in_a_sentence(store: TreeStore) -> None:
    client = Client(store)
    client.do(op.CreateSession(session_id="a"))
    client.do(op.CreateSession(session_id="b"))
    client.do(op.CreateThreads(session_id="a", threads=(op.NewThread("t", "one"),)))
    plant(store, ["second_list"])
    expected = Inconsistency(
        "duplicate_owner",
        "b",
        "t",
        "Session 'b' lists thread 't' as 'ghost-name-1'; its record says 'one' in "
        "session 'a', which lists it, too.",
        index="names",
        items=("ghost-name-1",),
        rev=1,
    )
    assert [expected] == check_store(store).inconsistencies


def test_a_report_counts_what_was_looked_at(
    memory_original: MemoryStore,
) -> None:
    report = check_store(memory_original)
    held = memory_original.statistics()
    expected = (
        sum(held.counters.sessions.values()),
        sum(held.counters.threads.values()),
        held.counters.associations,
        held.counters.states,
        sum(held.counters.runs.values()),
        held.engine.entries["L"],
        held.seq,
    )
    assert expected == (
        report.sessions,
        report.threads,
        report.associations,
        report.states,
        report.runs,
        report.operations,
        report.seq,
    )


def test_a_session_check_costs_what_the_session_holds(
    memory_original: MemoryStore,
) -> None:
    with memory_original.read() as snapshot:
        listed = len(list(snapshot.names("s3")))
        report = check(snapshot, session_id="s3")
    assert 1 == report.sessions
    assert listed <= report.threads < 2 * listed + 10
    assert 0 == report.operations


def test_progress_is_told_every_ten_thousand_entries() -> None:
    store = MemoryStore()
    client = Client(store)
    client.do(op.CreateSession(session_id="a"))
    for first in range(0, 4000, 1000):
        new = [op.NewThread(f"t{n}", f"n{n}") for n in range(first, first + 1000)]
        client.do(op.CreateThreads(session_id="a", threads=tuple(new)))
    calls: list[tuple[int, int]] = []
    with store.read() as snapshot:
        check(snapshot, progress=lambda done, total: calls.append((done, total)))
    entries = len(entries_of(store)) - 1  # the counters are not scanned
    ((done, total),) = calls
    assert 10_000 <= done < 10_000 + 1024
    assert entries == total


def test_a_store_that_is_written_to_meanwhile_is_clean(
    lmdb_store: LmdbStore,
) -> None:
    client = Client(lmdb_store)
    Workload(client, seed=4).run(400)
    with lmdb_store.read() as snapshot:
        names = [name for n in range(SESSIONS) for name in snapshot.names(f"s{n}")]
    moves = iter(
        [
            Submission(
                client.complete(
                    op.TransferThreads(
                        thread_ids=(thread_id,),
                        to_session_id=f"s{turn}",
                        new_name=f"{thread_id}-{turn}",
                        even_busy=True,
                    )
                )
            )
            for turn in range(8)
            for _, thread_id in names
        ]
    )
    answers: list[Outcome] = []
    finished = Event()

    def publish(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        answers.extend(outcome for _, outcome in pairs)
        following = list(islice(moves, len(pairs)))
        for submission in following:
            writer.submit(submission)
        if not following:
            finished.set()

    writer = Writer(lmdb_store, publish)
    writer.start()
    for submission in list(islice(moves, 4)):
        writer.submit(submission)
    reports = [check_store(lmdb_store)]
    deadline_s = time.monotonic() + DEADLINE_S
    while not finished.is_set() and time.monotonic() < deadline_s:
        reports.append(check_store(lmdb_store))
    assert finished.is_set()
    assert writer.close(DEADLINE_S)
    assert [] == [finding for report in reports for finding in report.inconsistencies]
    assert {None} == {answer.error for answer in answers}
    assert 3 < len({report.seq for report in reports}), "no check ran beside a write"


def report_of(*kinds: str, finished_at_us: int) -> CheckReport:
    found = [Inconsistency(kind, None, None, "") for kind in kinds]  # type: ignore[arg-type]
    return CheckReport(found, 0, 0, 0, 0, 0, 0, 0.5, 1, finished_at_us)


def test_statistics_know_the_last_check_and_all_of_them() -> None:
    statistics = CheckStatistics()
    assert statistics.statistics().last_clean_at_us is None
    for report in (
        report_of("log_gap", "log_gap", "name_mismatch", finished_at_us=1),
        report_of(finished_at_us=2),
        report_of("log_gap", finished_at_us=3),
    ):
        statistics.record(report)
    shown = statistics.statistics()
    assert 3 == shown.checks
    assert set(KINDS) == set(shown.findings) == set(shown.last_findings)
    assert {"log_gap": 3, "name_mismatch": 1} == {
        kind: number for kind, number in shown.findings.items() if number
    }
    assert {"log_gap": 1} == {
        kind: number for kind, number in shown.last_findings.items() if number
    }
    assert 2 == shown.last_clean_at_us
    assert 3 == shown.duration_ns.count
    assert 1_500_000_000 == shown.duration_ns.total
