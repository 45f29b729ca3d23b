"""A writer, its store behind a gate, and what it answers."""

import threading
from collections import deque
from collections.abc import Sequence

from tests.storage.client import START_US
from weft.storage import (
    CreateSession,
    Operation,
    Outcome,
    Submission,
    Writer,
)
from weft.storage.store import TreeStore

WAIT_S = 20.0
"""The deadline of every wait; none of them comes near it."""


class Answers:
    """A `publish` that keeps what it is told, and lets a test wait for it.

    Attributes:
        groups: what it was told, oldest first.
        failures: raised when it has been told for the n-th time.
    """

    def __init__(self) -> None:
        self.groups: list[list[tuple[Submission, Outcome]]] = []
        self.failures: dict[int, Exception] = {}
        self._changed = threading.Condition()

    def __call__(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        with self._changed:
            self.groups.append(list(pairs))
            number = len(self.groups)
            self._changed.notify_all()
        if number in self.failures:
            raise self.failures[number]

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for group in self.groups for _, outcome in group]

    def wait_for(self, count: int) -> list[Outcome]:
        """Return the outcomes when there are as many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.outcomes) >= count, WAIT_S)
        return self.outcomes


class Gated:
    """A store whose groups wait at a gate; some of them fail there instead.

    Attributes:
        entered: released once for each group that has come to the gate.
        gate: one permit lets one group through.
        failures: raised at the gate, one for each group, before anything is applied.
    """

    def __init__(self, store: TreeStore) -> None:
        self.store = store
        self.read = store.read
        self.statistics = store.statistics
        self.close = store.close
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.failures: deque[Exception] = deque()

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        self.entered.release()
        assert self.gate.acquire(timeout=WAIT_S)
        if self.failures:
            raise self.failures.popleft()
        return self.store.apply(operations)


class Desk:
    """A writer, its store and its answers."""

    def __init__(self, store: TreeStore, *, gated: bool = False) -> None:
        self.store = store
        self.gated = Gated(store)
        self.answers = Answers()
        self.writer = Writer(self.gated if gated else store, self.answers)

    def submit(self, *session_ids: str, deadline_ns: int = 0) -> None:
        for session_id in session_ids:
            self.writer.submit(
                Submission(create(session_id), session_id, deadline_ns=deadline_ns)
            )

    def open_gate(self, groups: int = 1) -> None:
        self.gated.gate.release(groups)

    def wait_at_gate(self) -> None:
        """Return when a group waits at the gate."""
        assert self.gated.entered.acquire(timeout=WAIT_S)


def create(session_id: str, op_id: str = "") -> CreateSession:
    return CreateSession(
        session_id=session_id, op_id=op_id or session_id, at_us=START_US
    )


def errors(outcomes: Sequence[Outcome]) -> list[type | None]:
    return [type(o.error) if o.error else None for o in outcomes]
