"""Rows of associations, and the index of the past, that do not say the same."""

from collections import Counter

from msgspec.structs import replace

from tests.storage.planters.field import (
    Field,
    Planted,
    about,
    own_row,
    row_key,
    row_of,
)
from weft.storage import keys


def removed_row(field: Field) -> Planted:
    thread = field.thread()
    field.delete(row_key(own_row(field, thread)))
    return about("missing_association", thread)


def inactive_row(field: Field) -> Planted:
    thread = field.thread()
    row = replace(own_row(field, thread), is_active=False)
    field.put(row_key(row), row)
    return about("missing_association", thread)


def active_row_of_nothing(field: Field) -> Planted:
    session_id, ghost = field.sessions[0].session_id, field.fresh("thread")
    row = row_of(session_id, ghost, is_active=True)
    field.put(row_key(row), row)
    return Planted("orphan_association", session_id, ghost)


def inactive_row_of_nothing(field: Field) -> Planted:
    session_id, ghost = field.sessions[0].session_id, field.fresh("thread")
    row = row_of(session_id, ghost, is_active=False)
    field.put(row_key(row), row)
    return Planted("orphan_association", session_id, ghost)


def active_row_of_a_removed_thread(field: Field) -> Planted:
    row = replace(field.removed_row(), is_active=True)
    field.put(row_key(row), row)
    return Planted("orphan_association", row.session_id, row.thread_id)


def removed_tombstone(field: Field) -> Planted:
    owners = Counter(row.thread_id for row in field.removed)
    row = field.removed_row(lambda r: owners[r.thread_id] == 1)
    field.delete(keys.thread_key(row.thread_id))
    return Planted("orphan_association", row.session_id, row.thread_id)


def past_of_nothing(field: Field) -> Planted:
    session_id, ghost = field.sessions[0].session_id, field.fresh("thread")
    field.put(keys.past_key(session_id, ghost), value=True)
    return Planted("dangling_index_entry", session_id, ghost)


def past_of_the_owner(field: Field) -> Planted:
    thread = field.thread()
    field.put(keys.past_key(thread.session_id, thread.thread_id), value=True)
    return about("dangling_index_entry", thread)


def removed_past_row(field: Field) -> Planted:
    # another row keeps the thread known, should it be a removed one
    row = field.removed_row()
    field.delete(row_key(row))
    return Planted("dangling_index_entry", row.session_id, row.thread_id)


def removed_past(field: Field) -> Planted:
    row = field.removed_row()
    field.delete(keys.past_key(row.session_id, row.thread_id))
    return Planted("missing_index_entry", row.session_id, row.thread_id)
