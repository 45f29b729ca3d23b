"""Closed loops: each caller has one operation under way and waits until it is durable.

``threads`` are OS threads that block, ``asyncio`` are tasks of one loop, ``messages``
begin the next operation where the answer to the last arrives.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Barrier, Event, Thread
from typing import Final

import msgspec

from bench.engine import ANSWER_TIMEOUT_S, Engine
from bench.spec import Kind
from bench.work import Work

__all__ = ["Window", "drive"]

Loops = Sequence[Iterator[Work]]


class Window(msgspec.Struct, frozen=True):
    """What happened between start and end.

    Attributes:
        latencies_ns: of each operation, from the call to its answer.
        elapsed_s: from the first call to the last answer.
        cpu_s: of all OS threads of the process.
    """

    latencies_ns: list[int]
    elapsed_s: float
    cpu_s: float


def drive(engine: Engine, kind: Kind, loops: Loops, seconds: float) -> Window:
    """Run the callers for a while.

    Args:
        engine: who answers.
        kind: how the callers wait.
        loops: one for each caller.
        seconds: no operation begins later; all that began are waited for.

    Raises:
        RuntimeError: an operation failed; the cause says why.
    """
    return _DRIVES[kind](engine, loops, seconds)


def _drive_threads(engine: Engine, loops: Loops, seconds: float) -> Window:
    latencies_ns: list[int] = []
    failures: list[Exception] = []
    gate = Barrier(len(loops) + 1)

    def call(works: Iterator[Work]) -> None:
        mine: list[int] = []
        gate.wait(ANSWER_TIMEOUT_S)
        end_ns = time.perf_counter_ns() + int(seconds * 1e9)
        try:
            while (began_ns := time.perf_counter_ns()) < end_ns:
                engine.call(next(works))
                mine.append(time.perf_counter_ns() - began_ns)
        except Exception as error:  # noqa: BLE001 - raised below, in the main OS thread
            failures.append(error)
        latencies_ns.extend(mine)

    callers = [Thread(target=call, args=(works,), daemon=True) for works in loops]
    for caller in callers:
        caller.start()
    clock = _Clock()
    gate.wait(ANSWER_TIMEOUT_S)
    for caller in callers:
        caller.join(seconds + ANSWER_TIMEOUT_S)
    return clock.window(latencies_ns, failures)


def _drive_asyncio(engine: Engine, loops: Loops, seconds: float) -> Window:
    latencies_ns: list[int] = []

    async def call(works: Iterator[Work], end_ns: int) -> None:
        while (began_ns := time.perf_counter_ns()) < end_ns:
            await engine.wait_for(next(works))
            latencies_ns.append(time.perf_counter_ns() - began_ns)

    async def run() -> Window:
        clock = _Clock()
        end_ns = time.perf_counter_ns() + int(seconds * 1e9)
        async with asyncio.timeout(seconds + ANSWER_TIMEOUT_S):
            calls = [call(works, end_ns) for works in loops]
            answers = await asyncio.gather(*calls, return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        return clock.window(latencies_ns, failures)

    return asyncio.run(run())


class _Messages:
    """The callers whose next operation begins in the answer to the last."""

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine = engine
        self._end_ns = time.perf_counter_ns() + int(seconds * 1e9)
        self._waiting: list[None] = []
        self.latencies_ns: list[int] = []
        self.failures: list[Exception] = []
        self.ended = Event()

    def start(self, loops: Loops) -> None:
        self._waiting.extend([None] * len(loops))
        for works in loops:
            self._next(works)

    def _next(self, works: Iterator[Work]) -> None:
        began_ns = time.perf_counter_ns()
        if began_ns >= self._end_ns:
            self._leave()
            return

        def reply(error: BaseException | None) -> None:
            if error is None:
                self.latencies_ns.append(time.perf_counter_ns() - began_ns)
                self._next(works)
            else:
                self._fail(error)

        try:
            self._engine.submit(next(works), reply)
        except Exception as error:  # noqa: BLE001 - raised by the window
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.failures.append(RuntimeError(f"{type(error).__name__}: {error}"))
        self._leave()

    def _leave(self) -> None:
        # pop() is atomic, and any OS thread may come here.
        self._waiting.pop()
        if not self._waiting:
            self.ended.set()


def _drive_messages(engine: Engine, loops: Loops, seconds: float) -> Window:
    clock = _Clock()
    messages = _Messages(engine, seconds)
    messages.start(loops)
    if not messages.ended.wait(seconds + ANSWER_TIMEOUT_S):
        messages.failures.append(TimeoutError("an operation was never answered"))
    return clock.window(messages.latencies_ns, messages.failures)


class _Clock:
    """Wall time and CPU time since it was made."""

    def __init__(self) -> None:
        self._wall_s = time.perf_counter()
        self._cpu_s = time.process_time()

    def window(self, latencies_ns: list[int], failures: Sequence[Exception]) -> Window:
        if failures:
            raise RuntimeError(f"{len(failures)} callers failed") from failures[0]
        return Window(
            latencies_ns,
            time.perf_counter() - self._wall_s,
            time.process_time() - self._cpu_s,
        )


_DRIVES: Final[dict[Kind, Callable[[Engine, Loops, float], Window]]] = {
    "threads": _drive_threads,
    "asyncio": _drive_asyncio,
    "messages": _drive_messages,
}
