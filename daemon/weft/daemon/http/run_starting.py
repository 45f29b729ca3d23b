"""Starting runs: from what a client asks for to a run that is durable."""

from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from weft.actors import Workflow
from weft.daemon.http.assistant_runs import ordered
from weft.daemon.http.call import Call
from weft.daemon.http.first_answer import first_answers
from weft.daemon.http.protocol import ProtocolRun
from weft.daemon.http.run_history import failure_of
from weft.daemon.http.run_places import ALL_BEFORE, Place
from weft.daemon.http.run_reader import RunReader
from weft.daemon.http.run_requests import (
    NewRun,
    asked_of,
    config_of,
    metadata_of_run,
    stored_metadata,
    tape_modes,
)
from weft.daemon.http.run_threads import op_id_of, own_thread, thread_for
from weft.daemon.http.run_webhooks import check_webhook, wished
from weft.daemon.http.thread_states import no_checkpoint, state_at
from weft.storage import Run, Snapshot

__all__ = ["Started", "headers_of", "reader_of", "start", "view_of"]


class Started(NamedTuple):
    """A run that has been started.

    Attributes:
        run: the run, durable.
        is_temporary: its thread exists for it only.
    """

    run: Run
    is_temporary: bool


async def start(
    call: Call[Any, Any],
    new: NewRun,
    thread_id: str | None,
    *,
    streams: bool = False,
    number: int = 0,
) -> Started:
    """Start a run.

    Args:
        call: who asks.
        new: what for.
        thread_id: where; None for a thread of its own.
        streams: it will be read from its beginning.
        number: which of the runs that are asked for at once.

    Raises:
        RequestFault: the assistant is not there, or takes no such input.
        ThreadNotFound: the thread is not there.
        ThreadBusy: a run is before it, and it is not to wait.
    """
    order = await ordered(call, new)
    new, workflow = order.new, order.workflow
    config = config_of(new, workflow)
    check_webhook(call, new.webhook)
    is_temporary = thread_id is None and new.on_completion != "keep"
    if thread_id is None:
        thread_id = await own_thread(call, order, number)
    else:
        thread_id = await thread_for(call, thread_id, order)
    op_id = op_id_of(call, f"run {number}") if number else call.op_id
    if not first_answers(call, op_id, "StartRun"):
        await _go_back(call, new, thread_id, workflow)
    tape = None
    if streams or new.stream_resumable or call.site.watch.is_watched(thread_id):
        tape = call.site.tapes.blank(tape_modes(new.modes, workflow))
    async with wished(call, new.webhook, thread_id, op_id) as wish:
        with call.site.watch.holding(thread_id):
            run = await call.coordinator.start_run(
                config,
                thread_id=thread_id,
                workflow=workflow.name,
                if_running=new.multitask_strategy or "enqueue",
                after_seconds=new.after_seconds or 0.0,
                metadata=stored_metadata(new, order.own_id),
                stream=tape,
                mode="states" if tape is None else tape.modes,
                op_id=wish.op_id,
                timeout_s=call.timeout_s,
            )
            wish.run_id = run.run_id
            if tape is not None:
                call.site.tapes.enter(tape, run)
    if is_temporary:
        call.site.temporary.follow(thread_id, run.run_id)
    return Started(run, is_temporary)


async def _go_back(
    call: Call[Any, Any], new: NewRun, thread_id: str, workflow: Workflow
) -> None:
    """Make an earlier state the last one; a graph does so itself, in its run.

    Raises:
        RequestFault: 404, there is none: a graph would begin with nothing.
    """
    checkpoint_id, keeper = new.from_checkpoint, workflow.keeper
    if checkpoint_id is None:
        return
    if keeper is not None:
        at = {"checkpoint_id": checkpoint_id}
        if await call.beside(lambda: keeper.state(call.runtime.store, thread_id, at)):
            return
        raise no_checkpoint(thread_id, checkpoint_id)
    with call.runtime.store.read() as snapshot:
        state = state_at(snapshot, thread_id, checkpoint_id)
        last = snapshot.state(thread_id)
    if last is not None and last.step != state.step:
        await call.coordinator.restore_state(thread_id, state.step)


def reader_of(
    call: Call[Any, Any],
    run: Run,
    modes: list[str],
    after: Place | None = ALL_BEFORE,
) -> RunReader:
    """Return the reader of a run.

    Args:
        call: who asks.
        run: the run.
        modes: the stream modes that are shown.
        after: the place of the last event that the client has; None to begin now.
    """
    workflow = call.runtime.workflows.find(run.workflow)
    tape = call.site.tapes.find(run, tape_modes(modes, workflow))
    return RunReader(
        call.runtime,
        run,
        modes,
        tape,
        after,
        is_graph=workflow.takes_order,
        sees=partial(_sees, call),
    )


def _sees(call: Call[Any, Any], snapshot: Snapshot, thread_id: str) -> bool:
    """Whether a thread is still seen; it may have moved to somebody else."""
    if call.access.owner is None:
        return True
    thread = snapshot.thread(thread_id)
    return thread is not None and call.access.sees(snapshot, thread)


def headers_of(run: Run, join: str) -> dict[str, str]:
    """Return where a run stands, and where who is cut off goes on.

    Args:
        run: the run.
        join: ``stream`` or ``join``.
    """
    path = f"/threads/{quote(run.thread_id, safe='')}/runs/{quote(run.run_id, safe='')}"
    return {"Content-Location": path, "Location": f"{path}/{join}"}


def view_of(run: Run) -> ProtocolRun:
    """Return the view of a run.

    One whose graph waits for somebody has done what it could: its thread is what the
    protocol calls interrupted.
    """
    asked = asked_of(run)
    kwargs = {
        "config": run.config,
        "stream_mode": asked.stream_mode,
        "stream_subgraphs": asked.stream_subgraphs,
        "stream_resumable": asked.stream_resumable,
        "on_disconnect": asked.on_disconnect,
    }
    view = ProtocolRun.of(run, metadata_of_run(run), kwargs, asked.multitask_strategy)
    if asked.own_id is not None:
        view.assistant_id = asked.own_id
    if run.status == "interrupted" and failure_of(run) is None:
        view.status = "success"
    return view
