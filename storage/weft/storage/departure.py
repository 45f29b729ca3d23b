"""A store that is about to move: what is written meanwhile, moment by moment.

Who copies a store that is written to needs to know what has changed behind it. So while
there is a departure, each write transaction notes the places that it puts or deletes:
places, no values. The notes are taken together with a view of the trees, between two
transactions; so they are exactly what changed from one such moment to the next.

Guarantees:
    * every place that was written since the last moment is in the notes of the next;
      an aborted transaction may leave notes too many, never too few;
    * a moment keeps a writer waiting for some microseconds, a halt for as long as it is
      held;
    * without a departure a write transaction costs one look at an attribute.
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple, Protocol

from weft.storage.engine import ReadTransaction

__all__ = ["Departure", "Moment", "Place", "StoreGone"]

Place = tuple[str, bytes]
"""A tree and a key in it."""


class StoreGone(Exception):
    """The store has moved: nothing was written, ask its successor."""


class Moment(NamedTuple):
    """The trees between two write transactions.

    Attributes:
        trees: as they are.
        written: the places that were put or deleted since the moment before.
    """

    trees: ReadTransaction
    written: set[Place]


class Held(Protocol):
    """An engine whose writers can be held up."""

    def read(self) -> AbstractContextManager[ReadTransaction]:
        """Open a read transaction."""
        ...

    def hold(self) -> AbstractContextManager[ReadTransaction]:
        """Keep write transactions from beginning."""
        ...


class Departure:
    """What an engine's write transactions leave for who copies it.

    Args:
        engine: whose.

    Attributes:
        written: since the last moment. Changed within a write transaction or while
            none can begin, so on one OS thread at a time.
        admit: called as each write transaction begins; raises where nothing may be
            written here.
    """

    __slots__ = ("_engine", "admit", "written")

    def __init__(self, engine: Held) -> None:
        self._engine = engine
        self.written: set[Place] = set()
        self.admit: Callable[[], None] = _admitted

    @contextmanager
    def moment(self) -> Generator[Moment]:
        """Open a view of the trees, with what was written since the last one.

        Raises:
            StoreReadOnly: the store cannot begin a write transaction.
        """
        with ExitStack() as stack:
            with self._engine.hold():
                trees = stack.enter_context(self._engine.read())
                written = self.take()
            yield Moment(trees, written)

    @contextmanager
    def halt(self) -> Generator[Moment]:
        """Keep writers waiting, and show what they have written up to now.

        Raises:
            StoreReadOnly: the store cannot begin a write transaction.
        """
        with self._engine.hold() as trees:
            yield Moment(trees, self.take())

    def take(self) -> set[Place]:
        """Take the notes away; while no write transaction can begin."""
        taken, self.written = self.written, set()
        return taken


def _admitted() -> None:
    """Let a write transaction begin."""
