"""The first pass of the check: add up both copies of each fact, and count.

Guarantees: one ordered scan of each tree, no lookup, the memory of one group; a set
that differs from its copy leaves a sum over, but for a chance of 2**-64.
"""

from collections.abc import Iterator
from typing import Any

from weft.storage.check_scan import DAMAGED, Counting, Entry, Pass, follows
from weft.storage.ids import unpack_id
from weft.storage.records import (
    Association,
    Counters,
    Interaction,
    Session,
    State,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot

__all__ = ["Sweep"]


class _Followers:
    """Ids met in one tree that must be met in another, which has the same order."""

    def __init__(self, groups: Iterator[tuple[str, Iterator[Entry]]]) -> None:
        self._groups = groups
        self.waiting: str | None = None
        self._step()

    def _step(self) -> None:
        self.waiting = next((owner for owner, _ in self._groups), None)

    def meet(self, owner: str) -> None:
        """Let the first that waits go if this is its owner."""
        if self.waiting == owner:
            self._step()

    def strand(self) -> bool:
        """Read the rest; whether there was somebody whom nobody met."""
        stranded = self.waiting is not None
        while self.waiting is not None:
            self._step()
        return stranded


class Sweep(Pass):
    """The first pass: adds up both copies of each fact, and counts."""

    def __init__(self, snapshot: Snapshot, progress: Counting) -> None:
        super().__init__(snapshot, progress)
        self.recount = Counters()
        self.odd = False
        self._names = self._pasts = self._runs = self._live = self._busy = 0
        self._log = 0

    def balances(self) -> bool:
        """Return whether no copy differs."""
        self._sessions()
        self._threads()
        self._all_runs()
        self._operations()
        self._count()
        sums = (self._names, self._pasts, self._runs, self._live, self._busy, self._log)
        return not (self.odd or any(sums))

    def damaged(self, tree: str, key: bytes, why: str) -> None:  # noqa: ARG002
        """Leave the naming to the second pass."""
        self.odd = True

    def _sessions(self) -> None:
        interactions = _Followers(self.groups("I"))
        for session_id, group in self.groups("S"):
            status, listed = "", False
            for _, rest, value in group:
                kind = type(value)
                if kind is str:
                    listed = True
                    self._names += hash((session_id, rest[1:].decode(), value))
                elif kind is bool:
                    self._pasts += hash((session_id, unpack_id(rest, 1)[0]))
                elif kind is Session:
                    status = value.status
                    _bump(self.recount.sessions, status)
            self.odd |= not status or (listed and status != "open")
            interactions.meet(session_id)
        self.odd |= interactions.strand()

    def _threads(self) -> None:
        states = _Followers(self.groups("X"))
        for thread_id, group in self.groups("T"):
            if self._thread(thread_id, group):
                states.meet(thread_id)
        self.odd |= states.strand()

    def _thread(self, thread_id: str, group: Iterator[Entry]) -> bool:
        """Add up a thread's entries; return whether it is live."""
        head: Any = None
        active = 0
        for _, rest, value in group:
            kind = type(value)
            if kind is Association:
                if not value.is_active:
                    self._pasts -= hash((value.session_id, thread_id))
                elif (
                    type(head) is Thread
                    and value.session_id == head.session_id
                    and value.thread_name == head.thread_name
                ):
                    active += 1
                else:
                    self.odd = True
            elif kind is bool:
                self.odd |= type(head) is not Thread
                self._runs -= hash((unpack_id(rest, 1)[0], thread_id))
            elif kind is Thread or kind is Tombstone:
                head = value
        if type(head) is not Thread:
            self.odd |= head is None
            return False
        self.odd |= active != 1
        self._names -= hash((head.session_id, head.thread_name, thread_id))
        if head.run_id is not None:
            self._busy -= hash((head.run_id, thread_id))
        _bump(self.recount.threads, head.status)
        return True

    def _all_runs(self) -> None:
        for run_id, _, run in self.entries("R", b"\x01", 1):
            if run is not DAMAGED:
                fact = hash((run_id, run.thread_id))
                self._runs += fact
                if run.finished_at_us is None:
                    self._live += fact
                    self._busy += fact
                _bump(self.recount.runs, run.status)
        for run_id, _, thread_id in self.entries("R", b"\x00", 1):
            self._live -= hash((run_id, thread_id))

    def _operations(self) -> None:
        last = b""
        for _, place, record in self.entries("L", at=None):
            if last and not follows(last, place):
                self.odd = True
            last = place
            if record is not DAMAGED:
                self._log += hash((record.op_id, place))
        for op_id, _, place in self.entries("O"):
            self._log -= hash((op_id, place))

    def _count(self) -> None:
        recount, seen = self.recount, self.seen
        recount.states, recount.interactions = seen[State], seen[Interaction]
        recount.associations, recount.tombstones = seen[Association], seen[Tombstone]


def _bump(counts: dict[str, int], status: str) -> None:
    counts[status] = counts.get(status, 0) + 1
