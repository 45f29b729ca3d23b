"""The key-value store: the coordinator's part about what outlives threads.

An item is a mapping under a namespace and a key: what an agent remembers about a user,
say, whichever thread learned it. Items belong to no session, so what they are asked
goes past the sessions' actors; order, idempotency and durability are those of every
other operation.

A namespace is a sequence of strings, from the widest part to the narrowest. Items whose
first part is ``__weft__`` are the system's own: only who names that part sees them.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

from weft.actors.door import Door, at_the_door, check_limit
from weft.actors.future import Future
from weft.storage import (
    InvalidArgument,
    Item,
    ItemReader,
    PutItem,
    RemoveItem,
    TouchItems,
)
from weft.storage.item_filter import check_filter, is_wanted
from weft.storage.items_reader import NamespaceQuery
from weft.storage.keys_items import Namespace, check_item_key
from weft.storage.operations import encode_mapping
from weft.storage.rules_items import TOUCHED_MAX, TTL_US_MAX

__all__ = ["LIST_LIMIT", "SEARCH_LIMIT", "ItemOperations", "microseconds", "parts_of"]

SEARCH_LIMIT: Final = 10
"""How many items a search finds unless the caller says otherwise, as in LangGraph."""

LIST_LIMIT: Final = 100
"""How many namespaces are listed, likewise."""

TTL_S_MAX: Final = TTL_US_MAX / 1e6
"""Three hundred years."""

T = TypeVar("T")


class ItemOperations(Door):
    """Put, remove and find items."""

    @at_the_door
    def put_item(
        self,
        namespace: Iterable[str],
        key: str,
        value: Mapping[str, Any],
        *,
        ttl_s: float | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[None]:
        """Put an item, in place of one that is there.

        Args:
            namespace: where it lies.
            key: its name there.
            value: what it holds.
            ttl_s: how long it lives when nobody touches it, in seconds; None for ever.
            op_id: see the module of the coordinator.
            timeout_s: likewise.

        Raises:
            InvalidArgument: it cannot be stored, or not there: namespace and key take
                511 bytes together at the most.
        """
        operation = PutItem(
            namespace=_place(namespace, key),
            key=key,
            value=encode_mapping(value, "value"),
            ttl_us=None if ttl_s is None else microseconds(ttl_s),
        )
        return self._apply(operation, op_id, timeout_s, answer=_nothing)

    @at_the_door
    def remove_item(
        self,
        namespace: Iterable[str],
        key: str,
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[None]:
        """Remove an item; one that is not there is gone already.

        Args:
            namespace: where it lies.
            key: its name there.
            op_id: see the module of the coordinator.
            timeout_s: likewise.
        """
        operation = RemoveItem(namespace=_place(namespace, key), key=key)
        return self._apply(operation, op_id, timeout_s, answer=_nothing)

    @at_the_door
    def item(
        self, namespace: Iterable[str], key: str, *, refresh_ttl: bool = False
    ) -> Future[Item | None]:
        """Return an item, None where there is none.

        Args:
            namespace: where it lies.
            key: its name there.
            refresh_ttl: let its time begin anew, if it has one; not while the store
                can only be read.
        """
        place = _place(namespace, key)
        found = self._see(lambda items: items.item(place, key))
        touched = [found] if refresh_ttl and found is not None else []
        return self._touched(touched, found)

    @at_the_door
    def search_items(
        self,
        prefix: Iterable[str] = (),
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - LangGraph's word
        limit: int = SEARCH_LIMIT,
        offset: int = 0,
        refresh_ttl: bool = False,
    ) -> Future[list[Item]]:
        """Return the items of a namespace and of those below it, ordered by their keys.

        Args:
            prefix: the namespace; without a part all items.
            filter: what their values must have; see :mod:`weft.storage.item_filter`.
            limit: how many at the most.
            offset: how many to pass over.
            refresh_ttl: as of :meth:`item`; of 1,000 items at the most.

        Raises:
            InvalidArgument: the filter has an operator that there is not.
        """
        under, wanted = parts_of(prefix), filter or {}
        check_filter(wanted)
        check_limit(offset, "offset")
        check_limit(limit)
        if refresh_ttl and limit > TOUCHED_MAX:
            words = f"The time of {TOUCHED_MAX} items at the most begins anew at once."
            raise InvalidArgument(words)

        def find(items: ItemReader) -> list[Item]:
            found = items.items(under)
            if wanted:
                found = (item for item in found if is_wanted(item.value, wanted))
            return list(islice(found, offset, offset + limit))

        found = self._see(find)
        return self._touched(found if refresh_ttl else [], found)

    @at_the_door
    def list_namespaces(
        self,
        *,
        prefix: Iterable[str] = (),
        suffix: Iterable[str] = (),
        max_depth: int | None = None,
        limit: int = LIST_LIMIT,
        offset: int = 0,
    ) -> Future[list[Namespace]]:
        """Return the namespaces that have items, ordered.

        Args:
            prefix: what they begin with; ``*`` stands for any one part.
            suffix: what they end with, likewise.
            max_depth: cut longer ones to so many parts, and show each once.
            limit: how many at the most.
            offset: how many to pass over.
        """
        if max_depth is not None and check_limit(max_depth, "max_depth") == 0:
            raise InvalidArgument("max_depth is 1 or more.")
        query = NamespaceQuery(parts_of(prefix), parts_of(suffix), max_depth)
        last = check_limit(offset, "offset") + check_limit(limit)
        found = self._see(lambda i: list(islice(i.namespaces(query), offset, last)))
        return Future.completed(found)

    def _see(self, function: Callable[[ItemReader], T]) -> T:
        with self._house.store.read() as snapshot:
            return function(ItemReader(snapshot, self._house.sources.clock_us()))

    def _touched(self, items: Iterable[Item], answer: T) -> Future[T]:
        """Answer once the items' time has begun anew."""
        now_us = self._house.sources.clock_us()
        worn = tuple((i.namespace, i.key) for i in items if i.is_worn(now_us))
        if not worn or self._house.read_only:
            return Future.completed(answer)
        return self._apply(TouchItems(items=worn), None, None).map(lambda _: answer)


def _nothing(_answer: bool) -> None:
    """Stand for whether an item was there: LangGraph's stores do not tell."""


def _place(namespace: Iterable[str], key: str) -> Namespace:
    """Return a namespace in which an item can have a key."""
    parts = parts_of(namespace)
    check_item_key(parts, key)
    return parts


def parts_of(namespace: Iterable[str]) -> Namespace:
    """Return a namespace, which may be none.

    Raises:
        InvalidArgument: it is no sequence of strings.
    """
    is_text = isinstance(namespace, str) or not isinstance(namespace, Iterable)
    parts = () if is_text else tuple(namespace)
    if is_text or not all(isinstance(part, str) for part in parts):
        words = f"A namespace is a sequence of strings, not {namespace!r}."
        raise InvalidArgument(words)
    if not all(parts):
        raise InvalidArgument("No part of a namespace is empty.")
    return parts


def microseconds(ttl_s: object) -> int:
    """Return how long an item is to live.

    Raises:
        InvalidArgument: it is no number of seconds, or not a positive one.
    """
    is_number = isinstance(ttl_s, int | float) and not isinstance(ttl_s, bool)
    if is_number and 0 < ttl_s <= TTL_S_MAX:  # type: ignore[operator]
        return max(1, int(ttl_s * 1e6))  # type: ignore[operator]
    raise InvalidArgument(f"ttl_s is a number of seconds, not {ttl_s!r}.")
