"""Assistants over HTTP: each registered workflow is one, and clients create others.

A workflow's assistant is code: its id is made of the workflow's name, which is taken as
well wherever an id is, and nothing about it is changed here. One of one's own is such a
workflow with a config and a context, in versions.
"""

from http import HTTPStatus
from typing import Any, Final

from weft.actors import Workflow
from weft.daemon.http.assistant_journal import (
    Birth,
    Choice,
    Edit,
    Journal,
    OwnAssistant,
)
from weft.daemon.http.assistant_lookup import find, find_own, is_seen
from weft.daemon.http.assistant_removal import remove
from weft.daemon.http.assistant_requests import (
    Assistant,
    AssistantChange,
    AssistantFilter,
    AssistantSearch,
    Deleting,
    NewAssistant,
    VersionChoice,
    VersionSearch,
    edit_of,
)
from weft.daemon.http.call import Call, Reply
from weft.daemon.http.endpoint import Table
from weft.daemon.http.first_answer import first_answers
from weft.daemon.http.json_filter import contains
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.protocol import assistant_id_of, selected
from weft.daemon.http.run_threads import op_id_of
from weft.storage import new_id

__all__ = ["assistants"]

assistants: Final = Table("assistants")


@assistants.post("/assistants")
async def create_assistant(call: Call[NewAssistant, None]) -> Assistant:
    """Create an assistant: a workflow with a config and a context of its own.

    With ``if_exists`` "do_nothing" one of this id is the answer instead.
    """
    new, journal = call.body, Journal(call.coordinator)
    birth = Birth(owner=call.access.owner, first=edit_of(call, new))
    change_id = _change_id(call)
    assistant_id = change_id if new.assistant_id is None else str(new.assistant_id)
    there = _registered(call, assistant_id) or await journal.get(assistant_id)
    if there is None:
        await _admit(journal)
    elif not _is_from(there, change_id):
        return _opened(call, assistant_id, there)
    made = await journal.add(assistant_id, birth, change_id, call.timeout_s)
    if made is not None and _is_from(made, change_id):
        return Assistant.of(made)
    await journal.take_back(assistant_id, change_id)  # somebody was faster
    return _opened(call, assistant_id, made)


@assistants.post("/assistants/search", scope="read")
async def search_assistants(
    call: Call[AssistantSearch, None],
) -> Reply[list[Assistant]]:
    """List the assistants that match, newest first unless asked otherwise."""
    wanted = call.body
    field = wanted.sort_by or "created_at"
    found = await _matching(call, wanted)
    found.sort(key=lambda each: (str(each.name), str(each.assistant_id)))
    found.sort(key=lambda each: _place(each, field), reverse=wanted.sort_order != "asc")
    end = wanted.offset + wanted.limit
    headers = {"X-Pagination-Next": str(end)} if end < len(found) else None
    page = found[wanted.offset : end]
    return Reply([selected(each, wanted.select) for each in page], headers=headers)


@assistants.post("/assistants/count", scope="read")
async def count_assistants(call: Call[AssistantFilter, None]) -> int:
    """Count the assistants that match."""
    return len(await _matching(call, call.body))


@assistants.get("/assistants/{assistant_id}")
async def get_assistant(call: Call[None, None]) -> Assistant:
    """Return an assistant by its id, or by the name of its workflow."""
    return Assistant.of(await find(call, call.path("assistant_id")))


@assistants.patch("/assistants/{assistant_id}")
async def update_assistant(call: Call[AssistantChange, None]) -> Assistant:
    """Make a new version of an assistant, and the present one of it.

    Runs that have begun go on as they are.
    """
    own = await find_own(call, call.path("assistant_id"))
    return await _change(call, own, edit_of(call, call.body))


@assistants.delete("/assistants/{assistant_id}")
async def delete_assistant(call: Call[None, Deleting]) -> None:
    """Remove an assistant with its versions and crons, and stop its runs.

    With ``delete_threads`` the threads that it was on go, too.
    """
    if first_answers(call, call.op_id, "RemoveItem"):
        return
    own = await find_own(call, call.path("assistant_id"))
    await remove(call, own, threads=call.query.delete_threads)


@assistants.post("/assistants/{assistant_id}/versions", scope="read")
async def list_assistant_versions(call: Call[VersionSearch, None]) -> list[Assistant]:
    """List the versions of an assistant, newest first; a workflow has one."""
    found, wanted = await find(call, call.path("assistant_id")), call.body
    if isinstance(found, Workflow):
        versions = [Assistant.of(found)]
    else:
        versions = [Assistant.at(found, each) for each in reversed(found.versions)]
    matching = [
        each for each in versions if contains(each.metadata, wanted.metadata or {})
    ]
    return matching[wanted.offset : wanted.offset + wanted.limit]


@assistants.post("/assistants/{assistant_id}/latest")
async def set_latest_version(call: Call[VersionChoice, None]) -> Assistant:
    """Make a version of an assistant the one that counts."""
    own = await find_own(call, call.path("assistant_id"))
    number, last = call.body.version, len(own.versions)
    if number > last:
        detail = f"Assistant {own.assistant_id} has the versions 1 to {last}."
        raise RequestFault(HTTPStatus.NOT_FOUND, detail)
    return await _change(call, own, Choice(number))


def _change_id(call: Call[Any, Any]) -> str:
    """Return the id of a change: the same if this very request is repeated."""
    return op_id_of(call, f"{call.scope['method']} {call.scope['path']}") or new_id()


async def _change(
    call: Call[Any, Any], own: OwnAssistant, change: Edit | Choice
) -> Assistant:
    journal, change_id = Journal(call.coordinator), _change_id(call)
    after = await journal.add(own.assistant_id, change, change_id, call.timeout_s)
    if after is None:  # it was removed at that time
        await journal.take_back(own.assistant_id, change_id)
        detail = f"There is no assistant {own.assistant_id!r} any more."
        raise RequestFault(HTTPStatus.NOT_FOUND, detail)
    return Assistant.of(after)


def _registered(call: Call[Any, Any], assistant_id: str) -> Workflow | None:
    workflows = call.runtime.workflows
    by_id = {assistant_id_of(workflow.name): workflow for workflow in workflows}
    return by_id.get(assistant_id)


def _is_from(found: Workflow | OwnAssistant, change_id: str) -> bool:
    return isinstance(found, OwnAssistant) and found.birth_id == change_id


async def _admit(journal: Journal) -> None:
    if await journal.is_full():
        detail = "There are as many assistants as a store may have. Remove some."
        raise RequestFault(HTTPStatus.CONFLICT, detail)


def _opened(
    call: Call[NewAssistant, Any],
    assistant_id: str,
    there: Workflow | OwnAssistant | None,
) -> Assistant:
    """Return the assistant that has an id already, if that is what is wanted."""
    wants_it = call.body.if_exists == "do_nothing"
    if there is not None and wants_it and is_seen(call, there):
        return Assistant.of(there)
    if there is None:
        words = "was created by this request and removed since"
        remedy = "Send another Idempotency-Key."
    else:
        words = "exists already"
        remedy = "Leave assistant_id out, or change that one with PATCH."
    detail = f"Assistant {assistant_id} {words}. {remedy}"
    raise RequestFault(HTTPStatus.CONFLICT, detail)


async def _matching(call: Call[Any, Any], wanted: AssistantFilter) -> list[Assistant]:
    there = [*call.runtime.workflows, *await Journal(call.coordinator).all()]
    views = [Assistant.of(each) for each in there if is_seen(call, each)]
    return [view for view in views if _is_wanted(view, wanted)]


def _is_wanted(view: Assistant, wanted: AssistantFilter) -> bool:
    return (
        wanted.graph_id in {None, view.graph_id}
        and (wanted.name or "").lower() in str(view.name).lower()
        and contains(view.metadata, wanted.metadata or {})
    )


def _place(view: Assistant, field: str) -> Any:
    value = getattr(view, field)
    return value.casefold() if isinstance(value, str) else value
