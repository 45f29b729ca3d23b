"""What clients ask for when they ask for assistants, and how one is shown.

``config.configurable`` and ``context`` are two names of the same: what is said under
one of them is shown under both.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from weft.actors import Workflow
from weft.daemon.http.assistant_journal import Edit, OwnAssistant, Version
from weft.daemon.http.call import Call
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.protocol import assistant_id_of, unregistered
from weft.daemon.http.run_requests import RunConfig
from weft.storage.records import datetime_from_us

__all__ = [
    "Assistant",
    "AssistantChange",
    "AssistantFilter",
    "AssistantSearch",
    "Deleting",
    "NewAssistant",
    "VersionChoice",
    "VersionSearch",
    "edit_of",
]

CONFIGURABLE: Final = "configurable"

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Object = dict[str, Any]

_STARTED: Final = datetime.now(UTC)
"""Workflows are there since the daemon is: they are the code that it has loaded."""


class _Said(msgspec.Struct):
    name: str | None = None
    description: str | None = None
    config: Object | None = None
    context: Object | None = None
    metadata: Object | None = None


class AssistantChange(_Said):
    """What is to be different about an assistant; null leaves it as it is.

    ``metadata`` are merged, ``config`` and ``context`` take the place of what was.
    """

    graph_id: str | None = None


class NewAssistant(_Said, kw_only=True):
    """An assistant to be created; ``graph_id`` is the name of a workflow."""

    graph_id: str
    assistant_id: UUID | None = None
    if_exists: Literal["raise", "do_nothing"] | None = None


class AssistantFilter(msgspec.Struct):
    """Which assistants: those that are like this in all that is given."""

    metadata: Object | None = None
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


class VersionSearch(msgspec.Struct):
    """Which versions of an assistant."""

    metadata: Object | None = None
    limit: Limit = 10
    offset: Offset = 0


class VersionChoice(msgspec.Struct):
    """The version that is to count."""

    version: Annotated[int, msgspec.Meta(ge=1)]


class Deleting(msgspec.Struct):
    """What goes with an assistant: the threads that it was on, if asked for."""

    delete_threads: bool = False


class Assistant(msgspec.Struct):
    """A registered workflow, or one with a config and context of its own."""

    assistant_id: str | UnsetType = UNSET
    graph_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    config: Object | UnsetType = UNSET
    context: Object | UnsetType = UNSET
    metadata: Object | UnsetType = UNSET
    version: int | UnsetType = UNSET
    created_at: datetime | UnsetType = UNSET
    updated_at: datetime | UnsetType = UNSET

    @classmethod
    def of(cls, found: Workflow | OwnAssistant) -> "Assistant":
        """Return the view of an assistant as it is now."""
        if isinstance(found, Workflow):
            return cls._registered(found)
        view = cls.at(found, found.present)
        view.created_at = datetime_from_us(found.versions[0].created_at_us)
        view.updated_at = datetime_from_us(found.updated_at_us)
        return view

    @classmethod
    def at(cls, own: OwnAssistant, version: Version) -> "Assistant":
        """Return the view of one of its versions."""
        names = {CONFIGURABLE: version.context} if version.context else {}
        return cls(
            assistant_id=own.assistant_id,
            graph_id=version.graph_id,
            name=version.name,
            description=version.description,
            config={**version.config, **names},
            context=version.context,
            metadata=version.metadata,
            version=version.number,
            created_at=datetime_from_us(version.created_at_us),
        )

    @classmethod
    def _registered(cls, workflow: Workflow) -> "Assistant":
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


def edit_of(call: Call[Any, Any], change: AssistantChange | NewAssistant) -> Edit:
    """Return the change that is asked for.

    Raises:
        RequestFault: 404, there is no such graph; 400, it says twice what is to be
            configured; 422, the config is none.
    """
    _check_graph(call, change.graph_id)
    config, context = _settled(change.config, change.context)
    return Edit(
        graph_id=change.graph_id,
        name=change.name or None,
        description=change.description,
        config=config,
        context=context,
        metadata=change.metadata or {},
    )


def _check_graph(call: Call[Any, Any], graph_id: str | None) -> None:
    workflows = call.runtime.workflows
    if graph_id is not None and graph_id not in workflows:
        raise unregistered("graph", graph_id, (each.name for each in workflows))


def _settled(
    config: Mapping[str, Any] | None, context: Object | None
) -> tuple[Object | None, Object | None]:
    """Return a config without what is configured, and that."""
    if config is None:
        return None, context
    try:
        given = msgspec.convert(config, RunConfig).configurable
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from error
    if given and context:
        detail = (
            "context and config.configurable are two names of the same: send one of "
            "them."
        )
        raise RequestFault(HTTPStatus.BAD_REQUEST, detail)
    rest = {name: value for name, value in config.items() if name != CONFIGURABLE}
    return rest, context if given is None else given or context or {}


def _wrong(words: str) -> RequestFault:
    detail = f"The body is wrong at $.config: {words}."
    faults = [Fault("body", "$.config", words)]
    return RequestFault(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults)
