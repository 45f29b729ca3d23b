"""An actor as a task with an ``asyncio.Queue``: what a team would write by hand."""

import asyncio
import time
from typing import Any, Final

from bench.engine import ANSWER_TIMEOUT_S

__all__ = ["measure"]

FAN_OUT: Final = 1000

_Queue = asyncio.Queue[Any]


def measure(messages: int) -> tuple[float, float, float]:
    """Return what an ask, a hop and a tell take, in microseconds."""
    return asyncio.run(_measure(messages))


async def _measure(messages: int) -> tuple[float, float, float]:
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        return await _ask(messages), await _hop(messages), await _tell(messages)


async def _answer(queue: _Queue) -> None:
    while True:
        message, answer = await queue.get()
        answer.set_result(message)


async def _ask(messages: int) -> float:
    queue: _Queue = asyncio.Queue()
    actor = asyncio.create_task(_answer(queue))
    loop, took_ns = asyncio.get_running_loop(), []
    for number in range(messages):
        began_ns = time.perf_counter_ns()
        answer = loop.create_future()
        queue.put_nowait((number, answer))
        await answer
        took_ns.append(time.perf_counter_ns() - began_ns)
    actor.cancel()
    return sorted(took_ns)[messages // 2] / 1e3


async def _pass_on(mine: _Queue, other: _Queue, ended: asyncio.Event) -> None:
    while True:
        left = await mine.get()
        if left == 0:
            ended.set()
        else:
            other.put_nowait(left - 1)


async def _hop(messages: int) -> float:
    one: _Queue = asyncio.Queue()
    other: _Queue = asyncio.Queue()
    ended = asyncio.Event()
    actors = [
        asyncio.create_task(_pass_on(one, other, ended)),
        asyncio.create_task(_pass_on(other, one, ended)),
    ]
    began_ns = time.perf_counter_ns()
    one.put_nowait(messages)
    await ended.wait()
    took_ns = time.perf_counter_ns() - began_ns
    for actor in actors:
        actor.cancel()
    return took_ns / messages / 1e3


async def _count(queue: _Queue) -> None:
    while True:
        left, ended = await queue.get()
        left.pop()
        if not left:
            ended.set()


async def _tell(messages: int) -> float:
    queues: list[_Queue] = [asyncio.Queue() for _ in range(FAN_OUT)]
    actors = [asyncio.create_task(_count(queue)) for queue in queues]
    rounds = max(1, messages // FAN_OUT)
    began_ns = time.perf_counter_ns()
    for _ in range(rounds):
        left, ended = [None] * FAN_OUT, asyncio.Event()
        for queue in queues:
            queue.put_nowait((left, ended))
        await ended.wait()
    took_ns = time.perf_counter_ns() - began_ns
    for actor in actors:
        actor.cancel()
    return took_ns / rounds / FAN_OUT / 1e3
