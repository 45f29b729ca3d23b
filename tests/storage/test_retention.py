"""Retention: what a plan names, how far it looks, where it goes on."""

import pytest
from msgspec.structs import replace

from tests.storage.client import START_US, Client, in_memory
from tests.storage.invariants import broken
from weft.storage import operations as op
from weft.storage.check import check
from weft.storage.engine import WriteTransaction
from weft.storage.keys import log_place, thread_key
from weft.storage.operations import encode_mapping
from weft.storage.operations import encode_value as raw
from weft.storage.retention import (
    HISTORY_KEY,
    History,
    Plan,
    Retention,
    plan_log,
    plan_threads,
)

KEEP_ALL = Retention(
    operations_s=None, operations_max=None, tombstones_s=None, associations_s=None
)
SECOND_US = 1_000_000
NOW_US = START_US + 100 * SECOND_US

store = pytest.fixture(in_memory)


def log_plan(client: Client, policy: Retention, now_us: int, limit: int = 100) -> Plan:
    return client.see(lambda s: plan_log(s, policy, now_us, limit))


def sweep(
    client: Client, policy: Retention, now_us: int = NOW_US, limit: int = 500
) -> int:
    """Plan and forget until the end is reached; return how many plans that took."""
    cursor: bytes | None = b""
    plans = 0
    while cursor is not None:
        with client.store.read() as snapshot:
            plan = plan_threads(snapshot, policy, now_us, cursor, limit)
        if plan.operation is not None:
            client.do(plan.operation)
        cursor, plans = plan.cursor, plans + 1
    assert [] == client.see(broken)
    return plans


def create(client: Client, *names: str, history: object = None) -> None:
    config = encode_mapping({HISTORY_KEY: history} if history else {}, "config")
    client.do(
        op.CreateThreads(
            session_id="a",
            threads=tuple(op.NewThread(name, name, config=config) for name in names),
            create_session=True,
        )
    )


def append(client: Client, thread_id: str, count: int) -> None:
    for n in range(count):
        client.do(
            op.AppendState(
                thread_id=thread_id, state_id=f"{thread_id}-{n}", values=raw(n)
            )
        )


def steps(client: Client, thread_id: str) -> list[int]:
    return client.see(lambda s: [state.step for state in s.states(thread_id)])


# -- the log -------------------------------------------------------------------------


def test_log_entries_go_when_they_are_too_old(client: Client) -> None:
    for n in range(4):
        at_us = START_US + n * SECOND_US
        client.do(op.CreateSession(session_id=f"s{n}", at_us=at_us))
    policy = replace(KEEP_ALL, operations_s=10.0)
    plan = log_plan(client, policy, START_US + 12 * SECOND_US)
    assert plan.operation is not None
    assert ["op-1", "op-2"] == [op_id for _, op_id in plan.operation.log]
    assert plan.cursor is None


def test_the_newest_log_entry_stays_however_old_it_is(client: Client) -> None:
    create(client, "t")
    append(client, "t", 2)
    plan = log_plan(client, replace(KEEP_ALL, operations_s=0.0), NOW_US)
    assert plan.operation is not None
    assert ["op-1", "op-2"] == [op_id for _, op_id in plan.operation.log]


def test_log_entries_over_the_limit_go_however_young_they_are(client: Client) -> None:
    create(client, "t")
    append(client, "t", 9)
    client.outcome(op.CreateSession(session_id="a"))  # refused: in the log, no seq
    plan = log_plan(client, replace(KEEP_ALL, operations_max=4), START_US)
    assert plan.operation is not None
    assert [f"op-{n}" for n in range(1, 7)] == [i for _, i in plan.operation.log]


def test_a_damaged_log_entry_goes_with_what_comes_behind_it(client: Client) -> None:
    for n in range(5):
        at_us = START_US + n * SECOND_US
        client.do(op.CreateSession(session_id=f"s{n}", at_us=at_us))
    damaged = {log_place(seq): b"junk!" for seq in (1, 3)}

    def drop(writing: WriteTransaction) -> None:
        for place in damaged:
            writing.delete("L", place)

    client.store._write(drop)  # PostgreSQL refuses to put an entry that is there
    client.store._write(lambda writing: writing.put_many("L", list(damaged.items())))
    policy = replace(KEEP_ALL, operations_s=10.0)
    plan = log_plan(client, policy, START_US + 12 * SECOND_US)
    assert plan.operation is not None
    assert [(log_place(1), ""), (log_place(2), "op-2")] == list(plan.operation.log)
    client.do(plan.operation)
    later = log_plan(client, policy, START_US + 14 * SECOND_US)
    assert later.operation is not None
    assert [(log_place(3), ""), (log_place(4), "op-4")] == list(later.operation.log)
    client.do(later.operation)
    kinds = [one.kind for one in client.see(check).inconsistencies]
    assert ["dangling_index_entry"] * 2 == kinds  # of the ids, which nobody knows


def test_a_plan_for_the_log_is_bounded_and_says_that_there_is_more(
    client: Client,
) -> None:
    create(client, "t")
    append(client, "t", 9)
    policy = replace(KEEP_ALL, operations_s=0.0)
    plan = log_plan(client, policy, NOW_US, limit=3)
    assert plan.operation is not None
    assert (3, True) == (len(plan.operation.log), plan.cursor is not None)


def test_a_log_that_is_kept_is_left_alone(client: Client) -> None:
    create(client, "t")
    append(client, "t", 3)
    assert Plan(None, None, 0) == log_plan(client, KEEP_ALL, NOW_US)
    young = replace(KEEP_ALL, operations_s=1_000.0, operations_max=100)
    assert Plan(None, None, 0) == log_plan(client, young, NOW_US)


# -- tombstones, associations, runs --------------------------------------------------


def test_a_tombstone_goes_when_its_associations_have_gone(client: Client) -> None:
    create(client, "t")
    client.do(op.RemoveThreads(threads=("t",)))
    policy = replace(KEEP_ALL, tombstones_s=10.0)
    sweep(client, policy)
    assert client.see(lambda s: s.get(thread_key("t"))) is not None
    policy = replace(policy, associations_s=10.0)
    sweep(client, policy)
    sweep(client, policy)
    assert client.see(lambda s: s.get(thread_key("t"))) is None


def test_what_is_younger_than_its_time_stays(client: Client) -> None:
    create(client, "t")
    client.do(op.StartRun(thread_id="t", run_id="r"))
    client.do(op.FinishRun(thread_id="t", run_id="r"))
    client.do(op.RemoveThreads(threads=("t",)))
    policy = Retention(
        tombstones_s=1e3, associations_s=1e3, runs_s=1e3, history=History(ttl_s=1e3)
    )
    plan = client.see(lambda s: plan_threads(s, policy, NOW_US))
    assert plan.operation is None


def test_an_inactive_association_goes_and_the_active_one_stays(client: Client) -> None:
    create(client, "t")
    client.do(
        op.TransferThreads(thread_ids=("t",), to_session_id="b", create_session=True)
    )
    sweep(client, replace(KEEP_ALL, associations_s=10.0))
    rows = client.see(lambda s: list(s.associations_by_thread("t")))
    assert [("b", True)] == [(row.session_id, row.is_active) for row in rows]


def test_an_ended_run_goes_and_one_in_progress_stays(client: Client) -> None:
    create(client, "t", "u")
    client.do(op.StartRun(thread_id="t", run_id="r"))
    client.do(op.FinishRun(thread_id="t", run_id="r"))
    client.do(op.StartRun(thread_id="u", run_id="q"))
    sweep(client, replace(KEEP_ALL, runs_s=10.0))
    assert client.see(lambda s: s.run("r")) is None
    assert client.see(lambda s: s.run("q")) is not None


# -- histories -----------------------------------------------------------------------


def test_keep_latest_keeps_the_newest_states(client: Client) -> None:
    create(client, "t", "u")
    append(client, "t", 5)
    append(client, "u", 1)
    sweep(client, replace(KEEP_ALL, history=History(keep=2)))
    assert ([5, 4], [1]) == (steps(client, "t"), steps(client, "u"))


def test_keep_latest_keeps_what_is_younger_than_its_time(client: Client) -> None:
    create(client, "t")
    append(client, "t", 5)
    state = client.see(lambda s: s.state("t", 3))
    assert state is not None
    history = History(keep=1, ttl_s=10.0)
    now_us = state.created_at_us + 10 * SECOND_US
    sweep(client, replace(KEEP_ALL, history=history), now_us)
    assert [5, 4, 3] == steps(client, "t")


def test_a_threads_own_policy_goes_before_the_runtimes(client: Client) -> None:
    create(client, "own", history={"strategy": "keep_latest", "keep": 4})
    create(client, "other")
    append(client, "own", 6)
    append(client, "other", 6)
    sweep(client, replace(KEEP_ALL, history=History(keep=2)))
    assert (4, 2) == (len(steps(client, "own")), len(steps(client, "other")))


@pytest.mark.parametrize("said", ["a word", {"keep": -1}, {"ttl": 3}, {"keep": "2"}])
def test_a_policy_that_is_none_keeps_everything(client: Client, said: object) -> None:
    create(client, "t", history=said)
    append(client, "t", 6)
    sweep(client, replace(KEEP_ALL, history=History(keep=2)))
    assert 6 == len(steps(client, "t"))


def test_delete_removes_a_thread_that_was_idle_for_its_time(client: Client) -> None:
    create(client, "t", history={"strategy": "delete", "ttl_s": 50})
    append(client, "t", 2)
    sweep(client, KEEP_ALL, START_US + 49 * SECOND_US)
    assert client.see(lambda s: s.thread("t")) is not None
    sweep(client, KEEP_ALL)
    assert client.see(lambda s: s.thread("t")) is None
    assert [] == steps(client, "t")


def test_delete_spares_a_thread_that_is_busy(client: Client) -> None:
    create(client, "t", history={"strategy": "delete", "ttl_s": 0})
    client.do(op.StartRun(thread_id="t", run_id="r"))
    sweep(client, KEEP_ALL)
    assert client.see(lambda s: s.thread("t")) is not None


# -- bounds --------------------------------------------------------------------------


def test_a_plan_looks_at_few_entries_and_goes_on_where_it_stopped(
    client: Client,
) -> None:
    create(client, *(f"t{n}" for n in range(20)))
    for n in range(20):
        append(client, f"t{n}", 3)
    plans = sweep(client, replace(KEEP_ALL, history=History(keep=1)), limit=4)
    assert plans >= 10
    assert [[3]] * 20 == [steps(client, f"t{n}") for n in range(20)]


def test_a_long_history_takes_several_plans(client: Client) -> None:
    create(client, "t")
    append(client, "t", 50)
    policy = replace(KEEP_ALL, history=History(keep=1))
    plan = client.see(lambda s: plan_threads(s, policy, NOW_US, limit=10))
    assert plan.operation is not None
    assert (("t", 1, 10),) == plan.operation.states
    assert sweep(client, policy, limit=10) >= 5
    assert [50] == steps(client, "t")


def test_one_thread_is_looked_at_whatever_its_own_policy_is(client: Client) -> None:
    create(client, "t", history={"keep": 5})
    create(client, "u")
    append(client, "t", 5)
    append(client, "u", 5)
    policy = replace(KEEP_ALL, history=History(keep=0))
    plan = client.see(lambda s: plan_threads(s, policy, NOW_US, only="t"))
    assert plan.operation == op.Expire(states=(("t", 1, 5),))


def test_a_damaged_record_is_passed_over(client: Client) -> None:
    create(client, "t", "u")
    append(client, "u", 3)
    raw_key = thread_key("t")[-1]
    client.store._write(lambda writing: writing.put_many("T", [(raw_key, b"junk!")]))
    policy = replace(KEEP_ALL, operations_s=0.0, history=History(keep=1))
    plan = client.see(lambda s: plan_threads(s, policy, NOW_US))
    assert plan.operation == op.Expire(states=(("u", 1, 2),))
