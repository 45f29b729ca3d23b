"""Tapes of runs under way: joined, joined anew, and what may be missing until then."""

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from tests.daemon.http.tape_support import (
    found,
    on_a_loop,
    places,
    record_of,
    said,
    started,
    until,
    until_ended,
)
from weft.actors import Runtime
from weft.daemon.http.run_places import Place, Slot
from weft.daemon.http.run_tape import JOINED_LATER, Tape, Tapes
from weft.storage import Overloaded, Run


class SlowRoad:
    """A runtime whose runs are joined when the test says so."""

    closed = False

    def __init__(self, runtime: Runtime) -> None:
        self.store, self.coordinator = runtime.store, self
        self._real = runtime.coordinator
        self.held: list[partial[Any]] = []
        self._asked = asyncio.Event()

    def join_run(self, *run: Any, **how: Any) -> None:
        self.held.append(partial(self._real.join_run, *run, **how))
        self._asked.set()

    async def asked(self) -> None:
        while not self.held:
            self._asked.clear()
            await self._asked.wait()

    def arrive(self) -> None:
        self.held.pop(0)()


async def turns(count: int = 10) -> None:
    """Let all that is ready on the loop go on."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        await turn


async def held(runtime: Runtime) -> tuple[Run, threading.Event]:
    """Return a run that says something when it is let."""
    let = threading.Event()

    def say(context: Any, _config: Any) -> None:
        assert let.wait(20)
        context.emit("said")

    runtime.workflows._add("held", say)
    return await started(runtime, "held"), let


def test_a_tape_that_begins_late_says_that_something_may_be_missing() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "wait")
        tape = found(tapes, run, "custom")
        await until(tape, lambda: tape.place is not None)
        assert run.began_seq <= tape.lost.seq
        await runtime.coordinator.cancel_run(run.run_id)
        await until_ended(tape)

    on_a_loop(test)


def test_a_joined_tape_has_all_that_is_said_from_then_on() -> None:
    async def test(runtime: Runtime, _tapes: Tapes) -> None:
        run, let = await held(runtime)
        road: Any = SlowRoad(runtime)
        tape = found(Tapes(road), run, "custom")
        joined = asyncio.ensure_future(tape.joined())
        await turns()
        assert not joined.done(), "what the run says now is not heard"
        road.arrive()
        await joined
        let.set()
        await until(tape, lambda: bool(places(tape)))
        assert [b'"said"'] == said(tape)

    on_a_loop(test)


def test_a_tape_that_is_to_have_more_is_joined_anew_and_numbered_on() -> None:
    async def test(runtime: Runtime, _tapes: Tapes) -> None:
        run, let = await held(runtime)
        road: Any = SlowRoad(runtime)
        tapes = Tapes(road)
        tape = found(tapes, run)
        road.arrive()
        await tape.joined()
        tape.push(("messages", "piece"))
        await until(tape, lambda: bool(places(tape)))
        assert tape is tapes.find(run, ["custom"])
        joined = asyncio.ensure_future(tape.joined())
        await turns()
        assert not joined.done()
        road.arrive()
        await joined
        let.set()
        await until(tape, lambda: len(places(tape)) == 2)
        assert [b'"piece"', b'"said"'] == said(tape)
        seq, first = places(tape)[0].seq, JOINED_LATER + 1
        assert [Place(seq, first), Place(seq, first + 1)] == places(tape)

    on_a_loop(test)


def test_nobody_waits_for_a_run_that_cannot_be_joined() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "say")
        await runtime.coordinator.join_run(run.run_id)
        tape = found(tapes, run, "custom")  # it ended while it was looked up
        await tape.joined()
        await until_ended(tape)
        assert [] == places(tape)

    on_a_loop(test)


async def apart(road: Any, run: Run, error: Exception | None = None) -> Tape:
    """Return the tape of a run that is not joined any more."""
    tape = found(Tapes(road), run, "custom")
    road.arrive()
    await tape.joined()
    if error is None:
        tape.finish()
    else:
        tape.fail(error)
    await until(tape, lambda: tape.is_apart)
    return tape


@pytest.mark.parametrize("error", [None, Overloaded("Its process died.")])
def test_a_run_that_is_joined_again_may_have_said_something_meanwhile(
    error: Exception | None,
) -> None:
    async def test(runtime: Runtime, _tapes: Tapes) -> None:
        run, let = await held(runtime)
        road: Any = SlowRoad(runtime)
        tape = await apart(road, run, error)
        before = tape.place
        assert before is not None
        await road.asked()
        road.arrive()
        await until(tape, lambda: not tape.is_apart)
        assert before < tape.lost == tape.place
        let.set()
        await until(tape, lambda: bool(places(tape)))
        assert tape.lost < places(tape)[0]

    on_a_loop(test)


def test_a_run_that_was_joined_twice_is_joined_again_once() -> None:
    async def test(runtime: Runtime, _tapes: Tapes) -> None:
        run, let = await held(runtime)
        road: Any = SlowRoad(runtime)
        tape = await apart(road, run)
        tape.finish()  # the other join of two
        await road.asked()
        road.arrive()
        await until(tape, lambda: not tape.is_apart)
        assert [] == road.held, "who joins twice hears all twice"
        let.set()

    on_a_loop(test)


def test_a_run_that_ends_while_nobody_listens_may_have_said_something() -> None:
    async def test(runtime: Runtime, _tapes: Tapes) -> None:
        run, let = await held(runtime)
        road: Any = SlowRoad(runtime)
        tape = await apart(road, run)
        let.set()
        await runtime.coordinator.join_run(run.run_id)
        ended = await record_of(runtime, run)
        await road.asked()
        road.arrive()
        await until_ended(tape)
        assert Place(ended.updated_seq, Slot.END - 1) == tape.lost

    on_a_loop(test)
