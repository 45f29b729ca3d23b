"""Forgetting: what is named goes, unless it has changed since it was named."""

import pytest

from tests.storage.client import Client, in_memory
from tests.storage.invariants import broken
from weft.storage import Tombstone
from weft.storage import operations as op
from weft.storage.errors import InvalidArgument
from weft.storage.keys import log_place, thread_key
from weft.storage.operations import encode_value as raw
from weft.storage.rules_retention import Forgotten

store = pytest.fixture(in_memory)


@pytest.fixture(autouse=True)
def world(client: Client) -> None:
    """Session a owns t with three states, b is there, g was moved, then removed."""
    client.do(op.CreateSession(session_id="a"))
    client.do(op.CreateSession(session_id="b"))
    threads = (op.NewThread("t", "one"), op.NewThread("g", "gone"))
    client.do(op.CreateThreads(session_id="a", threads=threads))
    for n in range(3):
        client.do(op.AppendState(thread_id="t", state_id=f"s{n}", values=raw(n)))
    client.do(op.TransferThreads(thread_ids=("g",), to_session_id="b"))
    client.do(op.RemoveThreads(threads=("g",)))


def steps(client: Client, thread_id: str = "t") -> list[int]:
    return client.see(lambda s: [state.step for state in s.states(thread_id)])


def updated_seq(client: Client) -> int:
    thread = client.see(lambda s: s.thread("t"))
    assert thread is not None
    return thread.updated_seq


def forget(client: Client, operation: op.Expire) -> Forgotten:
    forgotten: Forgotten = client.do(operation)
    assert [] == client.see(broken)
    return forgotten


def test_states_that_are_named_go_and_the_rest_stays(client: Client) -> None:
    forgotten = forget(client, op.Expire(states=(("t", 1, 2),)))
    assert Forgotten(states=2) == forgotten
    assert [3] == steps(client)


def test_the_next_state_counts_on_from_the_newest(client: Client) -> None:
    forget(client, op.Expire(states=(("t", 1, 2),)))
    client.do(op.AppendState(thread_id="t", state_id="s4", values=raw(4)))
    assert [4, 3] == steps(client)


def test_a_thread_without_states_begins_anew(client: Client) -> None:
    forget(client, op.Expire(states=(("t", 1, 3),)))
    client.do(op.AppendState(thread_id="t", state_id="s4", values=raw(4)))
    assert [1] == steps(client)
    assert [] == client.see(broken)


def test_a_history_loses_nothing_from_its_middle(client: Client) -> None:
    assert Forgotten() == forget(client, op.Expire(states=(("t", 2, 2),)))
    both = op.Expire(states=(("t", 1, 1), ("t", 2, 2)))
    assert Forgotten(states=2) == forget(client, both)


def test_the_last_state_of_a_busy_thread_stays(client: Client) -> None:
    client.do(op.StartRun(thread_id="t", run_id="r"))
    assert Forgotten(states=2) == forget(client, op.Expire(states=(("t", 1, 3),)))
    assert [3] == steps(client)


def test_states_forgotten_in_the_group_that_wrote_them_are_counted_once(
    client: Client,
) -> None:
    client.group(
        op.AppendState(thread_id="t", state_id="s4", values=raw(4)),
        op.Expire(states=(("t", 1, 4),)),
        op.AppendState(thread_id="t", state_id="s5", values=raw(5)),
    )
    assert [1] == steps(client)
    assert [] == client.see(broken)


def test_a_run_goes_once_it_has_ended(client: Client) -> None:
    client.do(op.StartRun(thread_id="t", run_id="r"))
    gone = op.Expire(runs=(("t", "r"),))
    assert Forgotten() == forget(client, gone)
    client.do(op.FinishRun(thread_id="t", run_id="r"))
    assert Forgotten() == forget(client, op.Expire(runs=(("g", "r"),)))
    assert Forgotten(runs=1) == forget(client, gone)
    assert client.see(lambda s: s.run("r")) is None


def test_an_idle_thread_goes_with_all_it_has(client: Client) -> None:
    gone = op.Expire(threads=(("t", updated_seq(client), 3),))
    assert Forgotten(threads=1) == forget(client, gone)
    assert client.see(lambda s: s.thread("t")) is None
    assert isinstance(client.see(lambda s: s.get(thread_key("t"))), Tombstone)
    assert [] == steps(client)


@pytest.mark.parametrize(
    "meanwhile",
    [
        op.AppendState(thread_id="t", state_id="s4", values=raw(4)),
        op.StartRun(thread_id="t", run_id="r"),
        op.RenameThread(thread_id="t", new_name="uno"),
        op.RemoveThreads(threads=("t",)),
    ],
    ids=lambda operation: operation.kind,
)
def test_a_thread_that_did_anything_since_stays(
    client: Client, meanwhile: op.Operation
) -> None:
    gone = op.Expire(threads=(("t", updated_seq(client), 3),))
    client.do(meanwhile)
    assert Forgotten() == forget(client, gone)


def test_a_tombstone_goes_with_the_associations_of_its_thread(client: Client) -> None:
    rows = (("g", "a", 1), ("g", "b", 1))
    gone = op.Expire(tombstones=(("g", 2),), associations=rows)
    assert Forgotten(tombstones=1, associations=2) == forget(client, gone)
    assert client.see(lambda s: s.get(thread_key("g"))) is None
    assert [] == client.see(lambda s: list(s.associations_by_thread("g")))
    # It is as if it had never been: a create is its first life.
    (thread,) = client.do(
        op.CreateThreads(session_id="a", threads=(op.NewThread("g", "gone"),))
    )
    assert 1 == thread.rev
    assert [] == client.see(broken)


def test_a_tombstone_stays_if_its_thread_has_lived_and_died_again(
    client: Client,
) -> None:
    again = op.CreateThreads(session_id="a", threads=(op.NewThread("g", "gone"),))
    client.do(again)
    assert Forgotten() == forget(client, op.Expire(tombstones=(("g", 2),)))
    client.do(op.RemoveThreads(threads=("g",)))
    assert Forgotten() == forget(client, op.Expire(tombstones=(("g", 2),)))


def test_an_association_stays_that_is_active_or_was_again(client: Client) -> None:
    rows = (("t", "a", 1), ("g", "a", 2))
    assert Forgotten() == forget(client, op.Expire(associations=rows))


def test_a_log_entry_goes_with_the_answer_to_its_operation(client: Client) -> None:
    first = op.Expire(log=((log_place(1), "op-1"),))
    assert Forgotten(operations=1) == forget(client, first)
    assert client.see(lambda s: s.operation("op-1")) is None
    assert 2 == client.see(lambda s: next(s.operations()).seq)


def test_an_op_id_that_was_used_again_keeps_its_new_answer(client: Client) -> None:
    forget(client, op.Expire(log=((log_place(1), "op-1"),)))
    client.do(op.CreateSession(session_id="c", op_id="op-1"))
    forget(client, op.Expire(log=((log_place(1), "op-1"),)))
    record = client.see(lambda s: s.operation("op-1"))
    assert record is not None
    assert ("c",) == record.session_ids


def test_one_operation_forgets_a_bounded_number_of_records(client: Client) -> None:
    assert InvalidArgument is type(
        client.refuse(op.Expire(states=(("t", 1, 600), ("t", 1, 401))))
    )
