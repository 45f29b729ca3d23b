"""Finding assistants: the registered workflows, and those that somebody has created.

Who may do what follows the assistant: a principal that is bound to an owner sees its
own ones and the registered workflows, which are everybody's.
"""

from http import HTTPStatus
from typing import Any
from uuid import UUID

from weft.actors import Workflow
from weft.daemon.http.assistant_journal import Journal, OwnAssistant
from weft.daemon.http.call import Call
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.protocol import workflow_name_of

__all__ = ["find", "find_own", "is_seen", "workflow_of"]


async def find(call: Call[Any, Any], assistant_id: str) -> Workflow | OwnAssistant:
    """Return the assistant of an id, or of a workflow's name.

    Raises:
        RequestFault: 404, there is none, or it is somebody else's.
    """
    workflows = call.runtime.workflows
    names = [workflow.name for workflow in workflows]
    try:
        return workflows.get(workflow_name_of(assistant_id, names))
    except RequestFault:
        found = await _own(call, assistant_id)
        if found is None:
            raise
        return found


async def find_own(call: Call[Any, Any], assistant_id: str) -> OwnAssistant:
    """Return an assistant that can be changed.

    Raises:
        RequestFault: 404, as :func:`find`; 409, it is a registered workflow.
    """
    found = await find(call, assistant_id)
    if isinstance(found, OwnAssistant):
        return found
    name = found.name
    detail = (
        f"Assistant {assistant_id!r} is the registered workflow {name!r}, which is "
        "changed where its code is. POST /assistants with this graph_id makes an "
        "assistant that can be changed."
    )
    raise RequestFault(HTTPStatus.CONFLICT, detail)


def workflow_of(call: Call[Any, Any], found: Workflow | OwnAssistant) -> Workflow:
    """Return what an assistant's runs execute.

    Raises:
        WorkflowNotRegistered: that is not there any more.
    """
    if isinstance(found, OwnAssistant):
        return call.runtime.workflows.get(found.present.graph_id)
    return found


def is_seen(call: Call[Any, Any], found: Workflow | OwnAssistant) -> bool:
    """Whether an assistant is there for whoever asks."""
    return isinstance(found, Workflow) or call.access.owner in {None, found.owner}


async def _own(call: Call[Any, Any], assistant_id: str) -> OwnAssistant | None:
    try:
        key = str(UUID(assistant_id))
    except ValueError:
        return None
    own = await Journal(call.coordinator).get(key)
    return own if own is not None and is_seen(call, own) else None
