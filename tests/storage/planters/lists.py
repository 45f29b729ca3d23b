"""Records, lists and names that do not say the same."""

from msgspec.structs import replace

from tests.storage.planters.field import (
    Field,
    Planted,
    about,
    own_row,
    row_key,
    take,
)
from weft.storage import keys
from weft.storage.records import (
    EMPTY,
    NIL,
    Association,
    Interaction,
    Thread,
)


def removed_record(field: Field) -> Planted:
    thread = field.thread(lambda t: field.view.state(t.thread_id))
    field.delete(keys.thread_key(thread.thread_id))
    return about("orphan_thread", thread)


def removed_record_of_a_busy_thread(field: Field) -> Planted:
    thread = field.busy_thread()
    field.delete(keys.thread_key(thread.thread_id))
    return about("orphan_thread", thread)


def tombstone_in_a_list(field: Field) -> Planted:
    row = field.removed_row()
    session_id = take(field.sessions, lambda _: True).session_id
    field.put(keys.name_key(session_id, field.fresh("name")), row.thread_id)
    return Planted("orphan_thread", session_id, row.thread_id)


def removed_list_entry(field: Field) -> Planted:
    thread = field.thread()
    field.delete(keys.name_key(thread.session_id, thread.thread_name))
    return about("missing_thread", thread)


def record_of_another_owner(field: Field) -> Planted:
    thread = field.thread()
    stranger = field.stranger(thread)
    field.put(keys.thread_key(thread.thread_id), replace(thread, session_id=stranger))
    return about("owner_mismatch", thread)


def record_of_an_owner_that_never_was(field: Field) -> Planted:
    thread = field.thread()
    changed = replace(thread, session_id=field.fresh("session"))
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("owner_mismatch", thread)


def record_of_a_past_owner(field: Field) -> Planted:
    def past(thread: Thread) -> list[Association]:
        rows = field.view.associations_by_thread(thread.thread_id)
        return [row for row in rows if not row.is_active]

    thread = field.thread(past)
    changed = replace(thread, session_id=past(thread)[0].session_id)
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("owner_mismatch", thread)


def second_list(field: Field) -> Planted:
    thread = field.thread()
    stranger = field.stranger(thread)
    field.put(keys.name_key(stranger, field.fresh("name")), thread.thread_id)
    return Planted("duplicate_owner", stranger, thread.thread_id)


def second_active_row(field: Field) -> Planted:
    thread = field.thread()
    row = replace(own_row(field, thread), session_id=field.stranger(thread))
    field.put(row_key(row), row)
    return Planted("duplicate_owner", row.session_id, thread.thread_id)


def second_list_and_row(field: Field) -> Planted:
    thread = field.thread()
    row = replace(own_row(field, thread), session_id=field.stranger(thread))
    field.put(row_key(row), row)
    field.put(keys.name_key(row.session_id, field.fresh("name")), thread.thread_id)
    return Planted("duplicate_owner", row.session_id, thread.thread_id)


def other_name_in_the_record(field: Field) -> Planted:
    thread = field.thread()
    changed = replace(thread, thread_name=field.fresh("name"))
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("name_mismatch", thread)


def other_name_in_the_list(field: Field) -> Planted:
    thread = field.thread()
    field.delete(keys.name_key(thread.session_id, thread.thread_name))
    field.put(keys.name_key(thread.session_id, field.fresh("name")), thread.thread_id)
    return about("name_mismatch", thread)


def other_name_in_the_row(field: Field) -> Planted:
    thread = field.thread()
    row = replace(own_row(field, thread), thread_name=field.fresh("name"))
    field.put(row_key(row), row)
    return about("name_mismatch", thread)


def second_name(field: Field) -> Planted:
    thread = field.thread()
    field.put(keys.name_key(thread.session_id, field.fresh("name")), thread.thread_id)
    return about("dangling_index_entry", thread)


def one_name_twice(field: Field) -> Planted:
    thread, ghost = field.thread(), field.fresh("thread")
    row = own_row(field, thread)
    field.put(keys.thread_key(ghost), replace(thread, thread_id=ghost))
    field.put(
        keys.association_key(ghost, thread.session_id), replace(row, thread_id=ghost)
    )
    return Planted("name_collision", thread.session_id, ghost)


def removed_session(field: Field) -> Planted:
    session = field.session(lambda s: any(field.view.names(s.session_id)))
    field.delete(keys.session_key(session.session_id))
    return Planted("thread_without_session", session.session_id, None)


def closed_session(field: Field) -> Planted:
    session = field.session(lambda s: any(field.view.names(s.session_id)))
    closed = replace(session, status="closed")
    field.put(keys.session_key(session.session_id), closed)
    return Planted("thread_without_session", session.session_id, None)


def interaction_of_nothing(field: Field) -> Planted:
    ghost = field.fresh("session")
    interaction = Interaction("i", ghost, None, "click", NIL, EMPTY, 0, 1, 1, 1)
    field.put(keys.interaction_key(ghost, 1, 0), interaction)
    return Planted("thread_without_session", ghost, None)
