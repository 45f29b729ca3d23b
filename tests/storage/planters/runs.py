"""Runs, states and steps without what they belong to, and indexes of them."""

from typing import Any

from msgspec.structs import replace

from tests.storage.planters.field import (
    Field,
    Planted,
    about,
    run_of,
)
from weft.storage import keys
from weft.storage.records import (
    EMPTY,
    NIL,
    Run,
    State,
    StepResult,
    Thread,
)


def ended_run(field: Field, thread: Thread) -> Run | None:
    """Return a run of a thread that is not in progress."""
    runs = field.view.runs(thread.thread_id)
    return next((run for run in runs if run.run_id != thread.run_id), None)


def with_ended_run(field: Field) -> tuple[Thread, Run]:
    """Take an idle thread that has run before."""
    thread = field.thread(lambda t: ended_run(field, t))
    run = ended_run(field, thread)
    assert run is not None
    return thread, run


def removed_run(field: Field) -> Planted:
    thread, run = with_ended_run(field)
    field.delete(keys.run_key(run.run_id))
    return about("dangling_index_entry", thread)


def removed_run_in_progress(field: Field) -> Planted:
    thread = field.busy_thread()
    field.delete(keys.run_key(thread.run_id or ""))
    return about("dangling_index_entry", thread)


def run_index_of_nothing(field: Field) -> Planted:
    thread = field.thread()
    key = keys.thread_run_key(thread.thread_id, field.fresh("run"))
    field.put(key, value=True)
    return about("dangling_index_entry", thread)


def live_index_of_nothing(field: Field) -> Planted:
    thread = field.thread()
    field.put(keys.live_run_key(field.fresh("run")), thread.thread_id)
    return about("dangling_index_entry", thread)


def live_index_of_an_ended_run(field: Field) -> Planted:
    thread, run = with_ended_run(field)
    field.put(keys.live_run_key(run.run_id), thread.thread_id)
    return about("dangling_index_entry", thread)


def busy_with_nothing(field: Field) -> Planted:
    thread = field.thread()
    changed = replace(thread, run_id=field.fresh("run"))
    field.put(keys.thread_key(thread.thread_id), changed)
    return about("dangling_index_entry", thread)


def queue_of_nothing(field: Field) -> Planted:
    thread = field.thread()
    key = keys.queued_run_key(thread.thread_id, 1, field.fresh("run"))
    field.put(key, value=True)
    return about("dangling_index_entry", thread)


def queued(field: Field) -> tuple[Thread, keys.Key]:
    """Take a thread with a run that waits; with the key that says so."""

    def waiting(thread: Thread) -> Any:
        runs = field.view.runs(thread.thread_id)
        return next((run for run in runs if run.is_queued), None)

    thread = field.busy_thread(waiting)
    run = waiting(thread)
    return thread, keys.queued_run_key(run.thread_id, run.created_seq, run.run_id)


def removed_queue(field: Field) -> Planted:
    thread, key = queued(field)
    field.delete(key)
    return about("missing_index_entry", thread)


def damaged_queue(field: Field) -> Planted:
    _, key = queued(field)
    field.spoil(key)
    return Planted("damaged_record", None, None)


def step_of_nothing(field: Field) -> Planted:
    step_of(field, field.fresh("run"))
    return Planted("dangling_index_entry", None, None)


def step_of_an_ended_run(field: Field) -> Planted:
    thread, run = with_ended_run(field)
    step_of(field, run.run_id)
    return about("dangling_index_entry", thread)


def step_of(field: Field, run_id: str) -> None:
    """Plant what a step came to."""
    step = StepResult(run_id, "step", NIL, 1, 0, 1, 1, 1)
    field.put(keys.step_key(run_id, step.name), step)


def removed_run_index(field: Field) -> Planted:
    thread, run = with_ended_run(field)
    field.delete(keys.thread_run_key(thread.thread_id, run.run_id))
    return about("missing_index_entry", thread)


def removed_live_index(field: Field) -> Planted:
    thread = field.busy_thread()
    field.delete(keys.live_run_key(thread.run_id or ""))
    return about("missing_index_entry", thread)


def run_its_thread_forgot(field: Field) -> Planted:
    thread = field.busy_thread()
    field.put(keys.thread_key(thread.thread_id), replace(thread, run_id=None))
    return about("missing_index_entry", thread)


def run_of_nothing(field: Field) -> Planted:
    ghost = field.fresh("thread")
    run = run_of(field, ghost)
    field.put(keys.run_key(run.run_id), run)
    return Planted("run_without_thread", None, ghost)


def run_of_a_removed_thread(field: Field) -> Planted:
    thread_id = field.removed_row().thread_id
    run = run_of(field, thread_id)
    field.put(keys.run_key(run.run_id), run)
    field.put(keys.thread_run_key(thread_id, run.run_id), value=True)
    return Planted("run_without_thread", None, thread_id)


def state_of(field: Field, thread_id: str) -> None:
    """Plant a state."""
    state = State(
        field.fresh("state"), thread_id, None, 1, NIL, EMPTY, None, 0, 1, 1, 1
    )
    field.put(keys.state_key(thread_id, 1), state)


def state_of_nothing(field: Field) -> Planted:
    ghost = field.fresh("thread")
    state_of(field, ghost)
    return Planted("state_without_thread", None, ghost)


def state_of_a_removed_thread(field: Field) -> Planted:
    thread_id = field.removed_row().thread_id
    state_of(field, thread_id)
    return Planted("state_without_thread", None, thread_id)
