"""What an operation costs as the store grows, from 10^3 threads to 10^6.

Half of the operations create a thread in a session, half move a thread from one to
another. Twice: with 300 sessions from all over the store, the same number whatever its
size, and with all sessions of the store, most of which have to wake up first.
"""

import gc
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path
from random import Random
from typing import Final, TypeVar

import msgspec

from bench.callers import drive
from bench.million import load
from bench.weft_runtime import WeftRuntime
from bench.work import Create, Transfer, Work
from weft.actors import Runtime
from weft.storage import LmdbStore, RenameThread, new_id
from weft.storage.retention import Retention

__all__ = ["GrowthMeasurement", "GrowthSpec", "PrepareGrowthSpec", "measure_growth",
           "prepare_growth"]  # fmt: skip

_T = TypeVar("_T")

CALLERS: Final = 64
_MOVED_MAX: Final = 20_000
_SOME: Final = 300
_WARM_UP_SHARE: Final = 0.3

_KEEP: Final = Retention(operations_s=None, tombstones_s=None, associations_s=None)
"""The store says of itself that it is old; forgetting that is not what is measured."""


class PrepareGrowthSpec(msgspec.Struct, frozen=True, tag=True):
    """Make a store of so many threads."""

    directory: str
    threads: int


class GrowthSpec(msgspec.Struct, frozen=True, tag=True):
    """Operate on a store that was prepared; it grows a little each time.

    Attributes:
        everywhere: use all sessions, not 300 of them.
    """

    directory: str
    everywhere: bool
    seconds: float


class GrowthMeasurement(msgspec.Struct, frozen=True):
    """What an operation costs.

    Attributes:
        cpu_us: of all OS threads.
        rate: operations per second.
        p50_us: from call to answer.
    """

    cpu_us: float
    rate: float
    p50_us: float


def prepare_growth(spec: PrepareGrowthSpec) -> None:
    """Make the store, and give the threads that will move a name nobody else has."""
    load(Path(spec.directory), spec.threads)
    store = LmdbStore(spec.directory, sync=False)
    step = max(1, spec.threads // _MOVED_MAX)
    with store.read() as snapshot:
        threads = (
            thread_id
            for session in snapshot.sessions()
            for _, thread_id in snapshot.names(session.session_id)
        )
        moved = list(islice(threads, 0, None, step))
    for outcome in store.apply(
        [
            RenameThread(op_id=new_id(), thread_id=thread_id, new_name=f"moved-{n}")
            for n, thread_id in enumerate(moved)
        ]
    ):
        if outcome.error is not None:
            raise outcome.error
    _moved_file(spec.directory).write_bytes(msgspec.json.encode(moved))
    store.close()


def measure_growth(spec: GrowthSpec) -> GrowthMeasurement:
    """Measure creations and transfers by 64 callers, answered by message.

    Raises:
        AssertionError: the store has not numbered as many operations as were answered.
    """
    store = LmdbStore(spec.directory)
    ids, threads = _places(store, _moved_file(spec.directory))
    if not spec.everywhere:
        ids, threads = _some(ids), _some(threads)
    seq = store.seq
    engine = WeftRuntime(Runtime.open(store=store, retention=_KEEP))
    loops = [_loop(n, threads[n::CALLERS], ids) for n in range(CALLERS)]
    warm = drive(engine, "messages", loops, spec.seconds * _WARM_UP_SHARE)
    gc.collect()
    gc.freeze()  # the lists above are the benchmark's own
    window = drive(engine, "messages", loops, spec.seconds)
    answered = len(warm.latencies_ns) + len(window.latencies_ns)
    engine.close()
    _verify(spec.directory, seq + answered)
    latencies_ns = sorted(window.latencies_ns)
    number = len(latencies_ns)
    return GrowthMeasurement(
        window.cpu_s / number * 1e6,
        number / window.elapsed_s,
        latencies_ns[number // 2] / 1e3,
    )


def _places(store: LmdbStore, moved: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """Return all sessions, and id and owner of each thread that may move."""
    ids = msgspec.json.decode(moved.read_bytes(), type=list[str])
    with store.read() as snapshot:
        sessions = [session.session_id for session in snapshot.sessions()]
        found = [snapshot.thread(thread_id) for thread_id in ids]
    return sessions, [(it.thread_id, it.session_id) for it in found if it is not None]


def _some(every: list[_T]) -> list[_T]:
    """Return up to 300, from all over."""
    return every[:: max(1, len(every) // _SOME)][:_SOME]


def _moved_file(directory: str) -> Path:
    """Return where the threads that may move are listed: beside the store."""
    return Path(f"{directory}.moved")


def _loop(
    caller: int, threads: list[tuple[str, str]], ids: list[str]
) -> Iterator[Work]:
    random, size = Random(), len(ids)
    owner = dict(threads)
    moves = cycle(owner)
    for n in count():
        name = f"new-{caller}-{n}-{random.getrandbits(64):x}"
        yield Create(ids[int(random.random() * size)], name)
        thread_id = next(moves)
        here = there = owner[thread_id]
        while there == here:
            there = ids[int(random.random() * size)]
        yield Transfer(thread_id, here, there)
        owner[thread_id] = there


def _verify(directory: str, expected: int) -> None:
    store = LmdbStore(directory)
    seq = store.seq
    store.close()
    if seq != expected:
        raise AssertionError(f"{expected} operations are answered, {seq} are stored")
