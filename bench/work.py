"""The work: the same sessions, threads and operations for every engine.

1,000 sessions hit uniformly; 4,096 threads to begin with, shared out among the callers,
so that one caller and 256 touch the same set. A caller moves only its own threads. The
case ``hot`` has all in one session, and each caller gives its own threads states.
"""

from collections.abc import Iterator
from itertools import count, cycle
from random import Random
from typing import Final

import msgspec

from bench.spec import Case
from weft.storage import new_id

__all__ = ["CONFIG", "Append", "Counts", "Create", "Transfer", "Work", "World"]

SESSIONS: Final = 1000
THREADS: Final = 4096
STATE_SIZE_BYTES: Final = 1000
_POOL_SIZE_BYTES: Final = 1 << 16

CONFIG: Final = {"type": "processing", "mode": "batch"}
"""The config every created thread has; each engine encodes it anew each time."""


class Create(msgspec.Struct, frozen=True):
    session_id: str
    name: str


class Transfer(msgspec.Struct, frozen=True):
    thread_id: str
    from_session_id: str
    to_session_id: str


class Append(msgspec.Struct, frozen=True):
    thread_id: str
    session_id: str
    values: bytes


Work = Create | Transfer | Append


class Counts(msgspec.Struct, frozen=True):
    """What a store holds.

    Attributes:
        threads: records of threads.
        transfers: how often they changed their owner, by their revisions.
        states: durable states.
    """

    threads: int
    transfers: int
    states: int


class World:
    """What is in the store before the first operation.

    Args:
        case: what will be measured on it.

    Attributes:
        session_ids: of all sessions.
        threads: id, owner and name of each.
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        sessions = 1 if case == "hot" else SESSIONS
        self.session_ids = [new_id() for _ in range(sessions)]
        self.threads = [
            (new_id(), self.session_ids[n % sessions], f"first-{n}")
            for n in range(THREADS)
        ]
        self._pool = Random(0).randbytes(_POOL_SIZE_BYTES + STATE_SIZE_BYTES)

    def work(self, caller: int, callers: int) -> Iterator[Work]:
        """Yield one caller's operations; take the next when the last is answered."""
        random = Random(caller)
        if self._case == "create":
            return self._creates(caller, random)
        own = self.threads[caller::callers]
        if self._case == "transfer":
            return self._transfers(own, random)
        return self._appends(own, random)

    def expected(self, answered: int) -> Counts:
        """Return what the store must hold when so many operations were answered."""
        return Counts(
            threads=THREADS + (answered if self._case == "create" else 0),
            transfers=answered if self._case == "transfer" else 0,
            states=answered if self._case in {"append", "hot"} else 0,
        )

    def _creates(self, caller: int, random: Random) -> Iterator[Work]:
        for n in count():
            session_id = self.session_ids[int(random.random() * SESSIONS)]
            yield Create(session_id, f"thread-{caller}-{n}")

    def _transfers(
        self, own: list[tuple[str, str, str]], random: Random
    ) -> Iterator[Work]:
        owner = {thread_id: session_id for thread_id, session_id, _ in own}
        for thread_id in cycle(owner):
            here = there = owner[thread_id]
            while there == here:
                there = self.session_ids[int(random.random() * SESSIONS)]
            yield Transfer(thread_id, here, there)
            owner[thread_id] = there

    def _appends(
        self, own: list[tuple[str, str, str]], random: Random
    ) -> Iterator[Work]:
        for thread_id, session_id, _ in cycle(own):
            start = int(random.random() * _POOL_SIZE_BYTES)
            values = self._pool[start : start + STATE_SIZE_BYTES]
            yield Append(thread_id, session_id, values)
