"""The log of operations: every decision in its place, until it is forgotten.

Part of the contract: every test runs on every store.
"""

from pathlib import Path

from msgspec.structs import replace

from tests.storage.client import START_US, Client, dump
from tests.storage.invariants import broken
from tests.storage.ownership import session
from tests.storage.samples import APPLIED, REFUSED, build_world
from weft.storage import LmdbStore
from weft.storage import operations as op
from weft.storage.errors import SessionExists, SessionNotFound


def test_numbers_have_no_gap_and_refusals_stand_in_the_log_where_they_fell(
    client: Client,
) -> None:
    operations = [
        session("a", op_id="1"),
        session("a", op_id="refused after 1"),
        session("a", op_id="refused after 1, too"),
        session("b", op_id="2"),
        session("c", op_id="3"),
        session("a", op_id="refused after 3"),
    ]
    outcomes = client.group(*operations[:2]) + client.group(*operations[2:])
    assert [1, None, None, 2, 3, None] == [outcome.seq for outcome in outcomes]
    log = client.see(lambda s: list(s.operations()))
    assert [o.op_id for o in operations] == [record.op_id for record in log]
    assert [o.seq for o in outcomes] == [record.seq for record in log]
    assert (3, 1) == client.see(lambda s: s.log_end)


def test_a_refusal_as_the_first_entry_of_the_log_has_its_place(client: Client) -> None:
    early = client.outcome(op.CloseSession(session_id="a", op_id="early"))
    assert SessionNotFound is type(early.error)
    client.do(session("a", op_id="1"))
    log = client.see(lambda s: list(s.operations()))
    assert ["early", "1"] == [record.op_id for record in log]


def test_operations_after_a_number_begin_behind_its_entry_and_the_refusals_there(
    client: Client,
) -> None:
    for session_id in ("a", "a", "b", "c", "c"):
        client.outcome(session(session_id))
    seqs = client.see(lambda s: [r.seq for r in s.operations(after_seq=1)])
    assert [2, 3, None] == seqs
    assert [] == client.see(lambda s: [r.seq for r in s.operations(after_seq=3)])


def test_the_log_says_what_happened_to_whom_and_why_not(client: Client) -> None:
    build_world(client)
    client.do(replace(APPLIED["TransferThreads"], op_id="move"))
    client.outcome(replace(REFUSED["UpdateSession"], op_id="clash"))
    move = client.see(lambda s: s.operation("move"))
    assert move is not None
    assert ("TransferThreads", "applied", {"a", "b"}, {"t1", "t3"}) == (
        move.kind,
        move.outcome,
        set(move.session_ids),
        set(move.thread_ids),
    )
    clash = client.see(lambda s: s.operation("clash"))
    assert clash is not None
    assert ("refused", ("c",), START_US + client.number) == (
        clash.outcome,
        clash.session_ids,
        clash.at_us,
    )
    assert clash.seq is None
    assert client.see(lambda s: s.operation("never")) is None


# -- forgetting ----------------------------------------------------------------------


def test_forgotten_operations_are_gone_with_their_answers(client: Client) -> None:
    for session_id in ("a", "b", "b", "c"):
        client.outcome(session(session_id, op_id=""))
    assert 3 == client.store.expire_operations(START_US + 4)
    assert ["op-4"] == client.see(lambda s: [r.op_id for r in s.operations()])
    assert client.see(lambda s: s.operation("op-1")) is None
    repeated = client.outcome(session("a", op_id="op-1"))
    assert SessionExists is type(repeated.error), "it is a new operation now"
    assert not repeated.replayed


def test_the_newest_entry_stays_so_that_numbers_go_on(tmp_store: Path) -> None:
    first = LmdbStore(tmp_store)
    client = Client(first)
    for session_id in ("a", "b", "b"):
        client.outcome(session(session_id))
    assert 2 == first.expire_operations(START_US + 100)
    assert 0 == first.expire_operations(START_US + 100)
    first.close()
    second = LmdbStore(tmp_store)
    assert 3 == Client(second).outcome(session("c", op_id="new")).seq
    second.close()


def test_operations_are_forgotten_no_more_than_the_limit_at_a_time(
    client: Client,
) -> None:
    client.group(*[session(f"s{n}") for n in range(10)])
    forgotten = [client.store.expire_operations(START_US + 9, limit=3) for _ in "1234"]
    assert [3, 3, 2, 0] == forgotten
    assert [9, 10] == client.see(lambda s: [r.seq for r in s.operations()])


def test_forgetting_changes_nothing_but_the_log(client: Client) -> None:
    build_world(client)
    before = dump(client.store, log=False)
    client.store.expire_operations(START_US + 100)
    assert before == dump(client.store, log=False)
    assert [] == client.see(broken)
