"""Who writes a store: each open store has one writer in its process.

A runtime writes its store through a writer of its own. Whoever is given the store
alone, such as a saver of checkpoints, finds that writer here, and starts one only if
there is none: a second one beside it would tell no session what it did.
"""

from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    from weft.storage.store import Store
    from weft.storage.submission import Submission

__all__ = ["StoreWriter", "dismiss", "enroll", "writer_of"]


class StoreWriter(Protocol):
    """What a writer does for whoever finds it here."""

    def submit(self, submission: "Submission") -> None:
        """Queue an operation; from any OS thread, never blocks."""
        ...

    def close(self, timeout_s: float = ...) -> bool:
        """Write what is queued, then stop; return whether it has stopped."""
        ...


# Weak on both sides: a writer keeps its store alive, so the entry would never go.
_writers: Final[WeakKeyDictionary["Store", "ref[StoreWriter]"]] = WeakKeyDictionary()


def enroll(store: "Store", writer: StoreWriter) -> None:
    """Take note of the writer that has started on a store.

    The one before it, such as a saver's that came ahead of the runtime, writes what it
    has in hand and stops: no two write one store at a time.
    """
    before = writer_of(store)
    _writers[store] = ref(writer)
    if before is not None:
        before.close()


def dismiss(store: "Store", writer: StoreWriter) -> None:
    """Forget a writer that was closed while its store stays open."""
    if writer_of(store) is writer:
        del _writers[store]


def writer_of(store: "Store") -> StoreWriter | None:
    """Return the writer of a store, None if none has started."""
    found = _writers.get(store)
    return None if found is None else found()
