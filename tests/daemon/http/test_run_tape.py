"""Tapes: bounded, in order, shared, and there until their run has ended."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from weft.actors import Runtime
from weft.actors.run_messages import Mark
from weft.daemon.http import run_tape, tape_entries
from weft.daemon.http.run_places import ALL_BEFORE, Place, Slot
from weft.daemon.http.run_tape import JOINED_LATER, Tape, Tapes
from weft.storage import MemoryStore, Overloaded, Run
from weft.storage.keys import LOG_BITS

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
    thread = await runtime.session("s").create_thread("t", workflow)
    modes: Any = "states" if tape is None else tape.modes
    return await thread.start_run(stream=tape, mode=modes)


async def until(tape: Tape, reached: Callable[[], bool]) -> None:
    while not reached():
        await tape.changed.wait()


async def until_ended(tape: Tape) -> None:
    await until(tape, lambda: tape.ended)


def places(tape: Tape) -> list[Place]:
    return [entry.place for entry in tape.after(ALL_BEFORE, 10_000)]


def test_a_tape_has_what_a_run_says_from_its_beginning_on() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        tape = tapes.blank(["custom"])
        run = await started(runtime, "say", tape)
        tapes.enter(tape, run)
        await until(tape, lambda: tape.ended)
        began, state = run.began_seq, run.began_seq + 1
        assert [Place(began, FIRST), Place(state, FIRST)] == places(tape)
        assert ALL_BEFORE == tape.lost

    on_a_loop(test)


def test_all_who_read_a_run_share_its_tape_also_after_its_end() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "wait")
        tape = tapes.find(run, [])
        assert tape is not None
        assert tape is tapes.find(run, ["custom"])
        assert "custom" in tape.modes
        assert 1 == len(tapes)
        await runtime.coordinator.cancel_run(run.run_id)
        await until(tape, lambda: tape.ended)
        ended = await runtime.coordinator.get_run(run.run_id)
        assert ended is not None
        assert tape is tapes.find(ended, [])
        assert 0 == len(tapes)

    on_a_loop(test)


def test_a_tape_that_begins_late_says_that_something_may_be_missing() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "wait")
        tape = tapes.find(run, ["custom"])
        assert tape is not None
        await until(tape, lambda: tape.place is not None)
        assert run.began_seq <= tape.lost.seq
        await runtime.coordinator.cancel_run(run.run_id)
        await until(tape, lambda: tape.ended)

    on_a_loop(test)


class SlowRoad:
    """A runtime whose runs are joined when the test says so."""

    closed = False

    def __init__(self, runtime: Runtime) -> None:
        self.store, self.coordinator = runtime.store, self
        self._real = runtime.coordinator
        self.held: list[Callable[[], object]] = []
        self._asked = asyncio.Event()

    def join_run(self, *run: Any, **how: Any) -> None:
        self.held.append(lambda: self._real.join_run(*run, **how))
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


def said(tape: Tape) -> list[bytes]:
    return [bytes(entry.data) for entry in tape.after(ALL_BEFORE, 10)]


def test_a_joined_tape_has_all_that_is_said_from_then_on() -> None:
    async def test(runtime: Runtime, _tapes: Tapes) -> None:
        run, let = await held(runtime)
        road: Any = SlowRoad(runtime)
        tape = Tapes(road).find(run, ["custom"])
        assert tape is not None
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
        tape = tapes.find(run, [])
        assert tape is not None
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
        tape = tapes.find(run, ["custom"])  # it ended while it was looked up
        assert tape is not None
        await tape.joined()
        await until_ended(tape)
        assert [] == places(tape)

    on_a_loop(test)


def test_a_run_that_has_ended_without_a_tape_gets_none() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "say")
        await runtime.coordinator.join_run(run.run_id)
        ended = await runtime.coordinator.get_run(run.run_id)
        assert ended is not None
        assert None is tapes.find(ended, [])

    on_a_loop(test)


def test_few_tapes_are_kept_after_their_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tape, "ENDED_MAX", 2)

    async def test(runtime: Runtime, tapes: Tapes) -> None:
        kept: list[Run] = []
        for _ in range(3):
            thread = await runtime.session("s").create_thread(f"t{len(kept)}", "say")
            tape = tapes.blank([])
            tapes.enter(tape, await thread.start_run(stream=tape, mode=tape.modes))
            await until_ended(tape)
            run = await runtime.coordinator.get_run(tape.run_id)
            assert run is not None
            kept.append(run)
        assert [None] == [tapes.find(run, []) for run in kept[:1]]
        assert all(tapes.find(run, []) for run in kept[1:])

    on_a_loop(test)


@pytest.mark.parametrize(
    ("name", "limit"), [("ENTRIES_MAX", 3), ("SIZE_BYTES_MAX", 3 * len('"piece"'))]
)
def test_a_full_tape_loses_the_oldest_and_says_up_to_where(
    monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(tape_entries, name, limit)

    async def test(_runtime: Runtime, tapes: Tapes) -> None:
        tape = tapes.blank([])
        tape.push(("marks", Mark(7, 1, begins=True)))
        for _ in range(5):
            tape.push(("custom", "piece"))
        await until(tape, lambda: tape.place == Place(7, FIRST + 4))
        assert [Place(7, FIRST + n) for n in (2, 3, 4)] == places(tape)
        assert Place(7, FIRST + 1) == tape.lost
        behind = tape.after(Place(7, FIRST + 2), 1)
        assert [Place(7, FIRST + 3)] == [entry.place for entry in behind]

    on_a_loop(test)


def test_what_has_no_json_is_told_in_words() -> None:
    async def test(_runtime: Runtime, tapes: Tapes) -> None:
        tape = tapes.blank([])
        tape.push(("marks", Mark(7, 1, begins=True)))
        tape.push(("custom", {(1, 2): "a key that is none"}))
        await until(tape, lambda: bool(places(tape)))
        (entry,) = tape.after(ALL_BEFORE, 1)
        assert b"a key that is none" in bytes(entry.data)

    on_a_loop(test)


def test_what_is_said_while_the_loop_stalls_is_lost_beyond_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_tape, "ARRIVED_MAX", 3)

    async def test(_runtime: Runtime, tapes: Tapes) -> None:
        tape = tapes.blank([])
        tape.push(("marks", Mark(7, 1, begins=True)))
        for _ in range(5):
            tape.push(("custom", "piece"))
        tape.push(("marks", Mark(8, 1)))
        await until(tape, lambda: tape.place is not None)
        assert Place(8, FIRST - 1) == tape.place == tape.lost
        tape.push(("custom", "piece"))
        await until(tape, lambda: tape.place == Place(8, FIRST))
        assert Place(8, FIRST) == places(tape)[-1]

    on_a_loop(test)


def test_a_run_that_has_ended_before_it_is_known_keeps_its_tape() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        tape = tapes.blank(["custom"])
        run = await started(runtime, "say", tape)
        await until(tape, lambda: tape.stopped_early)
        assert run.finished_at_us is None  # as it was told when the run began
        assert tape is tapes.enter(tape, run)
        assert tape is tapes.find(run, ["custom"])
        entries = tape.after(ALL_BEFORE, 10)
        assert [b'"first"', b'"second"'] == [bytes(entry.data) for entry in entries]

    on_a_loop(test)


def test_a_run_whose_end_has_not_come_here_yet_has_its_tape() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "wait")
        tape = tapes.find(run, ["custom"])
        assert tape is not None
        ended = replace(run, finished_at_us=1)  # durable, and not told to the tape yet
        assert tape is tapes.find(ended, ["custom"])
        await runtime.coordinator.cancel_run(run.run_id)
        await until_ended(tape)

    on_a_loop(test)


async def apart(tapes: Tapes, road: Any, run: Run, error: Exception | None) -> Tape:
    """Return the tape of a run that is not joined any more."""
    tape = tapes.find(run, ["custom"])
    assert tape is not None
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
        tape = await apart(Tapes(road), road, run, error)
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
        tape = await apart(Tapes(road), road, run, None)
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
        tape = await apart(Tapes(road), road, run, None)
        let.set()
        await runtime.coordinator.join_run(run.run_id)
        ended = await runtime.coordinator.get_run(run.run_id)
        assert ended is not None
        await road.asked()
        road.arrive()
        await until_ended(tape)
        assert Place(ended.updated_seq, Slot.END - 1) == tape.lost

    on_a_loop(test)


def test_a_run_that_moves_to_an_older_log_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tape_entries, "ENTRIES_MAX", 2)

    async def test(_runtime: Runtime, tapes: Tapes) -> None:
        tape, there = tapes.blank([]), 1 << LOG_BITS
        tape.push(("marks", Mark(there + 7, 1, begins=True)))
        tape.push(("custom", "piece"))
        tape.push(("marks", Mark(5, 2, begins=True)))
        for _ in range(3):
            tape.push(("custom", "piece"))
        await until(tape, lambda: tape.place == Place(5, FIRST + 2))
        assert [Place(5, FIRST + 1), Place(5, FIRST + 2)] == places(tape)
        assert Place(5, FIRST) == tape.lost, "the last that is gone, in its new log"

    on_a_loop(test)
