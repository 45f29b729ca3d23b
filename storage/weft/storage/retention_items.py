"""Retention of items: those whose time is over, found as a round goes on.

A round looks at all threads first, then at all items. An item says itself when its time
is over, so no policy has a say in it.

Guarantees: as :mod:`weft.storage.retention`.
"""

from typing import Final

from weft.storage.codec import decode
from weft.storage.errors import StoreCorrupt
from weft.storage.operations import Expire
from weft.storage.records_items import Item
from weft.storage.retention import Plan, Retention, plan_threads
from weft.storage.snapshot import Snapshot

__all__ = ["plan_items", "plan_round"]

_ITEMS: Final = b"\xff"
"""What a round's place begins with once it has come to the items; no thread's does."""


def plan_round(
    snapshot: Snapshot,
    policy: Retention,
    now_us: int,
    cursor: bytes = b"",
    limit: int = 500,
    only: str | None = None,
) -> Plan:
    """Return what is past its time, among threads and then among items.

    Args:
        snapshot: the store.
        policy: what is kept.
        now_us: microseconds since the Unix epoch.
        cursor: where the look before ended.
        limit: how many entries to visit at the most.
        only: look at this thread only.
    """
    if cursor.startswith(_ITEMS):
        plan = plan_items(snapshot, now_us, cursor.removeprefix(_ITEMS), limit)
        rest = None if plan.cursor is None else _ITEMS + plan.cursor
    else:
        plan = plan_threads(snapshot, policy, now_us, cursor, limit, only)
        is_over = plan.cursor is None and only is None
        rest = _ITEMS if is_over else plan.cursor
    return Plan(plan.operation, rest, plan.visited)


def plan_items(
    snapshot: Snapshot, now_us: int, cursor: bytes = b"", limit: int = 500
) -> Plan:
    """Return which items are past their time.

    Args:
        snapshot: the store.
        now_us: microseconds since the Unix epoch.
        cursor: where the look before ended.
        limit: how many entries to visit at the most.
    """
    old: list[tuple[tuple[str, ...], str, int]] = []
    visited = 0
    rest: bytes | None = None
    for key, data in snapshot.entries("K", start=cursor or None):
        if visited == limit:
            rest = key
            break
        visited += 1
        try:
            item = decode("K", key, data)
        except StoreCorrupt:
            continue
        until_us = item.expires_at_us if isinstance(item, Item) else None
        if until_us is not None and until_us <= now_us:
            old.append((item.namespace, item.key, until_us))
    return Plan(Expire(items=tuple(old)) if old else None, rest, visited)
