"""Assistants of one's own, as they are kept: each is the sum of its changes.

Who changes an assistant appends an item to the key-value store, and nothing that was
read before has to be as it was: two changes at once are both there, in the order in
which the store took them. What an assistant is, and was in each of its versions, is a
pure function of its changes.

Guarantees:
    * a change counts once, however often it is asked for under its id;
    * the version that a change has made keeps its number, and stays as it is;
    * of two assistants that are created under one id, the first one is there.
"""

import asyncio
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from weft.actors import Coordinator
from weft.daemon.http.problems import RequestFault
from weft.storage import Item

__all__ = ["Birth", "Choice", "Edit", "Journal", "OwnAssistant", "Version", "sum_of"]

ASSISTANTS: Final = ("__weft__", "assistants")

CHANGES_MAX: Final = 500
"""Of one assistant: a run that names it reads them all, which takes 4 ms then."""

STORED_MAX: Final = 50_000
"""Changes of all assistants, beyond which none is created: a search reads them all,
which takes 0.8 s then."""

_ALL: Final = 1 << 62

Object = dict[str, Any]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """An assistant as one of its changes has left it.

    Attributes:
        number: from 1.
        graph_id: the workflow that its runs execute.
        name: for people.
        description: likewise.
        config: of its runs, without ``configurable``.
        context: of its runs, and their ``configurable``.
        metadata: the caller's.
        created_at_us: when it was made, in microseconds since the Unix epoch.
    """

    number: int = 0
    graph_id: str = ""
    name: str = "Untitled"
    description: str | None = None
    config: Object = {}
    context: Object = {}
    metadata: Object = {}
    created_at_us: int = 0


class OwnAssistant(msgspec.Struct, frozen=True, kw_only=True):
    """An assistant that somebody has created.

    Attributes:
        assistant_id: its name in the protocol, a UUID.
        owner: whose it is; None for nobody's.
        birth_id: the change that it began with.
        versions: all of them, oldest first.
        present: the one that counts.
        updated_at_us: when that was made or chosen.
    """

    assistant_id: str
    owner: str | None
    birth_id: str
    versions: tuple[Version, ...]
    present: Version
    updated_at_us: int


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="edit"):
    """A change that makes a version: what differs from the present one.

    None leaves a field as it is; metadata are merged, key by key.
    """

    graph_id: str | None = None
    name: str | None = None
    description: str | None = None
    config: Object | None = None
    context: Object | None = None
    metadata: Object = {}

    def applied(self, before: Version, number: int, at_us: int) -> Version:
        """Return the version that it makes of another one."""
        names = ("graph_id", "name", "description", "config", "context")
        given = {name: getattr(self, name) for name in names}
        return replace(
            before,
            number=number,
            metadata={**before.metadata, **self.metadata},
            created_at_us=at_us,
            **{name: value for name, value in given.items() if value is not None},
        )


class Birth(msgspec.Struct, frozen=True, kw_only=True, tag="birth"):
    """The change that an assistant begins with."""

    owner: str | None
    first: Edit


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """The change that makes one of the versions the present one."""

    number: int


Change = Birth | Edit | Choice

_decode: Final = msgspec.msgpack.Decoder(Change).decode


def sum_of(items: Iterable[Item], until: str | None = None) -> OwnAssistant | None:
    """Return what the changes of an assistant come to, None if it is not there.

    Args:
        items: its changes, in any order.
        until: the last change that counts; None for all.
    """
    own: OwnAssistant | None = None
    done: set[str] = set()
    for item in sorted(items, key=lambda item: (item.created_seq, item.key)):
        change_id = _change_id(item)
        if change_id not in done:
            done.add(change_id)
            own = _after(own, _decode(item.value_raw), item)
        if change_id == until:
            break
    return own


def _after(own: OwnAssistant | None, change: Change, item: Item) -> OwnAssistant | None:
    """Return an assistant after a change; one that came too late changes nothing."""
    at_us = item.created_at_us
    match change:
        case Birth() if own is None:
            first = change.first.applied(Version(), 1, at_us)
            return OwnAssistant(
                assistant_id=item.namespace[-1],
                owner=change.owner,
                birth_id=_change_id(item),
                versions=(first,),
                present=first,
                updated_at_us=at_us,
            )
        case Edit() if own is not None:
            made = change.applied(own.present, len(own.versions) + 1, at_us)
            versions = (*own.versions, made)
            return replace(own, versions=versions, present=made, updated_at_us=at_us)
        case Choice(number) if own is not None and 0 < number <= len(own.versions):
            chosen = own.versions[number - 1]
            return replace(own, present=chosen, updated_at_us=at_us)
    return own


class Journal:
    """The changes of the assistants of a store.

    Args:
        coordinator: of its runtime.
    """

    __slots__ = ("_coordinator",)

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    async def get(self, assistant_id: str) -> OwnAssistant | None:
        """Return an assistant, None where there is none."""
        return sum_of(await self._items(assistant_id))

    async def all(self) -> list[OwnAssistant]:
        """Return all assistants."""
        return await asyncio.to_thread(lambda: list(self._sums()))

    async def is_full(self) -> bool:
        """Whether no further assistant may be created."""
        return bool(await self._read(ASSISTANTS, limit=1, offset=STORED_MAX - 1))

    async def add(
        self, assistant_id: str, change: Change, change_id: str, timeout_s: float
    ) -> OwnAssistant | None:
        """Append a change, and return what the assistant was right behind it.

        Args:
            assistant_id: which one.
            change: what is different.
            change_id: one that is there is not appended again.
            timeout_s: how long that may take.

        Raises:
            RequestFault: 409, it has been changed too often.
        """
        items = await self._items(assistant_id)
        if change_id not in map(_change_id, items):
            _check_room(assistant_id, len(items))
            value = msgspec.to_builtins(change)
            # Imported changes have one number in common: they stay in this order.
            key = f"{len(items):04}-{change_id}"
            await self._coordinator.put_item(
                (*ASSISTANTS, assistant_id),
                key,
                value,
                op_id=f"{assistant_id}/{change_id}",
                timeout_s=timeout_s,
            )
            items = await self._items(assistant_id)
        return sum_of(items, change_id)

    async def take_back(self, assistant_id: str, change_id: str) -> None:
        """Remove a change that came too late."""
        for item in await self._items(assistant_id):
            if change_id == _change_id(item):
                await self._coordinator.remove_item(item.namespace, item.key)

    async def remove(self, own: OwnAssistant, **change: Any) -> None:
        """Remove an assistant: without its first change it is not there.

        Args:
            own: which one.
            change: ``op_id`` and ``timeout_s``, of that operation.
        """
        items = await self._items(own.assistant_id)
        items.sort(key=lambda item: _change_id(item) != own.birth_id)
        drop = self._coordinator.remove_item
        for first in items[:1]:
            await drop(first.namespace, first.key, **change)
        rest = (drop(item.namespace, item.key) for item in items[1:])
        await asyncio.gather(*rest)

    async def _items(self, assistant_id: str) -> list[Item]:
        return await self._read((*ASSISTANTS, assistant_id))

    async def _read(
        self, place: tuple[str, ...], *, limit: int = _ALL, offset: int = 0
    ) -> list[Item]:
        search = self._coordinator.search_items
        return await asyncio.to_thread(
            lambda: search(place, limit=limit, offset=offset).get()
        )

    def _sums(self) -> Iterator[OwnAssistant]:
        items = self._coordinator.search_items(ASSISTANTS, limit=_ALL).get()
        for _, changes in groupby(items, key=lambda item: item.namespace):
            own = sum_of(changes)
            if own is not None:
                yield own


def _change_id(item: Item) -> str:
    return item.key.partition("-")[2]


def _check_room(assistant_id: str, changes: int) -> None:
    if changes >= CHANGES_MAX:
        detail = (
            f"Assistant {assistant_id} has been changed {CHANGES_MAX} times, which is "
            "as often as it may be. Create another one in its place."
        )
        raise RequestFault(HTTPStatus.CONFLICT, detail)
