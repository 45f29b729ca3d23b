"""Operations on items of the key-value store, as data; part of :data:`Operation`.

Items belong to no session: nobody is told of them, and they go with nothing else.
"""

from msgspec import Raw

from weft.storage.encoding import encode_fields, encode_mapping
from weft.storage.operation_base import BaseOperation
from weft.storage.records import EMPTY

__all__ = ["ItemOperation", "PutItem", "RemoveItem", "TouchItems"]


class PutItem(BaseOperation, frozen=True, kw_only=True, tag=True):
    """Put an item, in place of one that is there; the answer is whether it is new.

    Attributes:
        namespace: where it lies, from the widest part to the narrowest.
        key: its name there.
        value: a mapping.
        ttl_us: how long it lives when nobody touches it, microseconds; None for ever.
    """

    namespace: tuple[str, ...]
    key: str
    value: Raw = EMPTY
    ttl_us: int | None = None

    def __post_init__(self) -> None:
        encode_fields(self, encode_mapping, "value")


class RemoveItem(BaseOperation, frozen=True, kw_only=True, tag=True):
    """Remove an item; the answer is whether it was there."""

    namespace: tuple[str, ...]
    key: str


class TouchItems(BaseOperation, frozen=True, kw_only=True, tag=True):
    """Let the time of items that have one begin anew; the answer is of how many.

    Attributes:
        items: namespace and key of each.
    """

    items: tuple[tuple[tuple[str, ...], str], ...]


ItemOperation = PutItem | RemoveItem | TouchItems
