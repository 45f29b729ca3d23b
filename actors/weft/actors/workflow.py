"""Workflows: named callables that threads run.

A workflow takes ``(context, config)``. A plain function's result becomes the thread's
next durable state (None appends nothing); of a generator every yielded value does, and
its result is what it returned, or else what it yielded last. ``async def`` makes no
difference to that, but to where the code runs: on an event loop.

Not here: how a run is executed (:mod:`weft.actors.executor`) and what a run sees
(:mod:`weft.actors.context`).
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final, Literal, get_args, overload

import msgspec

from weft.actors.reference import Reference
from weft.actors.retry import NO_POLICY, RunPolicy
from weft.actors.state_keeper import StateKeeper
from weft.storage import InvalidArgument, WorkflowNotRegistered
from weft.storage.ids import check_name

__all__ = ["Kind", "Workflow", "Workflows", "workflow"]

Function = Callable[[Any, Any], Any]

Kind = Literal["threads", "asyncio", "processes"]
"""Where a workflow's code runs: on an OS thread, which it may block; on an event loop,
which it may not; or in a process of its own, which can be killed."""


class Workflow(msgspec.Struct, frozen=True):
    """A registered workflow.

    Attributes:
        name: what threads call it by.
        version: told to every run; a resumed run tells it again.
        function: takes ``(context, config)``.
        executor: where it runs.
        concurrency_max: how many runs of it are in progress at once; None for as many
            as there are places. A run that waits for another one does not count.
        timeout_s: how long a run may take, in seconds; None for as long as it takes.
        policy: how its runs are kept going.
        takes_order: the config of its runs is an order (``input``, ``resume``,
            ``checkpoint_id`` ...) rather than the input alone: it is a graph.
        keeper: of its threads' states, where these are more than values.
    """

    name: str
    version: str
    function: Function
    executor: Kind = "threads"
    concurrency_max: int | None = None
    timeout_s: float | None = None
    policy: RunPolicy = NO_POLICY
    takes_order: bool = False
    keeper: StateKeeper | None = None

    def __call__(self, context: Any, config: Any) -> Any:
        """Call the function itself, as if it were not decorated."""
        return self.function(context, config)


class _Options(msgspec.Struct, frozen=True):
    """What a decorator says of a workflow."""

    name: str | None = None
    version: str = "1"
    executor: Kind | None = None
    concurrency_max: int | None = None
    timeout_s: float | None = None
    policy: RunPolicy = NO_POLICY

    def __post_init__(self) -> None:
        kinds = get_args(Kind)
        if self.executor is not None and self.executor not in kinds:
            raise InvalidArgument(
                f"executor is one of {', '.join(kinds)}, not {self.executor!r}."
            )
        limit: object = self.concurrency_max
        if limit is not None and not (isinstance(limit, int) and limit >= 1):
            raise InvalidArgument(f"concurrency_max is 1 or more, not {limit!r}.")
        timeout_s: object = self.timeout_s
        if timeout_s is not None and not (
            isinstance(timeout_s, int | float) and 0 < timeout_s < math.inf
        ):
            raise InvalidArgument(f"timeout_s is above 0, not {timeout_s!r}.")
        if not isinstance(self.policy, RunPolicy):
            raise InvalidArgument(f"policy is a RunPolicy, not {self.policy!r}.")


@overload
def workflow(function: Function, /) -> Workflow: ...
@overload
def workflow(
    *,
    name: str | None = None,
    version: str = "1",
    executor: Kind | None = None,
    concurrency_max: int | None = None,
    timeout_s: float | None = None,
    policy: RunPolicy = NO_POLICY,
) -> Callable[[Function], Workflow]: ...
def workflow(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1",
    executor: Kind | None = None,
    concurrency_max: int | None = None,
    timeout_s: float | None = None,
    policy: RunPolicy = NO_POLICY,
) -> Workflow | Callable[[Function], Workflow]:
    """Make a function a workflow.

    Args:
        function: takes ``(context, config)``: a function or a generator, plain or
            ``async``.
        name: what threads call it by; the function's own name if omitted.
        version: change it when a run begun under the old code must not go on under
            the new.
        executor: where it runs: ``"threads"``; ``"asyncio"``, where what is ``async``
            runs anyway; or ``"processes"``, for what computes, or must be killable: its
            function is imported there by name.
        concurrency_max: how many runs of it may be in progress at once.
        timeout_s: how long a run may take, in seconds.
        policy: when its runs are tried again, taken over, given up.

    Raises:
        InvalidArgument: it is not a function that can run there.
    """
    options = _Options(name, version, executor, concurrency_max, timeout_s, policy)
    if function is None:
        return lambda decorated: _make(options, decorated)
    return _make(options, function)


ADAPTERS: Final = "weft.workflows"
"""The entry-point group of functions that make workflows of what is none: called with
an object, each returns a :class:`Workflow`, or None if it knows nothing of it."""


def _make(options: _Options, function: Any) -> Workflow:
    if not callable(function):
        return _adapted(function)
    name = options.name or getattr(function, "__name__", type(function).__name__)
    return Workflow(
        check_name(name, "workflow name"),
        options.version,
        function,
        _kind_of(function, options.executor),
        options.concurrency_max,
        options.timeout_s,
        options.policy,
    )


def _kind_of(function: Function, wanted: Kind | None) -> Kind:
    """Return where a function runs.

    Raises:
        InvalidArgument: it cannot run where it should.
    """
    if _is_async(function):
        if wanted not in {None, "asyncio"}:
            raise InvalidArgument(
                f"{function!r} is asynchronous and runs on an event loop only, "
                f"not with executor={wanted!r}."
            )
        return "asyncio"
    if wanted == "asyncio" and inspect.isgeneratorfunction(function):
        raise InvalidArgument(
            f"{function!r} is a plain generator: on an event loop it would keep all "
            "others waiting. Make it `async def`."
        )
    if wanted == "processes":
        Reference.of(function)
    return wanted or "threads"


def _is_async(function: Function) -> bool:
    call = getattr(function, "__call__", None)  # noqa: B004 - of an object's class
    return any(
        inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one)
        for one in (function, call)
    )


def _adapted(given: object) -> Workflow:
    """Return a workflow made by an adapter, such as of a compiled LangGraph graph."""
    for adapter in entry_points(group=ADAPTERS):
        found: Workflow | None = adapter.load()(given)
        if found is not None:
            return found
    raise InvalidArgument(
        f"A workflow is a function of (context, config), not {given!r}."
    )


class Workflows:
    """The workflows of one runtime, by name.

    Args:
        given: decorated functions, or a mapping of name to callable.

    Raises:
        InvalidArgument: two have one name, or one is not a workflow.
    """

    def __init__(self, given: Iterable[Any] | Mapping[str, Function] = ()) -> None:
        self._by_name: dict[str, Workflow] = {}
        if not isinstance(given, Iterable):
            raise InvalidArgument(f"Workflows are a list or a mapping, not {given!r}.")
        items = (
            given.items() if isinstance(given, Mapping) else ((None, g) for g in given)
        )
        for name, function in items:
            self._add(name, function)

    def _add(self, name: str | None, function: Any) -> None:
        if isinstance(function, Workflow):
            found = function
        else:
            found = _make(_Options(), function)
        if found.executor == "processes":
            Reference.of(found.function).check(found.function)
        if name is not None:
            found = msgspec.structs.replace(
                found, name=check_name(name, "workflow name")
            )
        if found.name in self._by_name:
            raise InvalidArgument(f"Two workflows are named {found.name!r}.")
        self._by_name[found.name] = found

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Any:
        return iter(self._by_name.values())

    def get(self, name: str) -> Workflow:
        """Return a workflow.

        Raises:
            WorkflowNotRegistered: there is none of this name.
        """
        found = self._by_name.get(name)
        if found is None:
            raise self._not_registered(name)
        return found

    def version(self, name: str) -> str:
        """Return a workflow's version, "" if it is not registered."""
        found = self._by_name.get(name)
        return "" if found is None else found.version

    def find(self, name: str) -> Workflow:
        """Return a workflow, or one that fails for not being registered."""
        found = self._by_name.get(name)
        return found or Workflow(name, "", self._fail(name))

    def _fail(self, name: str) -> Function:
        def fail(_context: Any, _config: Any) -> None:
            raise self._not_registered(name)

        return fail

    def _not_registered(self, name: str) -> WorkflowNotRegistered:
        known = ", ".join(sorted(self._by_name)) or "none"
        return WorkflowNotRegistered(
            f"Workflow {name!r} is not registered (registered: {known}).",
            details={"workflow": name},
        )
