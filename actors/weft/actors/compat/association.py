"""The association as an entity: a row in the caller's hand.

A row in the hand is a value. Its methods return the changed row; what is to be kept
goes through :class:`~weft.actors.compat.SessionThreadAssociationRepository`, which
refuses a row that somebody else has changed meanwhile.
"""

from datetime import UTC, datetime
from typing import Any, Self

import msgspec
from msgspec.structs import force_setattr, replace

from weft.storage import Association

__all__ = ["SessionThreadAssociation"]


def _now() -> datetime:
    return datetime.now(UTC)


class SessionThreadAssociation(msgspec.Struct, frozen=True, kw_only=True):
    """A session's row with a thread.

    Attributes:
        association_id: the row's key; made of the two ids where it is left out.
        session_id: the session.
        thread_id: the thread.
        thread_name: its name in the session.
        created_at: when the session first owned the thread; the store's clock, once
            the row is stored.
        updated_at: when the row last changed; likewise.
        is_active: the session owns the thread.
        association_type: free text.
        metadata: the caller's data.
        version: 1, and one more with each change that was saved, or when the thread
            came back.
        seen_seq: the operation that wrote the row; None for one that is not stored.
    """

    association_id: str = ""
    session_id: str
    thread_id: str
    thread_name: str
    created_at: datetime = msgspec.field(default_factory=_now)
    updated_at: datetime = msgspec.field(default_factory=_now)
    is_active: bool = True
    association_type: str = "session_thread"
    metadata: dict[str, Any] = {}
    version: int = 1
    seen_seq: int | None = None

    def __post_init__(self) -> None:
        if not self.association_id:
            force_setattr(self, "association_id", self._own_key)

    @classmethod
    def of(cls, row: Association) -> Self:
        """Return a stored row as an entity."""
        return cls(
            association_id=row.association_id,
            session_id=row.session_id,
            thread_id=row.thread_id,
            thread_name=row.thread_name,
            created_at=row.created_at,
            updated_at=row.updated_at,
            is_active=row.is_active,
            association_type=row.association_type,
            metadata=row.metadata,
            version=row.version,
            seen_seq=row.updated_seq,
        )

    @property
    def given_id(self) -> str | None:
        """The row's key if it is one of the caller's own."""
        return None if self.association_id == self._own_key else self.association_id

    @property
    def _own_key(self) -> str:
        return f"{self.session_id}/{self.thread_id}"

    def activate(self) -> Self:
        """Return the row with the session as the thread's owner."""
        return replace(self, is_active=True, updated_at=_now())

    def deactivate(self) -> Self:
        """Return the row without: saved, it ends the thread."""
        return replace(self, is_active=False, updated_at=_now())

    def update_metadata(self, metadata: dict[str, Any]) -> Self:
        """Return the row with entries of its metadata added or replaced."""
        return replace(self, metadata=self.metadata | metadata, updated_at=_now())

    def update_timestamp(self) -> Self:
        """Return the row as changed now."""
        return replace(self, updated_at=_now())

    def to_dict(self) -> dict[str, Any]:
        """Return the columns; times in ISO 8601."""
        columns = {name: getattr(self, name) for name in self.__struct_fields__}
        del columns["seen_seq"]
        for name in ("created_at", "updated_at"):
            columns[name] = columns[name].isoformat()
        return columns | {"metadata": dict(self.metadata)}
