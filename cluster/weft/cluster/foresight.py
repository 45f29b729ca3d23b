"""What a group will look at, as far as its operations tell: fetched in one go.

Most of it is remembered already. Of the rest some is there (the session of a thread
that is to be made) and is fetched before the group is decided; some is not (the name it
is to have), which the commit will prove: looking it up would be a round trip for
nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from weft.storage import operations as op
from weft.storage.ids import pack_id
from weft.storage.keys import NOWHERE, Key, name_key, session_key, thread_key
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
        places: those at which something is expected.
        absent: those at which nothing is.
        heads: of threads whose last state is asked for.
    """

    def __init__(
        self, operations: Iterable[op.Operation], is_new: Callable[[str, bytes], bool]
    ) -> None:
        self.places: set[Place] = set()
        self.absent: set[Place] = set()
        self.heads: list[Key] = []
        self._is_new = is_new
        for operation in operations:
            place = ("O", pack_id(operation.op_id))
            if not is_new(*place):
                self.absent.add(place)
            for part in _parts(operation):
                self._foresee(part)

    def _foresee(self, operation: op.Operation) -> None:
        match operation:
            case op.CreateThreads():
                self._add([session_key(operation.session_id)], self.places)
                for thread in operation.threads:
                    keys = (
                        name_key(operation.session_id, thread.name),
                        thread_key(thread.thread_id),
                    )
                    self._add(keys, self.absent)
            case op.CreateSession(open_existing=False):
                self._add(reads(operation), self.absent)
            case _:
                self._add(reads(operation), self.places)

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
