"""Those who put a cluster under load: its clients, and the shards themselves."""

import random
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from weft.storage import CreateThreads, NewThread, SessionThreadException

if TYPE_CHECKING:
    from weft.cluster.cluster_runtime import ClusterRuntime
    from weft.cluster.shard import Shard

__all__ = ["ANSWER_S", "Client", "beat"]

BEAT_S: Final = 0.02
ANSWER_S: Final = 90.0
"""For one operation of a client, whatever happens meanwhile."""

_NEVER: Final = threading.Event()


def beat(shard: "Shard") -> None:
    """Have a shard write by itself: a thread every 20 ms, named after its epoch."""
    runtime, store = shard.runtime, shard.runtime.store
    fence = store.fence
    session_id = next(f"beat-{n}" for n in range(100_000) if store.owns(f"beat-{n}"))

    def run() -> None:
        coordinator = runtime.coordinator
        for n in range(1_000_000):
            with suppress(Exception):  # the database is away, or the shard has ended
                coordinator.create_session(session_id, if_exists="open").get(timeout=5)
                name = f"beat-{fence.shard}-{fence.epoch}-{n}"
                coordinator.create_thread_with_session(
                    session_id, {}, name, timeout_s=5.0
                ).get(timeout=6)
            _NEVER.wait(BEAT_S)

    threading.Thread(target=run, daemon=True).start()


class Client(threading.Thread):
    """Changes threads of its own and remembers what was acknowledged."""

    def __init__(
        self, number: int, seed: int, runtime: "ClusterRuntime", sessions: list[str]
    ) -> None:
        super().__init__(daemon=True)
        self._random = random.Random(f"{seed}/{number}")
        self._number = number
        self._coordinator = runtime.coordinator
        self._sessions = sessions
        self._made = 0
        self.stopping = threading.Event()
        self.where: dict[str, str | None] = {}
        self.operations = 0
        self.failed: Counter[str] = Counter()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._act()
            except SessionThreadException as error:
                self.failed[f"{type(error).__name__}: {error}"[:160]] += 1

    def _act(self) -> None:
        mine = [thread for thread, owner in self.where.items() if owner is not None]
        dice = self._random.random()
        if len(mine) < 20 or dice < 0.2:
            self._create()
        elif dice < 0.3:
            self._create_over_shards()
        elif dice < 0.4:
            self._remove(self._random.choice(mine))
        else:
            self._move(self._random.choice(mine))

    def _new(self) -> str:
        self._made += 1
        return f"t-{self._number}-{self._made}"

    def _create(self) -> None:
        thread, session = self._new(), self._random.choice(self._sessions)
        self._coordinator.create_thread_with_session(
            session, {}, thread, thread_id=thread, timeout_s=ANSWER_S
        ).get()
        self._note({thread: session})

    def _create_over_shards(self) -> None:
        made = {self._new(): one for one in self._random.sample(self._sessions, 3)}
        parts = [
            CreateThreads(session_id=session, threads=(NewThread(thread, thread),))
            for thread, session in made.items()
        ]
        self._coordinator.transact(parts, timeout_s=ANSWER_S).get()
        self._note(made)

    def _remove(self, thread: str) -> None:
        owner = self.where[thread] or ""
        self._coordinator.remove_thread_from_session(
            owner, thread, timeout_s=ANSWER_S
        ).get()
        self._note({thread: None})

    def _move(self, thread: str) -> None:
        owner, to = self.where[thread] or "", self._random.choice(self._sessions)
        self._coordinator.transfer_thread_between_sessions(
            thread, owner, to, timeout_s=ANSWER_S
        ).get()
        self._note({thread: to})

    def _note(self, acknowledged: dict[str, Any]) -> None:
        self.where.update(acknowledged)
        self.operations += 1
