"""What the rules see of a store, and what they would change.

A :class:`Draft` is a sheet of tracing paper over a view: reads fall through, writes
stay on it. One lies over the store for a commit group, one over that for each
operation, one over that for each part of a batch; a refused operation's sheet is thrown
away, so it cannot spoil its neighbours. (LMDB's nested transactions would do the same
at 1.5 times the cost.)
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol

from weft.storage.keys import (
    HEAD,
    NAME,
    QUEUED_RUN,
    STATE,
    STEP,
    THREAD_RUN,
    Key,
    head_key,
    run_key,
)
from weft.storage.keys import live_run_key as live_key

__all__ = ["Draft", "View"]


_WORK: Final = frozenset({STATE, THREAD_RUN, QUEUED_RUN})
"""What a thread's runs leave: rare in a draft that removes threads, and looking
through a thousand removals for it a thousand times took 88 ms."""


class View(Protocol):
    """A consistent picture of the store."""

    def get(self, key: Key) -> Any:
        """Return the value of a key, None where there is none."""

    def names(self, session_id: str) -> Iterable[tuple[str, str]]:
        """Return name and id of a session's live threads, ordered by name."""
        ...

    def graph_entries(self, thread_id: str) -> Iterable[tuple[Key, Any]]:
        """Return what graphs left in a thread, in the order of the keys."""
        ...

    def steps(self, run_id: str) -> Iterable[tuple[Key, Any]]:
        """Return what the steps of a run came to, in the order of their names."""
        ...


class Draft:
    """Changes on top of a view, not yet made.

    Attributes:
        writes: the new values; None deletes.
        erased: threads whose states and runs go, before ``writes`` are made.
        trimmed: states go that may be written anew by the next operation.
    """

    __slots__ = ("_base", "_with_work", "erased", "trimmed", "writes")

    def __init__(self, base: View) -> None:
        self._base = base
        self.writes: dict[Key, Any] = {}
        self.erased: list[str] = []
        self.trimmed = False
        self._with_work: set[str] = set()

    def get(self, key: Key) -> Any:
        """Return the value of a key as it will be."""
        writes = self.writes
        return writes[key] if key in writes else self._base.get(key)

    def put(self, key: Key, value: Any) -> None:
        """Set the value of a key; None deletes it."""
        self.writes[key] = value
        if key[0] in _WORK:
            self._with_work.add(key[1])

    def names(self, session_id: str) -> Iterator[tuple[str, str]]:
        """Return the names of a session's live threads as they will be."""
        drafted = {
            key[2]: value
            for key, value in self.writes.items()
            if key[0] == NAME and key[1] == session_id
        }
        names = dict(self._base.names(session_id)) | drafted
        return ((name, names[name]) for name in sorted(names) if names[name])

    def graph_entries(self, thread_id: str) -> Iterator[tuple[Key, Any]]:
        """Return what graphs left in a thread, as it will be."""
        drafted = {
            key: value
            for key, value in self.writes.items()
            if key[1] == thread_id and key[-2] == "C"
        }
        entries = dict(self._base.graph_entries(thread_id)) | drafted
        return ((key, value) for key, value in entries.items() if value is not None)

    def steps(self, run_id: str) -> Iterator[tuple[Key, Any]]:
        """Return what the steps of a run came to, as it will be."""
        drafted = {
            key: value
            for key, value in self.writes.items()
            if key[0] == STEP and key[1] == run_id
        }
        entries = dict(self._base.steps(run_id)) | drafted
        return ((key, value) for key, value in entries.items() if value is not None)

    def erase(self, thread_id: str) -> None:
        """Drop a thread's states and runs, drafted ones as well."""
        self.erased.append(thread_id)
        if thread_id in self._with_work:
            self._drop_work(thread_id)
        self.writes[head_key(thread_id)] = None

    def _drop_work(self, thread_id: str) -> None:
        for key in [key for key in self.writes if key[1] == thread_id]:
            if key[0] == THREAD_RUN:
                for gone in (run_key(key[2]), live_key(key[2]), key):
                    self.writes.pop(gone, None)
            elif key[0] in {STATE, HEAD, QUEUED_RUN}:
                del self.writes[key]
