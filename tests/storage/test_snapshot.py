"""Looking things up and listing them, at one moment, on every store."""

import pytest

from tests.storage.client import Client
from weft.storage import Snapshot, new_id
from weft.storage import operations as op
from weft.storage.operations import encode_value as raw


def create(session_id: str, *thread_ids: str) -> op.CreateThreads:
    """Create threads whose names are their ids backwards."""
    new = tuple(op.NewThread(i, i[::-1]) for i in thread_ids)
    return op.CreateThreads(session_id=session_id, threads=new, create_session=True)


def move(thread_id: str, session_id: str) -> op.TransferThreads:
    return op.TransferThreads(
        thread_ids=(thread_id,), to_session_id=session_id, create_session=True
    )


def rows(snapshot: Snapshot, session_id: str) -> list[tuple[str, bool]]:
    found = snapshot.associations(session_id, active_only=False)
    return [(row.thread_id, row.is_active) for row in found]


def test_what_is_not_there_is_none(client: Client) -> None:
    with client.store.read() as snapshot:
        assert 0 == snapshot.seq
        assert [None] * 6 == [
            snapshot.session("x"),
            snapshot.thread("x"),
            snapshot.association("x", "y"),
            snapshot.state("x"),
            snapshot.run("x"),
            snapshot.operation("x"),
        ]
        assert [[]] * 8 == [
            list(snapshot.sessions()),
            list(snapshot.names("x")),
            list(snapshot.threads("x")),
            list(snapshot.associations("x", active_only=False)),
            list(snapshot.associations_by_thread("x")),
            list(snapshot.states("x")),
            list(snapshot.runs("x")),
            list(snapshot.interactions("x")),
        ]


def test_a_sessions_threads_are_listed_by_name(client: Client) -> None:
    client.do(create("a", "1z", "2y", "3x"))
    client.do(create("ab", "4w"))
    listed = client.see(lambda s: [t.thread_id for t in s.threads("a")])
    assert ["3x", "2y", "1z"] == listed
    assert [("w4", "4w")] == client.see(lambda s: list(s.names("ab")))


def test_associations_are_listed_active_first_and_inactive_on_demand(
    client: Client,
) -> None:
    client.do(create("a", "t1", "t2", "t3"))
    client.do(move("t1", "b"))
    client.do(op.RemoveThreads(threads=("t2",)))
    active = client.see(lambda s: [r.thread_id for r in s.associations("a")])
    assert ["t3"] == active
    assert [("t3", True), ("t1", False), ("t2", False)] == client.see(
        lambda s: rows(s, "a")
    )
    client.do(move("t1", "a"))
    assert [("t1", True), ("t3", True), ("t2", False)] == client.see(
        lambda s: rows(s, "a")
    )
    assert [("t1", False)] == client.see(lambda s: rows(s, "b"))


def test_a_threads_associations_are_listed_by_session(client: Client) -> None:
    client.do(create("m", "t"))
    client.do(create("a", "tt"))
    for session_id in ("z", "b", "m"):
        client.do(move("t", session_id))
    found = client.see(
        lambda s: [(r.session_id, r.is_active) for r in s.associations_by_thread("t")]
    )
    assert [("b", False), ("m", True), ("z", False)] == found
    client.do(op.RemoveThreads(threads=("t",)))
    left = client.see(lambda s: [r.is_active for r in s.associations_by_thread("t")])
    assert [False] * 3 == left


@pytest.mark.parametrize("generated", [False, True])
def test_sessions_are_paged_with_the_last_id_seen(
    client: Client, generated: bool
) -> None:
    ids = [new_id() if generated else f"s{n}" for n in range(7)]
    ids += ["s", "s-", "s1x", "z" * 100]
    client.group(*[create(i, f"{n}a", f"{n}b", f"{n}c") for n, i in enumerate(ids)])
    whole = client.see(lambda s: [x.session_id for x in s.sessions()])
    assert sorted(ids) == sorted(whole)
    after: str | None = None
    paged: list[str] = []
    for _ in ids:
        found = client.see(lambda s: next(s.sessions(after=after)))  # noqa: B023
        after = found.session_id
        paged.append(after)
    assert whole == paged
    assert [] == client.see(lambda s: list(s.sessions(after=after)))


def test_paging_goes_on_behind_an_id_that_is_gone(client: Client) -> None:
    client.group(*[op.CreateSession(session_id=i) for i in ("a", "c")])
    after_b = client.see(lambda s: [x.session_id for x in s.sessions(after="b")])
    assert ["c"] == after_b


def test_states_are_listed_newest_first_from_any_step(client: Client) -> None:
    client.do(create("a", "t", "t2", "s"))
    for thread_id in ("s", "t", "t2"):
        for n in (1, 2, 3):
            state_id = f"{thread_id}{n}"
            client.do(
                op.AppendState(thread_id=thread_id, state_id=state_id, values=raw(n))
            )
    with client.store.read() as snapshot:
        assert [3, 2, 1] == [state.step for state in snapshot.states("t")]
        assert [2, 1] == [state.step for state in snapshot.states("t", before=3)]
        assert [] == list(snapshot.states("t", before=1))
        assert [3, 2, 1] == [state.step for state in snapshot.states("t", before=99)]
        last, second = snapshot.state("t"), snapshot.state("t", 2)
        assert last is not None
        assert second is not None
        assert ("t3", "t2") == (last.state_id, second.state_id)
        assert snapshot.state("t", 4) is None


def test_steps_are_ordered_as_numbers(client: Client) -> None:
    client.do(create("a", "t"))
    client.group(
        *[
            op.AppendState(thread_id="t", state_id=str(n), values=raw(n))
            for n in range(300)
        ]
    )
    steps = client.see(lambda s: [state.step for state in s.states("t")])
    assert list(range(300, 0, -1)) == steps


def test_a_threads_runs_are_listed_newest_id_first(client: Client) -> None:
    client.do(create("a", "t", "t2"))
    for run_id in ("r1", "r2", "r3"):
        client.do(op.StartRun(thread_id="t", run_id=run_id, workflow="w"))
        client.do(op.FinishRun(thread_id="t", run_id=run_id))
    client.do(op.StartRun(thread_id="t2", run_id="q", workflow="w"))
    runs = client.see(lambda s: [run.run_id for run in s.runs("t")])
    assert ["r3", "r2", "r1"] == runs
    assert [("q", "t2")] == client.see(lambda s: list(s.live_runs()))


def test_generated_and_given_ids_live_side_by_side(client: Client) -> None:
    upper = new_id().upper()
    ids = [upper, upper.lower(), upper.replace("-", "").lower(), "t"]
    client.do(op.CreateSession(session_id=upper))
    client.do(create(upper.lower(), *ids))
    listed = client.see(lambda s: {t.thread_id for t in s.threads(upper.lower())})
    assert set(ids) == listed
    assert [] == client.see(lambda s: list(s.names(upper)))
