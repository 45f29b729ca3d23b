"""What graphs left, without what it belongs to."""

from typing import Any

from msgspec.structs import replace

from tests.storage.planters.field import (
    Field,
    Planted,
    about,
)
from weft.storage import CheckpointReader, keys
from weft.storage import keys_checkpoints as graph
from weft.storage.checkpoints import ChannelValue, Checkpoint, PendingWrite
from weft.storage.records import (
    Thread,
)


def graph_keys(field: Field, thread: Thread, kind: str) -> list[keys.Key]:
    """Return the keys of a kind that graphs left in a thread."""
    found = field.view.graph_entries(thread.thread_id)
    return [key for key, _ in found if key[0] == kind]


def with_graph(field: Field) -> tuple[Thread, Any]:
    """Take a thread in which graphs left checkpoints; with its newest one."""
    reader = CheckpointReader(field.view)

    def newest(thread: Thread) -> Any:
        """Return one that is a sum, of a run; its parent is there."""
        found = reader.checkpoint(thread.thread_id)
        if found is None or found.parent_id is None or found.run_id is None:
            return None
        parent = reader.checkpoint(thread.thread_id, "", found.parent_id)
        return found if parent is not None else None

    thread = field.thread(newest)
    return thread, newest(thread)


def checkpoint_of(field: Field, thread_id: str) -> None:
    """Plant a checkpoint without channels."""
    blob = ("null", b"")
    one = Checkpoint(
        thread_id, "", field.fresh("checkpoint"), None, {}, blob, blob, None, (),
        0, 1, 1, 1,
    )  # fmt: skip
    field.put(graph.key_of(one), one)


def checkpoint_of_nothing(field: Field) -> Planted:
    ghost = field.fresh("thread")
    checkpoint_of(field, ghost)
    return Planted("checkpoint_without_thread", None, ghost)


def checkpoint_of_a_removed_thread(field: Field) -> Planted:
    thread_id = field.removed_row().thread_id
    checkpoint_of(field, thread_id)
    return Planted("checkpoint_without_thread", None, thread_id)


def write_of_nothing(field: Field) -> Planted:
    ghost, blob = field.fresh("thread"), ("null", b"")
    write = PendingWrite(ghost, "", "c", "task", 0, "words", blob, "", 1)
    field.put(graph.key_of(write), write)
    return Planted("checkpoint_without_thread", None, ghost)


def value_of_no_checkpoint(field: Field) -> Planted:
    thread = field.thread()
    name, blob = field.fresh("channel"), ("null", b"")
    value = ChannelValue(thread.thread_id, "", name, "1.0", blob, 1)
    field.put(graph.key_of(value), value)
    return about("value_without_checkpoint", thread)


def lost_ancestor(field: Field) -> Planted:
    thread, newest = with_graph(field)
    changed = replace(newest, parent_id=field.fresh("checkpoint"))
    field.put(graph.key_of(newest), changed)
    return about("broken_checkpoint", thread)


def removed_mark(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.delete(graph.writer_run_key(thread.thread_id, newest.run_id))
    return about("missing_index_entry", thread)


def removed_graph_run(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.delete(graph.run_thread_key(newest.run_id, thread.thread_id))
    return about("missing_index_entry", thread)


def writer_without_a_mark(field: Field) -> Planted:
    thread = field.thread()
    field.put(graph.writer_key(thread.thread_id), field.fresh("run"))
    return about("missing_index_entry", thread)


def graph_run_of_nothing(field: Field) -> Planted:
    thread = field.thread()
    key = graph.run_thread_key(field.fresh("run"), thread.thread_id)
    field.put(key, value=True)
    return about("dangling_index_entry", thread)


def graph_run_of_no_thread(field: Field) -> Planted:
    ghost = field.fresh("thread")
    field.put(graph.run_thread_key(field.fresh("run"), ghost), value=True)
    return Planted("dangling_index_entry", None, ghost)
