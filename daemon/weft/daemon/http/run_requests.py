"""What clients ask for when they ask for a run, and what that means for a workflow.

A workflow of functions gets the ``input`` as its config. A graph gets an *order*: the
input, or a command that answers its interrupt, where to begin, how to stream.

Guarantees: what would be done otherwise than asked for is refused, never passed over.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.actors import Workflow
from weft.actors.run_messages import Mode
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.protocol import Strategy
from weft.storage import Run

__all__ = [
    "EVENTS",
    "Asked",
    "NewRun",
    "StreamMode",
    "Target",
    "asked_of",
    "config_of",
    "metadata_of_run",
    "modes_in",
    "stored_metadata",
    "tape_modes",
]

StreamMode = Literal[
    "values",
    "updates",
    "messages",
    "messages-tuple",
    "custom",
    "debug",
    "tasks",
    "checkpoints",
]
StreamModes = StreamMode | list[StreamMode]
Nodes = Literal["*"] | list[str]

ASKED: Final = "__asked__"
"""In a stored run's metadata: how it was asked for; see :class:`Asked`."""

SECONDS_MAX: Final = 1e9

EVENTS: Final = "v3"
"""Among the modes of a run that is read in the third version of the protocol: what its
graph does is told in those words."""

_UNTOLD: Final = frozenset({"values"})
"""Modes that a graph need not tell, because they are its states."""


class Sending(msgspec.Struct):
    """A node of a graph, with an input of its own."""

    node: str
    input: Any = None


Target = str | Sending


class Command(msgspec.Struct):
    """What a graph is to go on with: an answer, an update, another node.

    An update is an object, or pairs of a name and a value.
    """

    resume: Any = None
    update: dict[str, Any] | list[tuple[str, Any]] | None = None
    goto: Target | list[Target] | None = None


class RunConfig(msgspec.Struct):
    """How a graph is to be run."""

    tags: list[str] | None = None
    recursion_limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    configurable: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class CheckpointRef(msgspec.Struct):
    """A state of the thread."""

    checkpoint_id: str | None = None
    checkpoint_ns: str | None = None


class NewRun(msgspec.Struct):
    """A run to be started; ``assistant_id`` is a workflow's name or id.

    What a client of another version sends besides is not looked at.
    """

    assistant_id: Annotated[str, msgspec.Meta(min_length=1)]
    input: Any = None
    command: Command | None = None
    config: RunConfig | None = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    stream_mode: StreamModes | None = None
    stream_subgraphs: bool | None = None
    stream_resumable: bool | None = None
    multitask_strategy: Strategy | None = None
    interrupt_before: Nodes | None = None
    interrupt_after: Nodes | None = None
    webhook: str | None = None
    checkpoint: CheckpointRef | None = None
    checkpoint_id: str | None = None
    checkpoint_during: bool | None = None
    if_not_exists: Literal["create", "reject"] | None = None
    on_disconnect: Literal["cancel", "continue"] | None = None
    on_completion: Literal["delete", "keep"] | None = None
    after_seconds: Annotated[float, msgspec.Meta(ge=0, le=SECONDS_MAX)] | None = None
    durability: Literal["sync", "async", "exit"] | None = None
    strict_resume: bool | None = None

    @property
    def modes(self) -> list[str]:
        """What its streams show unless they say otherwise."""
        given = self.stream_mode or "values"
        return [given] if isinstance(given, str) else list(dict.fromkeys(given))

    @property
    def from_checkpoint(self) -> str | None:
        """Where it is to begin, None for the last state."""
        named = None if self.checkpoint is None else self.checkpoint.checkpoint_id
        return self.checkpoint_id or named

    @property
    def asked(self) -> "Asked":
        """What is to be remembered of it."""
        return Asked(
            stream_mode=[mode for mode in self.modes if mode != EVENTS],
            stream_subgraphs=bool(self.stream_subgraphs),
            stream_resumable=bool(self.stream_resumable),
            multitask_strategy=self.multitask_strategy or "enqueue",
            on_disconnect=self.on_disconnect or "continue",
        )


class Asked(msgspec.Struct, omit_defaults=True):
    """How a run was asked for, as it is stored with it.

    ``own_id`` is of an assistant that somebody has created.
    """

    stream_mode: list[str] = msgspec.field(default_factory=lambda: ["values"])
    stream_subgraphs: bool = False
    stream_resumable: bool = False
    multitask_strategy: Strategy = "enqueue"
    on_disconnect: Literal["cancel", "continue"] = "continue"
    own_id: str | None = None


def asked_of(run: Run) -> Asked:
    """Return how a run was asked for; the defaults for one from elsewhere."""
    try:
        return msgspec.convert(run.metadata.get(ASKED, {}), Asked)
    except msgspec.ValidationError:  # a caller's own data of this name
        return Asked()


def metadata_of_run(run: Run) -> dict[str, Any]:
    """Return the caller's data about a run."""
    found = run.metadata
    found.pop(ASKED, None)
    return found


def check_can_do(new: NewRun) -> None:
    """Refuse what is not there yet.

    Raises:
        RequestFault: 501, it asks for that.
    """
    if new.strict_resume:
        raise _not_yet("strict_resume", "Leave it out.")
    if new.checkpoint is not None and new.checkpoint.checkpoint_ns:
        raise _not_yet("checkpoint_ns", "Begin at a state of the graph itself.")


def config_of(new: NewRun, workflow: Workflow) -> dict[str, Any]:
    """Return the config of a run.

    Args:
        new: what was asked for.
        workflow: what it will execute.

    Raises:
        RequestFault: 422, the workflow takes no such input.
    """
    check_can_do(new)
    if workflow.takes_order:
        return _order(new)
    for name in ("command", "interrupt_before", "interrupt_after"):
        if getattr(new, name):
            words = f"workflow {workflow.name!r} is no graph and takes none"
            raise _wrong(f"$.{name}", words)
    if not isinstance(new.input, dict | None):
        words = "a workflow that is no graph takes an object"
        raise _wrong("$.input", words)
    config: dict[str, Any] = dict(new.input or {})
    if new.config is not None and new.config.configurable:
        config["configurable"] = new.config.configurable
    if new.context:
        config["context"] = new.context
    return config


def _order(new: NewRun) -> dict[str, Any]:
    """Return what a graph is asked for."""
    command, how = new.command or Command(), new.config or RunConfig()
    order = {
        "input": new.input,
        "resume": command.resume,
        "update": command.update,
        "goto": msgspec.to_builtins(command.goto),
        "checkpoint_id": new.from_checkpoint,
        "interrupt_before": new.interrupt_before,
        "interrupt_after": new.interrupt_after,
        "recursion_limit": how.recursion_limit,
        "configurable": how.configurable,
        "tags": how.tags,
        "context": new.context,
        "metadata": {**(how.metadata or {}), **(new.metadata or {})} or None,
        "durability": new.durability or _during(new.checkpoint_during),
        "tell": [mode for mode in new.modes if mode not in _UNTOLD],
        "tell_subgraphs": bool(new.stream_subgraphs),
    }
    if new.stream_subgraphs and "values" in new.modes:
        order["tell"] = [*new.modes]
    given = {key: value for key, value in order.items() if value is not None}
    return {"input": None, **given}


def _during(given: bool | None) -> str | None:
    return None if given is None else "async" if given else "exit"


def tape_modes(modes: Iterable[str], workflow: Workflow) -> tuple[Mode, ...]:
    """Return what a run's tape is to be told, for its streams to show some modes."""
    if workflow.takes_order:
        return ()
    native: dict[str, Mode] = {
        "custom": "custom",
        "messages": "messages",
        "messages-tuple": "messages",
        "debug": "debug",
    }
    return tuple(dict.fromkeys(native[mode] for mode in modes if mode in native))


_decode_names: Final = msgspec.json.Decoder(list[str]).decode


def modes_in(
    given: Iterable[str], kind: Any, default: list[str], name: str = "stream_mode"
) -> list[str]:
    """Return the stream modes that a query names, one by one or as a list in JSON.

    Args:
        given: the parameter, as often as it was given.
        kind: a Literal of all modes.
        default: what is meant if none is named.
        name: of the parameter; fields are selected in the same two ways.

    Raises:
        RequestFault: 422, one is unknown.
    """
    modes: list[str] = []
    try:
        for text in filter(None, given):
            modes += _decode_names(text) if text.startswith("[") else [text]
        for mode in modes:
            msgspec.convert(mode, kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        words = str(error)
        detail = f"The query is wrong at {name}: {words}."
        faults = [Fault("query", name, words)]
        raise RequestFault(422, detail, faults) from error
    return list(dict.fromkeys(modes)) or default


def _not_yet(name: str, remedy: str) -> RequestFault:
    words = f"This version of Weft has no {name} yet"
    faults = [Fault("body", f"$.{name}", words)]
    return RequestFault(501, f"{words}. {remedy}", faults)


def _wrong(path: str, words: str) -> RequestFault:
    detail = f"The body is wrong at {path}: {words}."
    return RequestFault(422, detail, [Fault("body", path, words)])


def stored_metadata(new: NewRun, own_id: str | None = None) -> dict[str, Any]:
    """Return what is stored with a run: the caller's data, and how it was asked for.

    Args:
        new: the run.
        own_id: its assistant, if that is one that somebody has created.
    """
    asked = msgspec.structs.replace(new.asked, own_id=own_id)
    return {**(new.metadata or {}), ASKED: msgspec.to_builtins(asked)}
