"""xoscar on a pool without further processes: actors of one asyncio loop."""

import asyncio
import time
from typing import Any, Final

from bench.engine import ANSWER_TIMEOUT_S
from bench.peers.blocking import package

__all__ = ["measure"]

FAN_OUT: Final = 1000

_xoscar: Final = package("xoscar")

_ended: Final[dict[str, asyncio.Event]] = {}
"""Messages are copied on their way; what is waited for stays here."""


async def _echo(_actor: Any, number: int) -> int:
    return number


async def _hop(actor: Any, left: int, other: Any) -> None:
    if left:
        await other.hop.tell(left - 1, actor.ref())
    else:
        _ended["hop"].set()


async def _count(_actor: Any) -> None:
    _left.pop()
    if not _left:
        _ended["count"].set()


_left: Final[list[None]] = []

# Made, not declared: a class of a package without types cannot be inherited from here.
Receiver: Final[Any] = type(
    "Receiver",
    (_xoscar.Actor,),
    {"echo": _echo, "hop": _hop, "count": _count, "__module__": __name__},
)


def measure(messages: int) -> tuple[float, float, float]:
    """Return what an ask, a hop and a tell take, in microseconds."""
    return asyncio.run(_measure(messages))


async def _measure(messages: int) -> tuple[float, float, float]:
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        pool = await _xoscar.create_actor_pool("127.0.0.1", n_process=0)
        async with pool:
            at = pool.external_address
            return (
                await _measure_ask(at, messages),
                await _measure_hop(at, messages),
                await _measure_tell(at, messages),
            )


async def _measure_ask(at: str, messages: int) -> float:
    actor = await _xoscar.create_actor(Receiver, address=at, uid="echo")
    took_ns = []
    for number in range(messages):
        began_ns = time.perf_counter_ns()
        await actor.echo(number)
        took_ns.append(time.perf_counter_ns() - began_ns)
    return sorted(took_ns)[messages // 2] / 1e3


async def _measure_hop(at: str, messages: int) -> float:
    one, other = [
        await _xoscar.create_actor(Receiver, address=at, uid=uid)
        for uid in ("one", "other")
    ]
    ended = _ended["hop"] = asyncio.Event()
    began_ns = time.perf_counter_ns()
    await one.hop.tell(messages, other)
    await ended.wait()
    return (time.perf_counter_ns() - began_ns) / messages / 1e3


async def _measure_tell(at: str, messages: int) -> float:
    actors = [
        await _xoscar.create_actor(Receiver, address=at, uid=f"count-{n}")
        for n in range(FAN_OUT)
    ]
    rounds = max(1, messages // FAN_OUT)
    began_ns = time.perf_counter_ns()
    for _ in range(rounds):
        _left.extend([None] * FAN_OUT)
        ended = _ended["count"] = asyncio.Event()
        for actor in actors:
            await actor.count.tell()
        await ended.wait()
    return (time.perf_counter_ns() - began_ns) / rounds / FAN_OUT / 1e3
