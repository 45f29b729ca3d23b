"""What a message costs: asks, hops, fan-outs, and the memory of an idle actor.

Weft's public :class:`~weft.actors.Actor` and its runtime's light actors, which share
one OS thread, beside Pykka's stock actors, which have one each.
"""

import gc
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final, Literal

import msgspec
import pykka

from bench.engine import ANSWER_TIMEOUT_S
from weft.actors import Actor
from weft.actors.dispatcher import Dispatcher
from weft.actors.light_actor import LightActor, handles

__all__ = ["ACTORS", "ActorName", "MessagingMeasurement", "MessagingSpec", "measure"]

ActorName = Literal["pykka", "weft-actor", "weft-light"]
ACTORS: Final[tuple[ActorName, ...]] = ("pykka", "weft-actor", "weft-light")

FAN_OUT: Final = 1000
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
    """

    ask_p50_us: float
    hop_us: float
    tell_us: float
    actor_bytes: float


class Echo(msgspec.Struct):
    """Answer at once."""


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
        return message


class _Stock(_Receiver, pykka.ThreadingActor):
    use_daemon_thread = True


class _Public(_Receiver, Actor):
    pass


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
        _hop_us(start(), start(), spec.messages),
        _tell_us([start() for _ in range(FAN_OUT)], spec.messages),
        actor_bytes,
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


def _hop_us(one: Any, other: Any, messages: int) -> float:
    ended = Event()
    began_ns = time.perf_counter_ns()
    one.tell(Hop(messages, other, ended))
    _await(ended)
    return (time.perf_counter_ns() - began_ns) / messages / 1e3


def _tell_us(refs: list[Any], messages: int) -> float:
    rounds = max(1, messages // len(refs))
    began_ns = time.perf_counter_ns()
    for _ in range(rounds):
        ended = Event()
        count = Count([None] * len(refs), ended)
        for ref in refs:
            ref.tell(count)
        _await(ended)
    return (time.perf_counter_ns() - began_ns) / rounds / len(refs) / 1e3


def _actor_bytes(start: Callable[[], Any], actors: int) -> float:
    gc.collect()
    before = _resident_bytes()
    refs = [start() for _ in range(actors)]
    for ref in refs:
        ref.ask(Echo(), timeout=ANSWER_TIMEOUT_S)
    gc.collect()
    grown = _resident_bytes() - before
    for ref in refs:
        ref.stop(block=False)
    return grown / actors


def _await(ended: Event) -> None:
    if not ended.wait(ANSWER_TIMEOUT_S):
        raise TimeoutError("a message was lost")


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE")
