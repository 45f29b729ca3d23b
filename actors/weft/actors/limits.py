"""Limits: how many at once, and whose turn it is when more want to.

Guarantees:
    - Who waits is served in turn by key: one session's thousand runs delay another
      session's first one by one run, not by a thousand.
    - No place is lost or given twice, whichever OS threads race for it; nobody waits
      while a place is free.
    - Nothing here blocks: who does not get a place at once is called when it has one.

How it works without a lock: ``heapq`` and ``list.pop`` run in C under the GIL, so an
entry and a place each go to one taker. Who puts something in looks for a place
afterwards, and who gives a place back looks for an entry: one of two sees the other.
"""

import heapq
import itertools
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["FairQueue", "Gate", "Seat"]

T = TypeVar("T")

KEYS_REMEMBERED_MAX: Final = 1024
"""Keys whose last turn is kept although it has passed: 100 KB."""


class FairQueue(Generic[T]):
    """Items by key, taken in turn: each key's first, then each key's second.

    Start-time fair queueing: an item's turn is the one after its key's last item, or
    after the item that was taken last, if that is later.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, T]] = []
        self._order = itertools.count()  # so that items are never compared
        self._last_turns: dict[str, int] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, key: str, item: T) -> None:
        """Add an item.

        Args:
            key: whose it is.
            item: what :meth:`take` returns.
        """
        turn = max(self._last_turns.get(key, 0), self._turn) + 1
        self._last_turns[key] = turn
        heapq.heappush(self._heap, (turn, next(self._order), item))
        if len(self._last_turns) > KEYS_REMEMBERED_MAX + 2 * len(self._heap):
            self._forget()

    def take(self) -> T | None:
        """Return the item whose turn it is, or None if there is none."""
        try:
            turn, _, item = heapq.heappop(self._heap)
        except IndexError:
            return None
        self._turn = max(self._turn, turn)
        return item

    def _forget(self) -> None:
        """Forget the keys that have no item; one that is put meanwhile loses a turn."""
        turns, now = list(self._last_turns.items()), self._turn
        self._last_turns = {key: turn for key, turn in turns if turn > now}


class Gate:
    """Lets so many in at once; the others come in as places are given back.

    Args:
        size: how many, 1 or more.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._places: list[None] = [None] * size
        self._debts: list[None] = []  # places that are taken beyond the size
        self._waiting: FairQueue[Callable[[], bool]] = FairQueue()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return self.size - len(self._places) + len(self._debts)

    def enter(self, key: str, entered: Callable[[], bool]) -> None:
        """Have a function called when there is a place, now or later.

        Args:
            key: whose turn it uses.
            entered: called once, on any OS thread; false if it needs no place any
                more.
        """
        self._waiting.put(key, entered)
        self._admit()

    def leave(self) -> None:
        """Give a place back."""
        try:
            self._debts.pop()
        except IndexError:
            self._places.append(None)
            self._admit()

    def force(self) -> None:
        """Take a place, also where there is none: the next that leaves gives it."""
        try:
            self._places.pop()
        except IndexError:
            self._debts.append(None)

    def _admit(self) -> None:
        while self._waiting and self._places:
            try:
                self._places.pop()
            except IndexError:
                return
            entered = self._waiting.take()
            if entered is None or not entered():
                self._places.append(None)


class Seat:
    """A run's places behind gates, to be held from its beginning to its end.

    Args:
        gates: the narrower first: who waits at one holds a place at those before.
    """

    __slots__ = ("_gates", "_held", "_left")

    def __init__(self, gates: tuple[Gate, ...] = ()) -> None:
        self._gates = gates
        self._held: list[Gate] = []
        self._left = False

    def enter(self, key: str, inside: Callable[[], object]) -> None:
        """Go through the gates, and have a function called behind the last.

        Args:
            key: whose turn it uses.
            inside: called once, on any OS thread, unless :meth:`leave` was before.
        """
        self._pass(0, key, inside)

    def _pass(self, number: int, key: str, inside: Callable[[], object]) -> None:
        if number == len(self._gates):
            if not self._has_left():
                inside()
            return
        gate = self._gates[number]

        def entered() -> bool:
            if self._has_left():
                return False
            self._held.append(gate)
            if self._has_left():  # between, and may have found nothing to give back
                self.give_way()
            else:
                self._pass(number + 1, key, inside)
            return True

        gate.enter(key, entered)

    def _has_left(self) -> bool:
        return self._left

    def leave(self) -> None:
        """Give all places back, and want none any more; twice is no error."""
        self._left = True
        self.give_way()

    def give_way(self) -> None:
        """Let others in, while this one waits for them."""
        while True:
            try:
                gate = self._held.pop()
            except IndexError:
                return
            gate.leave()

    def take_back(self) -> None:
        """Be inside again after :meth:`give_way`, at once and whoever is there."""
        for gate in self._gates:
            gate.force()
            self._held.append(gate)
        if self._left:
            self.give_way()
