"""The runs of assistants: what is asked for, and what the assistant says to it.

Guarantees:
    * what a run says itself wins, key by key, over what its assistant says, under
      whichever of both names: ``context`` or ``config.configurable``;
    * a run's metadata tell which assistant it is of, whatever its client wrote there.
"""

from typing import Any, Final, NamedTuple

from msgspec import convert
from msgspec.structs import replace

from weft.actors import Workflow
from weft.daemon.http.assistant_journal import OwnAssistant, Version
from weft.daemon.http.assistant_lookup import find, workflow_of
from weft.daemon.http.call import Call
from weft.daemon.http.protocol import GRAPH_ID, assistant_id_of
from weft.daemon.http.run_requests import NewRun, RunConfig

__all__ = ["ASSISTANT_ID", "Order", "ordered"]

ASSISTANT_ID: Final = "assistant_id"
"""In the metadata of an own assistant's runs, and of threads: of their last run."""


class Order(NamedTuple):
    """A run that is asked for, with what its assistant says to it.

    Attributes:
        new: the run.
        workflow: what it executes.
        own_id: of the assistant that somebody has created; None for a workflow itself.
    """

    new: NewRun
    workflow: Workflow
    own_id: str | None = None

    @property
    def about(self) -> dict[str, Any]:
        """What the metadata of the run's thread say of it."""
        assistant_id = self.own_id or assistant_id_of(self.workflow.name)
        return {GRAPH_ID: self.workflow.name, ASSISTANT_ID: assistant_id}

    @property
    def names(self) -> dict[str, Any]:
        """What a graph's nodes see of it: they keep apart what they remember by it."""
        return self.about if self.workflow.takes_order else {}


async def ordered(call: Call[Any, Any], new: NewRun) -> Order:
    """Return a run with what its assistant says to it.

    Args:
        call: who asks.
        new: what for.

    Raises:
        RequestFault: 404, there is no such assistant, or it is somebody else's.
        WorkflowNotRegistered: its workflow is not there any more.
    """
    found = await find(call, new.assistant_id)
    workflow = workflow_of(call, found)
    if not isinstance(found, OwnAssistant):
        order = Order(new, workflow)
        if not order.names:
            return order
        return order._replace(
            new=replace(new, config=_config(Version(), new, order.names))
        )
    version, order = found.present, Order(new, workflow, found.assistant_id)
    told = replace(
        new,
        assistant_id=found.assistant_id,
        config=_config(version, new, order.names),
        context=_context(version, new) or None,
        metadata={
            **version.metadata,
            **(new.metadata or {}),
            ASSISTANT_ID: found.assistant_id,
        },
    )
    return order._replace(new=told)


def _config(version: Version, new: NewRun, names: dict[str, Any]) -> RunConfig:
    said, own = convert(version.config, RunConfig), new.config or RunConfig()
    configurable = {
        **version.context,
        **(new.context or {}),
        **(own.configurable or {}),
        **names,
    }
    return RunConfig(
        tags=said.tags if own.tags is None else own.tags,
        recursion_limit=own.recursion_limit or said.recursion_limit,
        configurable=configurable or None,
        metadata={**(said.metadata or {}), **(own.metadata or {})} or None,
    )


def _context(version: Version, new: NewRun) -> dict[str, Any]:
    own = (new.config and new.config.configurable) or {}
    # A graph with a schema of its context takes no other keys than that has.
    known = {name: own[name] for name in version.context.keys() & own.keys()}
    return {**version.context, **known, **(new.context or {})}
