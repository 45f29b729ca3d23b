"""Commands of the third version of the streaming protocol: what a thread is to do.

What they ask for is what the other endpoints do: a run is started, or goes on with the
answers it waits for.

Guarantees: a command that is refused has changed nothing; one whose thread is somebody
else's is answered as if there were none.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.command_messages import (
    REFUSALS,
    Command,
    Meta,
    Refused,
    Reply,
    Respond,
    RunStart,
    Success,
    refused,
)
from weft.daemon.http.endpoint import Table
from weft.daemon.http.protocol import ProtocolState
from weft.daemon.http.run_requests import Command as GraphCommand
from weft.daemon.http.run_requests import NewRun, RunConfig, asked_of
from weft.daemon.http.run_starting import start
from weft.daemon.http.thread_events import MODES, place_now
from weft.daemon.http.thread_states import find_thread, last_state
from weft.storage import ThreadNotFound
from weft.storage.operations import DEFAULT_WORKFLOW

__all__ = ["answer_command", "protocol_commands"]

protocol_commands: Final = Table("threads")


class EventRun(NewRun):
    """A run whose events are read in this protocol."""

    @property
    def modes(self) -> list[str]:
        """What is told of it."""
        return list(MODES)


@protocol_commands.post("/threads/{thread_id}/commands")
async def send_command(call: Call[Command, None]) -> Reply:
    """Have a thread do something: start a run, or go on with an answer."""
    return await answer_command(call, call.path("thread_id"), call.body)


async def answer_command(
    call: Call[Any, Any], thread_id: str, command: Command
) -> Reply:
    """Do what a command asks for.

    Args:
        call: who asks.
        thread_id: of the thread.
        command: what for.
    """
    try:
        act = _ACTS.get(command.method)
        if act is None:
            raise _unknown(command.method)
        return await act(call, thread_id, command)
    except REFUSALS as error:
        return refused(command.id, error)


async def _start(call: Call[Any, Any], thread_id: str, command: Command) -> Success:
    given = msgspec.convert(command.params, RunStart)
    try:
        before, waits = place_now(call, thread_id), False
        if given.input is not None:
            waits = bool(_waiting(await _state(call, thread_id)))
    except ThreadNotFound:  # the run creates it
        before, waits = 0, False
    run = EventRun(
        assistant_id=given.assistant_id,
        input=None if waits else given.input,
        command=GraphCommand(resume=given.input) if waits else None,
        metadata=given.metadata,
        multitask_strategy=given.multitask_strategy or given.multitaskStrategy,
        if_not_exists="create",
    )
    run_id = await _begin(call, thread_id, run, given.config)
    return Success(command.id, {"run_id": run_id}, Meta(before))


async def _respond(call: Call[Any, Any], thread_id: str, command: Command) -> Success:
    given = msgspec.convert(command.params, Respond)
    answers = given.answers
    if not answers:
        raise Refused("invalid_argument", "Say to which interrupt_id the answer is.")
    before = place_now(call, thread_id)
    waiting = _waiting(await _state(call, thread_id))
    missing = sorted(answers.keys() - waiting)
    if missing:
        words = f"The thread does not wait for an answer to {', '.join(missing)}."
        raise Refused("no_such_interrupt", words)
    run = EventRun(
        assistant_id=_assistant_of(call, thread_id),
        command=GraphCommand(answers, given.update, given.goto),
        metadata=given.metadata,
    )
    run_id = await _begin(call, thread_id, run, given.config)
    return Success(command.id, {"run_id": run_id}, Meta(before))


async def _tree(call: Call[Any, Any], thread_id: str, command: Command) -> Success:
    """Return the graph itself; the graphs within are told by their events."""
    before = place_now(call, thread_id)
    with call.runtime.store.read() as snapshot:
        run = next(snapshot.runs(thread_id), None)
    if run is None:
        raise Refused("no_such_run", "The thread has no run yet.")
    status = "running" if run.finished_at_us is None else _STATUSES[run.status]
    node = {"namespace": [], "status": status, "graph_name": run.workflow}
    return Success(command.id, {"tree": node}, Meta(before))


_STATUSES: Final = {
    "success": "completed",
    "interrupted": "interrupted",
    "error": "failed",
    "timeout": "failed",
}

_Act = Callable[[Call[Any, Any], str, Command], Awaitable[Success]]

_ACTS: Final[dict[str, _Act]] = {
    "run.start": _start,
    "input.respond": _respond,
    "agent.getTree": _tree,
}

_ELSEWHERE: Final = {
    "subscription.subscribe": "Subscribe with POST /threads/ID/stream/events.",
    "subscription.unsubscribe": "Close the stream instead.",
    "subscription.reconnect": "Subscribe again, with since.",
    "state.get": "Ask GET /threads/ID/state.",
    "state.listCheckpoints": "Ask POST /threads/ID/history.",
    "state.fork": "Start a run with config.configurable.checkpoint_id.",
    "input.inject": "Start a run with the message as its input.",
}


def _unknown(method: str) -> Refused:
    remedy = _ELSEWHERE.get(method)
    if remedy is not None:
        return Refused("not_supported", f"{method} is not answered here. {remedy}")
    known = ", ".join(_ACTS)
    return Refused("unknown_command", f"There is no command {method!r}, but {known}.")


async def _begin(
    call: Call[Any, Any], thread_id: str, run: EventRun, config: RunConfig | None
) -> str:
    """Start a run; what its config says of the thread is no part of it."""
    configurable = dict((config and config.configurable) or {})
    configurable.pop("thread_id", None)
    run.checkpoint_id = configurable.pop("checkpoint_id", None)
    run.stream_subgraphs = run.stream_resumable = True
    if config is not None:
        run.config = msgspec.structs.replace(config, configurable=configurable or None)
    return (await start(call, run, thread_id, streams=True)).run.run_id


async def _state(call: Call[Any, Any], thread_id: str) -> ProtocolState:
    with call.runtime.store.read() as snapshot:
        thread = find_thread(snapshot, thread_id)
    return await last_state(call, thread)


def _waiting(state: ProtocolState) -> set[str]:
    """Return the ids of what a thread waits for."""
    tasks = [] if isinstance(state.tasks, msgspec.UnsetType) else state.tasks
    return {each.id for task in tasks for each in task.interrupts}


def _assistant_of(call: Call[Any, Any], thread_id: str) -> str:
    with call.runtime.store.read() as snapshot:
        run = next(snapshot.runs(thread_id), None)
    return DEFAULT_WORKFLOW if run is None else asked_of(run).own_id or run.workflow
