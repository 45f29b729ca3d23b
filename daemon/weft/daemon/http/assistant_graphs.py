"""What an assistant is made of, over HTTP: its graph, its schemas, the graphs within.

They are those of its workflow, whatever config an assistant has of its own.
"""

from typing import Any, Final

import msgspec

from weft.actors import Workflow
from weft.daemon.http.assistant_lookup import find, workflow_of
from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.function_schemas import drawing_of, schemas_of

__all__ = ["assistant_graphs"]

assistant_graphs: Final = Table("assistants")

_DEPTH_MAX: Final = 16


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


@assistant_graphs.get("/assistants/{assistant_id}/schemas")
async def get_assistant_schemas(call: Call[None, None]) -> Schemas:
    """Return what an assistant takes, gives and keeps; null where it does not say.

    A graph says it with its schemas, a function with its annotations.
    """
    workflow = await _workflow(call)
    keeper = workflow.keeper
    if keeper is None:
        return Schemas(workflow.name, **schemas_of(workflow.function))
    return Schemas(workflow.name, **await call.beside(keeper.schemas))


@assistant_graphs.get("/assistants/{assistant_id}/graph")
async def get_assistant_graph(call: Call[None, GraphDepth]) -> Drawing:
    """Return the nodes and edges of an assistant; a function is one node."""
    workflow, depth = await _workflow(call), _depth(call.query.xray)
    keeper = workflow.keeper
    if keeper is None:
        return Drawing(**drawing_of(workflow.name))
    return Drawing(**await call.beside(lambda: keeper.graph(depth)))


@assistant_graphs.get("/assistants/{assistant_id}/subgraphs")
async def list_subgraphs(call: Call[None, Recursion]) -> dict[str, Schemas]:
    """Return the schemas of the graphs within a graph, by namespace."""
    return await _subgraphs(call, None)


@assistant_graphs.get("/assistants/{assistant_id}/subgraphs/{namespace}")
async def list_subgraphs_of(call: Call[None, Recursion]) -> dict[str, Schemas]:
    """Return the schemas of one of the graphs within a graph."""
    return await _subgraphs(call, call.path("namespace"))


async def _subgraphs(
    call: Call[None, Recursion], namespace: str | None
) -> dict[str, Schemas]:
    workflow = await _workflow(call)
    keeper, recurse = workflow.keeper, call.query.recurse
    if keeper is None:
        return {}
    found = await call.beside(lambda: keeper.subgraphs(namespace, recurse=recurse))
    return {name: Schemas(workflow.name, **each) for name, each in found.items()}


async def _workflow(call: Call[Any, Any]) -> Workflow:
    return workflow_of(call, await find(call, call.path("assistant_id")))


def _depth(given: str) -> int:
    if given.isascii() and given.isdigit():
        return min(int(given[:3]), _DEPTH_MAX)
    return _DEPTH_MAX if given.lower() == "true" else 0
