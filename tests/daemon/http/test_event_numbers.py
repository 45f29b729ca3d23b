"""Events' numbers, from places in the logs and back."""

from collections.abc import Iterator
from typing import Any

import pytest

from weft.actors import Runtime
from weft.daemon.http.event_numbers import RunNumbers, place_in
from weft.daemon.http.event_places import EventPlace, slot_of
from weft.daemon.http.run_places import ALL_BEFORE, Place, Slot
from weft.daemon.http.streams import ServerEvent
from weft.storage import MemoryStore, Run

STEPS = 3
FIRST = Slot.FIRST_TRANSIENT


def walk(_context: Any, _config: Any) -> Iterator[Any]:
    for n in range(STEPS):
        yield {"n": n}


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    """Return a runtime with two runs on the thread ``t``."""
    with Runtime.open(store=MemoryStore(), workflows={"walk": walk}) as opened:
        session = opened.session("s")
        session.create_thread("t", workflow="walk", thread_id="t").get(timeout=10)
        for _ in range(2):
            opened.thread("t").run({}).get(timeout=10)
        yield opened


@pytest.fixture
def run(runtime: Runtime) -> Run:
    """Return the second of them, at whose beginning there were states."""
    with runtime.store.read() as snapshot:
        return next(run for run in snapshot.runs("t") if run.turn == 2)


def seq_of(runtime: Runtime, run: Run, step: int) -> int:
    """Return the operation that made one of the run's states."""
    with runtime.store.read() as snapshot:
        state = snapshot.state("t", run.base_step + step)
    assert state is not None
    return state.created_seq


def test_events_are_numbered_as_they_are_told(runtime: Runtime, run: Run) -> None:
    numbers = RunNumbers(runtime.store, run)
    state = seq_of(runtime, run, 1)

    def told(seq: int, n: int, event: str, **about: Any) -> EventPlace:
        return numbers.next(ServerEvent(None, event, str(Place(seq, n)), **about))

    assert EventPlace(2) == told(run.began_seq, Slot.METADATA, "metadata")
    piece = slot_of(FIRST)
    assert EventPlace(2, 0, 0, piece) == told(run.began_seq, FIRST, "custom")
    step = run.base_step + 1
    value = told(state, Slot.VALUES, "values", step=step)
    assert EventPlace(2, 1, 0, Slot.VALUES) == value
    assert EventPlace(2, 1, 0, piece) == told(state, FIRST, "custom")


def test_another_attempt_is_numbered_as_it_says(runtime: Runtime, run: Run) -> None:
    numbers = RunNumbers(runtime.store, run)
    again = Place(run.began_seq + 1000, Slot.METADATA)
    event = ServerEvent({"run_id": "r", "attempt": 3}, "metadata", str(again))
    assert EventPlace(2, 0, 2, Slot.METADATA) == numbers.next(event)
    piece = ServerEvent(None, "custom", str(Place(again.seq, FIRST)))
    assert EventPlace(2, 0, 2, slot_of(FIRST)) == numbers.next(piece)


@pytest.mark.parametrize("step", range(STEPS + 1))
def test_any_place_is_found_and_led_back_to(
    runtime: Runtime, run: Run, step: int
) -> None:
    seq = seq_of(runtime, run, step) if step else run.began_seq
    for n in (Slot.UPDATES, FIRST, FIRST + 7):
        found = RunNumbers(runtime.store, run).find(Place(seq, n))
        assert EventPlace(2, step, 0, slot_of(n)) == found
        with runtime.store.read() as snapshot:
            assert Place(seq, n) == place_in(snapshot, run, found)


def test_what_is_before_all_of_a_run_is_the_end_of_the_one_before(
    runtime: Runtime, run: Run
) -> None:
    assert EventPlace.end_of(1) == RunNumbers(runtime.store, run).find(ALL_BEFORE)


def test_a_state_that_is_kept_no_longer_leads_behind_the_beginning(
    runtime: Runtime, run: Run
) -> None:
    gone = EventPlace.at(2, STEPS + 1, 0, Slot.VALUES)
    with runtime.store.read() as snapshot:
        place = place_in(snapshot, run, gone)
    assert run.began_seq == place.seq
    assert place > Place(run.began_seq, 1 << 20)
