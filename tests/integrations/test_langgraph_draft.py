"""A draft: read back as if it were stored, and nothing is."""

from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from weft.actors import Runtime
from weft.integrations.langgraph_draft import DraftSaver
from weft.integrations.langgraph_saver import WeftSaver
from weft.storage import MemoryStore, PutCheckpoint, PutWrites, new_id
from weft.storage.operations import encode_value

AT: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
T = 5.0


@pytest.fixture
def saver() -> DraftSaver:
    return DraftSaver(MemoryStore(), None)


def draft(saver: WeftSaver, at: Any, **values: Any) -> Any:
    """Save a checkpoint with some channels."""
    checkpoint: Any = empty_checkpoint()
    checkpoint["channel_values"] = values
    versions: Any = {name: saver.get_next_version(None, None) for name in values}
    checkpoint["channel_versions"] = versions
    return saver.put(at, checkpoint, {"source": "update", "step": 1}, versions)


def test_what_is_drafted_is_read_back_and_not_stored(saver: DraftSaver) -> None:
    first = draft(saver, AT, a=1)
    second = draft(saver, first, a=2)
    newest = saver.get_tuple(AT)
    assert newest is not None
    assert (second, first, {"a": 2}) == (
        newest.config,
        newest.parent_config,
        newest.checkpoint["channel_values"],
    )
    older = saver.get_tuple(first)
    assert older is not None
    assert {"a": 1} == older.checkpoint["channel_values"]
    assert [] == list(saver.list(AT))


def test_a_stored_checkpoint_is_seen_until_one_is_drafted() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        stored = draft(WeftSaver(runtime), AT, a=1)
        saver = DraftSaver(runtime.store, None)
        found = saver.get_tuple(AT)
        assert found is not None
        assert stored == found.config
        drafted = draft(saver, stored, a=2)
        found = saver.get_tuple(AT)
        assert found is not None
        assert (drafted, stored) == (found.config, found.parent_config)


def test_writes_belong_to_their_checkpoint(saver: DraftSaver) -> None:
    at = draft(saver, AT, a=1)
    saver.put_writes(at, [("a", 2)], "task")
    saver.put_writes(at, [], "nothing")
    found = saver.get_tuple(at)
    assert found is not None
    assert [("task", "a", 2)] == found.pending_writes
    assert [PutCheckpoint, PutWrites] == [type(each) for each in saver.operations]


def test_the_operations_make_it_true_in_one_transaction() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        runtime.session("s").create_thread("t", thread_id="t").get(timeout=T)
        saver = DraftSaver(runtime.store, None)
        at = draft(saver, draft(saver, AT, a=1), a=2)
        saver.put_writes(at, [("a", 3)], "task")
        saver.bring(new_id(), encode_value({"a": 2}, "values"))
        drafted = saver.get_tuple(AT)
        before = runtime.store.statistics().seq
        runtime.coordinator.transact(saver.operations).get(timeout=T)
        assert before + 1 == runtime.store.statistics().seq
        stored = WeftSaver(runtime).get_tuple(AT)
        assert drafted is not None
        assert stored is not None
        assert (drafted.config, drafted.checkpoint, drafted.pending_writes) == (
            stored.config,
            stored.checkpoint,
            stored.pending_writes,
        )
        state = runtime.thread("t").state().get(timeout=T)
        assert state is not None
        assert {"a": 2} == state.values
        assert runtime.check().clean
