"""Assistants over HTTP: each registered workflow is one.

An assistant's id is made of the workflow's name; the name itself is taken as well,
wherever an id is. Workflows are code: assistants are neither created nor changed here.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.actors import Workflow
from weft.daemon.http.call import Call, Reply
from weft.daemon.http.endpoint import Table
from weft.daemon.http.function_schemas import drawing_of, schemas_of
from weft.daemon.http.json_filter import contains
from weft.daemon.http.protocol import assistant_id_of, selected, workflow_name_of

__all__ = ["assistants"]

assistants: Final = Table("assistants")

LIMIT_MAX: Final = 1000

Limit = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Metadata = dict[str, Any] | None

_STARTED: Final = datetime.now(UTC)
"""Assistants are there since the daemon is: they are the code that it has loaded."""

_DEPTH_MAX: Final = 16


class Assistant(msgspec.Struct):
    """A registered workflow."""

    assistant_id: str | msgspec.UnsetType = msgspec.UNSET
    graph_id: str | msgspec.UnsetType = msgspec.UNSET
    name: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    config: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    context: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    metadata: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET
    created_at: datetime | msgspec.UnsetType = msgspec.UNSET
    updated_at: datetime | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, workflow: Workflow) -> "Assistant":
        """Return the view of a workflow; its own version stands in the metadata."""
        words = (workflow.function.__doc__ or "").strip().partition("\n")[0]
        return cls(
            assistant_id=assistant_id_of(workflow.name),
            graph_id=workflow.name,
            name=workflow.name,
            description=words or None,
            config={},
            context={},
            metadata={"created_by": "system", "version": workflow.version},
            version=1,
            created_at=_STARTED,
            updated_at=_STARTED,
        )


class AssistantFilter(msgspec.Struct):
    """Which assistants are counted."""

    metadata: Metadata = None
    graph_id: str | None = None
    name: str | None = None


class AssistantSearch(AssistantFilter):
    """Which assistants, in which order, with which fields."""

    limit: Limit = 10
    offset: Offset = 0
    sort_by: (
        Literal["assistant_id", "graph_id", "name", "created_at", "updated_at"] | None
    ) = None
    sort_order: Literal["asc", "desc"] | None = None
    select: list[str] | None = None


class GraphDepth(msgspec.Struct):
    """How many levels of graphs within are drawn: a number, or all with true."""

    xray: str = "false"


class Recursion(msgspec.Struct):
    """Whether graphs within graphs within are listed as well."""

    recurse: bool = False


class Drawing(msgspec.Struct):
    """A graph to look at."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]


class Schemas(msgspec.Struct):
    """What a workflow takes, gives and keeps, as JSON schemas; null where unknown."""

    graph_id: str
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    state_schema: dict[str, Any] | None = None
    config_schema: dict[str, Any] | None = None
    context_schema: dict[str, Any] | None = None


@assistants.post("/assistants/search", scope="read")
async def search_assistants(
    call: Call[AssistantSearch, None],
) -> Reply[list[Assistant]]:
    """List the assistants, one for each registered workflow."""
    wanted = call.body
    field = wanted.sort_by or "name"
    found = sorted(
        _matching(call, wanted),
        key=lambda assistant: getattr(assistant, field),
        reverse=wanted.sort_order == "desc",
    )
    end = wanted.offset + wanted.limit
    headers = {"X-Pagination-Next": str(end)} if end < len(found) else None
    page = found[wanted.offset : end]
    return Reply([selected(each, wanted.select) for each in page], headers=headers)


@assistants.post("/assistants/count", scope="read")
async def count_assistants(call: Call[AssistantFilter, None]) -> int:
    """Count the assistants."""
    return len(_matching(call, call.body))


@assistants.get("/assistants/{assistant_id}")
async def get_assistant(call: Call[None, None]) -> Assistant:
    """Return an assistant by its id, or by the name of its workflow."""
    return Assistant.of(_workflow(call))


@assistants.get("/assistants/{assistant_id}/schemas")
async def get_assistant_schemas(call: Call[None, None]) -> Schemas:
    """Return what an assistant takes, gives and keeps; null where it does not say.

    A graph says it with its schemas, a function with its annotations.
    """
    workflow = _workflow(call)
    keeper = workflow.keeper
    if keeper is None:
        return Schemas(workflow.name, **schemas_of(workflow.function))
    return Schemas(workflow.name, **await call.beside(keeper.schemas))


@assistants.get("/assistants/{assistant_id}/graph")
async def get_assistant_graph(call: Call[None, GraphDepth]) -> Drawing:
    """Return the nodes and edges of an assistant; a function is one node."""
    workflow, depth = _workflow(call), _depth(call.query.xray)
    keeper = workflow.keeper
    if keeper is None:
        return Drawing(**drawing_of(workflow.name))
    return Drawing(**await call.beside(lambda: keeper.graph(depth)))


@assistants.get("/assistants/{assistant_id}/subgraphs")
async def list_subgraphs(call: Call[None, Recursion]) -> dict[str, Schemas]:
    """Return the schemas of the graphs within a graph, by namespace."""
    return await _subgraphs(call, None)


@assistants.get("/assistants/{assistant_id}/subgraphs/{namespace}")
async def list_subgraphs_of(call: Call[None, Recursion]) -> dict[str, Schemas]:
    """Return the schemas of one of the graphs within a graph."""
    return await _subgraphs(call, call.path("namespace"))


@assistants.post("/assistants/{assistant_id}/versions", scope="read")
async def list_assistant_versions(call: Call[None, None]) -> list[Assistant]:
    """Return the only version that there is of an assistant."""
    return [Assistant.of(_workflow(call))]


async def _subgraphs(
    call: Call[None, Recursion], namespace: str | None
) -> dict[str, Schemas]:
    workflow = _workflow(call)
    keeper, recurse = workflow.keeper, call.query.recurse
    if keeper is None:
        return {}
    found = await call.beside(lambda: keeper.subgraphs(namespace, recurse=recurse))
    return {name: Schemas(workflow.name, **each) for name, each in found.items()}


def _workflow(call: Call[Any, Any]) -> Workflow:
    workflows = call.runtime.workflows
    names = [workflow.name for workflow in workflows]
    return workflows.get(workflow_name_of(call.path("assistant_id"), names))


def _matching(call: Call[Any, Any], wanted: AssistantFilter) -> list[Assistant]:
    found = map(Assistant.of, call.runtime.workflows)
    return [each for each in found if _is_wanted(each, wanted)]


def _is_wanted(assistant: Assistant, wanted: AssistantFilter) -> bool:
    return (
        wanted.graph_id in {None, assistant.graph_id}
        and (wanted.name or "").lower() in str(assistant.name).lower()
        and contains(assistant.metadata, wanted.metadata or {})
    )


def _depth(given: str) -> int:
    if given.isascii() and given.isdigit():
        return min(int(given[:3]), _DEPTH_MAX)
    return _DEPTH_MAX if given.lower() == "true" else 0
