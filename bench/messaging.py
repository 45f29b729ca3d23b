"""What a message costs: asks, hops, fan-outs, and the memory of an idle actor.

On a dispatcher as in production, with its counters of turns and waits.

Weft's public :class:`~weft.actors.Actor` and its runtime's light actors, which share
one OS thread, beside Pykka's stock actors, which have one each.
"""

import gc
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from threading import Event
from typing import Any, Final, Literal

import msgspec
import pykka

from bench.engine import ANSWER_TIMEOUT_S
from bench.loop import SLOW_S, LoopMeasurement, measure_loop
from bench.machine import heap_bytes
from weft.actors import Actor
from weft.actors.dispatcher import Dispatcher
from weft.actors.light_actor import LightActor, handles
from weft.actors.timers import Timers

__all__ = ["ACTORS", "ActorName", "MessagingMeasurement", "MessagingSpec", "measure"]

ActorName = Literal["pykka", "weft-actor", "weft-light"]
ACTORS: Final[tuple[ActorName, ...]] = ("pykka", "weft-actor", "weft-light")

FAN_OUT: Final = 1000

WINDOWS: Final = 5
"""A hop and a fan-out are timed in windows, of which the middle one counts."""

_RESIDENT: Final[dict[ActorName, int]] = {
    "pykka": 1000,
    "weft-actor": 10_000,
    "weft-light": 100_000,
}
"""Enough for pages not to matter; an OS thread each is dear."""


class MessagingSpec(msgspec.Struct, frozen=True, tag=True):
    """Measure one kind of actor, with about so many messages of each sort."""

    actor: ActorName
    messages: int


class MessagingMeasurement(msgspec.Struct, frozen=True):
    """What a message costs.

    Attributes:
        ask_p50_us: an ask and its answer, from an OS thread.
        hop_us: one actor tells another, which tells the first, and so on.
        tell_us: one of 1,000 tells to 1,000 actors, until all are handled.
        actor_bytes: resident memory of an actor without mail.
        loop: asks from asyncio.
    """

    ask_p50_us: float
    hop_us: float
    tell_us: float
    actor_bytes: float
    loop: LoopMeasurement


class Echo(msgspec.Struct):
    """Answer at once."""


class Slow(msgspec.Struct):
    """Answer after ``SLOW_S``."""

    timers: Timers


class Hop(msgspec.Struct):
    """Tell the other, until ``left`` is 0."""

    left: int
    other: Any
    ended: Event


class Count(msgspec.Struct):
    """Leave a mark; the last of them sets the event."""

    left: list[None]
    ended: Event


def _hop(me: Any, hop: Hop) -> None:
    if hop.left:
        hop.other.tell(Hop(hop.left - 1, me, hop.ended))
    else:
        hop.ended.set()


def _count(count: Count) -> None:
    count.left.pop()
    if not count.left:
        count.ended.set()


class _Receiver:
    """The handler of both actors that follow Pykka's contract."""

    actor_ref: Any

    def on_receive(self, message: Any) -> Any:
        match message:
            case Hop():
                _hop(self.actor_ref, message)
            case Count():
                _count(message)
            case Slow():
                return self.answer_late(message)
        return message

    def answer_late(self, slow: Slow) -> Any:
        # Each actor waits in its own way. Not abstract: nobody makes a bare mixin.
        raise NotImplementedError


class _Stock(_Receiver, pykka.ThreadingActor):
    use_daemon_thread = True

    def answer_late(self, _slow: Slow) -> None:
        time.sleep(SLOW_S)


class _Public(_Receiver, Actor):
    async def answer_late(self, slow: Slow) -> None:
        await slow.timers.after(SLOW_S)


class _Light(LightActor):
    @handles(Echo)
    def _echo(self, message: Echo) -> Echo:
        return message

    @handles(Hop)
    def _hop(self, message: Hop) -> None:
        _hop(self.actor_ref, message)

    @handles(Count)
    def _count(self, message: Count) -> None:
        _count(message)

    @handles(Slow)
    async def _answer_late(self, slow: Slow) -> None:
        await slow.timers.after(SLOW_S)


def measure(spec: MessagingSpec) -> MessagingMeasurement:
    """Measure one kind of actor."""
    dispatcher = Dispatcher.shared()
    starts: dict[ActorName, Callable[[], Any]] = {
        "pykka": _Stock.start,
        "weft-actor": _Public.start,
        "weft-light": partial(_Light.start, dispatcher, "light"),
    }
    start = starts[spec.actor]
    actor_bytes = _actor_bytes(start, min(_RESIDENT[spec.actor], 10 * spec.messages))
    measurement = MessagingMeasurement(
        _ask_p50_us(start(), spec.messages),
        _hop_us(start(), start(), spec.messages // WINDOWS),
        _tell_us(
            [start() for _ in range(FAN_OUT)],
            max(1, spec.messages // WINDOWS // FAN_OUT),
        ),
        actor_bytes,
        measure_loop(start(), Echo(), Slow(dispatcher.timers), spec.messages),
    )
    pykka.ActorRegistry.stop_all(timeout=ANSWER_TIMEOUT_S)
    dispatcher.release()
    return measurement


def _ask_p50_us(ref: Any, messages: int) -> float:
    took_ns = []
    for _ in range(messages):
        began_ns = time.perf_counter_ns()
        ref.ask(Echo(), timeout=ANSWER_TIMEOUT_S)
        took_ns.append(time.perf_counter_ns() - began_ns)
    return sorted(took_ns)[messages // 2] / 1e3


def _hop_us(one: Any, other: Any, hops: int) -> float:
    def hop() -> None:
        ended = Event()
        one.tell(Hop(hops, other, ended))
        _await(ended)

    return _window_us(hop) / hops


def _tell_us(refs: list[Any], rounds: int) -> float:
    def tell() -> None:
        for _ in range(rounds):
            ended = Event()
            count = Count([None] * len(refs), ended)
            for ref in refs:
                ref.tell(count)
            _await(ended)

    return _window_us(tell) / rounds / len(refs)


def _window_us(measured: Callable[[], None]) -> float:
    """Return the median time of some windows."""
    took_ns = []
    for _ in range(WINDOWS):
        began_ns = time.perf_counter_ns()
        measured()
        took_ns.append(time.perf_counter_ns() - began_ns)
    return median(took_ns) / 1e3


def _actor_bytes(start: Callable[[], Any], actors: int) -> float:
    gc.collect()
    before = heap_bytes()
    refs = [start() for _ in range(actors)]
    for ref in refs:
        ref.ask(Echo(), timeout=ANSWER_TIMEOUT_S)
    gc.collect()
    grown = heap_bytes() - before
    for ref in refs:
        ref.stop(block=False)
    return grown / actors


def _await(ended: Event) -> None:
    if not ended.wait(ANSWER_TIMEOUT_S):
        raise TimeoutError("a message was lost")
