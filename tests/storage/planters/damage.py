"""Values whose bytes are not what was written, or stand elsewhere."""

from msgspec.structs import replace

from tests.storage.planters.field import (
    Field,
    Planted,
    about,
    own_row,
    row_key,
)
from tests.storage.planters.graphs import graph_keys, with_graph
from tests.storage.planters.log import logged
from weft.storage import keys
from weft.storage import keys_checkpoints as graph


def damaged_thread(field: Field) -> Planted:
    thread = field.thread(lambda t: field.view.state(t.thread_id))
    field.spoil(keys.thread_key(thread.thread_id))
    return about("damaged_record", thread)


def damaged_session(field: Field) -> Planted:
    session = field.session()
    field.spoil(keys.session_key(session.session_id))
    return Planted("damaged_record", session.session_id, None)


def damaged_list_entry(field: Field) -> Planted:
    thread = field.thread()
    field.spoil(keys.name_key(thread.session_id, thread.thread_name))
    return Planted("damaged_record", thread.session_id, None)


def damaged_row(field: Field) -> Planted:
    thread = field.thread()
    field.spoil(row_key(own_row(field, thread)))
    return about("damaged_record", thread)


def damaged_past_row(field: Field) -> Planted:
    row = field.removed_row()
    field.spoil(row_key(row))
    return Planted("damaged_record", row.session_id, row.thread_id)


def damaged_run(field: Field) -> Planted:
    field.spoil(keys.run_key(field.busy_thread().run_id or ""))
    return Planted("damaged_record", None, None)


def damaged_live_index(field: Field) -> Planted:
    field.spoil(keys.live_run_key(field.busy_thread().run_id or ""))
    return Planted("damaged_record", None, None)


def damaged_state(field: Field) -> Planted:
    thread = field.thread(lambda t: field.view.state(t.thread_id))
    field.spoil(keys.state_key(thread.thread_id, 1))
    return about("damaged_record", thread)


def damaged_checkpoint(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.spoil(graph.key_of(newest))
    return about("damaged_record", thread)


def damaged_write(field: Field) -> Planted:
    thread = field.thread(lambda t: graph_keys(field, t, graph.PENDING_WRITE))
    field.spoil(graph_keys(field, thread, graph.PENDING_WRITE)[0])
    return about("damaged_record", thread)


def damaged_channel(field: Field) -> Planted:
    thread, _ = with_graph(field)
    field.spoil(graph_keys(field, thread, graph.CHANNEL)[0])
    return about("damaged_record", thread)


def damaged_mark(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.spoil(graph.writer_run_key(thread.thread_id, newest.run_id))
    return about("damaged_record", thread)


def damaged_graph_run(field: Field) -> Planted:
    thread, newest = with_graph(field)
    field.spoil(graph.run_thread_key(newest.run_id, thread.thread_id))
    return Planted("damaged_record", None, None)


def checkpoint_under_the_key_of_another(field: Field) -> Planted:
    thread, newest = with_graph(field)
    changed = replace(newest, checkpoint_id=field.fresh("checkpoint"))
    field.put(graph.key_of(newest), changed)
    return about("damaged_record", thread)


def damaged_log_entry(field: Field) -> Planted:
    where, _ = logged(field)
    field.spoil(keys.log_key(where))
    return Planted("damaged_record", None, None)


def damaged_operation_index(field: Field) -> Planted:
    _, record = logged(field)
    field.spoil(keys.operation_key(record.op_id))
    return Planted("damaged_record", None, None)


def damaged_counters(field: Field) -> Planted:
    field.spoil(keys.COUNTERS_KEY)
    return Planted("damaged_record", None, None)


def record_under_the_key_of_another(field: Field) -> Planted:
    thread = field.thread()
    changed = replace(thread, thread_id=field.fresh("thread"))
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("damaged_record", thread)
