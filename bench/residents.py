"""A million sessions in one process: what each takes, and what the collector does.

The real session actors in the directory of a real runtime with its collector, made
resident by turns of its root. Measured twice: one by one with the store's read, on a
store prepared before; and in a bulk with a store that answers from the program, which
leaves what the actor itself costs.
"""

import gc
import time
from contextlib import nullcontext
from threading import Event
from typing import Any, Final, Literal, Self

import msgspec

from bench.engine import ANSWER_TIMEOUT_S
from bench.machine import heap_bytes
from weft.actors import Runtime
from weft.actors.collector import Collector
from weft.actors.light_actor import LightActor, handles
from weft.actors.passivation import Passivation
from weft.storage import (
    CreateSession,
    CreateThreads,
    LmdbStore,
    MemoryStore,
    NewThread,
    Session,
    Snapshot,
    Store,
    new_id,
)
from weft.storage.records import EMPTY

__all__ = [
    "RESIDENTS",
    "PrepareSpec",
    "ResidentsMeasurement",
    "ResidentsName",
    "ResidentsSpec",
    "measure",
    "prepare",
    "wake_all",
]

ResidentsName = Literal["empty", "one thread", "empty, stored", "one thread, stored"]
RESIDENTS: Final[tuple[ResidentsName, ...]] = (
    "empty",
    "one thread",
    "empty, stored",
    "one thread, stored",
)

_TURN: Final = 1000
"""Sessions that wake up in one turn: 20 ms with the store's read."""

_GROUP: Final = 10_000
_LOAD: Final = 2000
_SLOWEST_US: Final = 200
"""A session with the store's read takes 20 us; on a loaded machine a few times that."""


class PrepareSpec(msgspec.Struct, frozen=True, tag=True):
    """Make a store of empty sessions and of as many with one thread."""

    directory: str
    sessions: int


class ResidentsSpec(msgspec.Struct, frozen=True, tag=True):
    """Measure so many resident sessions of one sort."""

    name: ResidentsName
    directory: str
    sessions: int


class ResidentsMeasurement(msgspec.Struct, frozen=True):
    """What resident sessions cost.

    Attributes:
        cpu_s: to make all resident, of all OS threads.
        read_s: CPU time of the store's reads in that, by reading it all once more.
        heap_bytes: of all together; without the pages of the store's file.
        pause_ms: the longest of the collector, from the first session to the end of
            a load, full collections included.
        pause_cpu_ms: the same in CPU time: a busy machine interrupts pauses, too.
        full_ms: a full collection if the sessions were not frozen.
    """

    cpu_s: float
    read_s: float
    heap_bytes: int
    pause_ms: float
    pause_cpu_ms: float
    full_ms: float


def _id(number: int) -> str:
    return f"01900000-0000-7000-8000-{number:012x}"


def _numbers(spec: ResidentsSpec) -> range:
    """Return the sessions: behind the empty ones are those with a thread."""
    first = spec.sessions if spec.name.startswith("one") else 0
    return range(first, first + spec.sessions)


def prepare(spec: PrepareSpec) -> None:
    """Make the store, without flushing: nobody wants it after a power loss."""
    store = LmdbStore(spec.directory, sync=False)
    for first in range(0, 2 * spec.sessions, _GROUP):
        numbers = range(first, min(first + _GROUP, 2 * spec.sessions))
        store.apply([_creation(number, spec.sessions) for number in numbers])
    store.close()


def _creation(number: int, empty: int) -> CreateSession | CreateThreads:
    op_id = _id((1 << 40) + number)
    if number < empty:
        return CreateSession(op_id=op_id, session_id=_id(number))
    thread = NewThread(_id((1 << 41) + number), f"thread-{number}")
    return CreateThreads(
        op_id=op_id, session_id=_id(number), threads=(thread,), create_session=True
    )


class _Answers(MemoryStore):
    """A store whose read costs next to nothing: every session is there.

    Args:
        named: whether each has a thread.
    """

    def __init__(self, *, named: bool) -> None:
        super().__init__()
        with super().read() as nothing:
            kind = _Named if named else _Answer
            answer: Any = kind(nothing._transaction)  # noqa: SLF001
        # A method would cost half of what is measured.
        self.read = lambda: answer  # type: ignore[method-assign]


class _Answer(Snapshot):
    """What that store says of any session; of all else it knows nothing."""

    seq: Any = 1
    _RECORD: Final = Session("any", None, "open", EMPTY, 0, 0, 1, 1, 1)

    def session(self, session_id: str) -> Session:  # noqa: ARG002 - it knows one
        return self._RECORD

    def names(self, session_id: str) -> Any:  # noqa: ARG002
        return ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Keep nothing open."""


class _Named(_Answer):
    def names(self, session_id: str) -> Any:
        """Return a name and an id, new strings as if they came from a disk."""
        return ((f"thread-{session_id[-7:]}", f"{session_id[:-1]}t"),)


class _Wake(msgspec.Struct):
    session_ids: list[str]
    ended: Event | None


class _Waker(LightActor):
    """Makes sessions resident in turns, as a client's first message would."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime._dispatcher, "waker")  # noqa: SLF001
        self._root: Any = runtime._root.actor  # noqa: SLF001

    @handles(_Wake)
    def _wake(self, wake: _Wake) -> None:
        activate = self._root.session
        for session_id in wake.session_ids:
            activate(session_id)
        if wake.ended is not None:
            wake.ended.set()


def measure(spec: ResidentsSpec) -> ResidentsMeasurement:
    """Make sessions resident, then use some of them.

    Raises:
        AssertionError: not all of them are resident.
    """
    runtime = Runtime.open(
        store=_store(spec), passivation=_all_stay(spec.sessions), collector=True
    )
    numbers, stored = _numbers(spec), "stored" in spec.name
    before_bytes = heap_bytes()
    pauses = _Pauses()
    with pauses, nullcontext() if stored else Collector.bulk():
        cpu_s = wake_all(runtime, [_id(number) for number in numbers])
        grown_bytes = heap_bytes() - before_bytes
    resident = runtime.statistics().actors["session", "idle"]
    if resident != spec.sessions:
        raise AssertionError(f"{resident} of {spec.sessions} sessions are resident")
    read_s = _read_all(runtime.store, numbers)
    with pauses:
        if stored:
            _use(runtime, numbers[:: max(1, len(numbers) // _LOAD)])
        gc.collect()
    full_ms = _unfrozen_ms()
    return ResidentsMeasurement(
        cpu_s,
        read_s,
        grown_bytes,
        pauses.longest_ms,
        pauses.longest_cpu_ms,
        full_ms,
    )


def _store(spec: ResidentsSpec) -> Store:
    if "stored" in spec.name:
        return LmdbStore(spec.directory)
    return _Answers(named=spec.name.startswith("one"))


def _all_stay(sessions: int) -> Passivation:
    return Passivation(sessions_max=sessions + 1, idle_s=1e6)


def wake_all(runtime: Runtime, ids: list[str]) -> float:
    """Make sessions resident; return the CPU seconds of all OS threads."""
    cell, ended = _Waker(runtime).actor_ref, Event()
    began_s = time.process_time()
    for start in range(0, len(ids), _TURN):
        last = start + _TURN >= len(ids)
        cell.tell(_Wake(ids[start : start + _TURN], ended if last else None))
    if not ended.wait(ANSWER_TIMEOUT_S + len(ids) * _SLOWEST_US / 1e6):
        raise TimeoutError("the sessions did not wake up in time")
    return time.process_time() - began_s


def _read_all(store: Store, numbers: range) -> float:
    """Read what waking reads, on this OS thread; the ids are made before the clock."""
    took_s = 0.0
    for start in range(0, len(numbers), _TURN):
        ids = [_id(number) for number in numbers[start : start + _TURN]]
        began_s = time.process_time()
        for session_id in ids:
            with store.read() as snapshot:
                _ = snapshot.seq, snapshot.session(session_id)
                dict(snapshot.names(session_id))
        took_s += time.process_time() - began_s
    return took_s


def _use(runtime: Runtime, numbers: range) -> None:
    """Give sessions all over the directory a thread each, durably."""
    create = runtime.coordinator.create_thread_with_session
    futures = [create(_id(number), {}, f"more-{new_id()}") for number in numbers]
    for future in futures:
        future.get(timeout=ANSWER_TIMEOUT_S)


def _unfrozen_ms() -> float:
    gc.unfreeze()
    pauses = _Pauses()
    with pauses:
        gc.collect()
    return pauses.longest_ms


class _Pauses:
    """The collector's pauses inside a ``with``.

    Attributes:
        longest_ms: the longest so far.
        longest_cpu_ms: the longest in CPU time of the OS thread that collected.
    """

    def __init__(self) -> None:
        self.longest_ms = self.longest_cpu_ms = 0.0
        self._began_s = self._began_cpu_s = 0.0

    def _note(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began_s, self._began_cpu_s = time.perf_counter(), time.thread_time()
        else:
            took_ms = (time.perf_counter() - self._began_s) * 1e3
            cpu_ms = (time.thread_time() - self._began_cpu_s) * 1e3
            self.longest_ms = max(self.longest_ms, took_ms)
            self.longest_cpu_ms = max(self.longest_cpu_ms, cpu_ms)

    def __enter__(self) -> Self:
        gc.callbacks.append(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._note)
