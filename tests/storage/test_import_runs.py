"""Runs that have not ended, exported and imported: steps, places in line, attempts."""

import pytest
from msgspec.structs import replace

from tests.storage.client import Client, in_memory
from tests.storage.importing import export, load
from tests.storage.samples import build_world
from weft.storage import MemoryStore
from weft.storage import operations as op
from weft.storage.operations import encode_value as raw
from weft.storage.store import TreeStore

store = pytest.fixture(in_memory)


def steps_and_line(client: Client) -> None:
    """Leave a run with steps, one between two attempts, and two that wait."""
    build_world(client)
    for name in ("pay", "tell"):
        client.do(
            op.RecordStep(
                thread_id="t2", run_id="r2", attempt=1, rev=1, name=name, value=raw([1])
            )
        )
    waiting = op.StartRun(
        thread_id="t2",
        run_id="r3",
        workflow="w",
        if_busy="enqueue",
        behind="r2",
        metadata=raw({"m": 1}),
    )
    client.do(waiting)
    client.do(
        op.StartRun(
            thread_id="t3", run_id="r4", workflow="w", not_before_us=1 << 60,
            timeout_us=5,
        )
    )  # fmt: skip
    failure = op.Failure("E", "why")
    client.do(
        op.RetryRun(
            thread_id="t2", run_id="r2", attempt=1, error=failure, not_before_us=9
        )
    )


def in_hand(store: TreeStore) -> list[object]:
    """Return what a store knows of runs that have not ended, without its numbers."""
    with store.read() as snapshot:
        runs = [snapshot.run(run_id) for run_id in ("r2", "r3", "r4")]
        steps = [step for _, step in snapshot.steps("r2")]
        queued = sorted(key for key, _ in snapshot.queued_runs())
        live = list(snapshot.live_runs())
    numbers = dict.fromkeys(("created_seq", "updated_seq"), 0)
    return [
        *(replace(run, **numbers, began_seq=0) for run in runs if run is not None),
        *(replace(step, **numbers) for step in steps),
        queued,
        live,
    ]


@pytest.mark.parametrize("sessions", [None, ["a"]])
@pytest.mark.parametrize("fresh", [True, False])
def test_runs_in_hand_come_with_their_steps_and_their_place_in_line(
    store: TreeStore, sessions: list[str] | None, fresh: bool
) -> None:
    first = Client(MemoryStore())
    steps_and_line(first)
    lines = export(first.store, sessions)
    assert 2 == sum(b'"record":"step"' in line for line in lines)
    if not fresh:
        Client(store).do(op.CreateSession(session_id="other"))
    _, bad = load(store, lines)
    assert [] == bad
    assert in_hand(first.store) == in_hand(store)
    again, bad = load(store, lines)
    assert ({}, []) == (again.imported, bad)


def test_a_step_without_its_run_is_refused(store: TreeStore) -> None:
    first = Client(MemoryStore())
    steps_and_line(first)
    lines = [line for line in export(first.store) if b'"run_id":"r2"' not in line
             or b'"record":"step"' in line]  # fmt: skip
    _, bad = load(store, lines[:-1])
    words = [line.why for line in bad if "step" in line.why]
    assert 2 == len(words)
    assert "not in progress" in words[0]
