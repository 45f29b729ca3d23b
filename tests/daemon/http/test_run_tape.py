"""Tapes: in order, shared, and there until their run has ended."""

import pytest
from msgspec.structs import replace

from tests.daemon.http.tape_support import (
    FIRST,
    begun,
    found,
    on_a_loop,
    places,
    push_pieces,
    record_of,
    said,
    started,
    until,
    until_ended,
)
from weft.actors import Runtime
from weft.actors.run_messages import Mark
from weft.daemon.http import run_tape
from weft.daemon.http.run_places import ALL_BEFORE, Place
from weft.daemon.http.run_tape import Tapes
from weft.storage import Run


def test_a_tape_has_what_a_run_says_from_its_beginning_on() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        tape = tapes.blank(["custom"])
        run = await started(runtime, "say", tape)
        tapes.enter(tape, run)
        await until_ended(tape)
        began, state = run.began_seq, run.began_seq + 1
        assert [Place(began, FIRST), Place(state, FIRST)] == places(tape)
        assert ALL_BEFORE == tape.lost

    on_a_loop(test)


def test_all_who_read_a_run_share_its_tape_also_after_its_end() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "wait")
        tape = found(tapes, run)
        assert tape is tapes.find(run, ["custom"])
        assert "custom" in tape.modes
        assert 1 == len(tapes)
        await runtime.coordinator.cancel_run(run.run_id)
        await until_ended(tape)
        ended = await record_of(runtime, run)
        assert tape is tapes.find(ended, [])
        assert 0 == len(tapes)

    on_a_loop(test)


def test_a_run_that_has_ended_without_a_tape_gets_none() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "say")
        await runtime.coordinator.join_run(run.run_id)
        ended = await record_of(runtime, run)
        assert None is tapes.find(ended, [])

    on_a_loop(test)


async def ended(runtime: Runtime, tapes: Tapes, thread_name: str) -> Run:
    """Return a run that had a tape and has ended."""
    thread = await runtime.session("s").create_thread(thread_name, "say")
    tape = tapes.blank([])
    run = await thread.start_run(stream=tape, mode=tape.modes)
    tapes.enter(tape, run)
    await until_ended(tape)
    return await record_of(runtime, run)


def test_few_tapes_are_kept_after_their_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tape, "ENDED_MAX", 2)

    async def test(runtime: Runtime, tapes: Tapes) -> None:
        first, *others = [await ended(runtime, tapes, f"t{n}") for n in range(3)]
        assert None is tapes.find(first, [])
        assert all(tapes.find(run, []) for run in others)

    on_a_loop(test)


def test_what_is_said_while_the_loop_stalls_is_lost_beyond_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_tape, "ARRIVED_MAX", 3)

    async def test(_runtime: Runtime, tapes: Tapes) -> None:
        tape = begun(tapes, 7)
        push_pieces(tape, 5)
        tape.push(("marks", Mark(8, 1)))
        await until(tape, lambda: tape.place is not None)
        assert Place(8, FIRST - 1) == tape.place == tape.lost
        push_pieces(tape, 1)
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
        assert [b'"first"', b'"second"'] == said(tape)

    on_a_loop(test)


def test_a_run_whose_end_has_not_come_here_yet_has_its_tape() -> None:
    async def test(runtime: Runtime, tapes: Tapes) -> None:
        run = await started(runtime, "wait")
        tape = found(tapes, run, "custom")
        ended = replace(run, finished_at_us=1)  # durable, and not told to the tape yet
        assert tape is tapes.find(ended, ["custom"])
        await runtime.coordinator.cancel_run(run.run_id)
        await until_ended(tape)

    on_a_loop(test)
