"""A commit whose answer is lost: sent again, and done once."""

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from tests.storage.client import Client
from weft.cluster import Fenced, line
from weft.cluster.line import Broken, Line, Refused
from weft.cluster.postgres import PostgresStore
from weft.storage import (
    CreateSession,
    CreateThreads,
    NameTaken,
    NewThread,
    StoreReadOnly,
    StoreUnavailable,
)


def session(session_id: str, op_id: str = "") -> CreateSession:
    return CreateSession(session_id=session_id, op_id=op_id)


class Unreliable(Line):
    """A line that loses what goes over it, so many times.

    Attributes:
        lost: commits that do not arrive.
        deaf: answers to commits that are lost on their way back.
        refuses: with what state each commit is refused that is sent again.
    """

    lost = deaf = 0
    refuses = ""

    def ask(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        is_commit = statement.startswith("SELECT weft_commit")
        if is_commit and self.refuses and not self.deaf:
            raise Refused("The server has other worries.", self.refuses, "")
        if is_commit and self.lost:
            self.lost -= 1
            self._lose()
        rows = super().ask(statement, values)
        if is_commit and self.deaf:
            self.deaf -= 1
            self._lose()
        return rows

    def _lose(self) -> None:
        self.close()
        raise Broken("The connection broke.")


@pytest.fixture
def unreliable(postgres_store: PostgresStore) -> Unreliable:
    """Return the line that the store's commits go over."""
    made = Unreliable(postgres_store._line._dsn)
    postgres_store._line.close()
    postgres_store._line = postgres_store._sender._line = made
    return made


def count(store: PostgresStore) -> int:
    with store.read() as snapshot:
        return sum(1 for _ in snapshot.operations())


@pytest.mark.parametrize("times", [1, 3])
def test_an_answer_that_was_lost_is_given_after_all(
    client: Client, postgres_store: PostgresStore, unreliable: Unreliable, times: int
) -> None:
    client.do(session("before"))
    unreliable.deaf = times
    outcomes = client.group(session("a"), session("b"), session("a", op_id="again"))
    assert [2, 3, None] == [outcome.seq for outcome in outcomes]
    assert 4 == count(postgres_store)
    assert 1 == postgres_store.cluster_statistics().settled
    assert 4 == client.outcome(session("c")).seq


def test_a_commit_that_was_lost_is_sent_again(
    client: Client, postgres_store: PostgresStore, unreliable: Unreliable
) -> None:
    unreliable.lost = 2
    assert 1 == client.outcome(session("a")).seq
    assert 0 == postgres_store.cluster_statistics().settled
    assert 1 == count(postgres_store)


def test_one_that_is_still_on_its_way_when_it_is_sent_again_is_done_once(
    client: Client,
    postgres_store: PostgresStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.do(session("a"))
    with (
        psycopg.connect(postgres_store._line._dsn) as holder,
        monkeypatch.context() as patch,
    ):
        patch.setattr(line, "STATEMENT_TIMEOUT_S", 0.3)
        holder.execute("SELECT * FROM weft_log FOR UPDATE")
        postgres_store._sender._retry_s = 0.5
        with pytest.raises(StoreReadOnly) as caught:
            client.do(session("b", op_id="b"))
        assert caught.value.details["in_doubt"]
    (outcome,) = client.group()
    assert (2, None) == (outcome.seq, outcome.error)
    assert client.outcome(session("b", op_id="b")).replayed
    assert 2 == count(postgres_store)


def test_a_group_in_doubt_is_settled_before_the_next_one(
    client: Client, postgres_store: PostgresStore, unreliable: Unreliable
) -> None:
    postgres_store._sender._retry_s = 0.0
    unreliable.deaf = 1
    outcome = client.outcome(session("a", op_id="a"))
    assert (1, None) == (outcome.seq, outcome.error), "the look at it found it there"
    unreliable.deaf = 2
    with pytest.raises(StoreReadOnly) as caught:
        client.do(session("b", op_id="b"))
    assert caught.value.details["in_doubt"]
    outcomes = [client.outcome(session(x, op_id=x)) for x in "bc"]
    assert [(2, True), (3, False)] == [(one.seq, one.replayed) for one in outcomes]
    assert 3 == count(postgres_store)


@pytest.mark.parametrize("state", ["53100", "53200", "55P03", "42501"])
def test_one_that_is_refused_when_it_is_sent_again_stays_in_doubt(
    client: Client, unreliable: Unreliable, state: str
) -> None:
    client.do(session("a"))
    unreliable.deaf, unreliable.refuses = 1, state
    with pytest.raises(StoreReadOnly, match="worries") as caught:
        client.do(session("b", op_id="b"))
    assert caught.value.details["in_doubt"], "it had been made when it was sent first"
    with pytest.raises(StoreUnavailable):
        client.do(session("c"))
    unreliable.refuses = ""
    outcomes = [client.outcome(session(x, op_id=x)) for x in "bc"]
    assert [(2, True), (3, False)] == [(one.seq, one.replayed) for one in outcomes]


def test_one_that_was_made_before_the_take_over_is_acknowledged(
    client: Client, unreliable: Unreliable
) -> None:
    client.do(session("a"))
    taken: list[PostgresStore] = []

    def take_over() -> None:
        taken.append(PostgresStore(unreliable._dsn, pulse_s=3600.0))
        Client(taken[0]).do(session("successor", op_id="successor"))
        lose()

    lose = unreliable._lose
    unreliable.deaf = 1
    unreliable._lose = take_over  # type: ignore[method-assign]
    outcome = client.outcome(session("b", op_id="b"))
    assert (2, None) == (outcome.seq, outcome.error)
    with pytest.raises(Fenced):
        client.do(session("c"))
    again = Client(taken[0]).outcome(session("b", op_id="b"))
    assert (2, True) == (again.seq, again.replayed)
    taken[0].close()


def test_one_that_was_not_made_before_the_take_over_is_refused(
    client: Client, unreliable: Unreliable
) -> None:
    client.do(session("a"))
    taken: list[PostgresStore] = []
    lose = unreliable._lose

    def take_over() -> None:
        taken.append(PostgresStore(unreliable._dsn, pulse_s=3600.0))
        lose()

    unreliable.lost = 1
    unreliable._lose = take_over  # type: ignore[method-assign]
    with pytest.raises(Fenced):
        client.do(session("b", op_id="b"))
    assert not Client(taken[0]).outcome(session("b", op_id="b")).replayed
    taken[0].close()


def test_after_a_reconnect_nothing_is_remembered(
    client: Client, postgres_store: PostgresStore, unreliable: Unreliable
) -> None:
    client.do(session("a"))
    client.do(CreateThreads(session_id="a", threads=(NewThread("t", "one"),)))
    assert postgres_store._postgres.recall.entries
    generation = postgres_store._postgres.recall.generation
    unreliable.close()
    client.do(session("b"))
    client.do(session("c"))
    assert generation < postgres_store._postgres.recall.generation
    assert not {("T", b"\x02t\x00\x00")} & set(postgres_store._postgres.recall.entries)


def test_what_was_remembered_and_has_changed_is_decided_again(
    client: Client, postgres_store: PostgresStore
) -> None:
    client.do(session("a"))
    names = [NewThread("t", "one"), NewThread("u", "two")]
    client.do(CreateThreads(session_id="a", threads=tuple(names)))
    postgres_store._postgres.recall.entries[("S", b"\x02a\x00\x01two")] = None
    postgres_store._recent.clear()
    late = CreateThreads(session_id="a", threads=(NewThread("v", "two"),))
    assert NameTaken is type(client.outcome(late).error)
    assert 1 == postgres_store.cluster_statistics().conflicts
