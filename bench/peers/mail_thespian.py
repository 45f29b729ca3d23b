"""Thespian on ``simpleSystemBase``: all actors in the caller's own OS thread.

Its other bases give each actor a process of its own, which costs a thousand times more.
"""

import time
from typing import Any, Final

from bench.engine import ANSWER_TIMEOUT_S
from bench.peers.blocking import package

__all__ = ["measure"]

FAN_OUT: Final = 1000

_actors: Final = package("thespian.actors")


def _receive(actor: Any, message: Any, sender: Any) -> None:
    match message:
        case ("echo", _):
            actor.send(sender, message)
        case ("hop", 0, _, asker):
            actor.send(asker, "ended")
        case ("hop", left, other, asker):
            actor.send(other, ("hop", left - 1, actor.myAddress, asker))
        case ("begin", left, other):
            actor.send(other, ("hop", left, actor.myAddress, sender))
        case ("count", left):
            left.pop()


# Made, not declared: a class of a package without types cannot be inherited from here.
Receiver: Final[Any] = type(
    "Receiver", (_actors.Actor,), {"receiveMessage": _receive, "__module__": __name__}
)


def measure(messages: int) -> tuple[float, float, float]:
    """Return what an ask, a hop and a tell take, in microseconds."""
    system = _actors.ActorSystem("simpleSystemBase", logDefs={"version": 1})
    try:
        return _ask(system, messages), _hop(system, messages), _tell(system, messages)
    finally:
        system.shutdown()


def _ask(system: Any, messages: int) -> float:
    actor, took_ns = system.createActor(Receiver), []
    for number in range(messages):
        began_ns = time.perf_counter_ns()
        answer = system.ask(actor, ("echo", number), ANSWER_TIMEOUT_S)
        took_ns.append(time.perf_counter_ns() - began_ns)
        if answer is None:
            raise TimeoutError("a message was lost")
    return sorted(took_ns)[messages // 2] / 1e3


def _hop(system: Any, messages: int) -> float:
    one, other = system.createActor(Receiver), system.createActor(Receiver)
    began_ns = time.perf_counter_ns()
    answer = system.ask(one, ("begin", messages, other), ANSWER_TIMEOUT_S)
    if answer != "ended":
        raise TimeoutError("a message was lost")
    return (time.perf_counter_ns() - began_ns) / messages / 1e3


def _tell(system: Any, messages: int) -> float:
    actors = [system.createActor(Receiver) for _ in range(FAN_OUT)]
    rounds = max(1, messages // FAN_OUT)
    began_ns = time.perf_counter_ns()
    for _ in range(rounds):
        left = [None] * FAN_OUT
        for actor in actors:
            system.tell(actor, ("count", left))
        if left:
            raise TimeoutError("a message was lost")
    return (time.perf_counter_ns() - began_ns) / rounds / FAN_OUT / 1e3
