"""The check is silent about a sound store, and counts what it looked at.

What it says of damaged stores is in test_check_damage.py, and of some of their sessions
in test_check_sessions.py.
"""

import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from threading import Event
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.checking import (
    check_store,
    entries_of,
    is_sound,
    told,
)
from tests.storage.client import START_US, Client
from tests.storage.ownership import session, threads
from tests.storage.planting import Planted, plant
from tests.storage.workload import SESSIONS, Workload
from weft.storage import LmdbStore, MemoryStore
from weft.storage import operations as op
from weft.storage.check import (
    KINDS,
    CheckReport,
    CheckStatistics,
    Inconsistency,
    check,
)
from weft.storage.keys import COUNTERS_KEY, Key
from weft.storage.snapshot import Snapshot
from weft.storage.store import Outcome, TreeStore
from weft.storage.writer import Submission, Writer

DEADLINE_S = 20.0


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
    client = Client(store)
    client.do(session("a"))
    client.do(threads("a", "t:one"))
    plant(store, ["removed_row"])
    assert not check_store(store).clean
    report = check_store(store, "nobody")
    assert report.clean
    assert (0, 0) == (report.sessions, report.threads)


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
    original: MemoryStore,
) -> None:
    with original.read() as snapshot:
        looked = Looked(snapshot)
        assert check(looked).clean
    assert [COUNTERS_KEY] == looked.keys


def move_a_thread(store: TreeStore, at_us: int = 0) -> Client:
    """Move ``t`` from ``a`` to ``b``, so that an association of it is of the past."""
    client = Client(store)
    for session_id in ("a", "b"):
        client.do(op.CreateSession(session_id=session_id))
    client.do(op.CreateThreads(session_id="a", threads=(op.NewThread("t", "one"),)))
    client.do(op.TransferThreads(thread_ids=("t",), to_session_id="b", at_us=at_us))
    return client


def test_an_association_is_past_its_retention_only_if_one_is_given(
    store: TreeStore,
) -> None:
    moved_us = START_US + move_a_thread(store).number
    assert [] == check_store(store).inconsistencies
    with store.read() as snapshot:
        assert check(snapshot, expired_before_us=moved_us).clean
        report = check(snapshot, expired_before_us=moved_us + 1)
    assert Counter([Planted("expired_association", "a", "t")]) == told(report)


def test_an_association_of_before_1970_is_past_no_retention_unless_one_is_given(
    store: TreeStore,
) -> None:
    move_a_thread(store, at_us=-5)
    assert [] == check_store(store).inconsistencies
    with store.read() as snapshot:
        assert [] == check(snapshot, session_id="a").inconsistencies


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
    original: MemoryStore,
) -> None:
    report = check_store(original)
    held = original.statistics()
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
