"""Weft's records of what was settled."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from weft.storage.errors import InvalidArgument
from weft.storage.import_sql_rows import SessionRow
from weft.storage.import_sql_settle import Settled, SettledRow
from weft.storage.operations import encode_mapping
from weft.storage.records import Association, Session, Thread, datetime_from_us
from weft.storage.rows import Row

__all__ = ["Maker", "size_bytes"]

_decode: Final = msgspec.msgpack.decode
_FREE: Final = ("metadata_raw", "config_raw")


class Maker:
    """Makes records.

    Args:
        at_us: the time of the migration, for what nobody knows the time of.
    """

    def __init__(self, at_us: int) -> None:
        self._at_us = at_us
        moment = datetime_from_us(at_us).isoformat()
        migrated = {"migrated": True, "migration_timestamp": moment}
        self._migrated = encode_mapping(migrated, "metadata")

    def session(self, row: SessionRow, *, owns: bool) -> Session:
        """Return a session; one with threads is open."""
        closed = row.status == "closed" and not owns
        return Session(
            session_id=row.session_id,
            user_id=row.user_id,
            status="closed" if closed else "open",
            metadata_raw=_with_status(
                row.metadata, row.status, "closed" if closed else "open"
            ),
            **self._stamps(row.created_us, row.updated_us),
        )

    def thread(self, thread: Settled) -> list[Row]:
        """Return a thread and its associations."""
        kept = thread.status in {"error", "interrupted"}
        status: Any = thread.status if kept else "idle"
        record = Thread(
            thread_id=thread.thread_id,
            session_id=thread.session_id,
            thread_name=thread.name,
            workflow=thread.workflow,
            config_raw=thread.config,
            status=status,
            metadata_raw=_with_status(thread.metadata, thread.status, status),
            **self._stamps(thread.created_us, thread.updated_us),
        )
        rows = [self._association(record, row) for row in thread.rows]
        return [Row(record), *map(Row, rows)]

    def _association(self, thread: Thread, row: SettledRow) -> Association:
        created, updated = row.created_us, row.updated_us
        if created is None:
            created, updated = thread.created_at_us, thread.updated_at_us
        return Association(
            session_id=row.session_id,
            thread_id=thread.thread_id,
            thread_name=row.name or thread.thread_name,
            is_active=row.is_active,
            association_type=row.association_type,
            metadata_raw=self._migrated if row.made else row.metadata,
            version=row.version,
            given_id=row.association_id,
            **self._stamps(created, updated),
        )

    def _stamps(self, created_us: int | None, updated_us: int | None) -> dict[str, Any]:
        created = self._at_us if created_us is None else created_us
        updated = created if updated_us is None else updated_us
        return {
            "created_at_us": created,
            "updated_at_us": updated,
            "rev": 1,
            "created_seq": 0,  # the store gives its own
            "updated_seq": 0,
        }


def _with_status(metadata: msgspec.Raw, said: str | None, known: str) -> msgspec.Raw:
    """Return metadata with a status that the store has no word for."""
    if said in {None, known, "active"}:
        return metadata
    try:
        return encode_mapping({"status": said, **_decode(metadata)}, "metadata")
    except InvalidArgument:  # too large by this one word
        return metadata


def size_bytes(rows: Iterable[Row]) -> int:
    """Return how large the free data of records is."""
    return sum(
        len(bytes(value))
        for row in rows
        for value in (getattr(row.record, name, b"") for name in _FREE)
    )
