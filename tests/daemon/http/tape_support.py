"""Tapes on an event loop, and runs that are on them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from weft.actors import Runtime
from weft.actors.run_messages import Mark, Mode
from weft.daemon.http.run_places import ALL_BEFORE, Place, Slot
from weft.daemon.http.run_tape import Tape, Tapes
from weft.storage import MemoryStore, Run

FIRST = Slot.FIRST_TRANSIENT


def on_a_loop(test: Callable[[Runtime, Tapes], Awaitable[None]]) -> None:
    """Call a test on an event loop, with a runtime and its tapes."""
    flows: dict[str, Any] = {"say": say, "wait": wait}
    with Runtime.open(store=MemoryStore(), workflows=flows) as runtime:
        asyncio.run(asyncio.wait_for(_call(test, runtime), 20))


async def _call(test: Any, runtime: Runtime) -> None:
    await test(runtime, Tapes(runtime))


def say(context: Any, _config: Any) -> Any:
    context.emit("first")
    yield {"n": 1}
    context.emit("second")


def wait(context: Any, _config: Any) -> Any:
    yield {"n": 1}
    while not context.cancelled:
        yield {"n": 1}


async def started(runtime: Runtime, workflow: str, tape: Tape | None = None) -> Run:
    """Start a run of a new thread, with a tape if there is one."""
    thread = await runtime.session("s").create_thread("t", workflow)
    modes: Any = "states" if tape is None else tape.modes
    return await thread.start_run(stream=tape, mode=modes)


async def until(tape: Tape, reached: Callable[[], bool]) -> None:
    """Wait until a tape has come so far."""
    while not reached():
        await tape.changed.wait()


async def until_ended(tape: Tape) -> None:
    """Wait until the run of a tape has ended."""
    await until(tape, lambda: tape.ended)


def found(tapes: Tapes, run: Run, *modes: Mode) -> Tape:
    """Return the tape that a run has, or is given."""
    tape = tapes.find(run, modes)
    assert tape is not None
    return tape


async def record_of(runtime: Runtime, run: Run) -> Run:
    """Return what is durable of a run by now."""
    record = await runtime.coordinator.get_run(run.run_id)
    assert record is not None
    return record


def begun(tapes: Tapes, seq: int) -> Tape:
    """Return a tape whose run has begun with an operation."""
    tape = tapes.blank([])
    tape.push(("marks", Mark(seq, 1, begins=True)))
    return tape


def push_pieces(tape: Tape, number: int) -> None:
    """Have the run of a tape say something several times."""
    for _ in range(number):
        tape.push(("custom", "piece"))


def places(tape: Tape) -> list[Place]:
    """Return where what is on a tape is, oldest first."""
    return [entry.place for entry in tape.after(ALL_BEFORE, 10_000)]


def said(tape: Tape) -> list[bytes]:
    """Return what is on a tape, oldest first."""
    return [bytes(entry.data) for entry in tape.after(ALL_BEFORE, 10_000)]
