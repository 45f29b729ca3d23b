"""What operations on runs and their states must do to the world."""

from typing import Final

from tests.storage.model_world import Fields, No, World
from weft.storage import operations as op

LEFT: Final = {"success": "idle", "interrupted": "interrupted"}
"""The status of a thread after a run; that of any other end is `error`."""


def start_run(world: World, o: op.StartRun) -> None:
    if o.thread_id is not None:
        thread_id = o.thread_id
        thread = world.live(thread_id, o.session_id)
    else:
        assert o.session_id is not None
        assert o.thread_name is not None
        thread_id = world.find(o.session_id, o.thread_name)
        thread = world.live(thread_id)
    if thread["run"] or o.run_id in world.runs:
        raise No("ThreadBusy")
    thread.update(run=o.run_id, status="busy")
    world.runs[o.run_id] = {"thread": thread_id, "status": "running", "attempt": 1}


def held(world: World, thread_id: str, run_id: str) -> tuple[Fields, Fields]:
    thread = world.live(thread_id)
    if thread["run"] != run_id:
        raise No("StaleRevision")
    return thread, world.runs[run_id]


def resume_run(world: World, o: op.ResumeRun) -> None:
    _, run = held(world, o.thread_id, o.run_id)
    run["attempt"] += run["status"] == "running"
    run["status"] = "running"


def append_state(world: World, o: op.AppendState) -> None:
    thread = world.live(o.thread_id)
    if o.run_id is None and thread["run"]:
        raise No("ThreadBusy")
    if o.run_id is not None:
        _, run = held(world, o.thread_id, o.run_id)
        if run["attempt"] != o.attempt:
            raise No("StaleRevision")
    if o.rev not in {None, thread["rev"]}:
        raise No("StaleRevision")
    last = thread["states"][-1][0] if thread["states"] else 0
    if o.after_step not in {None, last}:
        raise No("StaleRevision")
    world.append(o.thread_id, o.state_id, o.values)


def finish_run(world: World, o: op.FinishRun) -> None:
    thread, run = held(world, o.thread_id, o.run_id)
    if run["attempt"] != o.attempt:
        raise No("StaleRevision")
    if o.status == "running":
        raise No("InvalidArgument")
    run["status"] = o.status
    thread.update(run=None, status=LEFT.get(o.status, "error"))
    if o.state_id is not None:
        world.append(o.thread_id, o.state_id, o.values)


def retry_run(world: World, o: op.RetryRun) -> None:
    _, run = held(world, o.thread_id, o.run_id)
    if run["attempt"] != o.attempt:
        raise No("StaleRevision")
    run["status"] = "pending"
    run["attempt"] += 1


def record_step(world: World, o: op.RecordStep) -> None:
    thread, run = held(world, o.thread_id, o.run_id)
    if run["attempt"] != o.attempt or thread["rev"] != o.rev:
        raise No("StaleRevision")
