"""The rows of the original system, as far as they can be used.

A session with the threads it lists, a thread's own record, an association: what each
says of who owns what, and what comes along. Nothing here has been compared yet.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from weft.storage.errors import InvalidArgument
from weft.storage.ids import check_id
from weft.storage.import_sql_cells import Cells

__all__ = [
    "ASSOCIATIONS",
    "COLUMNS",
    "SESSIONS",
    "THREADS",
    "AssociationRow",
    "Listing",
    "SessionRow",
    "ThreadRow",
    "read_association",
    "read_session",
    "read_thread",
]

SESSIONS: Final = "sessions"
THREADS: Final = "threads"
ASSOCIATIONS: Final = "session_thread_associations"

_TIMES: Final = ("created_at", "updated_at")

COLUMNS: Final = {
    SESSIONS: ("session_id", "user_id", "status", "metadata", "thread_ids", *_TIMES),
    THREADS: (
        "thread_id",
        "session_id",
        "thread_name",
        "name",
        "workflow",
        "config",
        "status",
        "metadata",
        *_TIMES,
    ),
    ASSOCIATIONS: (
        "association_id",
        "session_id",
        "thread_id",
        "thread_name",
        "is_active",
        "association_type",
        "metadata",
        "version",
        *_TIMES,
    ),
}
"""What is read of each table; ``name`` where a thread has no ``thread_name``."""


class SessionRow(msgspec.Struct, frozen=True, array_like=True):
    """A session's record.

    Attributes:
        lists: whether it says which threads it has.
        created_us: None if nobody knows.
    """

    row: int
    session_id: str
    user_id: str | None
    status: str | None
    metadata: msgspec.Raw
    lists: bool
    created_us: int | None
    updated_us: int | None


class ThreadRow(msgspec.Struct, frozen=True, array_like=True):
    """A thread's own record: ``session_id`` and ``name`` are what it says itself."""

    row: int
    thread_id: str
    session_id: str | None
    name: str | None
    workflow: str | None
    config: msgspec.Raw
    status: str | None
    metadata: msgspec.Raw
    created_us: int | None
    updated_us: int | None


class AssociationRow(msgspec.Struct, frozen=True, array_like=True):
    """A row of the table of associations."""

    row: int
    association_id: str | None
    session_id: str
    thread_id: str
    name: str | None
    is_active: bool
    association_type: str
    metadata: msgspec.Raw
    version: int
    created_us: int | None
    updated_us: int | None


class Listing(msgspec.Struct, frozen=True, array_like=True):
    """A session's word that it has a thread; ``row`` is the session's."""

    row: int
    session_id: str
    thread_id: str


def read_session(cells: Cells) -> tuple[SessionRow, list[Listing]] | None:
    """Return a session and the threads it lists, None if its id is refused."""
    session_id = cells.key("session_id")
    if session_id is None:
        return None
    created, updated = cells.times(required=False)
    items = cells.items("thread_ids")
    session = SessionRow(
        cells.row,
        session_id,
        cells.text("user_id"),
        cells.text("status"),
        cells.mapping("metadata"),
        items is not None,
        created,
        updated,
    )
    return session, list(_listings(cells, session_id, items or []))


def _listings(cells: Cells, session_id: str, items: list[Any]) -> Iterator[Listing]:
    for item in items:
        try:
            thread_id = check_id(item, "an item of thread_ids")
        except InvalidArgument as error:
            cells.drift("refused_id", error.message.removesuffix("."))
        else:
            yield Listing(cells.row, session_id, thread_id)


def read_thread(cells: Cells) -> ThreadRow | None:
    """Return a thread, None if its id is refused."""
    thread_id = cells.key("thread_id")
    if thread_id is None:
        return None
    created, updated = cells.times(required=False)
    named = "name" if cells.values.get("thread_name") is None else "thread_name"
    return ThreadRow(
        cells.row,
        thread_id,
        cells.id("session_id"),
        cells.name(named),
        cells.word("workflow"),
        cells.mapping("config"),
        cells.text("status"),
        cells.mapping("metadata"),
        created,
        updated,
    )


def read_association(cells: Cells) -> AssociationRow | None:
    """Return an association, None if one of its ids is refused."""
    session_id, thread_id = cells.key("session_id"), cells.key("thread_id")
    if session_id is None or thread_id is None:
        return None
    created, updated = cells.times(required=True)
    return AssociationRow(
        cells.row,
        cells.id("association_id"),
        session_id,
        thread_id,
        cells.name("thread_name", required=True),
        cells.truth("is_active", default=True),
        cells.word("association_type") or "session_thread",
        cells.mapping("metadata"),
        cells.count("version") or 1,
        created,
        updated,
    )
