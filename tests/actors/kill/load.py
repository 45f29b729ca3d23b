"""Callers that create, move, run, remove and batch, each step known from its number.

A call is made again from its life, caller and number alone, so a process that was not
there can ask for the same thing under the same idempotency key.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from random import Random
from threading import Thread
from typing import Any, Final, NamedTuple

import msgspec

from weft.actors import Runtime
from weft.actors.future import Future
from weft.storage import (
    CreateThreads,
    DeadlineExceeded,
    NewThread,
    Operation,
    Overloaded,
    SessionThreadException,
    StoreClosed,
    TransferThreads,
)

__all__ = ["CALLERS", "SESSIONS", "WORKFLOWS", "Journaled", "Step", "answered", "live"]

SESSIONS: Final = 6
THREADS: Final = 24
NAMES: Final = 8
CALLERS: Final = 8
TIMEOUT_S: Final = 20.0

_encode: Final = msgspec.msgpack.Encoder().encode
_PASSING: Final = (DeadlineExceeded, Overloaded, StoreClosed)
"""Answers that another asking may change."""


def climb(context: Any, config: dict[str, Any]) -> Any:
    """Yield durable states from where the last attempt came to."""
    done = (context.state or {}).get("done", 0) if context.attempt > 1 else 0
    for number in range(done + 1, config["to"] + 1):
        yield {"done": number, "text": "x" * 500}


WORKFLOWS: Final[dict[str, Callable[..., Any]]] = {"default": climb}


class Step(NamedTuple):
    """Which call: of which process, by whom, the how-manieth."""

    life: int
    caller: int
    number: int

    @property
    def op_id(self) -> str:
        """Its idempotency key."""
        return f"{self.life}-{self.caller}-{self.number}"

    def ask(self, runtime: Runtime) -> Future[Any]:
        """Submit it."""
        kind, random = self._drawn()
        future: Future[Any] = kind(runtime, random, self.op_id)
        return future

    @property
    def is_run(self) -> bool:
        """Whether it runs a workflow, so that its answer goes with the thread."""
        return self._drawn()[0] is _run

    def _drawn(self) -> tuple[Callable[..., Any], Random]:
        random = Random(self.op_id)
        kinds = (_create, _run, _transfer, _remove, _batch)
        (kind,) = random.choices(kinds, (5, 5, 4, 2, 2))
        return kind, random


GONE: Final = b"ThreadNotFound"


class Journaled(msgspec.Struct, array_like=True):
    """A step and how it was answered."""

    step: Step
    answer: bytes
    applied: bool

    def agrees(self, again: "Journaled | None") -> bool:
        """Whether this is how it may be answered again.

        The end of a run lies with its thread's records, and goes with them when the
        thread is removed.
        """
        removed = self.step.is_run and again is not None and again.answer == GONE
        return self == again or removed


def answered(runtime: Runtime, step: Step) -> Journaled | None:
    """Ask, and return the answer; None for one that another asking may change."""
    try:
        return Journaled(step, _encode(step.ask(runtime).get(timeout=TIMEOUT_S)), True)
    except _PASSING:
        return None
    except SessionThreadException as error:
        return Journaled(step, type(error).__name__.encode(), False)


def live(runtime: Runtime, life: int, pipe: int) -> None:
    """Call from many OS threads and journal each answer, until killed."""
    for number in range(SESSIONS):
        runtime.coordinator.create_session(f"s{number}", if_exists="open").get(
            timeout=TIMEOUT_S
        )

    def call(caller: int) -> None:
        for number in count():
            found = answered(runtime, Step(life, caller, number))
            if found is not None:
                os.write(pipe, msgspec.json.encode(found) + b"\n")

    callers = [Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        with suppress(RuntimeError):
            caller.join(TIMEOUT_S)


def _session(random: Random) -> str:
    return f"s{random.randrange(SESSIONS)}"


def _thread(random: Random) -> str:
    return f"t{random.randrange(THREADS)}"


def _name(random: Random) -> str:
    return f"n{random.randrange(NAMES)}"


def _create(runtime: Runtime, random: Random, op_id: str) -> Any:
    return runtime.coordinator.create_thread_with_session(
        _session(random),
        {"to": 3},
        _name(random),
        thread_id=_thread(random),
        op_id=op_id,
    )


def _run(runtime: Runtime, random: Random, op_id: str) -> Any:
    return runtime.coordinator.execute_workflow_in_session(
        _session(random), _name(random), {"to": random.randrange(1, 6)}, op_id=op_id
    )


def _transfer(runtime: Runtime, random: Random, op_id: str) -> Any:
    return runtime.coordinator.transfer_thread(
        _thread(random), None, _session(random), _name(random), "move", op_id=op_id
    )


def _remove(runtime: Runtime, random: Random, op_id: str) -> Any:
    return runtime.coordinator.remove_thread(_thread(random), op_id=op_id)


def _batch(runtime: Runtime, random: Random, op_id: str) -> Any:
    new = NewThread(_thread(random), _name(random))
    parts: list[Operation] = [
        CreateThreads(session_id=_session(random), threads=(new,)),
        TransferThreads(thread_ids=(new.thread_id,), to_session_id=_session(random)),
    ]
    return runtime.coordinator.transact(parts, op_id=op_id)
