"""Users of a daemon who do a bit of everything, and know what must be there at the end.

Each user has sessions of its own, so its model is exact whatever the others do.
"""

import random
import time
from collections import Counter
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import msgspec

from weft.daemon.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Place", "User", "at_the_end"]

TIMEOUT_S = 60.0
SESSIONS = 4
THREADS_MAX = 24
STEPS_MAX = 4
STAY = 150
"""So many actions, then a user comes back over a new connection."""


class Place(msgspec.Struct):
    """What a user knows of a thread."""

    session_id: str
    name: str
    steps: int = 0


class User:
    """One user, on an OS thread.

    Args:
        url: of the daemon.
        number: tells users apart, and seeds what it does.

    Attributes:
        threads: what must be there, by thread id.
        took_s: how long each action took since somebody last took these.
        done: actions, by kind.
        error: what ended the user before its time.
    """

    def __init__(self, url: str, number: int) -> None:
        self.threads: dict[str, Place] = {}
        self.took_s: list[float] = []
        self.done: Counter[str] = Counter()
        self.error: BaseException | None = None
        self.sessions = [f"user-{number}-{index}" for index in range(SESSIONS)]
        self._url = url
        self._random = random.Random(number)
        self._names = 0
        self._client: Any = None
        self.os_thread = Thread(target=self._live, daemon=True)
        self._stop = Event()

    def stop(self) -> None:
        """End what it is doing, and go."""
        self._stop.set()
        self.os_thread.join(TIMEOUT_S)
        assert not self.os_thread.is_alive()

    def _live(self) -> None:
        try:
            while not self._stop.is_set():
                with connect(self._url) as client:
                    self._client = client
                    self._visit()
        except BaseException as error:  # noqa: BLE001 - the test tells it
            self.error = error

    def _visit(self) -> None:
        actions: list[Callable[[], None]] = [
            self._create, self._run, self._stream, self._move, self._rename,
            self._remove, self._read, self._follow,
        ]  # fmt: skip
        weights = (10, 16, 4, 6, 3, 7, 8, 1)
        for _ in range(STAY):
            if self._stop.is_set():
                return
            (action,) = self._random.choices(actions, weights)
            began_s = time.perf_counter()
            action()
            self.took_s.append(time.perf_counter() - began_s)
            self.done[action.__name__.removeprefix("_")] += 1

    def _some(self) -> tuple[str, Place]:
        if not self.threads:
            self._create()
        return self._random.choice(list(self.threads.items()))

    def _name(self) -> str:
        self._names += 1
        return f"t-{self._names}"

    def _create(self) -> None:
        if len(self.threads) >= THREADS_MAX:
            self._remove()
        place = Place(self._random.choice(self.sessions), self._name())
        session = self._client.session(place.session_id)
        made = session.create_thread(place.name, "steps").get(timeout=TIMEOUT_S)
        self.threads[made.thread_id] = place

    def _run(self) -> None:
        thread_id, place = self._some()
        to = place.steps + self._random.randint(1, STEPS_MAX)
        ran = self._client.thread(thread_id).run({"to": to, "pause_s": 0})
        assert {"n": to} == ran.get(timeout=TIMEOUT_S)
        place.steps = to

    def _stream(self) -> None:
        thread_id, place = self._some()
        to = place.steps + self._random.randint(1, STEPS_MAX)
        stream = self._client.thread(thread_id).stream({"to": to, "pause_s": 0})
        assert [{"n": n} for n in range(place.steps + 1, to + 1)] == list(stream)
        place.steps = to

    def _move(self) -> None:
        thread_id, place = self._some()
        to = self._random.choice(self.sessions)
        self._client.thread(thread_id).transfer_to(to).get(timeout=TIMEOUT_S)
        place.session_id = to

    def _rename(self) -> None:
        thread_id, place = self._some()
        name = self._name()
        self._client.thread(thread_id).rename(name).get(timeout=TIMEOUT_S)
        place.name = name

    def _remove(self) -> None:
        thread_id, _ = self._some()
        self._client.coordinator.remove_thread(thread_id).get(timeout=TIMEOUT_S)
        del self.threads[thread_id]

    def _read(self) -> None:
        thread_id, place = self._some()
        record = self._client.thread(thread_id).get().get(timeout=TIMEOUT_S)
        found = (record.session_id, record.thread_name)
        assert (place.session_id, place.name) == found

    def _follow(self) -> None:
        """Read a little of the change feed, and hang up."""
        thread_id, _ = self._some()
        record = self._client.coordinator.get_thread(thread_id).get(timeout=TIMEOUT_S)
        for event in self._client.events(record.created_seq - 1):
            assert record.created_seq <= event.seq
            break


def at_the_end(url: str, users: list[User]) -> None:
    """Assert that what each user knows is what is there."""
    with connect(url) as client:
        for user in users:
            expected = {
                thread_id: (place.session_id, place.name)
                for thread_id, place in user.threads.items()
            }
            found = {
                record.thread_id: (session_id, record.thread_name)
                for session_id in user.sessions
                for record in client.coordinator.list_threads(session_id).get(
                    timeout=TIMEOUT_S
                )
            }
            assert expected == found
            for thread_id, place in user.threads.items():
                state = client.coordinator.get_thread_state(thread_id)
                last = state.get(timeout=TIMEOUT_S)
                assert place.steps == (last.values["n"] if last else 0)
