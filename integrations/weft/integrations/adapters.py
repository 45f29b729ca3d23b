"""What makes workflows of other people's objects, by the entry points of `weft`.

An adapter is asked about every object that is no function, also where the library it
is for is not installed; so it imports that library only for an object of its own.
"""

from weft.actors.workflow import Workflow

__all__ = ["langgraph"]


def langgraph(given: object) -> Workflow | None:
    """Return the workflow of a compiled LangGraph graph, None for anything else."""
    modules = [kind.__module__ for kind in type(given).__mro__]
    if not any(module.startswith("langgraph.") for module in modules):
        return None
    from weft.integrations.langgraph_workflow import adapt

    return adapt(given)
