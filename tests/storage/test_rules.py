"""The rules as a whole: random scripts against a model, and what always holds."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.storage.client import Client, dump
from tests.storage.invariants import broken
from tests.storage.model import STEPS, Model
from tests.storage.model_seen import seen
from tests.storage.samples import SAMPLES, WORLD, build_world
from tests.storage.strategies import THREADS, Script, scripts
from weft.storage import LmdbStore, MemoryStore, Snapshot, Thread, Tombstone, recent
from weft.storage.keys import Key, thread_key
from weft.storage.recent import GENERATION_MAX
from weft.storage.rules import RESULTS, Applied, Refused, decide, reads
from weft.storage.store import TreeStore

FAST = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
ON_DISK = settings(FAST, max_examples=25)


def play(store: TreeStore, script: Script) -> list[tuple[int | None, str | None]]:
    """Apply a script and return the numbers and the refusals."""
    return [
        (outcome.seq, type(outcome.error).__name__ if outcome.error else None)
        for group in script
        for outcome in store.apply(group)
    ]


def one_by_one(script: Script) -> Script:
    return [[operation] for group in script for operation in group]


def all_at_once(script: Script) -> Script:
    return [[operation for group in script for operation in group]]


def revs(snapshot: Snapshot) -> dict[str, int]:
    """Return the revision of every thread that ever lived."""
    found = {i: snapshot.get(thread_key(i)) for i in THREADS}
    return {i: x.rev for i, x in found.items() if isinstance(x, Thread | Tombstone)}


@given(scripts(), st.sampled_from([0, 3, GENERATION_MAX]))
@FAST
def test_a_store_does_what_the_model_says_and_keeps_its_invariants(
    script: Script, generation_max: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # Forgetting what it has read must make no difference but to the speed.
        patch.setattr(recent, "GENERATION_MAX", generation_max)
        check_against_the_model(script)


def check_against_the_model(script: Script) -> None:
    store, model = MemoryStore(), Model()
    last: dict[str, int] = {}
    for group in script:
        expected = [model.apply(operation) for operation in group]
        assert expected == play(store, [group])
        with store.read() as snapshot:
            image = model.world.image()
            graves = image.pop("graves")
            assert image == seen(snapshot)
            assert [] == broken(snapshot)
            now = revs(snapshot)
        assert graves.items() <= now.items()
        assert all(rev <= now[thread_id] for thread_id, rev in last.items())
        last = now
    assert model.seq == store.seq


@given(scripts())
@FAST
def test_groups_of_any_size_leave_the_same_bytes(script: Script) -> None:
    grouped, single, whole = MemoryStore(), MemoryStore(), MemoryStore()
    answers = play(grouped, script)
    assert answers == play(single, one_by_one(script))
    assert answers == play(whole, all_at_once(script))
    assert dump(grouped) == dump(single) == dump(whole)


@given(scripts())
@ON_DISK
def test_memory_and_disk_hold_the_same_bytes(script: Script) -> None:
    memory = MemoryStore()
    with tempfile.TemporaryDirectory() as directory:
        # The bytes are the same without the flushes, and come ten times sooner.
        disk = LmdbStore(Path(directory) / "data", sync=False)
        try:
            assert play(memory, script) == play(disk, script)
            assert dump(memory) == dump(disk)
        finally:
            disk.close()


@given(scripts(), st.data())
@FAST
def test_a_repeated_script_changes_nothing(script: Script, data: st.DataObject) -> None:
    store = MemoryStore()
    play(store, script)
    before = dump(store)
    flat = [operation for group in script for operation in group]
    first = {operation.op_id: operation for operation in reversed(flat)}
    again = data.draw(st.permutations(list(first.values())))
    assert all(outcome.replayed for outcome in store.apply(again))
    assert before == dump(store)


# -- the pure functions --------------------------------------------------------------


class Watched:
    """A view that remembers which keys it was asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.names = snapshot.names
        self.graph_entries = snapshot.graph_entries
        self.steps = snapshot.steps
        self._snapshot = snapshot
        self.touched: set[Key] = set()

    def get(self, key: Key) -> Any:
        self.touched.add(key)
        return self._snapshot.get(key)


def test_an_applied_operation_touches_every_key_it_is_known_to_read() -> None:
    client = Client(MemoryStore())
    build_world(client)
    with client.store.read() as snapshot:
        for sample in SAMPLES.values():
            view = Watched(snapshot)
            decision = decide(client.complete(sample.applied), view, len(WORLD) + 1)
            assert isinstance(decision, Applied), decision
            assert set(reads(sample.applied)) - view.touched == set(), sample.applied


def test_a_decision_leaves_the_view_alone_and_is_always_the_same() -> None:
    client = Client(MemoryStore())
    build_world(client)
    before = dump(client.store)
    with client.store.read() as snapshot:
        for sample in SAMPLES.values():
            operation = client.complete(sample.applied)
            first, again = (decide(operation, snapshot, 99) for _ in "12")
            assert isinstance(first, Applied)
            assert isinstance(again, Applied)
            assert (first.result, first.events) == (again.result, again.events)
            assert first.draft.writes == again.draft.writes
            refused = decide(client.complete(sample.refused), snapshot, 99)
            assert isinstance(refused, Refused)
    assert before == dump(client.store)


def test_every_kind_has_a_rule_an_answer_type_and_a_model() -> None:
    assert set(SAMPLES) == {kind.__name__ for kind in STEPS}
    assert None not in [RESULTS[kind] for kind in SAMPLES]
