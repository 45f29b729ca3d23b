"""Operations on associations, as data; part of :data:`Operation`.

An association is made, ended and renamed by what happens to its thread. These two are
for callers who hold the row itself, as systems do that keep an association table:
whatever they change of it, the session and the thread change with it.
"""

from msgspec import Raw

from weft.storage.encoding import encode_fields, encode_mapping
from weft.storage.operation_base import BaseOperation
from weft.storage.records import EMPTY

__all__ = ["AssociationOperation", "DeleteAssociation", "SaveAssociation"]


class SaveAssociation(BaseOperation, frozen=True, kw_only=True, tag=True):
    """Write a session's row with a thread, and make session and thread agree with it.

    Attributes:
        thread_name: the thread's name in the session.
        is_active: the session owns the thread. A thread that does not live begins to,
            without states; one whose row becomes inactive is removed.
        association_type: free text.
        metadata: the caller's data.
        given_id: the row's own key; None for the one made of its two ids.
        seen_seq: the row's ``updated_seq`` as the caller knows it; None for a row that
            is new.
    """

    session_id: str
    thread_id: str
    thread_name: str
    is_active: bool = True
    association_type: str = "session_thread"
    metadata: Raw = EMPTY
    given_id: str | None = None
    seen_seq: int | None = None

    def __post_init__(self) -> None:
        encode_fields(self, encode_mapping, "metadata")


class DeleteAssociation(BaseOperation, frozen=True, kw_only=True, tag=True):
    """Remove a session's row with a thread, and the thread if it lives there.

    Attributes:
        seen_seq: the row's ``updated_seq`` as the caller knows it; None for whatever
            it is.
    """

    session_id: str
    thread_id: str
    seen_seq: int | None = None


AssociationOperation = SaveAssociation | DeleteAssociation
