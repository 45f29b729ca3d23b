"""What an ask costs an asyncio loop: its own time, and how long the loop stands still.

While an actor takes 50 ms to answer, a heartbeat should go on beating every
millisecond. Its longest pause is the stall: what every other task of the loop waits.
"""

import asyncio
import time
from typing import Any, Final, Self

import msgspec

from bench.engine import ANSWER_TIMEOUT_S

__all__ = ["SLOW_S", "Beats", "LoopMeasurement", "measure_loop"]

SLOW_S: Final = 0.05
"""How long the slow actor takes: a commit on a loaded disk, a call to a neighbour."""

_BEAT_S: Final = 0.001
_SLOW_ASKS: Final = 10


class LoopMeasurement(msgspec.Struct, frozen=True):
    """What asks cost a loop.

    Attributes:
        ask_p50_us: an ask and its answer, awaited by a task.
        stall_ms: the longest time the loop stood still while answers were awaited
            that took 50 ms each.
        quiet_ms: the same while nothing was asked: what the machine adds by itself.
    """

    ask_p50_us: float
    stall_ms: float
    quiet_ms: float


def measure_loop(ref: Any, quick: Any, slow: Any, messages: int) -> LoopMeasurement:
    """Measure one actor from a loop of its own.

    Args:
        ref: the actor.
        quick: a message that is answered at once.
        slow: one that takes ``SLOW_S``.
        messages: how many quick ones.
    """
    return asyncio.run(_measure(ref, quick, slow, messages))


async def _measure(ref: Any, quick: Any, slow: Any, messages: int) -> LoopMeasurement:
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        p50_us = await _ask_p50_us(ref, quick, messages)
        async with Beats() as quiet:
            await asyncio.sleep(SLOW_S * _SLOW_ASKS)
        async with Beats() as beats:
            for _ in range(_SLOW_ASKS):
                await ref.ask(slow, block=False)
    return LoopMeasurement(p50_us, beats.stall_ms, quiet.stall_ms)


async def _ask_p50_us(ref: Any, quick: Any, messages: int) -> float:
    took_ns = []
    for _ in range(messages):
        began_ns = time.perf_counter_ns()
        await ref.ask(quick, block=False)
        took_ns.append(time.perf_counter_ns() - began_ns)
    return sorted(took_ns)[messages // 2] / 1e3


class Beats:
    """A heartbeat of the running loop; measures the longest pause in it.

    Attributes:
        stall_ms: how much later than due the latest beat came.
    """

    def __init__(self) -> None:
        self.stall_ms = 0.0
        self._ended = False

    async def _beat(self) -> None:
        while not self._ended:
            began_s = time.perf_counter()
            await asyncio.sleep(_BEAT_S)
            late_ms = (time.perf_counter() - began_s - _BEAT_S) * 1e3
            self.stall_ms = max(self.stall_ms, late_ms)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(0)  # it beats before the first ask
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended = True
        await self._task
