"""The rules of items: put, removed, touched, forgotten; nothing else depends on them.

Guarantees:
    * an item whose time is over is not there, whether or not it has been forgotten: to
      put it is to make it anew, to touch it is nothing;
    * one that was put or touched since is not forgotten.
"""

from typing import Final

from msgspec.structs import replace

from weft.storage.errors import InvalidArgument
from weft.storage.keys import Key
from weft.storage.keys_items import Namespace, check_item_key, item_key
from weft.storage.operations_items import (
    ItemOperation,
    PutItem,
    RemoveItem,
    TouchItems,
)
from weft.storage.records_items import Item
from weft.storage.rules_context import Context

__all__ = [
    "TOUCHED_MAX",
    "TTL_US_MAX",
    "forget_item",
    "put_item",
    "reads",
    "remove_item",
    "touch_items",
]

TOUCHED_MAX: Final = 1000
"""Items that one operation touches; as many as the parts of a batch."""

TTL_US_MAX: Final = 10**16
"""Three hundred years: its end fits 63 bits."""


def reads(operation: ItemOperation) -> list[Key]:
    """Return where the items lie that an operation is about."""
    if isinstance(operation, TouchItems):
        return [item_key(*place) for place in operation.items]
    return [item_key(operation.namespace, operation.key)]


def put_item(context: Context, operation: PutItem) -> bool:
    """Put an item; return whether it is new.

    Raises:
        InvalidArgument: its place is none, or its time not positive, or too long.
    """
    key = check_item_key(operation.namespace, operation.key)
    ttl_us, at_us = operation.ttl_us, context.at_us
    if ttl_us is not None and not 0 < ttl_us <= TTL_US_MAX:
        words = f"An item lives between 1 and {TTL_US_MAX} microseconds, not {ttl_us}."
        raise InvalidArgument(words)
    old = _live(context, operation.namespace, operation.key)
    item = Item(
        namespace=operation.namespace,
        key=operation.key,
        value_raw=operation.value,
        ttl_us=ttl_us,
        expires_at_us=None if ttl_us is None else at_us + ttl_us,
        created_at_us=at_us if old is None else old.created_at_us,
        updated_at_us=at_us,
        created_seq=context.seq if old is None else old.created_seq,
        updated_seq=context.seq,
    )
    context.draft.put(key, item)
    return old is None


def remove_item(context: Context, operation: RemoveItem) -> bool:
    """Remove an item; return whether it was there.

    Raises:
        InvalidArgument: its place is none.
    """
    old = _live(context, operation.namespace, operation.key)
    context.draft.put(check_item_key(operation.namespace, operation.key), None)
    return old is not None


def touch_items(context: Context, operation: TouchItems) -> int:
    """Let the time of items begin anew; return of how many.

    Raises:
        InvalidArgument: they are more than 1,000, or the place of one is none.
    """
    if len(operation.items) > TOUCHED_MAX:
        raise InvalidArgument(
            f"One operation touches at most {TOUCHED_MAX} items, "
            f"not {len(operation.items)}."
        )
    return sum(_touch(context, *place) for place in operation.items)


def _touch(context: Context, namespace: Namespace, name: str) -> bool:
    item = _live(context, namespace, name)
    if item is None or item.ttl_us is None:
        return False
    touched = replace(item, expires_at_us=context.at_us + item.ttl_us)
    context.draft.put(check_item_key(namespace, name), touched)
    return True


def forget_item(
    context: Context, namespace: Namespace, name: str, expires_at_us: int
) -> bool:
    """Forget an item whose time was over at a time; return whether it still was."""
    key = check_item_key(namespace, name)
    item: Item | None = context.draft.get(key)
    if item is None or item.expires_at_us != expires_at_us:
        return False
    if item.is_live(context.at_us):
        return False
    context.draft.put(key, None)
    return True


def _live(context: Context, namespace: Namespace, name: str) -> Item | None:
    item: Item | None = context.draft.get(check_item_key(namespace, name))
    return item if item is not None and item.is_live(context.at_us) else None
