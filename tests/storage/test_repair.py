"""A repair leaves nothing to find, and touches nothing that was right.

What was planted is known, so is what it touched: every key that a damage has not to do
with must hold the same bytes before and after.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.storage.checking import check_store, clone_in_memory, is_sound, told
from tests.storage.client import START_US, Client, dump
from tests.storage.planting import PLANTERS, plant, plant_possible
from tests.storage.workload import Workload
from weft.storage import (
    LmdbStore,
    MemoryStore,
    StaleRevision,
    StoreCorrupt,
    codec,
)
from weft.storage import operations as op
from weft.storage.check import CheckReport, check
from weft.storage.ids import pack_id
from weft.storage.keys import COUNTERS_KEY, log_place
from weft.storage.lmdb import LmdbEngine
from weft.storage.repair import RepairReport, plan_repairs, rehearse, repair
from weft.storage.rules_repair import REPAIRABLE
from weft.storage.store import TreeStore

BEYOND = frozenset(
    {
        "removed_log_entry",
        "damaged_thread",
        "damaged_session",
        "damaged_run",
        "damaged_state",
        "lost_ancestor",
        "damaged_checkpoint",
        "damaged_write",
        "damaged_channel",
        "checkpoint_under_the_key_of_another",
        "damaged_log_entry",
        "damaged_counters",
        "record_under_the_key_of_another",
    }
)
"""Damages to what is held once: no other copy to make it again from."""

MENDABLE = sorted(PLANTERS.keys() - BEYOND)


def mend(store: TreeStore, **options: Any) -> RepairReport:
    """Repair a store without a writer."""
    client = Client(store)
    client.number = 1 << 30  # no op id of the workload

    def submit(operations: Sequence[Any]) -> list[Any]:
        outcomes = client.group(*operations)
        return [outcome.error or outcome.result for outcome in outcomes]

    return repair(lambda: check_store(store), submit, **options)


def touched(store: TreeStore, before: TreeStore) -> set[tuple[str, bytes]]:
    """Return the keys whose values differ, but for the log and the counters."""
    old, new = dump(before, log=False), dump(store, log=False)
    return {
        (tree, key)
        for tree in new
        if tree != "M"
        for key, _ in set(old[tree]) ^ set(new[tree])
    }


def test_damaged_counters_are_counted_anew(tmp_store: Path) -> None:
    before = LmdbStore(tmp_store)
    Workload(Client(before), seed=2).run(200)
    with before.read() as snapshot:
        counted = snapshot.counters
    before.close()
    engine = LmdbEngine(tmp_store / "store")
    with engine.write() as trees:
        trees.put_many("M", [(COUNTERS_KEY[-1], b"junk!")])
    engine.close()
    with pytest.raises(StoreCorrupt):
        LmdbStore(tmp_store)
    store = LmdbStore(tmp_store, to_repair=True)
    assert mend(store).clean
    store.close()
    again = LmdbStore(tmp_store)
    assert is_sound(again)
    with again.read() as snapshot:
        assert counted == snapshot.counters
    again.close()


def test_an_operation_that_the_log_has_twice_is_told_once_and_repair_ends(
    store: TreeStore,
) -> None:
    client = Client(store)
    for number in (1, 2, 3):
        client.do(op.CreateSession(session_id=f"s{number}"))
    with store._engine.write() as trees:
        first, second = log_place(1), log_place(2)
        record = codec.decode("L", first, trees.get("L", first) or b"")
        twin = replace(record, seq=2)
        trees.put_many("L", [(second, codec.encode("L", second, twin))])
    report = mend(store)
    assert [("missing_index_entry", ("op-1", second.hex()))] == [
        (one.kind, one.items) for one in report.remaining
    ]
    assert report.rounds < 4
    with store.read() as snapshot:
        assert record == snapshot.operation("op-1")


@pytest.mark.parametrize("name", MENDABLE)
def test_a_damage_is_mended_and_nothing_healthy_is_touched(
    original: MemoryStore, name: str
) -> None:
    store, twin = clone_in_memory(original), clone_in_memory(original)
    findings = plant(store, [name])
    plant(twin, [name])
    report = mend(store)
    assert [] == report.remaining
    assert is_sound(store)
    assert report.fixes_applied
    assert 0 == report.repairs_failed == report.repairs_refused
    items = {item for finding in report.issues_found for item in finding.items}
    with twin.read() as snapshot:  # a run's own key does not name its thread
        threads = [t for f in findings if (t := f.thread_id) is not None]
        runs = [run.run_id for t in threads for run in snapshot.runs(t)]
    concerned = {pack_id(i) for f in findings for i in f[1:] if i is not None}
    concerned |= {pack_id(run_id) for run_id in runs}
    strangers = {
        (tree, key)
        for tree, key in touched(store, twin)
        if not any(packed in key for packed in concerned)
        and key.hex() not in items
        and not any(item.encode() in key for item in items)
    }
    # The owner that a thread's record names is not always the session of the finding.
    owners = {("S", key) for tree, key in strangers if tree == "S"}
    assert owners == strangers
    assert len(owners) <= 1


@pytest.mark.parametrize("name", sorted(BEYOND - {"damaged_counters"}))
def test_what_cannot_be_made_again_is_left_and_told(
    original: MemoryStore, name: str
) -> None:
    store = clone_in_memory(original)
    plant(store, [name])
    before = dump(store)
    report = mend(store)
    assert before == dump(store)
    assert 1 == report.repairs_failed == len(report.remaining)
    assert 0 == report.repairs_attempted


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.sampled_from(MENDABLE), min_size=2, max_size=12, unique=True),
)
def test_many_damages_are_mended_together(
    original: MemoryStore, names: list[str]
) -> None:
    store = clone_in_memory(original)
    plant(store, names)
    report = mend(store)
    assert [] == report.remaining, report.fixes_applied
    assert is_sound(store)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.integers(0, 1 << 16),
    st.lists(st.sampled_from(MENDABLE), min_size=1, max_size=20, unique=True),
)
def test_any_damages_to_any_store_are_found_and_mended(
    seed: int, names: list[str]
) -> None:
    store = MemoryStore()
    Workload(Client(store), seed).run(400)
    planted = plant_possible(store, names)
    assert Counter(planted) == told(check_store(store))
    report = mend(store)
    assert [] == report.remaining, report.fixes_applied
    assert is_sound(store)


@pytest.mark.parametrize("name", MENDABLE[::3])
def test_a_dry_run_writes_nothing_and_tells_the_same(
    original: MemoryStore, name: str
) -> None:
    store = clone_in_memory(original)
    plant(store, [name])
    before = dump(store)

    def submit(operations: Iterable[Any]) -> list[Any]:
        with store.read() as snapshot:
            return rehearse(snapshot, operations)

    report = repair(lambda: check_store(store), submit, dry_run=True)
    assert before == dump(store)
    real = mend(store)
    assert report.dry_run
    assert report.fixes_applied
    assert real.fixes_applied[: len(report.fixes_applied)] == report.fixes_applied
    assert report.issues_found == report.remaining == real.issues_found


def small_store(*damages: str) -> tuple[TreeStore, Client]:
    store = MemoryStore()
    client = Client(store)
    for session_id in ("a", "b", "c"):
        client.do(op.CreateSession(session_id=session_id))
    client.do(op.CreateThreads(session_id="a", threads=(op.NewThread("t", "one"),)))
    plant(store, damages)
    return store, client


def test_a_newer_truth_refuses_a_repair_and_is_not_overwritten() -> None:
    store, client = small_store("second_list")
    report = check_store(store)
    client.do(op.TransferThreads(thread_ids=("t",), to_session_id="c"))
    before = dump(store, log=False)
    (operation,) = plan_repairs(report)
    assert StaleRevision is type(client.refuse(operation))
    assert before == dump(store, log=False)


def test_a_refused_repair_is_counted_and_looked_at_again() -> None:
    store, client = small_store("second_list")
    stale = check_store(store)
    client.do(op.TransferThreads(thread_ids=("t",), to_session_id="c"))
    looks: list[CheckReport] = [stale]

    def submit(operations: Sequence[Any]) -> list[Any]:
        outcomes = client.group(*operations)
        return [outcome.error or outcome.result for outcome in outcomes]

    def look() -> CheckReport:
        return looks.pop() if looks else check_store(store)

    first = repair(look, submit)
    assert (1, 1, 0) == (
        first.repairs_attempted,
        first.repairs_refused,
        first.repairs_successful,
    )
    second = repair(look, submit)
    assert (1, []) == (second.repairs_successful, second.remaining)


def test_a_repair_is_in_the_log_and_tells_the_sessions() -> None:
    store, client = small_store("second_list")
    (operation,) = plan_repairs(check_store(store))
    outcome = client.outcome(operation)
    record = client.see(lambda s: s.operation(outcome.operation.op_id))
    assert record is not None
    assert ("Repair", "applied") == (record.kind, record.outcome)
    assert ("b",) == record.session_ids
    assert [("b", "released")] == [(e.session_id, e.change) for e in outcome.events]


def test_a_repair_that_is_repeated_gives_the_first_answer() -> None:
    store, client = small_store("second_list")
    (operation,) = plan_repairs(check_store(store))
    first = client.outcome(operation)
    again = store.apply([first.operation])[0]
    assert again.replayed
    assert first.result == again.result


def test_a_repair_of_what_is_right_changes_nothing() -> None:
    store, client = small_store("second_list")
    (operation,) = plan_repairs(check_store(store))
    client.do(operation)
    before = dump(store, log=False)
    assert [] == client.do(operation)
    assert before == dump(store, log=False)


def test_a_correction_of_counters_is_made_once() -> None:
    damaged, _ = small_store("wrong_counters")
    store = clone_in_memory(damaged)  # which counts on from what is stored
    client = Client(store)
    client.number = 1000
    report = check_store(store)
    (operation,) = plan_repairs(report)
    client.do(operation)
    assert StaleRevision is type(client.refuse(operation))
    assert check_store(store).clean


def test_an_expired_association_is_removed() -> None:
    store, client = small_store()
    client.do(op.TransferThreads(thread_ids=("t",), to_session_id="b"))

    def look() -> CheckReport:
        with store.read() as snapshot:
            return check(snapshot, expired_before_us=START_US + (1 << 40))

    def submit(operations: Sequence[Any]) -> list[Any]:
        return [client.do(operation) for operation in operations]

    report = repair(look, submit)
    assert ["expired_association"] == [f.kind for f in report.issues_found]
    assert (1, []) == (report.repairs_successful, report.remaining)
    assert client.see(lambda s: s.association("a", "t")) is None


def test_a_report_can_be_read_by_subscript() -> None:
    report = mend(small_store("second_list")[0])
    assert 1 == report["repairs_successful"] == report.repairs_successful
    with pytest.raises(KeyError):
        report["no such field"]


def test_every_repair_is_of_a_kind_that_a_check_finds() -> None:
    from weft.storage.check import KINDS

    assert REPAIRABLE <= set(KINDS)
    beyond = {"log_gap", "broken_checkpoint", "expired_association"}
    assert beyond == set(KINDS) - REPAIRABLE
