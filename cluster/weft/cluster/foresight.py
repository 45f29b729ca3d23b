"""What a group will look at, as far as its operations tell: fetched in one go.

Most of it is remembered already. Of the rest some is there (the session of a thread
that is to be made) and is fetched before the group is decided; some is not (the name it
is to have), which the commit will prove: looking it up would be a round trip for
nothing. What follows from a record, as the name that a thread brings along follows from
the thread's, is told when it is there (:meth:`Foresight.rounds`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from weft.storage import operations as op
from weft.storage.codec import decode
from weft.storage.ids import pack_id
from weft.storage.keys import (
    NOWHERE,
    Key,
    association_key,
    name_key,
    session_key,
    thread_key,
)
from weft.storage.records import Thread
from weft.storage.rules import reads

if TYPE_CHECKING:
    from weft.cluster.recall import Place

__all__ = ["Foresight"]


class Foresight:
    """The places that a group will look at.

    Args:
        operations: the group.
        is_new: whether a place lies beyond all that was ever put there.

    Attributes:
        heads: of threads whose last state is asked for.
    """

    def __init__(
        self, operations: Iterable[op.Operation], is_new: Callable[[str, bytes], bool]
    ) -> None:
        self._places: set[Place] = set()
        self._absent: set[Place] = set()
        self.heads: list[Key] = []
        self._transfers: list[op.TransferThreads] = []
        self._is_new = is_new
        for operation in operations:
            place = ("O", pack_id(operation.op_id))
            if not is_new(*place):
                self._absent.add(place)
            for part in _parts(operation):
                self._foresee(part)

    def _foresee(self, operation: op.Operation) -> None:
        match operation:
            case op.CreateThreads():
                self._add([session_key(operation.session_id)], self._places)
                for thread in operation.threads:
                    keys = (
                        name_key(operation.session_id, thread.name),
                        thread_key(thread.thread_id),
                    )
                    self._add(keys, self._absent)
            case op.TransferThreads():
                self._transfers.append(operation)
                self._add(_ends_of(operation), self._places)
            case op.CreateSession(open_existing=False):
                self._add(reads(operation), self._absent)
            case _:
                self._add(reads(operation), self._places)

    def rounds(
        self, known: "Mapping[Place, bytes | None]"
    ) -> "Iterator[tuple[set[Place], set[Place]]]":
        """Yield what is expected to be there, and what is not: first, then next.

        Args:
            known: the values of what was yielded before.
        """
        yield self._places, self._absent
        if self._transfers:
            self._places, self._absent = set(), set()
            self._follow_threads(known)
            yield self._places, self._absent

    def _follow_threads(self, known: "Mapping[Place, bytes | None]") -> None:
        for operation in self._transfers:
            for thread_id in operation.thread_ids:
                tree, raw = thread_key(thread_id)[-2:]
                data = known.get((tree, raw))
                thread = None if data is None else decode(tree, raw, data)
                if isinstance(thread, Thread):
                    self._follow(operation, thread)

    def _follow(self, operation: op.TransferThreads, thread: Thread) -> None:
        name = operation.new_name or thread.thread_name
        self._add([name_key(operation.to_session_id, name)], self._absent)
        if operation.from_session_id is None:
            row = association_key(thread.thread_id, thread.session_id)
            self._add([row], self._places)

    def _add(self, keys: Iterable[Key], places: "set[Place]") -> None:
        for key in keys:
            tree, raw = key[-2:]
            if tree is NOWHERE:
                self.heads.append(key)
            elif tree != "T" or not self._is_new(tree, raw):
                places.add((tree, raw))

    @staticmethod
    def head_prefix(key: Key) -> bytes:
        """Return what the keys of a thread's states begin with."""
        return pack_id(key[1])


def _parts(operation: op.Operation) -> Iterator[op.Operation]:
    if isinstance(operation, op.Batch):
        yield from operation.parts
    else:
        yield operation


def _ends_of(operation: op.TransferThreads) -> Iterator[Key]:
    """Yield where a transfer's threads are, and where its sessions and its rows are."""
    to, source = operation.to_session_id, operation.from_session_id
    yield session_key(to)
    if source is not None:
        yield session_key(source)
    for thread_id in operation.thread_ids:
        yield thread_key(thread_id)
        yield association_key(thread_id, to)
        if source is not None:
            yield association_key(thread_id, source)
